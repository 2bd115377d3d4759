#!/usr/bin/env python3
"""Whether what clients of a cluster of real processes saw is linearizable, key by key, while
processes are killed and stopped, packets lost and disks stalled.

usage: cluster_history_test.py FOLDER_OF_PROGRAMS STALLED_DISK_LIBRARY [unittest arguments]

With NOKV_TEST_SCALE=long rounds are longer and more, and there are mixed ones. NOKV_TEST_SEED
repeats the choices of a run, though not its timing. A failed test leaves its histories and logs.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import cluster_history_clients as clients
import cluster_history_faults as faults
import cluster_history_network as networks
import cluster_processes as processes
import redis_server
from cluster_history_cluster import HOSTS, Cluster

PROGRAMS = STALLED_DISK = NETWORK = None  # Set below.
NETWORK_REFUSAL = None
IS_LONG = os.environ.get("NOKV_TEST_SCALE") == "long"
SEED = int(os.environ.get("NOKV_TEST_SEED") or random.randrange(1 << 32))
ROUNDS = 4 if IS_LONG else 1
MIXED_ROUNDS = 40
ROUND_SECONDS = 30 if IS_LONG else 18
CLIENTS = 12
REGISTERS_OF_REGION = 2
COUNTERS_OF_REGION = 1
SERVE_SECONDS = 20  # After the last fault is healed.
CHECK_SECONDS = 120
ANSWERS_MIN = 100  # Of a round: fewer tell nothing.


class Round:
    """Clients with keys of their own, what they wrote down, and what the checker says to that."""

    def __init__(self, cluster, folder, seed):
        self.folder = folder
        os.makedirs(folder)
        name = os.path.basename(folder)
        registers, counters = (
            [key for region in cluster.regions
             for key in cluster.keys(f"{name}-{kind}", region, count)]
            for kind, count in [("register", REGISTERS_OF_REGION), ("counter", COUNTERS_OF_REGION)])
        self.gateways = cluster.gateway_addresses
        everybody = [clients.Client(n, self.gateways, registers, counters, folder, seed)
                     for n in range(CLIENTS + len(self.gateways))]
        self.clients, self.readers = everybody[:CLIENTS], everybody[CLIENTS:]

    def __enter__(self):
        for client in self.clients:
            client.start()
        return self

    def __exit__(self, kind, error, trace):
        for client in self.clients:
            client.stop()

    def read_all(self):
        for reader, gateway in zip(self.readers, self.gateways):
            reader.read_all(gateway)

    def strange(self):
        return [text for client in [*self.clients, *self.readers] for text in client.strange]

    def count(self, outcome):
        return sum(client.outcomes[outcome] for client in [*self.clients, *self.readers])

    def files(self):
        return [client.path for client in [*self.clients, *self.readers]]

    def check(self):
        return check(self.files(), os.path.join(self.folder, "violation.html"))


def check(files, picture):
    """The checker's exit code and its words."""
    done = subprocess.run(
        [os.path.join(PROGRAMS, "nokv-check-history"), *files, "--picture", picture,
         "--seconds", str(CHECK_SECONDS)],
        capture_output=True, text=True, timeout=2 * CHECK_SECONDS, check=False)
    return done.returncode, done.stdout + done.stderr


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="nokv-history-")
        self.rng = random.Random(f"{SEED}/{self.id()}")
        self.begin = time.monotonic()
        self.passed = False
        self.addCleanup(self.clean_up)

    def clean_up(self):
        if self.passed:
            shutil.rmtree(self.folder)
        else:
            self.tell(f"histories and logs are in {self.folder}")

    def tell(self, text):
        print(f"  {time.monotonic() - self.begin:6.1f} s  {text}", file=sys.stderr, flush=True)

    def under(self, kinds, rounds=ROUNDS, overlapping=False):
        """Rounds of these faults on one cluster. Each must heal, and be linearizable."""
        self.tell(f"seed {SEED}")
        with Cluster(PROGRAMS, STALLED_DISK, self.folder, NETWORK) as cluster:
            cluster.wait_until_it_serves(processes.PATIENCE_SECONDS)
            for number in range(1, rounds + 1):
                folder = os.path.join(self.folder, f"round-{number}")
                with Round(cluster, folder, f"{SEED}/{number}") as clients_of_round:
                    faults.harass(cluster, kinds, ROUND_SECONDS, self.rng, self.tell, overlapping)
                    seconds = cluster.wait_until_it_serves(SERVE_SECONDS)
                self.tell(f"every region serves {seconds:.2f} s after the last fault")
                self.judge(clients_of_round)
                shutil.rmtree(folder)
            felt = [path for path in cluster.stall_while.values() if os.path.exists(path + ".felt")]
            self.assertEqual(cluster.ended_by_themselves(), [], cluster.ends_of_logs())
        self.passed = True
        return felt

    def judge(self, clients_of_round):
        clients_of_round.read_all()
        self.assertEqual(clients_of_round.strange(), [])
        code, words = clients_of_round.check()
        counts = {outcome: clients_of_round.count(outcome) for outcome in ["ok", "fail", "unknown"]}
        self.tell(f"{counts}, {words.splitlines()[0]}")
        self.assertEqual(code, 0, words)
        self.assertGreater(counts["ok"], ANSWERS_MIN)


class Histories(Case):
    def test_while_processes_are_killed(self):
        self.under(faults.KILLS)

    def test_while_processes_are_stopped(self):
        self.under(faults.PAUSES)

    def test_while_disks_are_stalled(self):
        # A disk that only seems to stall would make this a test of nothing.
        self.assertNotEqual(self.under(faults.STALLS), [])

    def test_while_packets_are_lost(self):
        self.need_network()
        self.under(faults.PARTITIONS)

    @unittest.skipUnless(IS_LONG, "only at length")
    def test_while_everything_happens_at_once(self):
        self.need_network()
        kinds = [*faults.KILLS, *faults.PAUSES, *faults.STALLS, *faults.PARTITIONS]
        self.under(kinds, MIXED_ROUNDS, overlapping=True)

    def need_network(self):
        if NETWORK is None:
            self.passed = True
            self.skipTest(NETWORK_REFUSAL)


class Network(unittest.TestCase):
    def test_what_is_dropped_does_not_arrive_until_it_is_healed(self):
        if NETWORK is None:
            self.skipTest(NETWORK_REFUSAL)
        self.assertTrue(self.answers("store-1", "store-2"))
        NETWORK.drop("store-2", "store-1")
        self.assertFalse(self.answers("store-1", "store-2"))
        self.assertFalse(self.answers("store-2", "store-1"))  # There, but not back.
        self.assertTrue(self.answers("store-1", "store-3"))
        NETWORK.heal()
        self.assertTrue(self.answers("store-1", "store-2"))

    @staticmethod
    def answers(one, other):
        """Whether a connection is refused, which takes a packet each way: nothing listens there."""
        probe = f"""import socket, sys
try:
    socket.create_connection(("{NETWORK.host_of[other]}", 1), timeout=0.5)
except ConnectionRefusedError:
    sys.exit(0)
except OSError:
    sys.exit(1)"""
        return subprocess.run([*NETWORK.at(one), sys.executable, "-c", probe],
                              check=False).returncode == 0


class Doctored(Case):
    """What the checker must not pass: real histories with one answer changed."""

    def setUp(self):
        super().setUp()
        with Cluster(PROGRAMS, STALLED_DISK, self.folder, NETWORK) as cluster:
            cluster.wait_until_it_serves(processes.PATIENCE_SECONDS)
            self.round = Round(cluster, os.path.join(self.folder, "calm"), SEED)
            with self.round:
                time.sleep(3)
            self.round.read_all()

    def test_a_stale_read_and_a_lost_increment_are_found(self):
        self.assertEqual(self.round.check()[0], 0, "the history before it is doctored")
        self.assertEqual(self.round.count("fail") + self.round.count("unknown"), 0)
        for name, doctor in [("stale read", self.stale_read), ("lost increment", self.lost_incr)]:
            files = self.copies()
            changed = doctor(files)
            picture = os.path.join(self.folder, "violation.html")
            code, words = check(files, picture)
            self.tell(f"{name}: {changed[:200]}")
            self.assertEqual(code, 1, words)
            self.assertIn("not linearizable", words)
            with open(picture, encoding="utf-8") as page:
                self.assertIn("have no order", page.read())
            os.unlink(picture)
        self.passed = True

    def copies(self):
        folder = os.path.join(self.folder, "doctored")
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        return [shutil.copy(path, folder) for path in self.round.files()]

    def stale_read(self, files):
        """The last read of a register answers with the first value that a client put there, though
        the same client put another one later."""
        lines = read_lines(files[0])
        puts = [re.search(r' put ("\S+register\S+") (".*")', line) for line in lines]
        puts = [put.groups() for put in puts if put]
        key, stale = next((key, value) for i, (key, value) in enumerate(puts)
                          if any(later == key for later, _ in puts[i + 1:]))
        lines = read_lines(files[-1])
        at = next(i for i, line in enumerate(lines) if f" get {key}" in line) + 1
        return self.replace(files[-1], lines, at, f" ok {stale}")

    def lost_incr(self, files):
        """An increment of a counter answers as the one before it did."""
        lines = read_lines(files[0])
        at = next(i for i, line in enumerate(lines) if "-counter-" in lines[i - 1] and
                  " incr " in lines[i - 1] and int(line.split()[-1]) > 1)
        return self.replace(files[0], lines, at, f" ok {int(lines[at].split()[-1]) - 1}")

    @staticmethod
    def replace(file, lines, at, result):
        before, lines[at] = lines[at], " ".join(lines[at].split()[:2]) + result
        with open(file, "w", encoding="ascii") as changed:
            changed.write("\n".join(lines) + "\n")
        return f"{lines[at - 1]}: {before} is now {lines[at]}"


def read_lines(path):
    with open(path, encoding="ascii") as file:
        return file.read().splitlines()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    NETWORK_REFUSAL = None if networks.is_inside() else networks.refusal()
    if NETWORK_REFUSAL is None and not networks.is_inside():
        networks.enter()
    PROGRAMS = os.path.abspath(sys.argv.pop(1))
    STALLED_DISK = os.path.abspath(sys.argv.pop(1))
    REASON = processes.missing(PROGRAMS)
    if REASON:
        redis_server.skip(REASON)
    if NETWORK_REFUSAL is None:
        NETWORK = networks.Network(HOSTS)
    unittest.main(verbosity=2)
