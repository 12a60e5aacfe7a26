# SPDX-License-Identifier: GPL-2.0-or-later
"""A client on a pseudo-terminal, as a person has it."""

import errno
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time


class Terminal:
    def __init__(self, argv, env=None, rows=24, cols=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(argv[0], argv, env or os.environ)
        self.resize(rows, cols)
        self.seen = b""

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode() if isinstance(text, str) else text)

    def expect(self, text, timeout=60):
        """Reads until text was printed; what came with it is dropped from `seen`."""
        wanted = text.encode() if isinstance(text, str) else text
        end = time.monotonic() + timeout
        while wanted not in self.seen:
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"{wanted!r} was not printed; got {self.seen!r}")
        before, _, self.seen = self.seen.partition(wanted)
        return before.decode(errors="replace")

    def _read(self, timeout):
        if timeout <= 0 or not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError as e:
            if e.errno == errno.EIO:
                return False
            raise
        self.seen += data
        return bool(data)

    def wait(self, timeout=60):
        """The exit status; output still coming is read meanwhile."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                while self._read(0.05):
                    pass
                self.pid = None
                return os.waitstatus_to_exitcode(status)
            self._read(0.05)
        raise AssertionError(f"still running; printed {self.seen!r}")

    def close(self):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = None
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
