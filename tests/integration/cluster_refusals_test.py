#!/usr/bin/env python3
"""What PD and stores refuse: directories of others, wrong ids, two on one directory, a topology
with mistakes or another one than they began with. Each is a clear error, and damages nothing.

usage: cluster_refusals_test.py FOLDER_OF_PROGRAMS [unittest arguments]
"""

import copy
import os
import shutil
import subprocess
import sys
import unittest

import cluster_processes as processes
import redis_server

PROGRAMS = None  # Set below from the command line.
FAILURE, USAGE = 1, 2


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = self.enter(redis_server.scratch())
        self.cluster = self.enter(processes.Cluster(PROGRAMS, os.path.join(self.scratch, "own")))

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def refused(self, command, *words, codes=(FAILURE,)):
        """It ends by itself, soon, and its last line has the words."""
        result = subprocess.run([os.path.join(PROGRAMS, command[0]), *command[1:]],
                                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=processes.PATIENCE_SECONDS, check=False)
        self.assertIn(result.returncode, codes, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def pd(self, directory, port=None):
        address = f"127.0.0.1:{port or redis_server.free_port()}"
        return ["nokv", "pd", "--config", self.cluster.config, "--workdir", directory,
                "--addr", address]

    def directory(self, store):
        return os.path.join(self.cluster.folder, f"store-{store}")

    def stop_and_start_again(self):
        """What was written before is there after it."""
        for daemon in reversed(self.cluster.daemons()):
            if daemon.runs():
                self.assertEqual(daemon.stop(), 0, daemon.end_of_log())
        self.cluster.start()
        self.assertEqual(self.cluster.ask("GET", "kept"), b"$3\r\nyes\r\n")

    def write(self):
        self.assertEqual(self.cluster.ask("SET", "kept", "yes"), b"+OK\r\n")


def contents(path):
    """Every file's bytes by name; but not the lock, which names who took it last."""
    if os.path.isfile(path):
        return read(path)
    return {name: read(os.path.join(path, name)) for name in os.listdir(path) if name != "LOCK"}


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Directories(Case):
    def test_two_stores_or_two_drivers_on_one_directory(self):
        self.cluster.start()
        self.write()
        for other in (1, 2):
            command = self.cluster.serve(other, self.directory(1))
            self.refused([*command, "--addr", f"127.0.0.1:{redis_server.free_port()}"],
                         self.directory(1))
        self.refused(self.pd(self.cluster.topology["pd"]["work_dir"]),
                     self.cluster.topology["pd"]["work_dir"])
        self.assertTrue(all(daemon.runs() for daemon in self.cluster.daemons()))
        self.assertEqual(self.cluster.ask("GET", "kept"), b"$3\r\nyes\r\n")

    def test_the_directory_of_another_store(self):
        self.cluster.start()
        self.write()
        self.cluster.stores[1].stop()
        before = contents(self.directory(1))
        self.refused(self.cluster.serve(2, self.directory(1)) + [
            "--addr", f"127.0.0.1:{redis_server.free_port()}"],
                     self.directory(1), "store 1", "store 2")
        self.assertEqual(contents(self.directory(1)), before)
        self.stop_and_start_again()

    def test_the_directory_of_another_cluster(self):
        self.cluster.start()
        self.write()
        other = self.enter(processes.Cluster(PROGRAMS, os.path.join(self.scratch, "other"))).start()
        other.stores[1].stop()
        self.cluster.stores[1].stop()
        self.refused(other.serve(1, self.directory(1)), "cluster")
        other.stores[1].start()
        other.wait_until_it_serves()
        self.stop_and_start_again()

    def test_directories_that_are_not_of_this_kind(self):
        self.cluster.start()
        self.write()
        self.cluster.stores[1].stop()
        self.cluster.stores[2].stop()
        embedded = os.path.join(self.scratch, "embedded")
        subprocess.run([os.path.join(PROGRAMS, "nokv"), "set", "--workdir", embedded, "k", "v"],
                       check=True, stdout=subprocess.DEVNULL, timeout=processes.PATIENCE_SECONDS)
        foreign = os.path.join(self.scratch, "foreign")
        os.mkdir(foreign)
        with open(os.path.join(foreign, "notes.txt"), "w", encoding="utf-8") as file:
            file.write("mine")
        a_file = os.path.join(self.scratch, "file")
        shutil.copy(self.cluster.config, a_file)
        pd_directory = shutil.copytree(self.stopped_pd(), os.path.join(self.scratch, "pd-copy"))
        self.cluster.pd.start()

        strangers = (embedded, foreign, a_file, pd_directory, self.directory(2))
        before = [contents(path) for path in strangers]
        for path in (embedded, foreign, a_file, pd_directory):
            self.refused(self.cluster.serve(1, path), path)
        for path in (embedded, foreign, a_file, self.directory(2)):
            self.refused(self.pd(path), path)
        self.assertEqual([contents(path) for path in strangers], before)
        self.stop_and_start_again()

    def stopped_pd(self):
        self.assertEqual(self.cluster.pd.stop(), 0)
        return self.cluster.topology["pd"]["work_dir"]


class Topologies(Case):
    def change(self, change):
        """Another topology in the same file."""
        changed = copy.deepcopy(self.cluster.topology)
        change(changed)
        self.cluster.topology, before = changed, self.cluster.topology
        self.cluster.write_config()
        self.cluster.topology = before

    def test_a_topology_with_mistakes(self):
        self.change(lambda topology: topology["regions"].pop())
        place = f"{self.cluster.config}:"
        for command in (self.pd(os.path.join(self.scratch, "new")), self.cluster.serve(1),
                        ["nokv-redis", "--config", self.cluster.config]):
            self.refused(command, place, "/regions", codes=(FAILURE, USAGE))
        self.assertFalse(os.path.exists(self.directory(1)))

    def test_a_store_that_the_topology_does_not_have(self):
        self.refused(self.cluster.serve(9), "9", self.cluster.config, codes=(FAILURE, USAGE))
        self.assertFalse(os.path.exists(self.directory(9)))

    def test_another_topology_than_the_store_began_with(self):
        self.cluster.start()
        self.write()
        self.cluster.stores[1].stop()

        def move_a_bound(topology):
            topology["regions"][1]["end_slot"] -= 1
            topology["regions"][2]["start_slot"] -= 1

        self.change(move_a_bound)
        self.refused(self.cluster.serve(1), "region 2")
        self.cluster.write_config()
        self.stop_and_start_again()

    def test_an_address_that_is_in_use(self):
        self.cluster.start()
        self.write()
        taken = self.cluster.topology["stores"][1]["addr"]
        self.cluster.stores[1].stop()
        self.refused([*self.cluster.serve(1), "--addr", taken], taken)
        self.refused(self.pd(os.path.join(self.scratch, "new-pd"), int(taken.split(":")[1])), taken)
        self.stop_and_start_again()


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAMS = os.path.abspath(sys.argv.pop(1))
    REASON = processes.missing(PROGRAMS)
    if REASON:
        redis_server.skip(REASON)
    unittest.main(verbosity=2)
