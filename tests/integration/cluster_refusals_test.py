#!/usr/bin/env python3
"""What PD and stores refuse: directories of others, wrong ids, two on one directory, another
topology than they began with, addresses in use. Each is a clear error, and damages nothing.

usage: cluster_refusals_test.py FOLDER_OF_PROGRAMS [unittest arguments]
"""

import copy
import os
import shutil

import cluster_case
import cluster_processes as processes
import redis_server
from cluster_case import USAGE, Case, checksums


class Directories(Case):
    def test_two_stores_or_two_drivers_on_one_directory(self):
        self.cluster.start()
        self.write()
        for other in (1, 2):
            self.refused(self.serve_elsewhere(other, self.directory(1)),
                         self.directory(1), "is locked by process", "--workdir of its own")
        self.refused(self.pd(self.pd_directory()),
                     self.pd_directory(), "is locked by process", "--workdir of its own")
        self.assertTrue(all(daemon.runs() for daemon in self.cluster.daemons()))
        self.check_written()

    def test_the_directory_of_another_store(self):
        self.cluster.start()
        self.write()
        self.cluster.stores[1].stop()
        before = checksums(self.directory(1))
        self.refused(self.serve_elsewhere(2, self.directory(1)),
                     self.directory(1), "store 1", "store 2", "--workdir of its own")
        self.assertEqual(checksums(self.directory(1)), before)
        self.stop_and_start_again()

    def test_the_directory_of_another_cluster(self):
        self.cluster.start()
        self.write()
        other = self.enter(processes.Cluster(self.cluster.programs,
                                             os.path.join(self.scratch, "other"))).start()
        other.stores[1].stop()
        self.cluster.stores[1].stop()
        self.refused(other.serve(1, self.directory(1)), "cluster")
        other.stores[1].start()
        other.wait_until_it_serves()
        self.stop_and_start_again()

    def test_an_empty_directory_for_a_store_that_is_known(self):
        self.cluster.start()
        self.write()
        self.refused(self.serve_elsewhere(1, os.path.join(self.scratch, "new")),
                     "does not admit store 1", "needs a new id")
        self.stop_and_start_again()

    def test_directories_that_are_not_of_this_kind(self):
        self.cluster.start()
        self.write()
        self.stop()
        pd_copy = shutil.copytree(self.pd_directory(), os.path.join(self.scratch, "pd-copy"))
        strangers = [*self.strangers(), pd_copy, self.directory(2)]
        before = [checksums(path) for path in strangers]
        for path in strangers:
            if path != pd_copy:
                self.refused(self.pd(path), path, "\n  ")  # And what to do next.
        self.cluster.pd.start()
        for path in strangers:
            self.refused(self.serve_elsewhere(1, path), path, "\n  ")
        self.assertEqual([checksums(path) for path in strangers], before)
        self.stop_and_start_again()

    def strangers(self):
        """A user's database, a gateway's, somebody's files, files that look like ours, a file."""
        names = ("embedded", "redis", "foreign", "similar", "file")
        embedded, redis, foreign, similar, file = paths = [
            os.path.join(self.scratch, name) for name in names]
        self.assertEqual(self.run_program("nokv", "set", "--workdir", embedded, "k", "v").returncode,
                         0)
        gateway = redis_server.Nokv(os.path.join(self.cluster.programs, "nokv-redis"), redis)
        self.assertEqual(processes.ask(gateway.port, "SET", "k", "v"), b"+OK\r\n")
        self.assertEqual(gateway.stop(), 0)
        write_file(os.path.join(foreign, "notes.txt"), "mine")
        write_file(os.path.join(similar, "CURRENT"), "MANIFEST-000001\n")
        write_file(file, "mine")
        return paths

    def test_what_belongs_to_a_cluster_is_not_changed_as_a_user_s_database(self):
        self.cluster.start()
        self.write()
        self.stop()
        for path, owner in ((self.directory(1), "is a store's"),
                            (self.pd_directory(), "is a placement driver's")):
            before = checksums(path)
            self.refused(["nokv", "set", "--workdir", path, "k", "v"], path, owner, "nokv kv")
            self.refused(["nokv", "del", "--workdir", path, "k"], path, owner, "nokv kv")
            self.refused(["nokv-redis", "--workdir", path, "--addr",
                          f"127.0.0.1:{redis_server.free_port()}"], path, owner, "--workdir")
            self.assertEqual(checksums(path), before)
        self.cluster.start()
        self.check_written()


def write_file(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


class Ids(Case):
    def test_ids_that_are_no_store_s(self):
        for store in ("0", "-1", "9", "x", "", "99999999999999999999"):
            self.refused(self.cluster.serve(store, os.path.join(self.scratch, "new")), "--store-id",
                         store, codes=(USAGE,))
        self.assertFalse(os.path.exists(os.path.join(self.scratch, "new")))


class Topologies(Case):
    def change(self, change):
        """Another topology in the same file."""
        changed = copy.deepcopy(self.cluster.topology)
        change(changed)
        self.cluster.topology, before = changed, self.cluster.topology
        self.cluster.write_config()
        self.cluster.topology = before

    def move_a_bound(self):
        def change(topology):
            topology["regions"][1]["end_slot"] -= 1
            topology["regions"][2]["start_slot"] -= 1

        self.change(change)

    def test_another_topology_than_the_store_began_with(self):
        self.cluster.start()
        self.write()
        self.cluster.stores[1].stop()
        self.move_a_bound()
        self.refused(self.cluster.serve(1), "region 2")
        self.cluster.write_config()
        self.stop_and_start_again()

    def test_another_topology_than_the_cluster_began_with(self):
        """A store that is new finds out before it makes anything."""
        self.cluster.start()
        self.write()
        self.cluster.stores[1].stop()
        self.move_a_bound()
        self.refused(self.cluster.serve(1, os.path.join(self.scratch, "new")),
                     "region 2", "the placement driver knows", "peers")
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
    cluster_case.main(__doc__)
