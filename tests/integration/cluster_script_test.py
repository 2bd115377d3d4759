#!/usr/bin/env python3
"""The scripts of deploy/ as a user runs them: a local cluster from start to end, one store by
itself, and command lines that make no sense.

usage: cluster_script_test.py FOLDER_OF_PROGRAMS FOLDER_OF_SCRIPTS [unittest arguments]
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

import cluster_processes as processes
import redis_server

PROGRAMS = None  # Both set below from the command line.
SCRIPTS = None
NO_CLUSTER = None  # Why the programs can't serve, if so.
OK, FAILURE, USAGE = 0, 1, 2

# The Python that the distribution's python3-redis belongs to.
PYTHON = "/usr/bin/python3"
REDIS_SESSION = """
import redis, sys
client = redis.Redis(port=int(sys.argv[1]), decode_responses=True)
assert client.set("language", "python") is True
assert client.get("language") == "python"
assert client.incr("visits") == 1 and client.incr("visits", 41) == 42
assert client.get("visits") == "42"
assert client.delete("language") == 1 and client.get("language") is None
"""


def script(name, *arguments):
    return subprocess.run([os.path.join(SCRIPTS, name), *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=processes.PATIENCE_SECONDS, check=False)


class Case(unittest.TestCase):
    def setUp(self):
        context = redis_server.scratch()
        self.scratch = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.config = os.path.join(self.scratch, "topology.json")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(processes.topology(self.data("topology")), file)

    def data(self, name):
        return os.path.join(self.scratch, name)


class CommandLines(Case):
    def test_help_names_every_option(self):
        for name in ("run_local_cluster.sh", "serve_from_config.sh", "bootstrap_from_config.sh"):
            shown = script(name, "--help")
            self.assertEqual((shown.returncode, shown.stderr), (OK, ""))
            with open(os.path.join(SCRIPTS, name), encoding="utf-8") as file:
                for option in set(re.findall(r"^ +(--[a-z-]+)(?= \||\))", file.read(), re.M)):
                    self.assertIn(f"  {option}", shown.stdout)

    def test_no_script_removes_a_lock_or_anything_else(self):
        removes = re.compile(r"^[^#\n]*(\b(rm|rmdir|unlink|shred|truncate|mv)\b|-delete\b)", re.M)
        self.assertRegex("cd data && rm -f LOCK", removes)
        for name in sorted(os.listdir(SCRIPTS)):
            if name.endswith((".sh", ".bash")) and name != "install_deps.sh":  # Makes no cluster.
                with open(os.path.join(SCRIPTS, name), encoding="utf-8") as file:
                    self.assertNotRegex(file.read(), removes, name)

    def test_what_makes_no_sense_is_refused(self):
        for name, *line in (["run_local_cluster.sh", "--none"], ["run_local_cluster.sh", "extra"],
                            ["run_local_cluster.sh", "--config"],
                            ["run_local_cluster.sh", "--config", "--no-redis"],
                            ["run_local_cluster.sh", "--metrics-port", "x"],
                            ["serve_from_config.sh"], ["serve_from_config.sh", "--store-id"],
                            ["serve_from_config.sh", "--store-id", "1", "--scope", "moon"],
                            ["bootstrap_from_config.sh", "--none"]):
            result = script(name, *line)
            self.assertEqual(result.returncode, USAGE, (name, line))
            self.assertIn("usage:", result.stderr)
            self.assertEqual(result.stdout, "")

    def test_a_topology_with_mistakes_starts_nothing(self):
        with open(self.config, "r+", encoding="utf-8") as file:
            file.write('{"none": 1, ')
        for name, *line in (["run_local_cluster.sh", "--workdir", self.data("run")],
                            ["serve_from_config.sh", "--store-id", "1"],
                            ["bootstrap_from_config.sh"]):
            result = script(name, "--config", self.config, "--bin", PROGRAMS, *line)
            self.assertEqual(result.returncode, FAILURE, (name, result.stderr))
            self.assertIn(f"{self.config}:1:", result.stderr)
        self.assertEqual(os.listdir(self.scratch), ["topology.json"])

    def test_a_store_that_is_not_there(self):
        result = script("serve_from_config.sh", "--config", self.config, "--bin", PROGRAMS,
                        "--store-id", "9")
        self.assertEqual(result.returncode, FAILURE)
        self.assertIn("store 9 is not in", result.stderr)

    def test_programs_that_are_not_there(self):
        result = script("run_local_cluster.sh", "--config", self.config, "--bin", self.scratch)
        self.assertEqual(result.returncode, FAILURE)
        self.assertIn("quickstart.sh cluster", result.stderr)


class LocalCluster:
    """deploy/run_local_cluster.sh, from its start to "ready"."""

    def __init__(self, case):
        self.port = redis_server.free_port()
        self.output = case.data("output")
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [os.path.join(SCRIPTS, "run_local_cluster.sh"), "--config", case.config, "--bin",
                 PROGRAMS, "--workdir", case.data("run"), "--redis-addr",
                 f"127.0.0.1:{self.port}", "--metrics-port", "0"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        case.addCleanup(self.end)
        self.wait_for("==> ready")
        self.processes = {name: int(pid) for name, pid in
                          re.findall(r"^==> (\S+): process (\d+)", self.text(), re.M)}

    def text(self):
        with open(self.output, encoding="utf-8") as file:
            return file.read()

    def wait_for(self, text):
        deadline = time.monotonic() + processes.PATIENCE_SECONDS
        while text not in self.text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no '{text}' but:\n{self.text()}")
            time.sleep(0.02)

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(2 * processes.STOP_SECONDS)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()  # Its children then end by themselves.
            self.process.wait()

    def ask(self, *words):
        return processes.ask(self.port, *words)

    def cli(self, *words):
        result = subprocess.run(["redis-cli", "-p", str(self.port), *words], capture_output=True,
                                text=True, timeout=processes.PATIENCE_SECONDS, check=True)
        return result.stdout.strip()


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Scripts(Case):
    def setUp(self):
        if NO_CLUSTER:
            self.skipTest(NO_CLUSTER)
        super().setUp()

    def wait_until(self, condition, what):
        deadline = time.monotonic() + processes.PATIENCE_SECONDS
        while not condition():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.05)

    def test_a_local_cluster_serves_and_ends_and_is_there_again(self):
        cluster = LocalCluster(self)
        self.assertEqual(sorted(cluster.processes),
                         ["gateway", "pd", "store-1", "store-2", "store-3"])
        if shutil.which("redis-cli"):
            self.assertEqual(cluster.cli("SET", "greeting", "hello"), "OK")
            self.assertEqual(cluster.cli("GET", "greeting"), "hello")
            self.assertEqual(cluster.cli("INCR", "counter"), "1")
            self.assertEqual(cluster.cli("DEL", "greeting"), "1")
            self.assertEqual(cluster.cli("GET", "greeting"), "")
        if subprocess.run([PYTHON, "-c", "import redis"], stderr=subprocess.DEVNULL,
                          check=False).returncode == 0:
            subprocess.run([PYTHON, "-c", REDIS_SESSION, str(cluster.port)], check=True,
                           timeout=processes.PATIENCE_SECONDS)
        self.assertEqual(cluster.ask("SET", "kept", "yes"), b"+OK\r\n")
        self.assertEqual(cluster.stop(signal.SIGTERM), OK)
        for name, pid in cluster.processes.items():
            self.assertFalse(is_running(pid), name)

        cluster = LocalCluster(self)
        self.assertEqual(cluster.ask("GET", "kept"), b"$3\r\nyes\r\n")
        self.assertEqual(cluster.stop(signal.SIGINT), OK)
        self.assertEqual(sorted(os.listdir(self.data("run"))),
                         ["logs", "pd", "store-1", "store-2", "store-3"])

    def test_what_is_killed_is_started_again(self):
        cluster = LocalCluster(self)
        self.assertEqual(cluster.ask("SET", "kept", "yes"), b"+OK\r\n")
        for name, pid in cluster.processes.items():
            os.kill(pid, signal.SIGKILL)
        for name in cluster.processes:
            cluster.wait_for(f"{name} was ended by SIGKILL, starting it again")

        self.wait_until(lambda: cluster.ask("GET", "kept") == b"$3\r\nyes\r\n",
                        "the data is not there after all were killed")
        self.assertEqual(cluster.stop(), OK)

    def test_nothing_is_left_when_the_script_itself_is_killed(self):
        cluster = LocalCluster(self)
        cluster.process.kill()
        for name, pid in cluster.processes.items():
            self.wait_until(lambda pid=pid: not is_running(pid), f"{name} goes on")

    def second(self, config):
        """What a second script says, with a gateway of its own, on the directories of the first."""
        result = script("run_local_cluster.sh", "--config", config, "--bin", PROGRAMS, "--workdir",
                        self.data("run"), "--metrics-port", "0", "--redis-addr",
                        f"127.0.0.1:{redis_server.free_port()}")
        self.assertEqual(result.returncode, FAILURE, result.stdout)
        self.assertNotIn("==> ready", result.stdout)
        return result.stderr

    def test_a_second_cluster_is_refused_and_the_first_goes_on(self):
        cluster = LocalCluster(self)
        self.assertIn(f"a cluster of {self.config} runs already", self.second(self.config))

        copy = self.data("copy.json")
        shutil.copy(self.config, copy)
        self.assertIn("another program listens on", self.second(copy))

        with open(copy, "w", encoding="utf-8") as file:
            json.dump(processes.topology(self.data("topology")), file)
        said = self.second(copy)
        self.assertIn("ended with code 1", said)
        self.assertIn("is locked by process", said)

        self.assertTrue(all(is_running(pid) for pid in cluster.processes.values()))
        self.assertEqual(cluster.ask("SET", "k", "v"), b"+OK\r\n")
        self.assertEqual(cluster.stop(), OK)

    def test_a_port_that_is_in_use_is_told_before_anything_starts(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = script("run_local_cluster.sh", "--config", self.config, "--bin", PROGRAMS,
                            "--workdir", self.data("run"), "--redis-addr", f"127.0.0.1:{port}")
        self.assertEqual(result.returncode, FAILURE, result.stdout)
        self.assertIn(f"another program listens on 127.0.0.1:{port}", result.stderr)
        self.assertFalse(os.path.exists(self.data("run")))

    def test_directories_can_be_made_in_advance_and_again(self):
        with open(self.config, encoding="utf-8") as file:
            pd = processes.Daemon("pd", [os.path.join(PROGRAMS, "nokv"), "pd", "--config",
                                         self.config, "--addr", json.load(file)["pd"]["addr"],
                                         "--workdir", self.data("pd")], self.data("pd.log"))
        self.addCleanup(pd.kill)
        pd.start()
        for _ in range(2):
            made = script("bootstrap_from_config.sh", "--config", self.config, "--bin", PROGRAMS,
                          "--path-template", self.data("made/store-{id}"))
            self.assertEqual(made.returncode, OK, made.stderr)
            self.assertTrue(made.stdout.endswith("3 stores have their regions\n"), made.stdout)
        self.assertEqual(sorted(os.listdir(self.data("made"))), ["store-1", "store-2", "store-3"])

    def test_a_store_by_itself_is_the_daemon(self):
        store = subprocess.Popen(
            [os.path.join(SCRIPTS, "serve_from_config.sh"), "--config", self.config, "--bin",
             PROGRAMS, "--store-id", "2", "--workdir", self.data("two")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(store.wait)
        self.addCleanup(store.kill)
        program = os.path.realpath(os.path.join(PROGRAMS, "nokv"))
        self.wait_until(lambda: os.path.realpath(f"/proc/{store.pid}/exe") == program,
                        "the script does not become the daemon")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    PROGRAMS = os.path.abspath(sys.argv.pop(1))
    SCRIPTS = os.path.abspath(sys.argv.pop(1))
    NO_CLUSTER = processes.missing(PROGRAMS)
    unittest.main(verbosity=2)
