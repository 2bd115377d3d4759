#!/usr/bin/env python3
"""What many regions cost that nobody uses: three stores and a placement driver on this machine,
every region with a peer on each store. Prints processor time, memory and Raft messages while
nothing happens, and how long all regions take to have leaders after a start, after kill -9 of one
store, and after kill -9 of everything.

Stores tell about themselves once a second, so times are known to a second. Data goes to an empty
directory of this run below --dir, and is deleted after it.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

from run import Processes, free_ports

STORES = (1, 2, 3)
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
PATIENCE_SECONDS = 300


def topology(pd_port, store_ports, regions):
    """Raw keys below byte FF in equal ranges; all else belongs to the last region."""
    bounds = ["-", *(f"hex:{0xff0000 * i // regions:06x}" for i in range(1, regions)), "-"]
    return {
        "pd": {"addr": f"127.0.0.1:{pd_port}"},
        "stores": [{"store_id": i, "addr": f"127.0.0.1:{port}"}
                   for i, port in zip(STORES, store_ports)],
        "regions": [{"id": region, "start_key": bounds[region - 1], "end_key": bounds[region],
                     "peers": [{"store_id": i, "peer_id": 1_000_000 * i + region} for i in STORES],
                     "leader_store_id": STORES[region % len(STORES)]}
                    for region in range(1, regions + 1)],
    }


class Cluster(Processes):
    def __init__(self, options, folder):
        super().__init__(folder)
        self.regions = options.regions
        ports = free_ports(2 * (1 + len(STORES)))
        metrics = ports[len(STORES) + 1:]
        self.config = os.path.join(folder, "topology.json")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump(topology(ports[0], ports[1:1 + len(STORES)], self.regions), file)
        nokv = os.path.join(options.bin, "nokv")
        names = ["pd", *(f"store-{i}" for i in STORES)]
        verbs = [["pd"], *(["serve", "--store-id", str(i)] for i in STORES)]
        self.metrics = dict(zip(names, metrics))
        self.commands = {
            name: [nokv, *verb, "--config", self.config, "--workdir", os.path.join(folder, name),
                   "--metrics-addr", f"127.0.0.1:{self.metrics[name]}"]
            for name, verb in zip(names, verbs)}

    def children(self):
        return dict(self.started)

    def stores(self):
        return [name for name in self.commands if name != "pd"]

    def start_all(self, names):
        for name in names:
            self.start(name, self.commands[name])

    def kill(self, names):
        """All of them die before the first is waited for."""
        victims = [entry for entry in self.started if entry[0] in names]
        for _, child in victims:
            child.send_signal(signal.SIGKILL)
        for entry in victims:
            entry[1].wait()
            self.started.remove(entry)

    def variables(self, name):
        try:
            page = urllib.request.urlopen(f"http://127.0.0.1:{self.metrics[name]}/debug/vars",
                                          timeout=10)
            return json.load(page)
        except OSError:
            return {}

    def led(self):
        """The regions that have a leader, as those that lead them say."""
        return {region["id"] for name in self.stores() if name in self.children()
                for region in self.variables(name).get("NoKV.Regions", [])
                if region["leader"] == region["peer"]}

    def caught_up(self, name):
        """Whether each region of a store knows a leader and has applied what is committed."""
        regions = self.variables(name).get("NoKV.Regions", [])
        return len(regions) == self.regions and all(
            region["leader"] and region["applied"] == region["committed"] for region in regions)

    def seconds_until(self, what, condition):
        begin = time.monotonic()
        while not condition():
            self.check()
            if time.monotonic() - begin > PATIENCE_SECONDS:
                sys.exit(f"idle_regions.py: not within {PATIENCE_SECONDS} s: {what}; "
                         f"{len(self.led())} of {self.regions} regions have a leader")
            time.sleep(0.1)
        seconds = time.monotonic() - begin
        print(f"{seconds:8.1f} s  {what}", file=sys.stderr)
        return seconds

    def seconds_until_led(self, after):
        return self.seconds_until(f"all regions have leaders after {after}",
                                  lambda: len(self.led()) == self.regions)

    def usage(self):
        """By process: processor seconds since its start, and bytes of memory now."""
        return {name: process_usage(child.pid) for name, child in self.started}

    def messages(self):
        """By store: Raft messages that were sent since its start, and rounds of its loop."""
        found = {}
        for name in self.stores():
            variables = self.variables(name)
            found[name] = (sum(lane["messages"] for lane in variables["NoKV.Lanes"]),
                           variables["NoKV.Store"]["rounds"])
        return found


def process_usage(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return ((int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND, int(fields[21]) * PAGE_BYTES)


def measure_idle(cluster, seconds):
    """A row for each process."""
    before, messages_before = cluster.usage(), cluster.messages()
    time.sleep(seconds)
    after, messages_after = cluster.usage(), cluster.messages()
    cluster.check()
    rows = []
    for name, (cpu_seconds, memory_bytes) in after.items():
        row = {"process": name, "memory_bytes": memory_bytes,
               "cpu_percent": 100 * (cpu_seconds - before[name][0]) / seconds}
        if name in messages_after:
            sent, rounds = (now - then for now, then in
                            zip(messages_after[name], messages_before[name]))
            row |= {"messages_per_second": sent / seconds, "rounds_per_second": rounds / seconds}
        rows.append(row)
    return rows


def measure(options, folder):
    cluster = Cluster(options, folder)
    try:
        everything, stores = list(cluster.commands), cluster.stores()
        cluster.start_all(everything)
        found = {"regions": options.regions,
                 "first_start_seconds": cluster.seconds_until_led("the first start")}
        time.sleep(options.settle)
        found["idle"] = measure_idle(cluster, options.seconds)

        cluster.kill(stores[:1])
        found["one_store_lost_seconds"] = cluster.seconds_until_led("kill -9 of one store")
        cluster.start_all(stores[:1])
        found["one_store_back_seconds"] = cluster.seconds_until(
            "the killed store has caught up", lambda: cluster.caught_up(stores[0]))

        cluster.kill(everything)
        cluster.start_all(everything)
        found["all_killed_seconds"] = cluster.seconds_until_led("kill -9 of everything")
        time.sleep(options.settle)
        found["idle_after_restart"] = measure_idle(cluster, options.seconds)
        return found
    finally:
        cluster.stop()


def print_rows(title, rows):
    print(f"\n{title}:\n")
    print("| process | CPU of one core | memory MiB | Raft messages/s | rounds/s |")
    print("|---|---:|---:|---:|---:|")
    for row in rows:
        counts = [f"{row[key]:,.0f}" if key in row else ""
                  for key in ("messages_per_second", "rounds_per_second")]
        print(f"| {row['process']} | {row['cpu_percent']:.1f} % | "
              f"{row['memory_bytes'] / 2**20:.0f} | {counts[0]} | {counts[1]} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="folder of the programs")
    parser.add_argument("--dir", required=True, help="scratch folder; it chooses the disk")
    parser.add_argument("--regions", type=int, default=1000, help="1 to 1000 (default: 1000)")
    parser.add_argument("--seconds", type=float, default=30, help="to measure (default: 30)")
    parser.add_argument("--settle", type=float, default=5,
                        help="seconds between the last election and measuring (default: 5)")
    parser.add_argument("--json", help="also write everything to this file")
    options = parser.parse_args()
    if not 1 <= options.regions <= 1000:
        parser.error("--regions must be from 1 to 1000: a topology has no more")
    version = subprocess.run([os.path.join(options.bin, "nokv"), "--version"], check=True,
                             capture_output=True, text=True).stdout.strip()

    os.makedirs(options.dir, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="idle-regions-", dir=options.dir)
    try:
        found = {"version": version, **measure(options, folder)}
    finally:
        shutil.rmtree(folder)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(found, file, indent=2)
    print(f"{found['regions']} regions on {len(STORES)} stores. Until all have leaders: first start "
          f"{found['first_start_seconds']:.1f} s, kill -9 of one store "
          f"{found['one_store_lost_seconds']:.1f} s (back and caught up "
          f"{found['one_store_back_seconds']:.1f} s after its start), kill -9 of everything "
          f"{found['all_killed_seconds']:.1f} s.")
    print_rows("Idle", found["idle"])
    print_rows("Idle, after the restart", found["idle_after_restart"])


if __name__ == "__main__":
    main()
