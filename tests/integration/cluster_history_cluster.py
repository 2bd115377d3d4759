"""A cluster for histories: PD, three stores and three gateways, each a process on a host of the
given network, or all on the loopback without one; and every store's disk can be stalled."""

import json
import os
import time
import urllib.request

import cluster_history_clients as clients
import cluster_processes as processes

STORES = [1, 2, 3]
GATEWAYS = [1, 2, 3]
SLOT_REGIONS = 3  # Each store is the first leader of one.
HOSTS = ["pd", *(f"store-{i}" for i in STORES), *(f"gateway-{i}" for i in GATEWAYS)]
# A region without a leader holds up whoever asks through the same gateway: not for long, so that
# many see the moments around an election.
GATEWAY_TIMEOUT_SECONDS = 1
ASK_SECONDS = 2  # For a store's own figures.


class Cluster:
    """A context that ends all its processes. `pd`, `stores` by id and `gateways` are daemons, named
    as their hosts."""

    def __init__(self, programs, stalled_disk, folder, network=None):
        self.programs, self.folder, self.network = programs, folder, network
        self.host_of = network.host_of if network else dict.fromkeys(HOSTS, "127.0.0.1")
        topology = self.topology()
        config = os.path.join(folder, "topology.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump(topology, file, indent=2)
        self.regions = topology["regions"][1:]  # Those of slots.

        self.pd = self.daemon("pd", ["nokv", "pd", "--config", config])
        ports = processes.free_ports(len(STORES) + len(GATEWAYS))
        self.metrics = {i: f"{self.host_of[f'store-{i}']}:{ports.pop()}" for i in STORES}
        self.stall_while = {i: os.path.join(folder, f"stall-{i}") for i in STORES}
        self.stores = {i: self.daemon(
            f"store-{i}", ["nokv", "serve", "--config", config, "--store-id", str(i),
                           "--metrics-addr", self.metrics[i]],
            [f"LD_PRELOAD={stalled_disk}", f"NOKV_STALLED_WHILE={self.stall_while[i]}"])
            for i in STORES}
        self.gateway_addresses = [(self.host_of[f"gateway-{i}"], ports.pop()) for i in GATEWAYS]
        self.gateways = [self.daemon(
            f"gateway-{i}", ["nokv-redis", "--config", config, "--addr", f"{host}:{port}",
                             "--insecure", "--timeout", f"{GATEWAY_TIMEOUT_SECONDS}s"])
            for i, (host, port) in zip(GATEWAYS, self.gateway_addresses)]

    def topology(self):
        topology = processes.topology(self.folder, len(STORES), SLOT_REGIONS)
        for name, place in zip(HOSTS, [topology["pd"], *topology["stores"]]):
            place["addr"] = place["addr"].replace("127.0.0.1", self.host_of[name])
        return topology

    def daemon(self, name, command, environment=()):
        program = os.path.join(self.programs, command[0])
        where = self.network.at(name) if self.network else []
        return processes.Daemon(name, [*where, "env", *environment, program, *command[1:]],
                                os.path.join(self.folder, name + ".log"))

    def daemons(self):
        return [self.pd, *self.stores.values(), *self.gateways]

    def __enter__(self):
        for daemon in self.daemons():
            daemon.start()
        return self

    def __exit__(self, kind, error, trace):
        for daemon in reversed(self.daemons()):
            daemon.kill()
        if self.network:
            self.network.heal()

    def ends_of_logs(self):
        return "\n".join(daemon.end_of_log() for daemon in self.daemons())

    def ended_by_themselves(self):
        return [daemon.name for daemon in self.daemons() if daemon.has_failed()]

    def wait_until_it_serves(self, seconds):
        """Until each gateway has an acknowledged write to every region; how long that took."""
        begin = time.monotonic()
        waiting = [(address, region) for address in self.gateway_addresses
                   for region in self.regions]
        while waiting:
            address, region = waiting[0]
            if clients.serves(address, self.keys("served", region, 1)[0]):
                waiting.pop(0)
            elif self.ended_by_themselves() or time.monotonic() - begin > seconds:
                raise RuntimeError(
                    f"no write to region {region['id']} through {address} within {seconds} s; "
                    f"ended by themselves: {self.ended_by_themselves()}\n{self.ends_of_logs()}")
            else:
                time.sleep(0.02)
        return time.monotonic() - begin

    @staticmethod
    def keys(prefix, region, count):
        """The first keys with this prefix that belong to the region."""
        found = []
        n = 0
        while len(found) < count:
            key = f"{prefix}-{n}"
            if region["start_slot"] <= processes.slot_of(key) < region["end_slot"]:
                found.append(key)
            n += 1
        return found

    def leader(self, region):
        """The store that says it leads the region, by the highest term if several do; a store that
        can't be asked says nothing. The first leader if none does."""
        claims = [(claim["term"], store)
                  for store in STORES for claim in self.figures(store).get("NoKV.Regions", [])
                  if claim["id"] == region["id"] and claim["leader"] == claim["peer"]]
        return max(claims)[1] if claims else region["leader_store_id"]

    def figures(self, store):
        try:
            with urllib.request.urlopen(f"http://{self.metrics[store]}/debug/vars",
                                        timeout=ASK_SECONDS) as page:
                return json.load(page)
        except OSError:
            return {}
