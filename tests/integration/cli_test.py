#!/usr/bin/env python3
"""Runs every command of `nokv` as a user would: on good, absent, foreign, locked and damaged
directories, with and without --json, and with command lines that make no sense.

usage: cli_test.py PATH_OF_NOKV [unittest arguments]
"""

import base64
import fcntl
import http.server
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

NOKV = None  # Set below from the command line.
TIMEOUT_SECONDS = 60

OK, FAILURE, USAGE = 0, 1, 2
COMMANDS = ["stats", "manifest", "vlog", "verify", "get", "scan", "set", "del", "checkpoint",
            "compact"]
# What the commands need besides the directory.
ARGUMENTS = {"get": ["k"], "set": ["k", "v"], "del": ["k"], "checkpoint": ["--to", "unused"]}


def run(*arguments, stdin=b""):
    return subprocess.run([NOKV, *arguments], input=stdin, capture_output=True,
                          timeout=TIMEOUT_SECONDS, check=False)


class CliTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="nokv-cli-")
        self.addCleanup(shutil.rmtree, self.root)
        self.db = os.path.join(self.root, "db")

    def nokv(self, command, *arguments, workdir=None, code=OK, stdin=b""):
        """Runs a command on the directory and checks its exit code."""
        result = run(command, "--workdir", workdir or self.db, *arguments, stdin=stdin)
        self.assertEqual(result.returncode, code,
                         f"{command} {arguments}: {result.stdout!r} {result.stderr!r}")
        return result

    def json(self, command, *arguments, **keywords):
        return json.loads(self.nokv(command, *arguments, "--json", **keywords).stdout)

    def errors(self, command, *arguments, **keywords):
        """The text on stderr; nothing may crash, and each failure says something."""
        text = self.nokv(command, *arguments, **keywords).stderr.decode()
        self.assertNotEqual(text, "")
        return text

    def fill(self):
        """Values in tables, in sealed segments and behind the log boundary; some are dead."""
        for i in range(6):
            self.nokv("set", f"user:{i}", f"name {i}")
            self.nokv("set", f"blob:{i}", "--value-file", "-", stdin=bytes([65 + i]) * 5000)
        self.nokv("set", "blob:0", "--value-file", "-", stdin=b"new" * 2000)
        self.nokv("del", "user:5")
        self.nokv("compact")
        for i in range(4):
            self.nokv("set", f"late:{i}", "x" * 600)


class Values(CliTest):
    def test_a_value_comes_back_byte_for_byte(self):
        every_byte = bytes(range(256)) * 20
        self.nokv("set", "k", "--value-file", "-", stdin=every_byte)
        self.assertEqual(self.nokv("get", "k").stdout, every_byte)
        answer = self.json("get", "k")
        self.assertEqual(answer["value_encoding"], "base64")
        self.assertEqual(base64.b64decode(answer["value"]), every_byte)
        self.assertEqual(answer["value_bytes"], len(every_byte))
        self.assertEqual(answer["expiry_ms"], 0)
        self.assertEqual(bytes.fromhex(self.json("get", "--hex", "6b")["value"]), every_byte)

    def test_keys_and_values_that_look_like_something_else_are_taken_as_they_are(self):
        for text in ["[1,2]", "{\"a\": 1}", "\"quoted\"", "set", "stats", "a=b", "%s", "{}", "ü"]:
            self.nokv("set", text, text)
            self.assertEqual(self.nokv("get", text).stdout.decode(), text)
        self.nokv("set", "--", "--dashes", "-1")
        self.assertEqual(self.nokv("get", "--", "--dashes").stdout, b"-1")

    def test_text_is_json_text(self):
        self.nokv("set", "k", "größer \" than")
        answer = self.json("get", "k")
        self.assertEqual((answer["key"], answer["value"], answer["value_encoding"]),
                         ("k", "größer \" than", "utf8"))

    def test_an_empty_value_is_a_value(self):
        self.nokv("set", "k", "")
        self.assertEqual(self.nokv("get", "k").stdout, b"")
        self.assertEqual(self.json("get", "k")["value_bytes"], 0)

    def test_binary_keys_are_typed_as_they_are_printed(self):
        self.nokv("set", r"a\x00\\b\x7f", "v")
        self.assertEqual(self.nokv("scan", "--keys-only").stdout.decode(), "a\\x00\\\\b\\x7f\n")
        self.assertEqual(self.nokv("get", "--hex", "61005c627f").stdout, b"76\n")
        self.assertIn("offset 1", self.errors("get", r"a\n", code=USAGE))
        self.assertIn("hex", self.errors("get", "--hex", "6x", code=USAGE))

    def test_a_ttl_shows_as_expiry(self):
        self.nokv("set", "--ttl", "1h", "k", "v")
        expiry_ms = self.json("get", "k")["expiry_ms"]
        self.assertGreater(expiry_ms, 1_600_000_000_000)
        self.assertIn(b"[until 2", self.nokv("scan").stdout)
        for ttl in ["0s", "-1s", "soon", "5", "inf"]:
            self.assertIn("--ttl", self.errors("set", f"--ttl={ttl}", "k", "v", code=USAGE))

    def test_what_is_deleted_is_not_there(self):
        self.nokv("set", "k", "v")
        self.assertTrue(self.json("del", "k")["existed"])
        self.assertFalse(self.json("del", "k")["existed"])
        self.assertIn(b"was not there", self.nokv("del", "k").stdout)
        result = self.nokv("get", "k", code=FAILURE)
        self.assertEqual(result.stdout, b"")
        self.assertIn(b"key k is not there", result.stderr)
        self.assertFalse(self.json("get", "k", code=FAILURE)["found"])

    def test_keys_of_the_system_are_left_alone(self):
        self.nokv("set", "k", "v")
        for command in [["set", r"\xffr", "v"], ["del", r"\xffr"], ["set", "--hex", "ff", "00"]]:
            self.assertIn("--system", self.errors(*command, code=USAGE))
        self.nokv("set", "--system", r"\xffr", "v")
        self.assertEqual(self.nokv("get", r"\xffr").stdout, b"v")
        self.nokv("del", "--system", r"\xffr")

    def test_bounds_are_checked(self):
        self.errors("set", "", "v", code=USAGE)
        self.nokv("set", "k" * (64 << 10), "v")
        self.errors("set", "k" * ((64 << 10) + 1), "v", code=USAGE)
        self.errors("set", "k", code=USAGE)
        self.errors("set", "k", "v", "--value-file", "-", code=USAGE)
        self.errors("set", "k", "--value-file", os.path.join(self.root, "none"), code=FAILURE)

    def test_an_unknown_column_family_is_answered_with_those_there_are(self):
        self.nokv("set", "k", "v")
        for command in [["get", "k"], ["scan"], ["set", "k", "v"], ["del", "k"]]:
            self.assertIn("default", self.errors(*command, "--cf", "none", code=FAILURE))


class Scans(CliTest):
    def setUp(self):
        super().setUp()
        for key in ["a", "b:1", "b:2", "b:3", r"b\xff", "c", r"\xff\xff"]:
            self.nokv("set", "--system", key, "value of " + key)

    def keys(self, *arguments):
        answer = self.json("scan", "--keys-only", *arguments)
        self.assertEqual(answer["count"], len(answer["entries"]))
        return [entry["key"] for entry in answer["entries"]]

    def test_bounds_prefix_and_direction(self):
        everything = ["a", "b:1", "b:2", "b:3", r"b\xff", "c", r"\xff\xff"]
        self.assertEqual(self.keys(), everything)
        self.assertEqual(self.keys("--reverse"), everything[::-1])
        self.assertEqual(self.keys("--start", "b:2", "--end", "c"), ["b:2", "b:3", r"b\xff"])
        self.assertEqual(self.keys("--prefix", "b:"), ["b:1", "b:2", "b:3"])
        self.assertEqual(self.keys("--prefix", "b:", "--start", "b:2", "--end", "d"),
                         ["b:2", "b:3"])
        self.assertEqual(self.keys("--prefix", "b", "--end", "b:3", "--reverse"), ["b:2", "b:1"])
        self.assertEqual(self.keys("--prefix", r"\xff"), [r"\xff\xff"])
        self.assertEqual(self.keys("--start", "c", "--end", "a"), [])
        self.assertEqual(self.keys("--start", "x", "--end", "y"), [])
        self.assertEqual(self.keys("--hex", "--prefix", "623a", "--limit", "1"), ["623a31"])

    def test_a_limit_says_where_to_go_on(self):
        for direction in [[], ["--reverse"]]:
            seen, arguments = [], []
            for _ in range(20):
                answer = self.json("scan", "--limit", "2", *direction, *arguments)
                seen += [entry["key"] for entry in answer["entries"]]
                if not answer["more"]:
                    break
                name = "end" if direction else "start"
                arguments = ["--" + name, answer["next_" + name]]
            self.assertEqual(seen, self.keys(*direction))
        result = self.nokv("scan", "--limit", "2")
        self.assertIn(b"there are more: go on with --start 'b:2'", result.stderr)
        self.assertEqual(len(result.stdout.splitlines()), 2)
        self.assertEqual(self.nokv("scan", "--limit", "7").stderr, b"")
        self.assertEqual(self.nokv("scan", "--limit", "0").stderr, b"")

    def test_long_values_are_shortened_in_text_and_whole_in_json(self):
        self.nokv("set", "long", "x" * 3000)
        line = self.nokv("scan", "--prefix", "long").stdout.decode()
        self.assertIn("... (2.9 KiB)", line)
        self.assertLess(len(line), 120)
        self.assertEqual(self.json("scan", "--prefix", "long")["entries"][0]["value"], "x" * 3000)


class Directory(CliTest):
    def test_figures_agree_in_text_and_json(self):
        self.fill()
        stats = self.json("stats")
        self.assertGreater(stats["disk_bytes"], 0)
        self.assertGreater(stats["lsm"]["tables"], 0)
        text = self.nokv("stats").stdout.decode()
        self.assertRegex(text, rf"(?m)^lsm\.tables +{stats['lsm']['tables']}$")

        families = self.json("manifest")["column_families"]
        self.assertEqual(families[0]["name"], "default")
        tables = [table for level in families[0]["levels"] for table in level["tables"]]
        self.assertEqual(len(tables), stats["lsm"]["tables"])
        self.assertEqual(tables[0]["smallest_key"], "blob:0")
        self.assertIn("blob:0", self.nokv("manifest").stdout.decode())
        self.assertIn("626c6f623a30", self.nokv("manifest", "--hex").stdout.decode())

        log = self.json("vlog")
        self.assertEqual(len(log["segments"]), stats["value_log"]["segments"])
        for segment in log["segments"]:
            self.assertTrue(os.path.exists(os.path.join(self.db, segment["file"])), segment)
            self.assertIn(segment["file"], self.nokv("vlog").stdout.decode())
        self.assertEqual(log["live_bytes"], sum(s["live_bytes"] for s in log["segments"]))

    def test_looking_changes_nothing(self):
        self.fill()

        def contents():
            found = {}
            for name in sorted(os.listdir(self.db)):
                if name != "LOCK":
                    with open(os.path.join(self.db, name), "rb") as file:
                        found[name] = file.read()
            return found

        before = contents()
        for command in ["stats", "manifest", "vlog", "verify", "scan"]:
            self.nokv(command)
        self.nokv("get", "user:1")
        self.assertEqual(contents(), before)

    def test_a_checkpoint_is_a_database_with_the_same_keys(self):
        self.fill()
        copy = os.path.join(self.root, "copy")
        self.assertGreater(self.json("checkpoint", "--to", copy)["disk_bytes"], 0)
        self.nokv("set", "after", "v")
        self.nokv("get", "after", workdir=copy, code=FAILURE)
        self.nokv("del", "after")
        self.nokv("verify", workdir=copy)
        everything = self.json("scan", "--limit", "0")
        self.assertEqual(self.json("scan", "--limit", "0", workdir=copy), everything)
        self.assertIn("--to", self.errors("checkpoint", "--to", copy, code=FAILURE))

    def test_a_missing_directory_is_named_and_not_made(self):
        for command in COMMANDS:
            if command != "set":
                text = self.errors(command, *ARGUMENTS.get(command, []), code=FAILURE)
                self.assertIn(self.db, text)
                self.assertIn("--workdir", text)
        self.assertFalse(os.path.exists(self.db))

    def test_a_directory_that_can_not_be_made_is_named_with_what_is_missing(self):
        deep = os.path.join(self.root, "none", "db")
        self.assertIn("make it first", self.errors("set", "k", "v", workdir=deep, code=FAILURE))
        self.nokv("set", "k", "v")
        self.assertIn("make it first", self.errors("checkpoint", "--to", deep, code=FAILURE))
        self.assertIn("--to is empty", self.errors("checkpoint", "--to", "", code=USAGE))
        for command in COMMANDS:
            result = run(command, "--workdir", "", *ARGUMENTS.get(command, []))
            self.assertEqual(result.returncode, USAGE, command)
            self.assertIn(b"--workdir", result.stderr)

    def test_a_foreign_directory_is_refused_and_left_as_it_is(self):
        os.mkdir(self.db)
        with open(os.path.join(self.db, "letter.txt"), "w", encoding="utf-8") as file:
            file.write("dear reader")
        for command in COMMANDS:
            self.assertIn("not a database", self.errors(command, *ARGUMENTS.get(command, []),
                                                        code=FAILURE))
        self.assertEqual(os.listdir(self.db), ["letter.txt"])

    def test_a_directory_of_another_user_is_named_with_what_to_do(self):
        self.nokv("set", "k", "v")
        os.chmod(self.root, 0o755)
        os.chmod(self.db, 0o755)
        for name in os.listdir(self.db):
            os.chmod(os.path.join(self.db, name), 0o644)
        os.chmod(os.path.join(self.db, "LOCK"), 0)
        somebody = {"user": "nobody"} if os.geteuid() == 0 else {}
        for command in COMMANDS:
            arguments = [NOKV, command, "--workdir", self.db, *ARGUMENTS.get(command, [])]
            try:
                result = subprocess.run(arguments, capture_output=True, cwd="/", check=False,
                                        timeout=TIMEOUT_SECONDS, **somebody)
            except PermissionError:
                self.skipTest("nobody may not run programs from here")
            self.assertEqual(result.returncode, FAILURE, command)
            self.assertIn(os.path.join(self.db, "LOCK"), result.stderr.decode())
            self.assertIn(b"must be yours to read and write", result.stderr)

    def test_a_file_is_no_directory(self):
        path = os.path.join(self.root, "file")
        with open(path, "w", encoding="utf-8"):
            pass
        for command in COMMANDS:
            self.assertIn(path, self.errors(command, *ARGUMENTS.get(command, []), workdir=path,
                                            code=FAILURE))

    def test_a_directory_in_use_is_left_to_its_process(self):
        self.nokv("set", "k", "v")
        with open(os.path.join(self.db, "LOCK"), "r+", encoding="utf-8") as lock:
            fcntl.lockf(lock, fcntl.LOCK_EX)
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            for command in COMMANDS:
                text = self.errors(command, *ARGUMENTS.get(command, []), code=FAILURE)
                self.assertIn(f"process {os.getpid()}", text)
                self.assertIn("stop the process", text)
        self.nokv("get", "k")


class Damage(CliTest):
    def test_a_good_directory_verifies(self):
        self.fill()
        self.assertIn(b"no damage found", self.nokv("verify").stdout)
        answer = self.json("verify")
        self.assertTrue(answer["ok"])
        self.assertGreater(answer["bytes_checked"], 30_000)

    def test_one_changed_byte_in_any_file_is_found_and_named(self):
        self.fill()
        damaged = []
        for name in sorted(os.listdir(self.db)):
            with open(os.path.join(self.db, name), "rb") as file:
                content = file.read()
            used = len(content.rstrip(b"\0"))
            if name == "LOCK" or used == 0:  # Nothing is kept in the lock, nor in the reserve.
                continue
            damaged.append(name)
            with self.subTest(file=name, offset=used // 2):
                self.check_damage(name, content, used // 2)
        self.assertGreaterEqual(len(damaged), 4, damaged)  # CURRENT, manifest, table, segment.

    def test_a_file_that_is_gone_is_found_and_named(self):
        self.fill()
        missing = []
        for name in sorted(os.listdir(self.db)):
            with open(os.path.join(self.db, name), "rb") as file:
                if name in ("LOCK", "CURRENT") or not file.read().strip(b"\0"):
                    continue
            missing.append(name)
            copy = os.path.join(self.root, "copy")
            shutil.copytree(self.db, copy)
            os.remove(os.path.join(copy, name))
            with self.subTest(file=name):
                text = self.errors("verify", workdir=copy, code=FAILURE)
                self.assertIn("damage found", text)
                self.assertIn(name, text)
            shutil.rmtree(copy)
        self.assertGreaterEqual(len(missing), 3, missing)  # Manifest, table, segment.

    def test_a_long_check_shows_how_far_it_is(self):
        self.nokv("set", "k", "--value-file", "-", stdin=b"v" * (20 << 20))
        self.nokv("compact")  # Verify reads tables and what they refer to.
        result = self.nokv("verify", "--json")
        self.assertIn(b"verify: ", result.stderr)
        self.assertTrue(json.loads(result.stdout)["ok"])

    def check_damage(self, name, content, offset):
        copy = os.path.join(self.root, "copy")
        shutil.copytree(self.db, copy)
        try:
            changed = bytearray(content)
            changed[offset] ^= 0x40
            with open(os.path.join(copy, name), "wb") as file:
                file.write(changed)
            text = self.errors("verify", workdir=copy, code=FAILURE)
            self.assertIn("damage found", text)
            self.assertIn(name, text)
            self.assertRegex(text, r"\b(at|offset) \d+")
            self.assertIn("restore", text)
            answer = self.json("verify", workdir=copy, code=FAILURE)
            self.assertEqual((answer["ok"], answer["damaged"]), (False, True))
            self.assertIn(name, answer["error"])
        finally:
            shutil.rmtree(copy)


class CommandLines(CliTest):
    def test_every_command_has_help_with_an_example(self):
        overview = run("--help")
        self.assertEqual(overview.returncode, OK)
        for command in COMMANDS:
            self.assertIn(f"  {command} ", overview.stdout.decode())
            result = run(command, "--help")
            self.assertEqual(result.returncode, OK)
            self.assertRegex(result.stdout.decode(), rf"Example:\n  nokv {command} --workdir ")
        self.assertRegex(run("--version").stdout.decode(), r"^nokv \d+\.\d+\.\d+\n$")

    def test_what_is_not_understood_is_refused(self):
        self.nokv("set", "k", "v")
        for command in COMMANDS:
            more = ARGUMENTS.get(command, [])
            self.assertIn("--none", self.errors(command, *more, "--none", code=USAGE))
            self.errors(command, *more, "superfluous", "words", "here", code=USAGE)
            self.assertEqual(run(command, *more).returncode, USAGE)  # No --workdir.
        for line in [[], ["none"], ["--none"], ["scan", "--workdir"]]:
            result = run(*line)
            self.assertEqual(result.returncode, USAGE, line)
            self.assertIn(b"--help", result.stderr)
        for limit in ["-1", "many", "1.5", "99999999999999999999"]:
            self.errors("scan", f"--limit={limit}", code=USAGE)

    def test_output_that_goes_nowhere_is_a_failure(self):
        self.nokv("set", "k", "v")
        with open("/dev/full", "wb") as full:
            result = subprocess.run([NOKV, "get", "--workdir", self.db, "k"], stdout=full,
                                    stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(result.returncode, FAILURE)
        self.assertIn(b"standard output", result.stderr)


class Expvar(unittest.TestCase):
    """Stats of a running process, from a server that speaks for it."""

    def setUp(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = self.server.answers.get(self.path)
                self.send_response(200 if body is not None else 404)
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.server.answers = {}
        self.address = f"127.0.0.1:{self.server.server_port}"
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def test_the_figures_of_a_process(self):
        stats = {"entries": 3, "region": {"total": 1}, "redis": {"commands_total": 7}}
        self.server.answers["/debug/vars"] = json.dumps({"NoKV.Stats": stats}).encode()
        for url in [self.address, "http://" + self.address]:
            self.assertEqual(json.loads(run("stats", "--expvar", url, "--json").stdout), stats)
        text = run("stats", "--expvar", self.address, "--no-region-metrics").stdout.decode()
        self.assertRegex(text, r"(?m)^redis\.commands_total +7$")
        self.assertNotIn("region", text)

    def test_answers_that_are_none(self):
        for body in [None, b"", b"{", b"[]", b"{\"NoKV.Stats\": 3}", b"\xff" * 100]:
            self.server.answers["/debug/vars"] = body
            result = run("stats", "--expvar", self.address)
            self.assertEqual(result.returncode, FAILURE, body)
            self.assertIn(self.address.encode(), result.stderr)
        self.assertEqual(run("stats", "--expvar", "https://x").returncode, USAGE)
        self.assertEqual(run("stats", "--expvar", "x", "--workdir", "y").returncode, USAGE)
        result = run("stats", "--expvar", "127.0.0.1:1")
        self.assertEqual(result.returncode, FAILURE)
        self.assertIn(b"--metrics-addr", result.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    NOKV = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
