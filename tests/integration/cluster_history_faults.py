"""What is done to a cluster while clients write down what they see. Each fault is a context: it
lasts as long as its block and tells what it is. Whom it hits and how long is drawn from a seed."""

import contextlib
import os
import signal
import time

import cluster_history_cluster

SHORT_SECONDS = (0.2, 1.0)  # No election.
LONG_SECONDS = (2.5, 4.5)  # Stores without a leader have another by then.
CALM_SECONDS = (0.3, 1.2)  # Between two faults.
SHARE_OF_PAIRS = 0.3  # Of the faults, if several may overlap.


def harass(cluster, faults, seconds, rng, tell, overlapping=False):
    """One fault after the other for so many seconds, each kind as often as any other. At the end
    all is healed. RuntimeError if a process ended that nobody killed."""
    end = time.monotonic() + seconds
    left = []
    while time.monotonic() < end:
        insist_that_none_ended(cluster)  # Before somebody kills it and starts it again.
        with contextlib.ExitStack() as active:
            for _ in range(2 if overlapping and rng.random() < SHARE_OF_PAIRS else 1):
                left = left or rng.sample(faults, len(faults))
                tell(active.enter_context(left.pop()(cluster, rng)))
            time.sleep(rng.uniform(*rng.choice([SHORT_SECONDS, LONG_SECONDS])))
            insist_that_none_ended(cluster)
        tell("healed")
        time.sleep(rng.uniform(*CALM_SECONDS))


def insist_that_none_ended(cluster):
    ended = cluster.ended_by_themselves()
    if ended:
        raise RuntimeError(f"{ended} ended by themselves\n{cluster.ends_of_logs()}")


def names(daemons):
    return ", ".join(daemon.name for daemon in daemons)


@contextlib.contextmanager
def killed(daemons):
    for daemon in daemons:
        daemon.kill()
    try:
        yield f"kill -9: {names(daemons)}"
    finally:
        for daemon in daemons:
            if not daemon.runs():
                daemon.start()


def kill_store(cluster, rng):
    return killed([rng.choice(list(cluster.stores.values()))])


def kill_leader(cluster, rng):
    return killed([cluster.stores[cluster.leader(rng.choice(cluster.regions))]])


def kill_majority(cluster, rng):
    return killed(rng.sample(list(cluster.stores.values()), 2))


def kill_pd(cluster, _):
    return killed([cluster.pd])


def kill_gateway(cluster, rng):
    return killed([rng.choice(cluster.gateways)])


def kill_everything(cluster, _):
    return killed(cluster.daemons())


@contextlib.contextmanager
def paused(daemons):
    """SIGSTOP: connections stay open, and clocks go on without the process."""
    processes = [daemon.process for daemon in daemons if daemon.runs()]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield f"SIGSTOP: {names(daemons)}"
    finally:
        for process in processes:  # One that has been killed meanwhile takes no notice.
            process.send_signal(signal.SIGCONT)


def pause_store(cluster, rng):
    return paused([rng.choice(list(cluster.stores.values()))])


def pause_leader(cluster, rng):
    return paused([cluster.stores[cluster.leader(rng.choice(cluster.regions))]])


def pause_majority(cluster, rng):
    return paused(rng.sample(list(cluster.stores.values()), 2))


def pause_pd(cluster, _):
    return paused([cluster.pd])


def pause_gateway(cluster, rng):
    return paused([rng.choice(cluster.gateways)])


@contextlib.contextmanager
def dropped(cluster, links, what):
    """Packets of each (sender, receiver) are lost."""
    for sender, receiver in links:
        cluster.network.drop(sender, receiver)
    try:
        yield what
    finally:
        cluster.network.heal()


def both_ways(one, others):
    return [link for other in others for link in [(one, other), (other, one)]]


def others_than(name):
    return [host for host in cluster_history_cluster.HOSTS if host != name]


def some_store(rng):
    return f"store-{rng.choice(cluster_history_cluster.STORES)}"


def other_stores(name):
    return [f"store-{i}" for i in cluster_history_cluster.STORES if f"store-{i}" != name]


def isolate_store(cluster, rng):
    store = some_store(rng)
    return dropped(cluster, both_ways(store, others_than(store)), f"{store} is isolated")


def isolate_leader_from_stores(cluster, rng):
    """Gateways and PD still reach it: a stale answer would find its way."""
    store = f"store-{cluster.leader(rng.choice(cluster.regions))}"
    return dropped(cluster, both_ways(store, other_stores(store)),
                   f"{store}, a leader, is cut off from the other stores")


def deafen_store(cluster, rng):
    store = some_store(rng)
    return dropped(cluster, [(other, store) for other in other_stores(store)],
                   f"{store} hears no other store")


def silence_store(cluster, rng):
    store = some_store(rng)
    return dropped(cluster, [(store, other) for other in other_stores(store)],
                   f"no other store hears {store}")


def cut_leader_from_follower(cluster, rng):
    leader = f"store-{cluster.leader(rng.choice(cluster.regions))}"
    follower = rng.choice(other_stores(leader))
    return dropped(cluster, both_ways(leader, [follower]),
                   f"{leader}, a leader, and {follower} are cut off from each other")


def isolate_pd(cluster, _):
    return dropped(cluster, both_ways("pd", others_than("pd")), "pd is isolated")


def cut_gateway_from_store(cluster, rng):
    gateway, store = rng.choice(cluster.gateways).name, some_store(rng)
    return dropped(cluster, both_ways(gateway, [store]),
                   f"{gateway} and {store} are cut off from each other")


@contextlib.contextmanager
def stalled(cluster, stores):
    """Writes and syncs of their files do not return."""
    for store in stores:
        with open(cluster.stall_while[store], "w", encoding="ascii"):
            pass
    try:
        yield f"stalled disks of stores {stores}"
    finally:
        for store in stores:
            with contextlib.suppress(FileNotFoundError):  # The fault around it is one, too.
                os.unlink(cluster.stall_while[store])


def stall_store(cluster, rng):
    return stalled(cluster, [rng.choice(cluster_history_cluster.STORES)])


def stall_leader(cluster, rng):
    return stalled(cluster, [cluster.leader(rng.choice(cluster.regions))])


def stall_majority(cluster, rng):
    return stalled(cluster, rng.sample(cluster_history_cluster.STORES, 2))


KILLS = [kill_store, kill_leader, kill_majority, kill_pd, kill_gateway, kill_everything]
PAUSES = [pause_store, pause_leader, pause_majority, pause_pd, pause_gateway]
PARTITIONS = [isolate_store, isolate_leader_from_stores, deafen_store, silence_store,
              cut_leader_from_follower, isolate_pd, cut_gateway_from_store]
STALLS = [stall_store, stall_leader, stall_majority]
