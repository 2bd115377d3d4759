#!/usr/bin/env python3
"""What users get wrong: each kind of malformed topology, and keys and values that are too large or
not theirs. Each is a clear error, and the cluster goes on as if nothing had happened.

A clock that goes back is tested without processes: pd/tso, and the faults of tests/simulation.

usage: cluster_bad_input_test.py FOLDER_OF_PROGRAMS [unittest arguments]
"""

import copy
import json
import os

import cluster_case
import cluster_processes as processes
import redis_server
from cluster_case import FAILURE, USAGE, Case, checksums

MIB = 1 << 20


def region(number, **changes):
    return lambda topology: topology["regions"][number].update(changes)


def peer(number, **changes):
    return lambda topology: topology["regions"][number]["peers"][1].update(changes)


def store(number, **changes):
    return lambda topology: topology["stores"][number].update(changes)


def without(*path):
    def change(topology):
        for step in path[:-1]:
            topology = topology[step]
        del topology[path[-1]]
    return change


# What is done to a topology with a raw region and slots [0, 8192) and [8192, 16384), and what must
# be said: a place, and what is wrong there.
MISTAKES = {
    "no pd": (without("pd"), '(root): "pd" is missing'),
    "no stores": (without("stores"), '(root): "stores" is missing'),
    "no regions": (without("regions"), '(root): "regions" is missing'),
    "a store without an id": (without("stores", 1, "store_id"), '/stores/1: "store_id" is missing'),
    "a store without an address": (without("stores", 1, "addr"), '/stores/1: "addr" is missing'),
    "a region without peers": (without("regions", 1, "peers"), '/regions/1: "peers" is missing'),
    "an unknown key": (store(0, adr="x"), '/stores/0/adr: unknown key, perhaps "addr" is meant'),
    "overlapping ranges": (region(2, start_slot=8000), "/regions/2/start_slot: begins at slot 8000, "
                           "inside region 2"),
    "a gap between slots": (region(2, start_slot=9000), "/regions/2/start_slot: the keys from slot "
                            "8192 to before slot 9000 are in no region"),
    "a gap between keys": (region(0, end_key="m"), '/regions/0/end_key: the keys from "m"'),
    "no end": (without("regions", 2), "/regions/1/end_slot: "),
    "a range backwards": (region(1, start_slot=9000), "/regions/1/end_slot: expected more than"),
    "too high a slot": (region(2, end_slot=16385), "/regions/2/end_slot: expected a whole number"),
    "a raw region behind FF": (region(0, end_key="hex:ff01"), "/regions/0/end_key: "),
    "a store twice": (store(1, store_id=1), "/stores/1/store_id: store_id 1 is also at"),
    "a region twice": (region(1, id=1), "/regions/1/id: region id 1 is also at"),
    "a peer twice": (peer(1, peer_id=101), "/regions/1/peers/1/peer_id: peer_id 101 is also at"),
    "two peers on a store": (peer(1, store_id=1), "/regions/1/peers/1/store_id: store 1 is also at"),
    "a peer on an unknown store": (peer(1, store_id=7), "/regions/1/peers/1/store_id: no store has "
                                   "the id 7; expected one of 1, 2, 3"),
    "a leader without a peer": (region(1, leader_store_id=7), "/regions/1/leader_store_id: store 7"),
    "port 0": (store(1, addr="127.0.0.1:0"), "/stores/1/addr: "),
    "port 65536": (store(1, addr="127.0.0.1:65536"), "the port is not from 1 to 65535"),
    "a port in words": (store(1, addr="127.0.0.1:http"), "the port is not from 1 to 65535"),
    "no port": (store(1, addr="127.0.0.1"), "/stores/1/addr: expected an address HOST:PORT"),
    "an address of nobody": (store(1, addr="0.0.0.0:20170"), "but not be reached"),
    "id 0": (store(0, store_id=0), "/stores/0/store_id: expected a whole number from 1"),
    "an id in words": (store(0, store_id="1"), "/stores/0/store_id: expected a whole number from 1"),
    "a negative id": (region(0, id=-1), "/regions/0/id: expected a whole number from 1"),
    "too large an id": (region(0, id=2**63), "/regions/0/id: expected a whole number from 1"),
}
TEXTS = {
    "nothing": ("", ":1:1: (root): not JSON"),
    "no JSON": ("hello", ":1:1: (root): not JSON"),
    "the beginning only": ('{"pd": {"addr": "127.0', ":1:"),
    "something else": ("[]", ":1:1: (root): expected an object, found an array"),
    "bytes": ("\x00\x01\x02", ":1:1: (root): not JSON"),
    "too deep": ("[" * 100_000, "nested too deep"),
    "too much": (" " * (2 * MIB), "expected at most 1048576"),
}


class Topologies(Case):
    def test_every_program_tells_what_is_wrong_and_touches_nothing(self):
        self.cluster.start()
        self.write()
        self.stop()
        before = checksums(self.pd_directory()) | checksums(self.directory(1))
        bad = os.path.join(self.scratch, "bad.json")
        for kind, (text, words) in self.texts().items():
            with self.subTest(kind):
                with open(bad, "w", encoding="utf-8") as file:
                    file.write(text)
                self.refused_by_all(bad, words)
        self.assertEqual(checksums(self.pd_directory()) | checksums(self.directory(1)), before)
        self.cluster.start()
        self.check_written()

    def texts(self):
        found = dict(TEXTS)
        for kind, (change, words) in MISTAKES.items():
            topology = copy.deepcopy(self.cluster.topology)
            change(topology)
            found[kind] = (json.dumps(topology, indent=2), words)
        return found

    def refused_by_all(self, config, words):
        place = f"{config}:"
        self.refused(["nokv-config", "validate", "--config", config], place, words)
        for command in (["nokv", "pd", "--workdir", self.pd_directory()],
                        ["nokv", "serve", "--store-id", "1", "--workdir", self.directory(1)],
                        ["nokv-redis", "--addr", f"127.0.0.1:{redis_server.free_port()}"]):
            self.refused([*command, "--config", config], place, words, codes=(USAGE,))

    def test_files_that_can_not_be_read(self):
        for path in (os.path.join(self.scratch, "absent.json"), self.scratch):
            for command in (["nokv-config", "validate"],
                            ["nokv", "pd", "--workdir", self.pd_directory()],
                            ["nokv", "serve", "--store-id", "1", "--workdir", self.directory(1)],
                            ["nokv-redis"]):
                self.refused([*command, "--config", path], path, codes=(FAILURE, USAGE))
        self.assertFalse(os.path.exists(self.directory(1)))

    def test_tls_is_refused_and_not_left_out(self):
        self.cluster.topology["tls"] = {"ca_file": "a", "cert_file": "b", "key_file": "c"}
        self.cluster.write_config()
        for command in (self.pd(self.pd_directory()), self.cluster.serve(1),
                        ["nokv-redis", "--config", self.cluster.config]):
            self.refused(command, '"tls" is not supported', codes=(FAILURE, USAGE))


class Keys(Case):
    def kv(self, command, *arguments):
        return ["nokv", "kv", command, "--pd-addr", self.cluster.topology["pd"]["addr"],
                "--timeout", "20s", *arguments]

    def all_run(self):
        self.assertEqual([d.name for d in self.cluster.daemons() if not d.runs()], [])
        self.check_written()

    def test_keys_that_are_not_a_user_s_or_too_long(self):
        self.cluster.start()
        self.write()
        for command in (["put", "--hex", "ff", "00"], ["put", "--hex", "ff7200", "00"],
                        ["get", "--hex", "ff7200"], ["del", "--hex", "ffff"],
                        ["add", "--hex", "ff01", "1"]):
            self.refused(self.kv(*command), "belong to the system", codes=(USAGE,))
        for command in (["put", "", "v"], ["get", ""], ["del", ""]):
            self.refused(self.kv(*command), "must not be empty", codes=(USAGE,))
        long = "k" * (65536 + 1)
        for command in (["put", long, "v"], ["get", long], ["del", long], ["add", long, "1"]):
            self.refused(self.kv(*command), "65537", "65536", codes=(USAGE,))
        for key in ("k" * 65536, "k" * MIB):
            for command in (["SET", key, "v"], ["GET", key], ["INCR", key]):
                self.assertRegex(self.cluster.ask(*command), b"^-ERR NoKV: a key of .* is too long")
        self.all_run()

    def test_the_longest_keys_are_keys_like_others(self):
        # As the stores encode them they are longer, the more so with zeros in them.
        self.cluster.start()
        self.write()
        for key in (["k" * 65536], *(["k" * length] for length in range(65520, 65536)),
                    ["--hex", "00" * 65535]):
            hex_one = ["31"] if "--hex" in key else ["1"]
            done = self.run_program(*self.kv("put", *key, *hex_one))
            self.assertEqual(done.returncode, 0, done.stderr)
        redis_keys = [fill * length for fill in (b"\x00", b"\x01", b"k") for length in
                      (21_000, 32_000)] + [b"k" * 65_000]
        for key in redis_keys:
            self.assertEqual(self.cluster.ask("SET", key, "7"), b"+OK\r\n")
        self.all_run()
        self.stop_and_start_again()
        self.assertEqual(self.run_program(*self.kv("get", "k" * 65536)).stdout, "1\n")
        self.assertEqual(self.run_program(*self.kv("get", "--hex", "00" * 65535)).stdout, "31\n")
        for key in redis_keys:
            self.assertEqual(self.cluster.ask("INCR", key), b":8\r\n")

    def test_values_that_are_too_large(self):
        self.cluster.start()
        self.write()
        self.assertEqual(self.cluster.ask("SET", "large", b"x" * (6 * MIB - 1024)), b"+OK\r\n")
        for size in (6 * MIB + 1, 7 * MIB, 64 * MIB):
            self.assertRegex(self.cluster.ask("SET", "large", b"y" * size),
                             b"^-ERR NoKV: a value has at most 6291456 bytes")
        self.assertEqual(self.cluster.ask("APPEND", "large", b"y" * (6 * MIB))[:4], b"-ERR")
        self.assertEqual(self.cluster.ask("GET", "large"),
                         b"$%d\r\n%s\r\n" % (6 * MIB - 1024, b"x" * (6 * MIB - 1024)))
        self.all_run()

    def test_a_value_beyond_the_protocol_s_limit_costs_the_connection_only(self):
        self.cluster.start()
        self.write()
        client = self.cluster.connect()
        self.addCleanup(client.close)
        client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n" % (513 * MIB))
        self.assertIn(b"-ERR Protocol error: invalid bulk length", client.rest())
        self.all_run()


if __name__ == "__main__":
    cluster_case.main(__doc__)
