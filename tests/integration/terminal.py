# SPDX-FileCopyrightText: The sockline authors
# SPDX-License-Identifier: Apache-2.0
"""A terminal for a program, and what a person would see on it."""

import fcntl
import os
import re
import struct
import subprocess
import termios
import threading

from harness import TIMEOUT, until

SEQUENCE = re.compile("\x1b\\[([?0-9;]*)([A-Za-z])|([\r\n\b])|([^\x1b])", re.DOTALL)


class Screen:
    """Cells of a terminal that knows what sockline uses."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0
        self.modes = set()
        self.unknown = []

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]

    def _control(self, arguments, letter):
        if letter in "hl" and arguments.startswith("?"):
            (self.modes.add if letter == "h" else self.modes.discard)(arguments)
        elif letter == "H":
            self.row, self.column = ((int(part or 1) - 1) for part in (arguments or "1;1").split(";"))
        elif letter == "K":
            self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
        elif letter == "J":
            self.cells[self.row][self.column:] = [" "] * (self.columns - self.column)
            self.cells[self.row + 1:] = [[" "] * self.columns for _ in range(self.row + 1, self.rows)]
        elif letter != "m":
            self.unknown.append(arguments + letter)

    def _put(self, character):
        if self.column < self.columns:
            self.cells[self.row][self.column] = character
            self.column += 1

    def _next_line(self):
        if self.row == self.rows - 1:
            self.cells = [*self.cells[1:], [" "] * self.columns]
        else:
            self.row += 1

    def feed(self, text):
        """Returns what is left: the beginning of a sequence."""
        end = 0
        for match in SEQUENCE.finditer(text):
            if match.start() != end:
                break
            end = match.end()
            arguments, letter, control, character = match.groups()
            if letter:
                self._control(arguments, letter)
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self._next_line()
            elif character:
                self._put(character)
        return text[end:]


class Terminal:
    """A program whose standard error, and what else is asked for, is a terminal."""

    def __init__(self, argv, rows=24, columns=100, output=None, environment=None):
        self.ours, theirs = os.openpty()
        self.theirs = os.dup(theirs)
        self.resize(rows, columns)
        self.before = termios.tcgetattr(self.ours)
        self.screen = Screen(rows, columns)
        self.seen = ""  # all that was written
        self.after = None  # the attributes at the end
        self.popen = subprocess.Popen(
            [str(word) for word in argv], stdin=theirs, stdout=theirs if output is None else output, stderr=theirs,
            start_new_session=True, env={**os.environ, "TERM": "xterm", **(environment or {})},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def resize(self, rows, columns):
        fcntl.ioctl(self.ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self):
        rest, raw = "", b""
        while True:
            try:
                raw += os.read(self.ours, 65536)
            except OSError:
                return
            text = raw.decode(errors="ignore")  # a character that is cut is complete with the next read
            raw = raw[len(text.encode()):]
            self.seen += text
            rest = self.screen.feed(rest + text)

    def wait_for(self, text, timeout=TIMEOUT):
        """Until the text was written since the last such call."""
        def found():
            place = self.seen.find(text, self._place)
            if place < 0:
                return False
            self._place = place + len(text)
            return True

        until(found, lambda: f"{text!r} on the terminal, which has {self.screen.lines()}", timeout)

    _place = 0

    def type(self, keys):
        os.write(self.ours, keys.encode())

    def attributes(self):
        return termios.tcgetattr(self.ours)

    def end(self, timeout=TIMEOUT):
        """The status, once all that the program wrote is read."""
        status = self.popen.wait(timeout)
        self.after = self.attributes()
        os.close(self.theirs)  # the last: now reading ends
        self._thread.join(timeout)
        return status
