#!/usr/bin/env python3
"""Runs every command of `nokv-config` as a user or a script would: on the shipped example, on files
with problems, on what is no file, and with command lines that make no sense.

usage: config_test.py PATH_OF_NOKV_CONFIG FOLDER_OF_THE_EXAMPLE [unittest arguments]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None  # Both set below from the command line.
EXAMPLE = None
TIMEOUT_SECONDS = 60

OK, FAILURE, USAGE = 0, 1, 2
COMMANDS = ["stores", "regions", "manifest", "pd", "validate"]
NEEDED = {"manifest": ["--store-id", "2"]}  # Beside --config.


def run(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True,
                          timeout=TIMEOUT_SECONDS, check=False)


class ConfigTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="nokv-config-")
        self.addCleanup(shutil.rmtree, self.root)
        self.bad = os.path.join(self.root, "bad.json")

    def config(self, command, *arguments, path=None, code=OK):
        result = run(command, "--config", path or EXAMPLE, *NEEDED.get(command, []), *arguments)
        self.assertEqual(result.returncode, code,
                         f"{command} {arguments}: {result.stdout!r} {result.stderr!r}")
        return result

    def lines(self, command, *arguments):
        return self.config(command, *arguments).stdout.splitlines()

    def json(self, command, *arguments, **keywords):
        return json.loads(self.config(command, *arguments, "--json", **keywords).stdout)

    def write_bad(self, before, after):
        with open(EXAMPLE, encoding="utf-8") as file:
            text = file.read()
        self.assertIn(before, text)
        with open(self.bad, "w", encoding="utf-8") as file:
            file.write(text.replace(before, after, 1))


class Example(ConfigTest):
    def test_stores_are_a_line_each(self):
        self.assertEqual(self.lines("stores"), [
            f"{i} 127.0.0.1:{20169 + i} 127.0.0.1:{20169 + i} 0.0.0.0:20160 nokv-node{i}:20160 "
            f"./artifacts/cluster/store-{i} /var/lib/nokv/store-{i}" for i in (1, 2, 3)])
        self.assertEqual(self.lines("stores", "--format", "simple"), self.lines("stores"))

    def test_a_shell_reads_the_lines(self):
        script = (f'"{PROGRAM}" stores --config "{EXAMPLE}" | '
                  'while read -r id listen addr docker_listen docker_addr dir docker_dir; do '
                  'echo "$id=$addr $docker_dir"; done')
        shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True,
                               timeout=TIMEOUT_SECONDS, check=True)
        self.assertEqual(shell.stdout.splitlines()[2], "3=127.0.0.1:20172 /var/lib/nokv/store-3")

    def test_regions_are_a_line_each(self):
        self.assertEqual(self.lines("regions"), [
            "1 - m 1 1 1:101,2:201,3:301 1",
            "2 m hex:ff 1 1 1:102,2:202,3:302 2",
            "3 hex:ff hex:ff72002000 1 1 1:103,2:203,3:303 3",
            "4 hex:ff72002000 - 1 1 1:104,2:204,3:304 1"])

    def test_a_manifest_has_the_regions_of_one_store(self):
        self.assertEqual(self.lines("manifest"), [
            "1 201 - m 1 1 1:101,2:201,3:301 -",
            "2 202 m hex:ff 1 1 1:102,2:202,3:302 yes",
            "3 203 hex:ff hex:ff72002000 1 1 1:103,2:203,3:303 -",
            "4 204 hex:ff72002000 - 1 1 1:104,2:204,3:304 -"])
        answer = self.json("manifest")
        self.assertEqual(answer["store_id"], 2)
        self.assertEqual([(region["id"], region["peer_id"], region["leads"])
                          for region in answer["regions"]],
                         [(1, 201, False), (2, 202, True), (3, 203, False), (4, 204, False)])

    def test_a_manifest_leaves_out_the_regions_of_others(self):
        self.write_bad('{ "store_id": 2, "peer_id": 201 },', "")
        lines = self.config("manifest", path=self.bad).stdout.splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["2", "3", "4"])

    def test_a_table_has_titles(self):
        titles = {"stores": "ID LISTEN ADDR DOCKER_LISTEN DOCKER_ADDR WORK_DIR DOCKER_WORK_DIR",
                  "regions": "ID START END VERSION CONF_VERSION PEERS LEADER",
                  "manifest": "ID PEER START END VERSION CONF_VERSION PEERS LEADS"}
        for command, words in titles.items():
            table = self.lines(command, "--format", "table")
            self.assertEqual(table[0].split(), words.split())
            self.assertEqual([line.split() for line in table[1:]],
                             [line.split() for line in self.lines(command)])

    def test_json_has_the_names_of_the_file(self):
        with open(EXAMPLE, encoding="utf-8") as file:
            topology = json.load(file)
        stores = self.json("stores")["stores"]
        self.assertEqual([store["store_id"] for store in stores], [1, 2, 3])
        for store, written in zip(stores, topology["stores"]):
            self.assertLessEqual(written.items(), store.items())
        self.assertEqual(stores[1]["work_dir"], "./artifacts/cluster/store-2")
        regions = self.json("regions")["regions"]
        for region, written in zip(regions, topology["regions"]):
            for name in ["id", "epoch", "peers", "leader_store_id", "start_slot", "end_slot"]:
                self.assertEqual(region.get(name), written.get(name))
        self.assertEqual(regions[3]["start_key"], "hex:ff72002000")
        self.assertEqual(self.json("regions"),
                         json.loads("\n".join(self.lines("regions", "--format", "json"))))

    def test_pd_is_one_value(self):
        self.assertEqual(self.lines("pd"), ["127.0.0.1:2379"])
        self.assertEqual(self.lines("pd", "--scope", "docker"), ["nokv-pd:2379"])
        self.assertEqual(self.lines("pd", "--field", "workdir"), ["./artifacts/cluster/pd"])
        self.assertEqual(self.lines("pd", "--field", "workdir", "--scope", "docker"),
                         ["/var/lib/nokv/pd"])
        self.assertEqual(self.json("pd", "--scope", "docker"),
                         {"scope": "docker", "addr": "nokv-pd:2379",
                          "work_dir": "/var/lib/nokv/pd"})

    def test_what_is_not_named_is_an_empty_line_or_a_dash(self):
        self.write_bad('"work_dir": "./artifacts/cluster/pd",', "")
        self.assertEqual(self.config("pd", "--field", "workdir", path=self.bad).stdout, "\n")
        self.write_bad('"store_work_dir_template": "./artifacts/cluster/store-{id}",', "")
        line = self.config("stores", path=self.bad).stdout.splitlines()[0]
        self.assertEqual(line.split()[5:], ["-", "/var/lib/nokv/store-1"])

    def test_the_example_is_good(self):
        self.assertEqual(self.lines("validate"),
                         [f"{EXAMPLE}: 3 stores and 4 regions, nothing wrong"])
        self.assertEqual(self.json("validate"),
                         {"config": EXAMPLE, "ok": True, "stores": 3, "regions": 4,
                          "problem_count": 0, "problems": []})


class Bad(ConfigTest):
    def test_every_command_names_the_problems_with_their_lines(self):
        self.write_bad('"end_key": "m"', '"end_key": "k"')
        for command in COMMANDS:
            result = self.config(command, path=self.bad, code=FAILURE)
            self.assertEqual(result.stdout, "")
            self.assertEqual(result.stderr.splitlines(), [
                f"nokv-config: {self.bad}: 1 problem",
                f'{self.bad}:50:20: /regions/1/start_key: the keys from "k" to before "m" are in '
                'no region; expected "k", where region 1 ends'])

    def test_validate_tells_problems_as_json(self):
        self.write_bad('"listen_addr": "127.0.0.1:20170"', '"listen": "127.0.0.1:20170"')
        answer = self.json("validate", path=self.bad, code=FAILURE)
        self.assertFalse(answer["ok"])
        self.assertEqual(answer["problem_count"], 1)
        self.assertEqual(answer["problems"][0]["pointer"], "/stores/0/listen")
        self.assertEqual(answer["problems"][0]["line"], 15)
        self.assertIn("expected one of", answer["problems"][0]["message"])

    def test_what_is_no_topology_is_refused(self):
        for content in [b"", b"{", b"[]", b"\xff\xfe", b"\0" * 100, b"x" * (2 << 20)]:
            with open(self.bad, "wb") as file:
                file.write(content)
            for command in COMMANDS:
                result = self.config(command, path=self.bad, code=FAILURE)
                self.assertIn(f"{self.bad}:1:", result.stderr)

    def test_a_store_that_is_not_in_the_file_is_named(self):
        for store in ["4", "9007199254740991"]:
            result = run("manifest", "--config", EXAMPLE, "--store-id", store)
            self.assertEqual((result.returncode, result.stdout), (FAILURE, ""))
            self.assertEqual(result.stderr, f"nokv-config: store {store} is not in {EXAMPLE}, which "
                                            "has the stores 1, 2, 3\n")

    def test_what_can_not_be_read_is_named(self):
        for path in [os.path.join(self.root, "none.json"), self.root]:
            for command in COMMANDS:
                result = self.config(command, path=path, code=FAILURE)
                self.assertIn(path, result.stderr)
                answer = self.config(command, "--json", path=path, code=FAILURE)
                self.assertIn(path, answer.stderr)


class CommandLine(ConfigTest):
    def test_help_shows_every_command_and_an_example_of_each(self):
        overview = run("--help")
        self.assertEqual(overview.returncode, OK)
        for command in COMMANDS:
            self.assertIn(f"  {command} ", overview.stdout)
            result = run(command, "--help")
            self.assertEqual(result.returncode, OK)
            self.assertRegex(result.stdout, rf"Example:\n  nokv-config {command} --config ")
        self.assertRegex(run("--version").stdout, r"^nokv-config \d+\.\d+\.\d+\n$")

    def test_what_is_not_understood_is_refused(self):
        for command in COMMANDS:
            for more in [["--none"], ["superfluous"], ["--config"]]:
                self.config(command, *more, code=USAGE)
            needed = NEEDED.get(command, [])
            self.assertEqual(run(command, *needed).returncode, USAGE)  # No --config.
            result = run(command, "--config", "", *needed)
            self.assertEqual(result.returncode, USAGE)
            self.assertIn("--config", result.stderr)
        for line in [[], ["none"], ["--none"]]:
            result = run(*line)
            self.assertEqual(result.returncode, USAGE, line)
            self.assertIn("--help", result.stderr)
        self.assertIn("--format", self.config("stores", "--format", "xml", code=USAGE).stderr)
        for store in ["one", "0", "-1", "1.5", "", "18446744073709551615"]:
            result = run("manifest", "--config", EXAMPLE, "--store-id", store)
            self.assertEqual(result.returncode, USAGE, store)
            self.assertIn("--store-id", result.stderr)
        self.assertIn("--store-id", run("manifest", "--config", EXAMPLE).stderr)
        self.assertIn("--scope", self.config("pd", "--scope", "moon", code=USAGE).stderr)
        self.assertIn("--field", self.config("pd", "--field", "port", code=USAGE).stderr)

    def test_output_that_goes_nowhere_is_a_failure(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("there is no /dev/full here")
        for command in COMMANDS:
            with open("/dev/full", "wb") as full:
                result = subprocess.run(
                    [PROGRAM, command, "--config", EXAMPLE, *NEEDED.get(command, [])], stdout=full,
                    stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False)
            self.assertEqual(result.returncode, FAILURE, command)
            self.assertIn(b"standard output", result.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    EXAMPLE = os.path.join(os.path.abspath(sys.argv.pop(1)), "raft_config.example.json")
    unittest.main(verbosity=2)
