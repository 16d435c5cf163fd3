"""Runs a command and says how far it is; infra/local/progress/run starts it and shows its arguments.

On a terminal: one line that moves. In a log: one line each half minute. Nothing at all when the
command had nothing to do. Everything goes to standard error, in the manner of `gavel-local up`.

It knows cargo's lines (build.py) and takes those of other commands as they come.

Invariants: what the command prints is passed on whole and at once, except for cargo's lines on its
own progress; the exit status is the command's; a signal reaches all processes under it.
"""

import argparse
import os
import signal
import sys
import time

from runner import Runner
from screen import Screen
from words import step_line

# A line of a log each half minute: often enough to see that it lives, seldom enough to read.
INTERVAL_S = 30.0
# Less than that was no building worth a total.
TOTAL_MIN_S = 10.0


def main():
    parser = argparse.ArgumentParser(prog="progress", description=__doc__.partition("\n")[0])
    parser.add_argument("--step", help="which step of how many, such as 3/4")
    parser.add_argument("--interval", type=float, default=INTERVAL_S, help="seconds, for logs")
    parser.add_argument("--total", type=int, help="when it all began, in seconds of the epoch")
    parser.add_argument("what")
    parser.usage = "%(prog)s [options] what -- command..."
    # The command is taken off by hand: argparse, by its version, drops a `--` of the command's own.
    words = sys.argv[1:]
    dashes = words.index("--") if "--" in words else len(words)
    arguments = parser.parse_args(words[:dashes])
    arguments.command = words[dashes + 1 :]
    if arguments.total is not None:
        took = time.time() - arguments.total
        if took >= TOTAL_MIN_S:
            Screen().line(step_line(arguments.what, True, took))
        return 0
    if not arguments.command:
        parser.error("which command?")
    status = Runner(arguments).run()
    if -status in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Whoever started this must see that it was a signal, as make must for Ctrl-C.
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status if status >= 0 else 128 - status


sys.exit(main())
