# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own: what it shows, and how it leaves the terminal behind."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
import unittest

import pyte

PATIENCE = 10  # seconds; nothing takes that long, and nothing waits when it is there
COLOURS = re.compile(rb"\x1b\[(?:[0-9]+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")


class Screen(pyte.Screen):
    """pyte has no SU and SD, by which ncurses moves the lines of a scrolling region."""

    def scroll(self, move, lines):
        column, row = self.cursor.x, self.cursor.y
        self.cursor.y = self.margins.top if self.margins else 0
        move(lines)
        self.cursor.x, self.cursor.y = column, row

    def scroll_up(self, lines=1):
        self.scroll(self.delete_lines, lines or 1)

    def scroll_down(self, lines=1):
        self.scroll(self.insert_lines, lines or 1)


class Stream(pyte.ByteStream):
    csi = {**pyte.ByteStream.csi, "S": "scroll_up", "T": "scroll_down"}
    events = pyte.ByteStream.events | {"scroll_up", "scroll_down"}


class Console:
    def __init__(self, argv, rows=24, columns=80, **env):
        """Variables of the environment come on top of a fixed one, whatever the caller's is."""
        self.screen = Screen(columns, rows)
        self.stream = Stream(self.screen)
        self.raw = b""
        self.status = None
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "TERM": "xterm-256color",
                       "LC_ALL": "C.UTF-8", "TZ": "UTC", "MOAT_NOW": "2026-01-02T14:02:00Z", **env}
        # A shell holds the terminal until the tests have looked at its modes.
        command = ["/bin/sh", "-c", 'read go; exec "$@"', "sh", *argv]
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, environment)
        self.set_size(rows, columns)
        modes = self.modes()
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(self.fd, termios.TCSANOW, modes)
        self.modes_before = self.modes()
        self.send("go\n")

    def set_size(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.fd)

    def pump(self, seconds):
        """Takes in what the program writes within that time: None when it writes nothing, False at its end."""
        if not select.select([self.fd], [], [], max(0, seconds))[0]:
            return None
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # EIO: nobody has the other end any more
            return False
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    def drain(self):
        while self.pump(0):
            pass

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def line(self, row):
        return self.screen.display[row].rstrip() if row < self.screen.lines else ""

    def wait(self, what, row=None, gone=False):
        """Until the text is on the screen, or in that row of it; with `gone` until it is not."""
        deadline = time.monotonic() + PATIENCE
        while (what in (self.text() if row is None else self.line(row))) == gone:
            if not self.pump(deadline - time.monotonic()):
                raise AssertionError(f"{'still' if gone else 'not'} on the screen: {what!r}\n{self.text()}")
        return self

    def send(self, keys):
        os.write(self.fd, keys.encode())
        return self

    def resize(self, rows, columns):
        self.drain()
        self.screen.resize(rows, columns)
        self.set_size(rows, columns)
        return self

    def kill(self, signo):
        os.kill(self.pid, signo)
        return self

    def end(self):
        """Its exit status once it has ended; a signal is its negative number."""
        deadline = time.monotonic() + PATIENCE
        while (more := self.pump(deadline - time.monotonic())):
            pass
        if more is None:
            raise AssertionError(f"it does not end\n{self.text()}")
        self.modes_after = self.modes()
        status = os.waitpid(self.pid, 0)[1]
        self.status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        return self.status

    def wait_stopped(self):
        return os.WIFSTOPPED(os.waitpid(self.pid, os.WUNTRACED)[1])

    def not_undone(self):
        """The switches of the terminal that were turned and not turned back."""
        pairs = ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h"),
                 (b"\x1b[?2004h", b"\x1b[?2004l"), (b"\x1b[?1h", b"\x1b[?1l"))
        return [on for on, off in pairs if self.raw.rfind(on) > self.raw.rfind(off)]

    def discard(self):
        """Ends what a failed test has left running."""
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


class ConsoleTest(unittest.TestCase):
    def run_on_terminal(self, argv, **options):
        c = Console(argv, **options)
        self.addCleanup(c.discard)
        return c

    def given_back(self, c, *statuses):
        """It ends with one of these statuses, and the terminal is as it was before."""
        self.assertIn(c.end(), statuses)
        self.assertEqual(c.not_undone(), [])
        self.assertEqual(c.modes_after, c.modes_before)
