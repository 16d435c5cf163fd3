"""Standard error: lines, and on a terminal a moving one below them."""

import os
import select
import termios


class Screen:
    """Standard error: lines, and on a terminal a moving one below them."""

    def __init__(self):
        self.moves = os.isatty(2) and os.environ.get("TERM", "dumb") != "dumb"
        self.moving = False
        # Whether the last thing passed on was a line without its end, such as a question.
        self.open = False

    def write(self, data):
        while data:
            try:
                data = data[os.write(2, data) :]
            except BlockingIOError:
                select.select([], [2], [])

    def line(self, text):
        self.passed(b"\n" * self.open + text.encode() + b"\n")

    def passed(self, data):
        self.erase()
        self.write(data)
        self.open = not data.endswith(b"\n")

    def move(self, text):
        if self.open or self.asks():
            return
        self.write(b"\r" + text[: self.width() - 1].encode() + b"\x1b[K")
        self.moving = True

    def erase(self):
        if self.moving:
            self.write(b"\r\x1b[K")
            self.moving = False

    def width(self):
        try:
            return os.get_terminal_size(2).columns or 80
        except OSError:
            return 80

    def asks(self):
        """Whether a program is asking for a password: it has then turned the echo off."""
        try:
            return not termios.tcgetattr(2)[3] & termios.ECHO
        except termios.error:
            return False
