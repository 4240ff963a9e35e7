"""Machines of a cluster: network namespaces around a bridge, or loopback addresses where those can't be made."""

import functools
import itertools
import os
import pathlib
import shutil
import subprocess

_PREFIX = "seedbed-faults"
_NAMESPACES = pathlib.Path("/run/netns")
_numbers = itertools.count(1)  # Of networks of this process.


class Host:
    """One machine. `command(argv)` is argv to run there."""

    def __init__(self, name, address, namespace=None):
        self.name = name
        self.address = address
        self.namespace = namespace

    def command(self, argv):
        inside = ["nsenter", f"--net={_NAMESPACES / self.namespace}", "--"] if self.namespace else []
        return [*inside, *map(str, argv)]


class LoopbackNetwork:
    """All hosts on this machine's loopback interface, each with an address of its own. No link can be disturbed."""

    has_links = False

    def __init__(self, names):
        network = next(_numbers)
        # Of this process and this network alone, so that every daemon can have a fixed port.
        prefix = f"127.{1 + os.getpid() % 250}.{network % 250}"
        self.hosts = {name: Host(name, f"{prefix}.{index}") for index, name in enumerate(names, start=1)}

    def close(self):
        pass


class NamespaceNetwork:
    """A network namespace for each host, joined by a bridge in one more; nothing outside can be reached from them.

    The link of a host is a pair of interfaces: "uplink" at the host, and one named as the host at the bridge.
    """

    has_links = True

    def __init__(self, names):
        self._base = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}"
        self._switch = f"{self._base}-switch"
        self.hosts = {name: Host(name, f"10.99.0.{index}", f"{self._base}-{name}")
                      for index, name in enumerate(names, start=1)}  # fmt: skip
        try:
            self._make()
        except BaseException:
            self.close()
            raise

    def _make(self):
        namespaces = [self._switch, *(host.namespace for host in self.hosts.values())]
        _batch(["ip"], [f"netns add {namespace}" for namespace in namespaces])
        lines = ["link add bridge type bridge", "link set bridge up"]
        for host in self.hosts.values():
            lines += [f"link add name {host.name} type veth peer name uplink netns {host.namespace}",
                      f"link set dev {host.name} master bridge up"]  # fmt: skip
        _batch(["ip", "-n", self._switch], lines)
        for host in self.hosts.values():
            _batch(["ip", "-n", host.namespace],
                   ["link set lo up", f"address add {host.address}/24 dev uplink", "link set uplink up"])  # fmt: skip

    def set_link(self, name, state):
        """`state`: "up" or "down"."""
        _run("ip", "-n", self._switch, "link", "set", name, state)

    def drop_from(self, name):
        """Nothing that the host sends arrives."""
        _run("tc", "-n", self.hosts[name].namespace, "qdisc", "replace", "dev", "uplink", "root", "pfifo", "limit", "0")

    def drop_to(self, name):
        """Nothing that is sent to the host arrives."""
        _run("tc", "-n", self._switch, "qdisc", "replace", "dev", name, "root", "pfifo", "limit", "0")

    def slow(self, name, rate):
        """Both directions carry `rate` ("200kbit"); what does not fit into a short queue is lost."""
        shape = ["root", "tbf", "rate", rate, "burst", "4kb", "latency", "300ms"]
        _run("tc", "-n", self.hosts[name].namespace, "qdisc", "replace", "dev", "uplink", *shape)
        _run("tc", "-n", self._switch, "qdisc", "replace", "dev", name, *shape)

    def restore(self, name):
        """The link as it was made."""
        self.set_link(name, "up")
        for namespace, device in ((self.hosts[name].namespace, "uplink"), (self._switch, name)):
            subprocess.run(["tc", "-n", namespace, "qdisc", "delete", "dev", device, "root"], capture_output=True)

    def close(self):
        for namespace in (*(host.namespace for host in self.hosts.values()), self._switch):
            subprocess.run(["ip", "netns", "delete", namespace], capture_output=True)


def make_network(names):
    return NamespaceNetwork(names) if can_make_namespaces() else LoopbackNetwork(names)


@functools.lru_cache(maxsize=None)
def can_make_namespaces():
    """Whether this user may make them here, and has the tools."""
    if os.geteuid() != 0 or not all(shutil.which(tool) for tool in ("ip", "tc", "nsenter")):
        return False
    _remove_abandoned()
    try:
        NamespaceNetwork(["probe"]).close()
    except (subprocess.CalledProcessError, OSError):
        return False
    return True


def _remove_abandoned():
    """Namespaces of harnesses that were killed."""
    for entry in _NAMESPACES.glob(f"{_PREFIX}-*"):
        pid = entry.name.removeprefix(_PREFIX).split("-")[1]
        if not pathlib.Path(f"/proc/{pid}").exists():
            subprocess.run(["ip", "netns", "delete", entry.name], capture_output=True)


def _run(*command):
    subprocess.run(command, check=True, capture_output=True)


def _batch(command, lines):
    subprocess.run([*command, "-batch", "-"], input="\n".join(lines), text=True, check=True, capture_output=True)
