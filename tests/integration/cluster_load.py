"""Clients that write to a gateway while its cluster is mistreated, and what must be there after it.

A reply that is an error, or none at all, leaves open whether the write was done: both are right.
What was acknowledged has to be there.
"""

import threading
import time

import redis_server

PAUSE_SECONDS = 0.01  # After a failure, so that a dead gateway is not a busy loop.


class Writer(threading.Thread):
    """One connection at a time. Writes `PREFIX:n` once each, one register again and again with
    rising numbers, and counts up a counter."""

    def __init__(self, port, prefix):
        super().__init__(daemon=True)
        self.port, self.prefix = port, prefix
        self.once = {}  # n -> whether it was acknowledged.
        self.register_tried = self.register_acknowledged = 0
        self.register_open = set()  # Values whose write was not acknowledged: it may come yet.
        self.increments_tried = self.increments_acknowledged = 0
        self.acknowledged = 0  # Writes of all kinds.
        self.wrong = []
        self.client = None
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            self.step()
        if self.client is not None:
            self.client.close()

    def stop(self):
        self.stopping.set()
        self.join(redis_server.REPLY_SECONDS + 5)
        if self.is_alive():
            self.wrong.append("does not end")

    def step(self):
        n = len(self.once)
        self.once[n] = False
        self.once[n] = self.ask("SET", f"{self.prefix}:{n}", value(n)) == b"+OK\r\n"

        self.register_tried += 1
        if self.ask("SET", f"{self.prefix}:register", self.register_tried) == b"+OK\r\n":
            self.register_acknowledged = self.register_tried
        else:
            self.register_open.add(self.register_tried)

        self.increments_tried += 1
        reply = self.ask("INCR", f"{self.prefix}:counter")
        if reply is not None and reply.startswith(b":"):
            self.increments_acknowledged += 1
            self.check_count(f"{self.prefix}:counter after INCR", int(reply[1:-2]))

    def ask(self, *words):
        try:
            if self.client is None:
                self.client = redis_server.Raw(self.port)
            reply = self.client.ask(*words)
        except (OSError, EOFError):
            if self.client is not None:
                self.client.close()
            self.client, reply = None, None
        if reply is None or reply.startswith(b"-"):
            time.sleep(PAUSE_SECONDS)
        else:
            self.acknowledged += 1
        return reply

    def check(self, client):
        """What is wrong with what is there now, when this writer has stopped."""
        for n, acknowledged in self.once.items():
            found = client.ask("GET", f"{self.prefix}:{n}")
            allowed = [bulk(value(n))] + ([] if acknowledged else [b"$-1\r\n"])
            if found not in allowed:
                self.wrong.append(f"{self.prefix}:{n} is {found!r}, acknowledged: {acknowledged}")
        register = number(client.ask("GET", f"{self.prefix}:register"))
        if register != self.register_acknowledged and register not in self.register_open:
            self.wrong.append(f"{self.prefix}:register is {register}, was acknowledged as "
                              f"{self.register_acknowledged}, perhaps {self.register_open}")
        count = number(client.ask("GET", f"{self.prefix}:counter"))
        self.check_count(f"{self.prefix}:counter", count)
        return self.wrong

    def check_count(self, what, count):
        if not self.increments_acknowledged <= count <= self.increments_tried:
            self.wrong.append(f"{what} is {count}, not from {self.increments_acknowledged} to "
                              f"{self.increments_tried}")


def value(n):
    """Some small and some that the store keeps outside of its tables."""
    return f"{n}-" * (1 + n % 200)


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


def number(reply):
    return 0 if reply == b"$-1\r\n" else int(reply.split(b"\r\n")[1])
