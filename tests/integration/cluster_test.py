#!/usr/bin/env python3
"""A cluster of real processes under kill -9: of each store, of PD, of the gateway, of all at once.
Service returns, and what was acknowledged is there.

usage: cluster_test.py FOLDER_OF_PROGRAMS [unittest arguments]

With NOKV_TEST_SCALE=long it kills more often. Prints how long the loss of a leader stopped writes.
"""

import json
import os
import subprocess
import sys
import time
import unittest
import urllib.request

import cluster_processes as processes
import redis_server
from cluster_load import Writer

PROGRAMS = None  # Set below from the command line.
IS_LONG = os.environ.get("NOKV_TEST_SCALE") == "long"
LEADER_KILLS = 30 if IS_LONG else 5
ROUNDS_OF_KILLS = 5 if IS_LONG else 1
WRITERS = 4
LOAD_SECONDS = 1.0  # Between two events.
REPORT_SECONDS = 2.0  # By then a store's figures tell of an election.
SLOT_REGION = 2  # The id of the first region of slots.


class Case(unittest.TestCase):
    def setUp(self):
        self.scratch = self.enter(redis_server.scratch())

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def start(self, **options):
        return self.enter(processes.Cluster(PROGRAMS, self.scratch, **options)).start()


class Kills(Case):
    def test_nothing_acknowledged_is_lost_when_processes_are_killed(self):
        cluster = self.start()
        writers = [Writer(cluster.port, f"writer-{i}") for i in range(WRITERS)]
        for writer in writers:
            self.addCleanup(writer.stopping.set)
            writer.start()
        for _ in range(ROUNDS_OF_KILLS):
            for daemon in [*cluster.stores.values(), cluster.pd, cluster.gateway]:
                self.kill_and_start_again(cluster, [daemon])
            self.kill_and_start_again(cluster, [cluster.pd, cluster.stores[2]])
            self.kill_and_start_again(cluster, cluster.daemons())
        for writer in writers:
            writer.stop()
        self.assertEqual(self.wrong(cluster, writers), [])

        # Once more, without load: what was checked is on the disks.
        self.kill_and_start_again(cluster, cluster.daemons())
        self.assertEqual(self.wrong(cluster, writers), [])
        acknowledged = sum(writer.acknowledged for writer in writers)
        print(f"{acknowledged} acknowledged writes are all there", file=sys.stderr)
        self.assertGreater(acknowledged, 100)

    @staticmethod
    def kill_and_start_again(cluster, daemons):
        time.sleep(LOAD_SECONDS)
        for daemon in daemons:
            daemon.kill()
        # One store of three and PD are not needed for what is under way; give it time to go on.
        time.sleep(LOAD_SECONDS)
        for daemon in daemons:
            daemon.start()
        cluster.wait_until_it_serves()

    @staticmethod
    def wrong(cluster, writers):
        client = cluster.connect()
        try:
            return [text for writer in writers for text in writer.check(client)]
        finally:
            client.close()

    def test_reads_and_writes_go_on_without_one_store(self):
        cluster = self.start()
        self.assertEqual(cluster.ask("SET", "before", "1"), b"+OK\r\n")
        for store in cluster.stores.values():
            store.kill()
            cluster.wait_until_it_serves()
            self.assertEqual(cluster.ask("GET", "before"), b"$1\r\n1\r\n")
            store.start()
            self.wait_for_replicas(cluster)

    def wait_for_replicas(self, cluster):
        """Until each store answers for itself: then any one of them may go."""
        deadline = time.monotonic() + processes.PATIENCE_SECONDS
        for port in cluster.metrics_of_store.values():
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).read()
                    break
                except OSError:
                    self.assertLess(time.monotonic(), deadline, "a store does not become ready")
                    time.sleep(0.05)


class Ends(Case):
    def test_term_ends_each_daemon_with_0_and_the_data_is_there_after_it(self):
        cluster = self.start()
        self.assertEqual(cluster.ask("SET", "kept", "yes"), b"+OK\r\n")
        for daemon in [cluster.gateway, *cluster.stores.values(), cluster.pd]:
            self.assertEqual(daemon.stop(), 0, daemon.end_of_log())
        cluster.start()
        self.assertEqual(cluster.ask("GET", "kept"), b"$3\r\nyes\r\n")


class Regions(Case):
    def test_the_directory_of_a_stopped_store_shows_its_regions(self):
        cluster = self.start()
        for daemon in reversed(cluster.daemons()):
            self.assertEqual(daemon.stop(), 0, daemon.end_of_log())
        for store in cluster.stores:
            shown = self.regions(cluster, store, "--json")
            answer = json.loads(shown)
            self.assertEqual(answer["store_id"], store)
            self.assertEqual([region["id"] for region in answer["regions"]], [1, 2, 3])
            for region in answer["regions"]:
                self.assertEqual([(peer["store_id"], peer["peer_id"]) for peer in region["peers"]],
                                 [(i, 100 * i + region["id"]) for i in cluster.stores])
                self.assertEqual(region["peer_id"], 100 * store + region["id"])
                self.assertGreater(region["term"], 0)
                self.assertLessEqual(region["first"], region["last"] + 1)
                self.assertLessEqual(region["applied"], region["commit"])
                self.assertLessEqual(region["commit"], region["last"])
            for change in (["set", "k", "v"], ["del", "k"]):
                self.assertIn("one replica only", self.refused(cluster, store, change))
            self.assertEqual(self.regions(cluster, store, "--json"), shown)
            lines = self.regions(cluster, store).splitlines()
            self.assertTrue(lines[0].startswith(f"store {store} of cluster {answer['cluster_id']}"))
            self.assertEqual([line.split()[0] for line in lines[1:]], ["ID", "1", "2", "3"])

    def regions(self, cluster, store, *flags):
        shown = self.nokv(cluster, store, ["regions", *flags])
        self.assertEqual(shown.returncode, 0, shown.stderr)
        return shown.stdout

    def refused(self, cluster, store, command):
        result = self.nokv(cluster, store, command)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        return result.stderr

    @staticmethod
    def nokv(cluster, store, command):
        directory = os.path.join(cluster.folder, f"store-{store}")
        return subprocess.run([os.path.join(PROGRAMS, "nokv"), *command, "--workdir", directory],
                              capture_output=True, text=True, check=False,
                              timeout=processes.PATIENCE_SECONDS)


class LeaderLoss(Case):
    def test_the_loss_of_a_leader_stops_writes_for_a_moment(self):
        # From kill -9 to the first acknowledged write of a client that tries again and again. The
        # figures are printed; what is checked is that writes return every time.
        cluster = self.start(slot_regions=1)
        seconds = []
        for _ in range(LEADER_KILLS):
            leader = cluster.stores[self.leader(cluster)]
            leader.kill()
            begin = time.monotonic()
            cluster.wait_until_it_serves()
            seconds.append(time.monotonic() - begin)
            leader.start()
            time.sleep(REPORT_SECONDS)
        seconds.sort()
        print(f"writes returned after {LEADER_KILLS} kills of the leader: "
              f"p50 {quantile(seconds, 0.5):.2f} s, p99 {quantile(seconds, 0.99):.2f} s, "
              f"max {seconds[-1]:.2f} s", file=sys.stderr)

    def leader(self, cluster):
        """The store that says it leads the region of slots; by the highest term if several do."""
        deadline = time.monotonic() + processes.PATIENCE_SECONDS
        while True:
            claims = [(region["term"], store)
                      for store, port in cluster.metrics_of_store.items()
                      for region in self.variables(port).get("NoKV.Regions", [])
                      if region["id"] == SLOT_REGION and region["leader"] == region["peer"]]
            if claims:
                return max(claims)[1]
            self.assertLess(time.monotonic(), deadline, "no store says that it leads")
            time.sleep(0.1)

    @staticmethod
    def variables(port):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/debug/vars", timeout=5) as page:
                return json.load(page)
        except OSError:
            return {}


def quantile(ordered, share):
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAMS = os.path.abspath(sys.argv.pop(1))
    REASON = processes.missing(PROGRAMS)
    if REASON:
        redis_server.skip(REASON)
    unittest.main(verbosity=2)
