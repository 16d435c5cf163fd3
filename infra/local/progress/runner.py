"""The command: runs it, passes on what it prints and what it is told."""

import collections
import os
import re
import select
import signal
import subprocess
import sys
import time

from build import ANSI, BAR_COLUMNS, Build
from screen import Screen
from words import step_line

# A command that is silent for so long has something to do, whatever it is.
SILENCE_S = 3.0
# The moving line counts seconds; crates that finish in between may move it this often.
REDRAW_S = 0.2
# Ctrl-C reaches every process by itself; who is still there after so long is told once more.
INTERRUPT_GRACE_S = 1.0
# As much as a pipe holds.
READ_BYTES = 65_536
# A line; or what a carriage return is about to overwrite.
RECORD = re.compile(rb"[^\r\n]*(?:\r?\n|\r)")
ERASED = re.compile(rb"^\x1b\[K")


class Runner:
    """Runs the command, passes on what it prints and what it is told."""

    def __init__(self, arguments):
        self.what, self.step, self.interval = arguments.what, arguments.step, arguments.interval
        self.screen, self.build = Screen(), Build()
        self.began = time.monotonic()
        self.spoke = False
        self.told_at = self.began
        self.child = self.asked = self.repeat_at = None
        self.pending = b""
        self.start(arguments.command)

    def start(self, command):
        environment = dict(os.environ, CARGO_TERM_PROGRESS_WHEN="always")
        environment["CARGO_TERM_PROGRESS_WIDTH"] = str(BAR_COLUMNS)
        if self.screen.moves and not os.environ.get("NO_COLOR"):
            environment.setdefault("CARGO_TERM_COLOR", "always")
        # One pipe for both where they are one file anyway: their order stays.
        one, two = os.fstat(1), os.fstat(2)
        same = (one.st_dev, one.st_ino) == (two.st_dev, two.st_ino)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.on_signal)
        self.source, write = os.pipe()
        stdout = write if same else None
        try:
            child = subprocess.Popen(command, stdout=stdout, stderr=write, env=environment)
        except OSError as error:
            self.screen.line(f"progress: {command[0]}: {error.strerror}")
            sys.exit(127)
        os.close(write)
        self.child = child
        if self.asked is not None:
            signal_all(child.pid, self.asked)

    def run(self):
        """Until the command has ended and all that it printed is passed on; gives its status."""
        try:
            while self.turn():
                pass
        except BrokenPipeError:
            # Nobody reads any more: the end for this program as for any other.
            signal_all(self.child.pid, signal.SIGTERM)
            self.child.wait()
            return 128 + signal.SIGPIPE
        status = self.child.wait()
        self.flush()
        self.screen.erase()
        if self.spoke:
            compiled = self.build.compiled
            what = f"{compiled} crate{'s'[: compiled != 1]} compiled" if compiled else "done"
            what = what if self.step else f"{self.what}: {what}"
            self.screen.line(step_line(what, status == 0, time.monotonic() - self.began))
        return status

    def turn(self):
        """Waits for output a moment, handles it, and says whether there may be more."""
        # Looked at first: what an ended command has printed is then all in the pipe.
        ended = self.child.poll() is not None
        if self.source is None:
            return not ended and self.await_end()
        ready, _, _ = select.select([self.source], [], [], 0 if ended else REDRAW_S)
        if ready:
            data = os.read(self.source, READ_BYTES)
            self.take(data)
            if not data:
                self.source = None
        elif ended:
            # Somebody else has the pipe, such as a server that was started on the way.
            return False
        elif not self.pending.endswith(b"\r"):
            self.flush()
        self.tick()
        return True

    def await_end(self):
        try:
            self.child.wait(REDRAW_S)
        except subprocess.TimeoutExpired:
            self.tick()
        return True

    def flush(self):
        """Passes on a line that has no end yet, or never gets one."""
        data, self.pending = self.pending, b""
        if data:
            self.line(data)

    def take(self, data):
        self.pending += data
        while record := RECORD.match(self.pending):
            if record.end() == len(self.pending) and self.may_be_line(record[0]):
                return
            self.pending = self.pending[record.end() :]
            self.line(record[0])

    def may_be_line(self, record):
        """Whether the line feed after a carriage return may still be under way."""
        return record.endswith(b"\r") and b"Building" not in record

    def line(self, data):
        if not self.screen.open and self.build.takes(data):
            if self.build.busy:
                self.speak()
            if self.build.waits:
                # People take this for a hang: it is said at once.
                self.screen.line(f"  another cargo is at work, {self.build.waits}")
                self.build.waits = ""
        elif not data.endswith(b"\r"):
            self.speak()
            self.screen.passed(ERASED.sub(b"", data))
            self.build.hear(ANSI.sub(b"", data).decode(errors="replace").strip())

    def speak(self):
        """There is something to do: says what, once."""
        if not self.spoke:
            self.spoke = True
            if self.step:
                self.screen.line(f"[{self.step}] {self.what}")

    def tick(self):
        now = time.monotonic()
        if self.repeat_at is not None and now >= self.repeat_at:
            self.repeat_at = None
            signal_all(self.child.pid, self.asked)
        if now - self.began >= SILENCE_S:
            self.speak()
        every = REDRAW_S if self.screen.moves else self.interval
        if not self.spoke or now - self.told_at < every:
            return
        self.told_at = now
        line = self.build.tell(now, now - self.began)
        line = f"  {line}" if self.step else f"  {self.what}: {line}"
        if self.screen.moves:
            self.screen.move(line)
        else:
            self.screen.line(line)

    def on_signal(self, number, _frame):
        self.asked = number
        if self.child is None:
            return
        if number == signal.SIGINT:
            self.repeat_at = time.monotonic() + INTERRUPT_GRACE_S
        else:
            signal_all(self.child.pid, number)


def signal_all(root, number):
    """Sends a signal to a process and all that it has started, the former first."""
    children = collections.defaultdict(list)
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", "rb") as stat:
                # The name before it, in brackets, may hold anything.
                parent = stat.read().rpartition(b")")[2].split()[1]
        except OSError:
            continue
        children[int(parent)].append(int(name))
    waiting = [root]
    for pid in waiting:
        waiting.extend(children[pid])
    for pid in waiting:
        try:
            os.kill(pid, number)
        except OSError:
            pass
