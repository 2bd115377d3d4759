"""Starts the real nokv-redis (or redis-server) for a test, and speaks RESP over a raw socket."""

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

READY_SECONDS = 30
REPLY_SECONDS = 15


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def encode(*words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


class Raw:
    """One connection. Replies come back as the bytes that were on the wire."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=REPLY_SECONDS)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, *words):
        self.send(encode(*words))
        return self.reply()

    def reply(self):
        line = self._line()
        kind, rest = line[:1], line[1:-2]
        if kind in b"$=" and rest != b"-1":
            return line + self._take(int(rest) + 2)
        if kind in b"*~>%" and rest != b"-1":
            count = int(rest) * (2 if kind == b"%" else 1)
            return line + b"".join(self.reply() for _ in range(count))
        return line

    def rest(self):
        """Everything until the other side closes."""
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def close(self):
        self.socket.close()

    def _fill(self):
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)

    def _line(self):
        while b"\r\n" not in self.buffer:
            if not self._fill():
                raise EOFError("closed in the middle of a reply: %r" % self.buffer)
        return self._take(self.buffer.index(b"\r\n") + 2)

    def _take(self, size):
        while len(self.buffer) < size:
            if not self._fill():
                raise EOFError("closed in the middle of a reply")
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data


class Nokv:
    """A nokv-redis process on a free port. `directory` outlives it."""

    def __init__(self, binary, directory, *flags):
        self.port = free_port()
        self.process = subprocess.Popen(
            [binary, "--workdir", directory, "--addr", "127.0.0.1:%d" % self.port, *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS)
        self.ready_line = self.process.stdout.readline().decode() if readable else ""
        if "ready" not in self.ready_line:
            self.process.kill()
            raise RuntimeError("did not start: %s" % self.process.communicate()[1].decode())

    def connect(self):
        return Raw(self.port)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        self.errors = self.process.communicate(timeout=30)[1].decode()
        return self.process.returncode


class RealRedis:
    """The redis-server of this machine; available() says whether there is one of version 7.0."""

    def __init__(self, *flags):
        self.port = free_port()
        self.directory = tempfile.mkdtemp()
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--save", "", "--dir", self.directory, *flags],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                Raw(self.port).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    @staticmethod
    def available():
        if shutil.which("redis-server") is None:
            return False
        version = subprocess.run(["redis-server", "--version"], capture_output=True).stdout
        return b"v=7.0." in version

    def connect(self):
        return Raw(self.port)

    def stop(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def skip(reason):
    print("skipped:", reason)
    sys.exit(77)


def scratch():
    return tempfile.TemporaryDirectory(prefix="nokv-redis-test-", ignore_cleanup_errors=True)


def workdir(parent, name="data"):
    return os.path.join(parent, name)
