#!/usr/bin/env python3
"""The real nokv-redis process: its protocol, its data across kills, its flags, its end.

Usage: redis_test.py NOKV_REDIS_BINARY
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import urllib.error
import urllib.request

import redis_server
from redis_server import Nokv, encode

BINARY = sys.argv[1] if len(sys.argv) > 1 else ""


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = redis_server.scratch()
        self.directory = redis_server.workdir(self.scratch.name)
        self.servers = []

    def tearDown(self):
        for server in self.servers:
            if server.process.poll() is None:
                server.kill()
        self.scratch.cleanup()

    def start(self, *flags):
        server = Nokv(BINARY, self.directory, *flags)
        self.servers.append(server)
        return server

    def run_briefly(self, *arguments):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=30)


class Protocol(Case):
    def test_pipeline(self):
        client = self.start().connect()
        count = 10000
        client.send(b"".join(encode("SET", "k%d" % i, i) + encode("INCR", "n") for i in range(count)))
        for i in range(count):
            self.assertEqual(client.reply(), b"+OK\r\n")
            self.assertEqual(client.reply(), b":%d\r\n" % (i + 1))
        self.assertEqual(client.ask("DBSIZE"), b":%d\r\n" % (count + 1))

    def test_byte_by_byte(self):
        client = self.start().connect()
        for byte in encode("SET", "k", "v\r\n") + b"GET k\r\n":
            client.send(bytes([byte]))
        self.assertEqual(client.reply(), b"+OK\r\n")
        self.assertEqual(client.reply(), b"$3\r\nv\r\n\r\n")

    def test_garbage_closes_only_its_sender(self):
        server = self.start()
        good = server.connect()
        bad = server.connect()
        bad.send(b"PING\r\n*1\r\n$x\r\n")
        self.assertEqual(bad.rest(), b"+PONG\r\n-ERR Protocol error: invalid bulk length\r\n")
        for noise in (os.urandom(100000), b"*2147483647\r\n$5\r\n", b"$" * 70000):
            noisy = server.connect()
            try:
                noisy.send(noise)
                noisy.socket.shutdown(socket.SHUT_WR)
                noisy.rest()
            except OSError:
                pass
        self.assertEqual(good.ask("PING"), b"+PONG\r\n")

    def test_half_closed_client_is_answered(self):
        client = self.start().connect()
        client.send(encode("SET", "k", "v") + encode("GET", "k"))
        client.socket.shutdown(socket.SHUT_WR)
        self.assertEqual(client.rest(), b"+OK\r\n$1\r\nv\r\n")

    def test_large_values(self):
        client = self.start().connect()
        for size in (255, 256, 65536, 1 << 20, 20 << 20):
            value = os.urandom(1024) * (size // 1024) + b"x" * (size % 1024)
            self.assertEqual(client.ask("SET", "k", value), b"+OK\r\n")
            self.assertEqual(client.ask("GET", "k"), b"$%d\r\n%s\r\n" % (len(value), value))

    def test_slow_reader_does_not_stop_others(self):
        server = self.start()
        slow = server.connect()
        slow.ask("SET", "k", b"v" * (1 << 20))
        slow.send(encode("GET", "k") * 100)
        other = server.connect()
        for _ in range(100):
            self.assertEqual(other.ask("PING"), b"+PONG\r\n")
        for _ in range(100):
            self.assertEqual(len(slow.reply()), (1 << 20) + len(b"$1048576\r\n\r\n"))

    def test_many_clients_count_together(self):
        server = self.start()
        clients, each = 50, 200

        def count():
            client = server.connect()
            for _ in range(each):
                client.ask("INCR", "n")

        threads = [threading.Thread(target=count) for _ in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(server.connect().ask("GET", "n"), b"$5\r\n10000\r\n")

    def test_library(self):
        try:
            import redis
        except ImportError:
            self.skipTest("python3-redis is not installed")
        client = redis.Redis(port=self.start().port, socket_timeout=10)
        self.assertTrue(client.set("k", "v", ex=100, nx=True))
        self.assertIsNone(client.set("k", "v", nx=True))
        self.assertEqual(client.get("k"), b"v")
        self.assertEqual(client.info()["redis_version"], "7.0.15")
        self.assertEqual(client.info("keyspace")["db0"], {"keys": 1, "expires": 1, "avg_ttl": 0})
        pipeline = client.pipeline(transaction=False)
        for i in range(100):
            pipeline.incr("n")
        self.assertEqual(pipeline.execute(), list(range(1, 101)))


class Durability(Case):
    def fill_then_kill(self, *flags):
        server = self.start(*flags)
        client = server.connect()
        for i in range(500):
            self.assertEqual(client.ask("SET", "k%d" % i, "v%d" % i * (i % 100)), b"+OK\r\n")
        client.ask("DEL", "k0", "k1")
        client.ask("SET", "other", "1")
        client.ask("SELECT", "3")
        client.ask("SET", "k", "in 3", "EX", "1000")
        server.kill()

        client = self.start(*flags).connect()
        self.assertEqual(client.ask("DBSIZE"), b":499\r\n")
        for i in range(2, 500):
            value = b"v%d" % i * (i % 100)
            self.assertEqual(client.ask("GET", "k%d" % i), b"$%d\r\n%s\r\n" % (len(value), value))
        client.ask("SELECT", "3")
        self.assertEqual(client.ask("DBSIZE"), b":1\r\n")
        self.assertIn(client.ask("TTL", "k"), [b":%d\r\n" % s for s in range(900, 1001)])

    def test_kill_keeps_what_was_acknowledged(self):
        self.fill_then_kill()

    def test_kill_keeps_what_was_acknowledged_at_level_2(self):
        self.fill_then_kill("--durability", "L2")

    def test_mset_is_all_or_nothing_across_kills(self):
        keys = 50
        for attempt in range(5):
            server = self.start()
            client = server.connect()
            killer = threading.Timer(0.05 + 0.03 * attempt, server.process.kill)
            killer.start()
            acknowledged = 0
            try:
                for i in range(1, 1000000):
                    words = [w for k in range(keys) for w in ("m%d" % k, "%d-%d" % (attempt, i))]
                    if client.ask("MSET", *words) != b"+OK\r\n":
                        break
                    acknowledged = i
            except (EOFError, OSError):
                pass
            killer.join()
            server.process.communicate()

            server = self.start()
            client = server.connect()
            client.send(encode("MGET", *["m%d" % k for k in range(keys)]))
            values = set(client.reply().split(b"\r\n")[2::2])
            self.assertEqual(len(values), 1, values)
            seen_attempt, seen = map(int, values.pop().split(b"-"))
            if acknowledged:
                self.assertEqual(seen_attempt, attempt)
                self.assertGreaterEqual(seen, acknowledged)
            self.assertEqual(client.ask("DBSIZE"), b":%d\r\n" % keys)
            server.kill()

    def test_count_is_exact_across_kills(self):
        for attempt in range(5):
            server = self.start()
            client = server.connect()
            killer = threading.Timer(0.1, server.process.kill)
            killer.start()
            try:
                for i in range(1000000):
                    client.send(
                        encode("SET", "a%d" % i, "v")
                        + encode("SET", "b%d" % (i % 7), "v", "PX", str(1 + i % 20))
                        + encode("DEL", "a%d" % (i - 3))
                    )
                    for _ in range(3):
                        client.reply()
                    if i % 500 == 499:
                        client.ask("FLUSHALL")
            except (EOFError, OSError):
                pass
            killer.join()
            server.process.communicate()
        server = self.start()
        client = server.connect()
        # What will still expire does so within 20 ms; then nothing changes any more.
        deadline = time.monotonic() + 10
        while client.ask("EXISTS", *["b%d" % i for i in range(7)]) != b":0\r\n":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        total = 0
        for start in range(0, 200000, 10000):
            total += int(client.ask("EXISTS", *["a%d" % i for i in range(start, start + 10000)])[1:])
        while client.ask("DBSIZE") != b":%d\r\n" % total and time.monotonic() < deadline:
            time.sleep(0.01)  # Expired keys count until they are noticed.
        self.assertEqual(client.ask("DBSIZE"), b":%d\r\n" % total)

    def test_flushall_survives_a_kill(self):
        server = self.start()
        client = server.connect()
        client.ask("MSET", "a", "1", "b", "2")
        self.assertEqual(client.ask("FLUSHALL"), b"+OK\r\n")
        client.ask("SET", "c", "3")
        server.kill()
        client = self.start().connect()
        self.assertEqual(client.ask("MGET", "a", "b", "c"), b"*3\r\n$-1\r\n$-1\r\n$1\r\n3\r\n")
        self.assertEqual(client.ask("DBSIZE"), b":1\r\n")

    def test_keys_expire_and_are_counted_down(self):
        server = self.start()
        client = server.connect()
        for i in range(1000):
            client.ask("SET", "k%d" % i, "v", "PX", "150")
        client.ask("SET", "stays", "v")
        deadline = time.monotonic() + 15
        while client.ask("DBSIZE") != b":1\r\n" and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual(client.ask("DBSIZE"), b":1\r\n")
        self.assertEqual(client.ask("GET", "k5"), b"$-1\r\n")
        self.assertIn(b"expired_keys:1000", client.ask("INFO", "stats"))


class Process(Case):
    def test_termination_is_orderly(self):
        for sig in (signal.SIGTERM, signal.SIGINT):
            server = self.start()
            client = server.connect()
            client.ask("INCR", "n")
            self.assertEqual(server.stop(sig), 0)
            self.assertEqual(client.rest(), b"")
        client = self.start().connect()
        self.assertEqual(client.ask("GET", "n"), b"$1\r\n2\r\n")

    def test_ready_line(self):
        server = self.start()
        self.assertIn("nokv-redis ready on 127.0.0.1:%d, data in" % server.port, server.ready_line)

    def test_second_process_is_refused(self):
        server = self.start()
        other = self.run_briefly("--workdir", self.directory, "--addr", "127.0.0.1:0")
        self.assertEqual(other.returncode, 1)
        self.assertIn(str(server.process.pid), other.stderr)
        self.assertIn("give this process a --workdir of its own", other.stderr)

    def test_address_in_use(self):
        server = self.start()
        other = self.run_briefly(
            "--workdir", self.directory + "2", "--addr", "127.0.0.1:%d" % server.port
        )
        self.assertEqual(other.returncode, 1)
        self.assertIn("cannot listen on 127.0.0.1:%d" % server.port, other.stderr)
        self.assertIn("choose another --addr", other.stderr)

    def test_a_file_in_the_way(self):
        path = os.path.join(self.scratch.name, "file")
        with open(path, "wb"):
            pass
        for workdir in (path, os.path.join(path, "below")):
            result = self.run_briefly("--workdir", workdir, "--addr", "127.0.0.1:0")
            self.assertEqual(result.returncode, 1)
            self.assertIn(path, result.stderr)
            self.assertIn("a file is in the way", result.stderr)

    def test_a_port_that_is_not_for_this_user(self):
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as first:
            if int(first.read()) <= 1:
                self.skipTest("every port is for everybody here")
        os.chmod(self.scratch.name, 0o777)
        somebody = {"user": "nobody"} if os.geteuid() == 0 else {}
        try:
            result = subprocess.run([BINARY, "--workdir", self.directory, "--addr", "127.0.0.1:1"],
                                    capture_output=True, text=True, timeout=30, cwd="/", **somebody)
        except PermissionError:
            self.skipTest("nobody may not run programs from here")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot listen on 127.0.0.1:1", result.stderr)
        self.assertIn("choose one from 1024 on", result.stderr)

    def test_password(self):
        server = self.start("--requirepass", "secret")
        client = server.connect()
        self.assertEqual(client.ask("GET", "k"), b"-NOAUTH Authentication required.\r\n")
        self.assertTrue(client.ask("AUTH", "wrong").startswith(b"-WRONGPASS"))
        self.assertEqual(client.ask("AUTH", "secret"), b"+OK\r\n")
        self.assertEqual(client.ask("GET", "k"), b"$-1\r\n")

    def test_wrong_command_lines(self):
        for flags, words in (
            (["--nonsense"], "--nonsense"),
            (["--addr", "0.0.0.0:0"], "--requirepass"),
            (["--addr", "nowhere"], '--addr "nowhere"'),
            (["--metrics-addr", "nowhere"], '--metrics-addr "nowhere"'),
            (["--durability", "L3"], "L3"),
            (["--memory", "lots"], '--memory "lots"'),
            (["--memory", "0"], "--memory 0"),
            (["--memory", "9999999t"], "--memory 9999999t"),
            (["--maxclients", "0"], "maxclients"),
            (["--log-level", "loud"], "loud"),
        ):
            result = self.run_briefly("--workdir", self.directory, *flags)
            self.assertEqual(result.returncode, 2, flags)
            self.assertIn(words, result.stderr)
            self.assertFalse(os.path.exists(self.directory))

    def test_help(self):
        result = self.run_briefly("--help")
        self.assertEqual(result.returncode, 0)
        for flag in ("--workdir", "--addr", "--durability", "--requirepass", "--metrics-addr",
                     "--memory", "--maxclients", "--insecure", "--log-level"):
            self.assertIn(flag, result.stdout)

    def test_metrics(self):
        port = redis_server.free_port()
        server = self.start("--metrics-addr", "127.0.0.1:%d" % port)
        client = server.connect()
        client.ask("SET", "k", "v")
        client.ask("GET", "nothing")
        client.ask("INCR", "k")

        def page(path):
            return urllib.request.urlopen("http://127.0.0.1:%d%s" % (port, path), timeout=10).read()

        metrics = page("/metrics").decode()
        self.assertIn('nokv_gateway_commands_total{command="set",result="ok"} 1\n', metrics)
        self.assertIn('nokv_gateway_commands_total{command="incr",result="error"} 1\n', metrics)
        self.assertIn("nokv_gateway_keyspace_misses_total 1\n", metrics)
        self.assertIn('nokv_gateway_keys{database="0"} 1\n', metrics)
        self.assertIn("nokv_engine_writes_total", metrics)
        self.assertIn(b'"NoKV.Stats"', page("/debug/vars"))
        self.assertEqual(page("/healthz"), b"ok\n")
        self.assertEqual(page("/readyz"), b"ok\n")


if __name__ == "__main__":
    if not BINARY:
        sys.exit(__doc__)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], warnings="ignore")
