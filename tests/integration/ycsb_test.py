#!/usr/bin/env python3
"""The command line of nokv-ycsb: what it refuses, when, and what is left behind then.

usage: ycsb_test.py PATH_OF_NOKV_YCSB [unittest arguments]
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

YCSB = None  # Set below from the command line.
TIMEOUT_SECONDS = 120

OK, FAILURE, USAGE = 0, 1, 2
# The smallest run there is, of the engine that does nothing.
QUICK = ["--engines", "null", "--workloads", "load", "--records", "10", "--operations", "10",
         "--warmup", "0", "--runs", "1", "--threads", "1"]


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="nokv-ycsb-")
        self.addCleanup(shutil.rmtree, self.root)
        self.data = os.path.join(self.root, "data")

    def ycsb(self, *arguments, code=OK):
        """Runs the program in the scratch folder and checks its exit code."""
        result = subprocess.run([YCSB, *arguments], cwd=self.root, capture_output=True, text=True,
                                timeout=TIMEOUT_SECONDS, check=False)
        self.assertEqual(result.returncode, code, f"{arguments}: {result}")
        return result

    def test_help_and_version(self):
        self.assertRegex(self.ycsb("--version").stdout, r"^nokv-ycsb \d+\.\d+\.\d+\n$")
        text = self.ycsb("--help").stdout
        for flag in ["--engines", "--dir", "--json", "--version"]:
            self.assertIn(flag, text)

    def test_what_is_not_understood_is_refused(self):
        for flags, word in [(["--fast"], "--fast"), (["--engines", "paper"], "paper"),
                            (["--records", "0"], "--records"), (["--durability", "L3"], "L3")]:
            self.assertIn(word, self.ycsb(*QUICK, *flags, code=USAGE).stderr)

    def test_an_empty_name_is_refused_and_nothing_is_run(self):
        for flag in ["--dir", "--json"]:
            result = self.ycsb(*QUICK, flag, "", code=USAGE)
            self.assertIn(flag, result.stderr)
            self.assertIn("give a path", result.stderr)
            self.assertEqual(result.stdout, "")
        self.assertEqual(os.listdir(self.root), [])

    def test_a_file_that_can_not_be_written_is_refused_before_the_load(self):
        for file in [os.path.join(self.root, "none", "l1.json"), self.root]:
            result = self.ycsb(*QUICK, "--dir", self.data, "--json", file, code=FAILURE)
            self.assertIn(file, result.stderr)
            self.assertIn("--json", result.stderr)
            self.assertEqual(result.stdout, "")
            self.assertFalse(os.path.exists(self.data))

    def test_a_directory_that_can_not_be_made_is_named(self):
        file = os.path.join(self.root, "file")
        with open(file, "w", encoding="utf-8"):
            pass
        self.assertIn(file, self.ycsb(*QUICK, "--dir", file, code=FAILURE).stderr)

    def test_measurements_replace_those_of_an_earlier_run(self):
        file = os.path.join(self.root, "l1.json")
        with open(file, "w", encoding="utf-8") as earlier:
            earlier.write("x" * 100_000)
        self.ycsb(*QUICK, "--dir", self.data, "--json", file)
        with open(file, encoding="utf-8") as written:
            measured = json.load(written)
        self.assertEqual([(m["engine"], m["workload"]) for m in measured], [("null", "load")])
        self.assertEqual(os.listdir(self.data), [])


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    YCSB = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
