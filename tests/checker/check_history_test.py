#!/usr/bin/env python3
"""What nokv-check-history says and which code it ends with.

usage: check_history_test.py PROGRAM [unittest arguments]
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None  # Set below from the command line.
HEADER = "nokv-history 1\n"
PUT = '10 1 put "k" "new"\n20 1 ok\n'
FRESH_READ = '30 2 get "k"\n40 2 ok "new"\n'
STALE_READ = '30 2 get "k"\n40 2 ok -\n'


class CheckHistory(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="nokv-check-history-")
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def file(self, name, text):
        with open(self.path(name), "w", encoding="ascii") as file:
            file.write(text)
        return self.path(name)

    def check(self, *arguments):
        done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60,
                              check=False)
        return done.returncode, done.stdout, done.stderr

    def test_a_good_history_is_linearizable(self):
        code, out, err = self.check(self.file("h", HEADER + PUT + FRESH_READ))
        self.assertEqual((code, err), (0, ""))
        self.assertTrue(out.startswith("linearizable: 2 operations, 1 keys"), out)

    def test_several_files_are_one_history(self):
        put, read = self.file("put", HEADER + PUT), self.file("read", HEADER + STALE_READ)
        self.assertEqual([self.check(put)[0], self.check(read)[0]], [0, 0])
        self.assertEqual(self.check(put, read)[0], 1)

    def test_a_bad_history_is_told_and_drawn(self):
        picture = self.path("picture.html")
        code, out, _ = self.check(self.file("h", HEADER + PUT + STALE_READ), "--picture", picture)
        self.assertEqual(code, 1)
        self.assertIn("not linearizable", out)
        self.assertIn('get "k" -> ok -', out)
        with open(picture, encoding="utf-8") as page:
            self.assertIn("<svg", page.read())

    def test_json_has_the_verdict_and_the_reason(self):
        good = self.check(self.file("h", HEADER + PUT + FRESH_READ), "--json")
        self.assertEqual(json.loads(good[1])["verdict"], "linearizable")
        bad = self.check(self.file("h", HEADER + PUT + STALE_READ), "--json")
        reason = json.loads(bad[1])
        self.assertEqual((bad[0], reason["verdict"], reason["bad"]["key"]),
                         (1, "not-linearizable", "k"))
        self.assertEqual(reason["bad"]["operations"][reason["bad"]["stuck"]]["what"],
                         'get "k" -> ok -')

    def test_without_time_nothing_is_decided(self):
        code, out, _ = self.check(self.file("h", HEADER + PUT), "--seconds", "0")
        self.assertEqual(code, 3)
        self.assertIn('undecided: key "k"', out)

    def test_a_file_that_can_not_be_read_is_named_with_its_line(self):
        for text, told in [
                ("", "line 1: a history begins"),
                (HEADER + "10 1 jump \"k\"\n", 'line 2: an unknown word: 10 1 jump "k"'),
                (HEADER + PUT + "x 1 get \"k\"\n", "line 4: not a time, a client"),
                (HEADER + "10 1 put \"k\"\n", "line 2: wrong arguments"),
                (HEADER + PUT + "15 1 get \"k\"\n", "line 4: the client's time went back"),
                (HEADER + '10 1 incr "k" 1\n20 1 ok many\n', "line 3: wrong results")]:
            path = self.file("h", text)
            code, out, err = self.check(path)
            self.assertEqual((code, out), (2, ""), text)
            self.assertIn(f"nokv-check-history: {path}: {told}", err)

    def test_what_is_no_file_and_no_flag_is_refused(self):
        for arguments in [[self.path("absent")], [self.folder], [], ["--memory", "0", "h"]]:
            code, out, err = self.check(*arguments)
            self.assertEqual((code, out), (2, ""), arguments)
            self.assertNotEqual(err, "")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
