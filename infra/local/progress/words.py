"""Times in words, and lines in the manner of `gavel-local up` (see src/progress.rs)."""


def duration(seconds):
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"


def step_line(what, succeeded, seconds):
    """A line as those of `gavel-local up`, see src/progress.rs."""
    took = f"{seconds:>6.2f} s" if seconds < 60 else duration(seconds)
    return f"  {what:<54} {'ok' if succeeded else 'FAILED':>6} {took:>8}"
