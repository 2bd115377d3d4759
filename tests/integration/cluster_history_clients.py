"""Clients that write down what they ask a cluster and what comes back, in the form that
nokv-check-history reads (tests/checker/README.md).

An operation that the gateway says was not done has failed for sure. Whatever else is not an answer,
a lost connection or none in time, leaves open whether it was done, or will be.
"""

import os
import random
import socket
import threading
import time

import redis_server

REPLY_SECONDS = 3  # A gateway gives up earlier and says so, unless it is stopped itself.
PAUSE_SECONDS = 0.02  # After a failure, so that a dead gateway is not a busy loop.
THINK_SECONDS_MAX = 0.03
FINAL_READS_MAX = 10  # Of a key, when nothing is amiss any more.
LARGE_VALUE_BYTES = 400  # Stores keep values from 256 bytes on where the log has them.

# Operations with their weights. Nothing but INCR changes a counter, so that its value tells how
# many took effect.
OF_REGISTERS = {"GET": 40, "SET": 30, "SETNX": 12, "DEL": 12, "INCR": 6}
OF_COUNTERS = {"GET": 40, "INCR": 60}


class Connection(redis_server.Raw):
    def __init__(self, address):
        self.socket = socket.create_connection(address, timeout=REPLY_SECONDS)
        self.buffer = b""


class Client(threading.Thread):
    """Does one thing at a time, through any of the gateways, to keys of either kind."""

    def __init__(self, number, gateways, registers, counters, folder, seed):
        super().__init__(daemon=True)
        self.number, self.gateways = number, gateways
        self.registers, self.counters = registers, counters
        self.random = random.Random(f"{seed}/{number}")
        self.path = os.path.join(folder, f"history-{number}.txt")
        self.file = None
        self.connection = None
        self.written = 0
        self.outcomes = {"ok": 0, "fail": 0, "unknown": 0}
        self.strange = []  # Answers that nobody should get.
        self.stopping = threading.Event()

    def run(self):
        with self:
            while not self.stopping.is_set():
                self.step()
                time.sleep(self.random.uniform(0, THINK_SECONDS_MAX))

    def stop(self):
        self.stopping.set()
        self.join(2 * REPLY_SECONDS)
        if self.is_alive():
            self.strange.append("the client does not end")

    def read_all(self, gateway):
        """Instead of start(): every key through one gateway, each until there is an answer."""
        self.gateways = [gateway]
        with self:
            for key in [*self.registers, *self.counters]:
                if not any(self.do("GET", key) for _ in range(FINAL_READS_MAX)):
                    self.strange.append(f"no answer to a last GET {key}")

    def __enter__(self):
        self.file = open(self.path, "w", encoding="ascii")
        self.file.write("nokv-history 1\n")
        return self

    def __exit__(self, kind, error, trace):
        self.disconnect()
        self.file.close()

    def step(self):
        key = self.random.choice([*self.registers, *self.counters])
        weights = OF_COUNTERS if key in self.counters else OF_REGISTERS
        self.do(self.random.choices(list(weights), list(weights.values()))[0], key)

    def do(self, name, key):
        """Whether there was a good answer."""
        if not self.connect():
            time.sleep(PAUSE_SECONDS)
            return False
        value = self.new_value()
        call, words = {
            "GET": ("get {0}", ["GET", key]),
            "SET": ("put {0} {1}", ["SET", key, value]),
            "SETNX": ("cas {0} - {1}", ["SET", key, value, "NX"]),
            "DEL": ("delete {0}", ["DEL", key]),
            "INCR": ("incr {0} 1", ["INCR", key]),
        }[name]
        self.note(call.format(quoted(key.encode()), quoted(value.encode())))
        try:
            reply = self.connection.ask(*words)
        except (OSError, EOFError):
            self.disconnect()
            reply = b"-UNKNOWN no answer\r\n"
        outcome = self.outcome(name, reply)
        self.outcomes[outcome.split()[0]] += 1
        self.note(outcome)
        if outcome.startswith("ok"):
            return True
        time.sleep(PAUSE_SECONDS)
        return False

    def outcome(self, name, reply):
        result = result_of(name, reply)
        if result is not None:
            return "ok" + result
        if reply.startswith(b"-TRYAGAIN "):
            return "fail"
        if not reply.startswith(b"-UNKNOWN "):
            self.strange.append(f"{name}: {reply!r}")
        return "unknown"

    def new_value(self):
        self.written += 1
        value = f"v{self.number}.{self.written}"
        return value.ljust(LARGE_VALUE_BYTES, ".") if self.written % 4 == 0 else value

    def note(self, what):
        self.file.write(f"{time.monotonic_ns()} {self.number} {what}\n")

    def connect(self):
        if self.connection is None:
            try:
                self.connection = Connection(self.random.choice(self.gateways))
            except OSError:
                return False
        return True

    def disconnect(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


def result_of(name, reply):
    """A good answer in the words of the history, or nothing if it is no good answer."""
    if name == "GET" and reply.startswith(b"$"):
        return " -" if reply == b"$-1\r\n" else " " + quoted(reply.split(b"\r\n", 1)[1][:-2])
    if name == "INCR" and reply.startswith(b"-ERR value is not an integer"):
        return " no"
    if name == "INCR" and reply.startswith(b":"):
        return f" {int(reply[1:-2])}"
    return {("SET", b"+OK\r\n"): "", ("SETNX", b"+OK\r\n"): " yes", ("SETNX", b"$-1\r\n"): " no",
            ("DEL", b":1\r\n"): " yes", ("DEL", b":0\r\n"): " no"}.get((name, reply))


def quoted(data):
    """In quotes, with what is not printable as hex digits."""
    return '"' + "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}"
                         for byte in data) + '"'


def serves(address, key):
    """Whether a write of this key through this gateway is acknowledged."""
    try:
        connection = Connection(address)
    except OSError:
        return False
    try:
        return connection.ask("SET", key, "served") == b"+OK\r\n"
    except (OSError, EOFError):
        return False
    finally:
        connection.close()
