"""How far a build is: what cargo's lines say, and a guess at the rest.

How far it is, cargo itself knows: told to (CARGO_TERM_PROGRESS_WHEN), it draws its bar,
`Building [==> ] 112/456: serde, tokio`, also where there is no terminal. The bar is the only place
with the number of all crates (a build script and its run count, too): the messages of
`--message-format json` lack it, and `--unit-graph` is not stable. Should the bar change its form,
the time and the crate last begun are still shown.
"""

import collections
import re
import time

from words import duration

# The rest is not guessed before: the first crates are small and fast, and tell nothing.
GUESS_AFTER_S = 20.0
GUESS_AFTER_CRATES = 5
# How much of a build is still to be done when a share of its crates is: the large ones come late
# (Wasmtime, AWS SDKs, the programs themselves). This exponent fits Gavel's own build from nothing, as
# measured by `cargo build --timings` on two cores: half-way the guess is off by a tenth, towards the
# end it is rather too long. With 1, as if all were alike, half of the time would be guessed as a tenth.
WORK_LEFT_EXPONENT = 0.4
# The rate is that of the last half of the time so far, and of a minute at least.
RATE_OVER_MIN_S = 60.0
# How wide cargo may draw its bar, with the crates that it is at.
BAR_COLUMNS = 120

ANSI = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
# Cargo right-aligns its verbs in twelve columns.
STATUS = re.compile(rb"(?=.{12} ) *([A-Z][a-z]+) (.*)")
BAR = re.compile(r"\[[=> ]*\] (\d+)/(\d+)(?:: (.*))?")
# Lines of cargo on its own progress, which is told in another way here.
SWALLOWED = (
    b"Blocking Building Checking Compiling Downloaded Downloading Executable Finished Fresh".split()
)


class Rest:
    """Guesses the rest of a build from how many crates were done when."""

    def __init__(self):
        self.samples = collections.deque()

    def add(self, now, done, total):
        self.samples.append((now, done, ((total - done) / total) ** WORK_LEFT_EXPONENT))

    def seconds(self, now):
        """How many seconds are left, or None where nothing honest can be said."""
        if not self.samples:
            return None
        began, done_first, _ = self.samples[0]
        _, done, left = self.samples[-1]
        if now - began < GUESS_AFTER_S or done - done_first < GUESS_AFTER_CRATES:
            return None
        since = now - max(RATE_OVER_MIN_S, (now - began) / 2)
        earlier = [sample for sample in self.samples if sample[0] <= since]
        at, _, left_then = earlier[-1] if earlier else self.samples[0]
        # A sample holds until the next one.
        at = max(at, since) if earlier else at
        if left_then <= left:
            return None
        return left * (now - at) / (left_then - left)


class Build:
    """What the lines of the command say about its state."""

    def __init__(self):
        self.done = self.total = None
        self.doing = ""
        self.compiled = 0
        # Whether cargo has found anything to do.
        self.busy = False
        # What it waits for, until that has been said.
        self.waits = ""
        self.rest = Rest()

    def takes(self, line):
        """Whether this is cargo on its own progress; takes note of it then."""
        status = STATUS.fullmatch(ANSI.sub(b"", line).rstrip())
        if not status:
            return False
        verb, words = status[1], status[2].decode(errors="replace")
        bar = BAR.match(words)
        if bar:
            self.see(time.monotonic(), int(bar[1]), int(bar[2]), (bar[3] or "").strip())
            return True
        # Passing notices, such as how much is still to be downloaded, end in a carriage return.
        if verb not in SWALLOWED and not line.endswith(b"\r"):
            return False
        if verb == b"Finished":
            self.see(time.monotonic(), 0, 0, "")
            return True
        self.busy = True
        if verb in (b"Compiling", b"Checking"):
            self.compiled += 1
            words = words.split(" ")[0]
        elif verb == b"Blocking":
            self.waits = words
        else:
            words = f"{verb.decode().lower()} {words}"
        self.hear(words)
        return True

    def see(self, now, done, total, names):
        """What the bar says; no crates at all where there is none any more."""
        if total != self.total or done < self.done:
            self.rest = Rest()
        if total and (done, total) != (self.done, self.total):
            self.rest.add(now, done, total)
        self.done, self.total = done, total
        self.doing = names or self.doing

    def hear(self, words):
        """What is going on, where no bar says it."""
        if not self.total and words:
            self.doing = words

    def tell(self, now, elapsed):
        """All that is known, in a line."""
        parts = [f"{duration(elapsed)} so far"]
        if self.total:
            parts.insert(0, f"{self.done} of {self.total} crates")
            parts += about(self.rest.seconds(now))
        line = ", ".join(parts)
        return f"{line}: {self.doing}" if self.doing else line


def about(seconds):
    """How long it still takes, in words; none where that is not known."""
    if seconds is None:
        return []
    minutes = round(seconds / 60)
    return [f"about {minutes} min left" if minutes else "less than a minute left"]
