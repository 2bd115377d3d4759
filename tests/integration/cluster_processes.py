"""A cluster of real processes for a test: PD, stores and the gateway on free ports of the loopback.

Everything lives in a folder that the test gives. A process outlives neither the test nor the object
that started it, and is ended by its number only.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import redis_server

# For what takes moments: recovery, an election. A test that waits so long has failed.
PATIENCE_SECONDS = 90
STOP_SECONDS = 30


def free_ports(count):
    """Distinct ones: all are held until the last is found."""
    with contextlib.ExitStack() as probes:
        found = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in found:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in found]


def missing(programs):
    """Why these programs can't serve a cluster, or nothing if they can."""
    for command, flag in [(["nokv", "pd"], "--workdir"), (["nokv", "serve"], "--store-id"),
                          (["nokv-redis"], "--config"), (["nokv-config"], "--help")]:
        path = os.path.join(programs, command[0])
        if not os.path.exists(path):
            return f"there is no {path}"
        shown = subprocess.run([path, *command[1:], "--help"], capture_output=True, text=True,
                               timeout=PATIENCE_SECONDS, check=False)
        if shown.returncode != 0 or flag not in shown.stdout:
            return f"this {' '.join(command)} is built without the cluster"
    return None


def topology(folder, stores=3, slot_regions=2):
    """A topology with free ports, all data in `folder`, one raw region and some of slots."""
    ports = free_ports(stores + 1)
    ids = range(1, stores + 1)
    bounds = [16384 * i // slot_regions for i in range(slot_regions + 1)]
    ranges = [{}] + [{"start_slot": start, "end_slot": end}
                     for start, end in zip(bounds, bounds[1:])]
    return {
        "pd": {"addr": f"127.0.0.1:{ports[0]}", "work_dir": os.path.join(folder, "pd")},
        "store_work_dir_template": os.path.join(folder, "store-{id}"),
        "stores": [{"store_id": i, "addr": f"127.0.0.1:{ports[i]}"} for i in ids],
        "regions": [{"id": region, **keys, "leader_store_id": 1 + region % stores,
                     "peers": [{"store_id": i, "peer_id": 100 * i + region} for i in ids]}
                    for region, keys in enumerate(ranges, start=1)],
    }


def ask(port, *words):
    """The reply of a new connection, or nothing if there was none."""
    try:
        client = redis_server.Raw(port)
    except OSError:
        return None
    try:
        return client.ask(*words)
    except (OSError, EOFError):
        return None
    finally:
        client.close()


class Daemon:
    """A process that can be started again. Its log grows over all of its lives."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log = name, command, log
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT)

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def has_failed(self):
        """Whether it ended although nobody ended it."""
        return self.process is not None and not self.runs()

    def kill(self):
        if self.runs():
            self.process.kill()
            self.process.wait(STOP_SECONDS)
        self.process = None

    def stop(self, sig=signal.SIGTERM):
        """Its code, when it has ended in good order."""
        self.process.send_signal(sig)
        code = self.process.wait(STOP_SECONDS)
        self.process = None
        return code

    def end_of_log(self, lines=15):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return f"--- {self.name}\n" + "".join(file.readlines()[-lines:])


class Cluster:
    """A context that ends all its processes. `pd`, `stores` by id and `gateway` are daemons."""

    def __init__(self, programs, folder, stores=3, slot_regions=2):
        self.programs, self.folder = programs, folder
        os.makedirs(folder, exist_ok=True)
        self.topology = topology(folder, stores, slot_regions)
        self.config = os.path.join(folder, "topology.json")
        self.write_config()
        self.port, *metrics = free_ports(2 + stores)
        self.metrics_of_store = dict(enumerate(metrics[1:], start=1))
        self.metrics_of_pd = metrics[0]
        pd = self.topology["pd"]
        self.pd = self.daemon("pd", ["nokv", "pd", "--config", self.config, "--addr", pd["addr"],
                                     "--workdir", pd["work_dir"],
                                     "--metrics-addr", f"127.0.0.1:{self.metrics_of_pd}"])
        self.stores = {i: self.daemon(f"store-{i}", self.serve(i) + [
            "--metrics-addr", f"127.0.0.1:{port}"]) for i, port in self.metrics_of_store.items()}
        self.gateway = self.daemon("gateway", ["nokv-redis", "--config", self.config,
                                               "--addr", f"127.0.0.1:{self.port}"])
        # A key of each region of slots.
        self.keys = [self.key_in(region) for region in self.topology["regions"][1:]]

    def write_config(self):
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(self.topology, file, indent=2)

    def serve(self, store, directory=None):
        directory = directory or os.path.join(self.folder, f"store-{store}")
        return ["nokv", "serve", "--config", self.config, "--store-id", str(store),
                "--workdir", directory]

    def daemon(self, name, command):
        return Daemon(name, [os.path.join(self.programs, command[0]), *command[1:]],
                      os.path.join(self.folder, name + ".log"))

    def daemons(self):
        return [self.pd, *self.stores.values(), self.gateway]

    def start(self):
        for daemon in self.daemons():
            daemon.start()
        self.wait_until_it_serves()
        return self

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for daemon in reversed(self.daemons()):
            daemon.kill()
        if error is not None:
            print(self.ends_of_logs())

    def ends_of_logs(self):
        return "\n".join(d.end_of_log() for d in self.daemons() if os.path.exists(d.log))

    def connect(self):
        return redis_server.Raw(self.port)

    def wait_until_it_serves(self, keys=None):
        """Until a write to every region (or these keys) is acknowledged."""
        waiting = list(keys or self.keys)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while waiting:
            answer = self.ask("SET", waiting[0], "served")
            if answer == b"+OK\r\n":
                waiting.pop(0)
                continue
            failed = [daemon.name for daemon in self.daemons() if daemon.has_failed()]
            if failed or time.monotonic() > deadline:
                raise RuntimeError(f"no write to {waiting[0]}, the last answer {answer!r}; ended by "
                                   f"themselves: {failed}\n{self.ends_of_logs()}")
            time.sleep(0.02)

    def ask(self, *words):
        return ask(self.port, *words)

    @staticmethod
    def key_in(region):
        return next(key for key in (f"region-{n}" for n in range(1_000_000))
                    if region["start_slot"] <= slot_of(key) < region["end_slot"])


def slot_of(key):
    """The slot of a key without braces: CRC16 (XMODEM) modulo 16,384."""
    crc = 0
    for byte in key.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xffff
    return crc % 16384
