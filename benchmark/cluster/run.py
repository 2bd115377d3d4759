#!/usr/bin/env python3
"""Measures a cluster of three stores and a placement driver beside three members of etcd: on one
machine and one disk, one after the other, in several rounds.

usage: run.py --bin FOLDER_OF_PROGRAMS --dir SCRATCH [--etcd FOLDER_OF_ETCD] [--rounds 3]
              [--json FILE] [-- more flags of nokv-cluster-bench]

Every round starts both clusters anew, in empty directories below SCRATCH, which is where the disk
is chosen. etcd's leader is called directly, which is its best case: our client library finds
leaders by itself. Both sync each write to disk on a majority before it is acknowledged.
"""

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

MEMBERS = (1, 2, 3)
READY_SECONDS = 30


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Processes:
    """Child processes, ended one by one in the reverse of their order."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def start(self, name, command):
        with open(os.path.join(self.folder, f"{name}.log"), "wb") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.started.append((name, child))

    def flags(self):
        return [word for name, child in self.started
                for word in ("--process", f"{name}={child.pid}")]

    def check(self):
        for name, child in self.started:
            if child.poll() is not None:
                with open(os.path.join(self.folder, f"{name}.log"), errors="replace") as log:
                    sys.exit(f"run.py: {name} ended with {child.returncode}:\n{log.read()[-2000:]}")

    def stop(self):
        for _, child in reversed(self.started):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        for _, child in reversed(self.started):
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def await_true(what, condition, processes):
    until = time.monotonic() + READY_SECONDS
    while not condition():
        processes.check()
        if time.monotonic() > until:
            sys.exit(f"run.py: {what} not within {READY_SECONDS} s")
        time.sleep(0.05)


def nokv_topology(pd_port, store_ports):
    stores = [{"store_id": i, "listen_addr": f"127.0.0.1:{port}", "addr": f"127.0.0.1:{port}"}
              for i, port in zip(MEMBERS, store_ports)]
    # One region, as etcd is one group.
    region = {"id": 1, "start_key": "-", "end_key": "-",
              "epoch": {"version": 1, "conf_version": 1},
              "peers": [{"store_id": i, "peer_id": 100 + i} for i in MEMBERS],
              "leader_store_id": 1}
    return {"pd": {"addr": f"127.0.0.1:{pd_port}"}, "stores": stores, "regions": [region]}


def start_nokv(options, folder, processes):
    ports = free_ports(4)
    topology = os.path.join(folder, "topology.json")
    with open(topology, "w") as file:
        json.dump(nokv_topology(ports[0], ports[1:]), file)
    nokv = os.path.join(options.bin, "nokv")
    pd = f"127.0.0.1:{ports[0]}"
    processes.start("pd", [nokv, "pd", "--config", topology, "--workdir",
                           os.path.join(folder, "pd")])
    for i in MEMBERS:
        processes.start(f"store-{i}", [nokv, "serve", "--config", topology, "--store-id", str(i),
                                       "--workdir", os.path.join(folder, f"store-{i}")])

    def serves():
        put = subprocess.run([nokv, "kv", "put", "ready", "yes", "--pd-addr", pd],
                             capture_output=True, check=False)
        return put.returncode == 0

    await_true("the cluster serves", serves, processes)
    return ["--target", "nokv", "--pd-addr", pd]


def start_etcd(options, folder, processes):
    ports = free_ports(6)
    clients = [f"http://127.0.0.1:{port}" for port in ports[:3]]
    peers = [f"http://127.0.0.1:{port}" for port in ports[3:]]
    together = ",".join(f"m{i}={peer}" for i, peer in zip(MEMBERS, peers))
    for i, client, peer in zip(MEMBERS, clients, peers):
        processes.start(f"etcd-{i}", [
            os.path.join(options.etcd, "etcd"), "--name", f"m{i}", "--data-dir",
            os.path.join(folder, f"m{i}"), "--listen-client-urls", client,
            "--advertise-client-urls", client, "--listen-peer-urls", peer,
            "--initial-advertise-peer-urls", peer, "--initial-cluster", together,
            "--initial-cluster-state", "new", "--log-level", "error",
            "--quota-backend-bytes", str(8 << 30)])
    leader = []

    def find_leader():
        status = subprocess.run(
            [os.path.join(options.etcd, "etcdctl"), "--endpoints", ",".join(clients), "endpoint",
             "status", "--write-out", "json"],
            capture_output=True, check=False, env={**os.environ, "ETCDCTL_API": "3"})
        try:
            members = json.loads(status.stdout)
        except ValueError:
            return False
        leader[:] = [member["Endpoint"] for member in members
                     if member["Status"].get("leader") == member["Status"]["header"]["member_id"]]
        return len(members) == len(clients) and len(leader) == 1

    await_true("etcd has a leader", find_leader, processes)
    return ["--target", "etcd", "--members", leader[0].removeprefix("http://")]


def measure(options, target, round_number):
    folder = os.path.join(options.dir, f"{target}-{round_number}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    processes = Processes(folder)
    try:
        start = start_nokv if target == "nokv" else start_etcd
        flags = start(options, folder, processes)
        out = os.path.join(folder, "result.json")
        subprocess.run([os.path.join(options.bin, "nokv-cluster-bench"), *flags,
                        *processes.flags(), "--json", out, *options.more], check=True)
        processes.check()
        with open(out) as file:
            return [{"round": round_number, **row} for row in json.load(file)]
    finally:
        processes.stop()


def print_table(rows):
    cells = {}
    for row in rows:
        cells.setdefault((row["operation"], row["clients"]), {}).setdefault(
            row["target"], []).append(row)
    print("| operation | clients | target | ops/s median (min..max) | p50 ms | p99 ms | "
          "CPU us/op | bytes written per user byte and replica | times etcd |")
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|")
    for (operation, clients), by_target in cells.items():
        base = [row["ops_per_second"] for row in by_target.get("etcd", [])]
        for target, found in by_target.items():
            rates = [row["ops_per_second"] for row in found]

            def median(value, found=found):
                return statistics.median(value(row) for row in found)

            cpu = median(lambda row: sum(part["cpu_us_per_op"]
                                         for part in row["components"].values()))
            servers = [name for name in found[0]["components"] if name[-1] in "123"]
            written = median(lambda row: sum(
                row["components"][name]["written_bytes_per_op"] for name in servers)
                / len(MEMBERS) / row["value_bytes"]) if operation == "put" and servers else 0
            ratio = statistics.median(rates) / statistics.median(base) if base else 0
            print(f"| {operation} | {clients} | {target} | {statistics.median(rates):,.0f} "
                  f"({min(rates):,.0f}..{max(rates):,.0f}) | "
                  f"{median(lambda row: row['p50_us']) / 1000:.2f} | "
                  f"{median(lambda row: row['p99_us']) / 1000:.2f} | {cpu:.0f} | "
                  f"{f'{written:.2f}' if written else ''} | {ratio:.2f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("--dir", required=True)
    parser.add_argument("--etcd", default="/usr/bin")
    parser.add_argument("--targets", default="etcd,nokv")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json")
    parser.add_argument("more", nargs="*")
    options = parser.parse_args()
    rows = []
    for round_number in range(options.rounds):
        for target in options.targets.split(","):
            rows += measure(options, target, round_number)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(rows, file, indent=2)
    print_table(rows)


if __name__ == "__main__":
    main()
