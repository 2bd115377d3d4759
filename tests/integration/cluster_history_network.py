"""A network of the test's own: every process of a cluster in a namespace, all on one bridge, and
packets between any two of them dropped at will.

The test starts itself again in namespaces of its own, as their root, which needs no rights outside
of them. With its last process all of it is gone: links, rules and names, whatever ended the test.
"""

import os
import shutil
import subprocess
import sys

INSIDE = "NOKV_TEST_IN_NAMESPACES"  # Set in the environment of the second start.
OWN_NAMESPACES = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork",
                  "--kill-child"]
TOOLS = ["unshare", "nsenter", "ip", "nft"]
NETWORK = "10.77.0"
SECONDS = 20  # For one command of those tools, which takes moments.

RULES = "add table inet faults; add chain inet faults input { type filter hook input priority 0; }"
# Makes and forgets all that the tests need, so that a refusal is known before they begin.
REHEARSAL = f"""
mount -t tmpfs none /run && ip netns add rehearsal && ip link add rehearsal type bridge &&
ip link add port type veth peer name eth0 netns rehearsal &&
nsenter --net=/run/netns/rehearsal nft '{RULES}'
"""


def refusal():
    """Why there can be no network of our own, or nothing if there can."""
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"there is no {', '.join(absent)} (deploy/install_deps.sh installs what is missing)"
    tried = subprocess.run([*OWN_NAMESPACES, "sh", "-c", REHEARSAL], capture_output=True, text=True,
                           timeout=SECONDS, check=False)
    if tried.returncode == 0:
        return None
    return f"namespaces are not permitted here: {tried.stderr.strip() or tried.returncode}"


def is_inside():
    return INSIDE in os.environ


def enter():
    """Starts this program again, inside. Does not return."""
    os.environ[INSIDE] = "1"
    os.execvp(OWN_NAMESPACES[0], [*OWN_NAMESPACES, sys.executable, *sys.argv])


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=SECONDS,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")


class Network:
    """One host for each name. The test is on the bridge and reaches all of them, always."""

    def __init__(self, names):
        self.host_of = {name: f"{NETWORK}.{i}" for i, name in enumerate(names, start=1)}
        run("mount", "-t", "tmpfs", "none", "/run")  # Where `ip` keeps the names; ours alone.
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "addr", "add", f"{NETWORK}.254/24", "dev", "bridge")
        run("ip", "link", "set", "bridge", "up")
        for i, (name, host) in enumerate(self.host_of.items(), start=1):
            run("ip", "netns", "add", name)
            port = f"port{i}"
            run("ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "set", port, "master", "bridge", "up")
            run(*self.at(name), "ip", "link", "set", "lo", "up")
            run(*self.at(name), "ip", "addr", "add", f"{host}/24", "dev", "eth0")
            run(*self.at(name), "ip", "link", "set", "eth0", "up")
            run(*self.at(name), "nft", RULES)

    @staticmethod
    def at(name):
        """What to put before a command that is to run on that host. It becomes that command."""
        return ["nsenter", f"--net=/run/netns/{name}"]

    def drop(self, sender, receiver):
        """Nothing that `sender` sends reaches `receiver`; connections are not told."""
        run(*self.at(receiver), "nft", "add", "rule", "inet", "faults", "input",
            "ip", "saddr", self.host_of[sender], "drop")

    def cut(self, one, other):
        self.drop(one, other)
        self.drop(other, one)

    def heal(self):
        for name in self.host_of:
            run(*self.at(name), "nft", "flush", "chain", "inet", "faults", "input")
