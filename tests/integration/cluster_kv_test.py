#!/usr/bin/env python3
"""`nokv kv` against a cluster of real processes: keys, ranges, sums, and what it says when there is
no cluster.

usage: cluster_kv_test.py FOLDER_OF_PROGRAMS [unittest arguments]
"""

import os
import subprocess
import sys
import unittest

import cluster_processes as processes
import redis_server

PROGRAMS = None  # Set below from the command line.
TIMEOUT_SECONDS = 60
FAILURE, USAGE = 1, 2


class Kv(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = redis_server.scratch()
        folder = scratch.__enter__()
        cls.addClassCleanup(scratch.__exit__, None, None, None)
        cls.cluster = processes.Cluster(PROGRAMS, folder)
        cls.addClassCleanup(cls.cluster.__exit__, None, None, None)
        cls.cluster.start()

    def run_kv(self, command, *arguments, code=0, pd=None, timeout="20s"):
        pd = pd or self.cluster.topology["pd"]["addr"]
        result = subprocess.run(
            [os.path.join(PROGRAMS, "nokv"), "kv", command, "--pd-addr", pd, "--timeout", timeout,
             *arguments],
            capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout if code == 0 else result.stderr

    def test_what_is_put_is_got_until_it_is_deleted(self):
        self.assertIn("committed at", self.run_kv("put", "k", "v"))
        self.assertEqual(self.run_kv("get", "k"), "v\n")
        self.assertEqual(self.run_kv("get", "--hex", "6b"), "76\n")
        for size in (255, 256, 4096, 4097, 100_000):
            self.run_kv("put", "k", "x" * size)
            self.assertEqual(self.run_kv("get", "k"), "x" * size + "\n")
        self.run_kv("del", "k")
        self.assertIn("key k is not there", self.run_kv("get", "k", code=FAILURE))

    def test_a_key_with_a_time_to_live_is_gone_after_it(self):
        self.run_kv("put", "--ttl", "1ms", "short", "v")
        self.assertIn("not there", self.run_kv("get", "short", code=FAILURE))
        self.run_kv("put", "--ttl", "1h", "long", "v")
        self.assertEqual(self.run_kv("get", "long"), "v\n")

    def test_sums(self):
        self.assertEqual(self.run_kv("add", "n", "5"), "5\n")
        self.assertEqual(self.run_kv("add", "n", "--", "-7"), "-2\n")
        self.run_kv("put", "n", "x")
        self.assertIn("not an integer", self.run_kv("add", "n", code=FAILURE))

    def test_ranges_in_pages_and_both_directions(self):
        keys = [f"s:{i:04}" for i in range(30)]
        for key in keys:
            self.run_kv("put", key, "v")
        shown = self.run_kv("scan", "--prefix", "s:", "--keys-only", "--limit", "0")
        self.assertEqual(shown.split(), keys)
        shown = self.run_kv("scan", "--prefix", "s:", "--keys-only", "--reverse")
        self.assertEqual(shown.split(), keys[::-1])
        shown = self.run_kv("scan", "--start", "s:0010", "--end", "s:0012")
        self.assertEqual(shown, "s:0010  v\ns:0011  v\n")

    def test_keys_of_the_system_are_not_for_clients(self):
        self.assertIn("belong to the system",
                      self.run_kv("put", "--hex", "ff01", "00", code=USAGE))
        self.assertEqual(self.run_kv("scan", "--start", "\\xff"), "")

    def test_no_cluster_is_told_in_time_with_what_to_look_at(self):
        nobody = f"127.0.0.1:{processes.free_ports(1)[0]}"
        for command in (["get", "k"], ["put", "k", "v"], ["scan"]):
            text = self.run_kv(*command, code=FAILURE, pd=nobody, timeout="1s")
            self.assertIn(nobody, text)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAMS = os.path.abspath(sys.argv.pop(1))
    REASON = processes.missing(PROGRAMS)
    if REASON:
        redis_server.skip(REASON)
    unittest.main(verbosity=2)
