"""A test on a cluster of real processes that is refused something: how that is checked, and what must
not have changed by it.
"""

import hashlib
import os
import subprocess
import sys
import unittest

import cluster_processes as processes
import redis_server

PROGRAMS = None  # Set by main() from the command line.
FAILURE, USAGE = 1, 2


class Case(unittest.TestCase):
    """Each test has a cluster of its own, which it starts."""

    def setUp(self):
        self.scratch = self.enter(redis_server.scratch())
        self.cluster = self.enter(processes.Cluster(PROGRAMS, os.path.join(self.scratch, "own")))

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def run_program(self, *command):
        return subprocess.run([os.path.join(PROGRAMS, command[0]), *command[1:]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=processes.PATIENCE_SECONDS, check=False)

    def refused(self, command, *words, codes=(FAILURE,)):
        """It ends by itself, soon, and what it says has the words."""
        result = self.run_program(*command)
        self.assertIn(result.returncode, codes, result.stderr)
        for word in words:
            self.assertIn(word, result.stderr)

    def pd(self, directory, port=None):
        address = f"127.0.0.1:{port or redis_server.free_port()}"
        return ["nokv", "pd", "--config", self.cluster.config, "--workdir", directory,
                "--addr", address]

    def serve_elsewhere(self, store, directory):
        """A store on an address of its own."""
        return [*self.cluster.serve(store, directory),
                "--addr", f"127.0.0.1:{redis_server.free_port()}"]

    def directory(self, store):
        return os.path.join(self.cluster.folder, f"store-{store}")

    def pd_directory(self):
        return self.cluster.topology["pd"]["work_dir"]

    def stop(self):
        for daemon in reversed(self.cluster.daemons()):
            if daemon.runs():
                self.assertEqual(daemon.stop(), 0, daemon.end_of_log())

    def stop_and_start_again(self):
        """What was written before is there after it."""
        self.stop()
        self.cluster.start()
        self.check_written()

    def write(self):
        self.assertEqual(self.cluster.ask("SET", "kept", "yes"), b"+OK\r\n")

    def check_written(self):
        self.assertEqual(self.cluster.ask("GET", "kept"), b"$3\r\nyes\r\n")


def checksums(path):
    """Of every file below a folder, or of one file; but not of locks, which name who took them."""
    if os.path.isfile(path):
        return {path: checksum(path)}
    return {name: checksum(name) for folder, _, files in os.walk(path)
            for name in (os.path.join(folder, file) for file in files if file != "LOCK")}


def checksum(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def main(module):
    """For the test's own main: its first argument is the folder of the programs."""
    global PROGRAMS  # pylint: disable=global-statement
    if len(sys.argv) < 2:
        sys.exit(module)
    PROGRAMS = os.path.abspath(sys.argv.pop(1))
    reason = processes.missing(PROGRAMS)
    if reason:
        redis_server.skip(reason)
    unittest.main(verbosity=2)
