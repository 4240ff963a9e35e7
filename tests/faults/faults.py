"""What can happen to a cluster: one class a fault. `inflict` runs it from its begin to its end, in a thread of its own.

A fault changes nothing where what it is about is not there at that moment: no rank to kill, no checkpoint to damage.
"""

import dataclasses
import os
import random
import signal
import threading
import time

import artifact_writes
import cluster as clusters
import user as users

BUSY_WORKER = "busy worker"  # As a host: a worker that trains at that moment.
_KNOWN_SECONDS = 0.2  # How long a list of processes is good.


@dataclasses.dataclass
class Scene:
    """What faults act on."""

    cluster: clusters.Cluster
    user: users.User
    writes: artifact_writes.WriteWatch
    healed: threading.Event  # Once set, what lasts ends early.


@dataclasses.dataclass
class Fault:
    """Begins `at` seconds after the start of the history, or of its first rank (`since`), and lasts `seconds`."""

    at: float
    since: str  # "start" or "training"

    # Failures of runs (FailureKind without its prefix) that it may lead to when retries don't outlast it.
    explains = ()

    def inflict(self, scene):
        raise NotImplementedError


def _host(name, cluster):
    if name != BUSY_WORKER:
        return name
    busy = [worker for worker in clusters.WORKERS if cluster.processes(host=worker, program=clusters.TRAINER)]
    return busy[-1] if busy else clusters.WORKERS[0]


@dataclasses.dataclass
class KillDaemon(Fault):
    """kill -9 of a daemon, which is started again after so long."""

    name: str
    seconds: float

    def inflict(self, scene):
        scene.cluster.daemons[_host(self.name, scene.cluster)].kill(self.seconds)


@dataclasses.dataclass
class KillProcesses(Fault):
    """kill -9 of one of a program's processes; a rank or the inspection of a sweep's files, or a comparison."""

    program: str
    choice: int

    def inflict(self, scene):
        pids = scene.cluster.processes(program=self.program)
        if pids:
            scene.cluster.signal([sorted(pids)[self.choice % len(pids)]], signal.SIGKILL)


@dataclasses.dataclass
class KillWhileExporting(Fault):
    """kill -9 of all ranks as soon as one of them writes an export."""

    seconds: float

    def inflict(self, scene):
        scene.writes.staging.clear()
        give_up = time.monotonic() + self.seconds
        while time.monotonic() < give_up and not scene.healed.is_set():
            # An export is written in milliseconds, so whom to kill must be known before.
            ranks = scene.cluster.processes(program=clusters.TRAINER)
            if scene.writes.staging.wait(_KNOWN_SECONDS):
                return _kill_now(ranks)


class _Pause(Fault):
    """SIGSTOP of some processes, and SIGCONT after a while."""

    def pids(self, cluster):
        raise NotImplementedError

    def inflict(self, scene):
        pids = self.pids(scene.cluster)
        scene.cluster.signal(pids, signal.SIGSTOP)
        scene.healed.wait(self.seconds)
        scene.cluster.signal(pids, signal.SIGCONT)


@dataclasses.dataclass
class PauseDaemon(_Pause):
    """The daemon alone stands still; a worker's ranks go on."""

    name: str
    seconds: float

    def pids(self, cluster):
        return [cluster.daemons[_host(self.name, cluster)].pid]


@dataclasses.dataclass
class PauseRanks(_Pause):
    """All ranks of a host stand still."""

    name: str
    seconds: float

    def pids(self, cluster):
        return cluster.processes(host=_host(self.name, cluster), program=clusters.TRAINER)


@dataclasses.dataclass
class PauseHost(_Pause):
    """All of a host stands still, as a frozen virtual machine."""

    name: str
    seconds: float

    def pids(self, cluster):
        return cluster.processes(host=_host(self.name, cluster))


class _Link(Fault):
    """Something is wrong with a host's link for a while."""

    def disturb(self, network, host):
        raise NotImplementedError

    def inflict(self, scene):
        host = _host(self.name, scene.cluster)
        self.disturb(scene.cluster.network, host)
        scene.healed.wait(self.seconds)
        scene.cluster.network.restore(host)


@dataclasses.dataclass
class LinkDown(_Link):
    name: str
    seconds: float

    def disturb(self, network, host):
        network.set_link(host, "down")


@dataclasses.dataclass
class DropPackets(_Link):
    """Silence in one direction or both ("from" the host, "to" it, "both")."""

    name: str
    seconds: float
    direction: str

    def disturb(self, network, host):
        if self.direction in ("from", "both"):
            network.drop_from(host)
        if self.direction in ("to", "both"):
            network.drop_to(host)


@dataclasses.dataclass
class SlowLink(_Link):
    name: str
    seconds: float
    rate: str

    def disturb(self, network, host):
        network.slow(host, self.rate)


@dataclasses.dataclass
class DelayConnections(Fault):
    """What a host and the coordinator send each other arrives late."""

    name: str
    seconds: float
    delay: float

    def inflict(self, scene):
        host = _host(self.name, scene.cluster)
        scene.cluster.tell_proxy("delay", host, self.delay)
        scene.healed.wait(self.seconds)
        scene.cluster.tell_proxy("delay", host, 0)


@dataclasses.dataclass
class CutConnections(Fault):
    """The connections of a host to the coordinator are reset, and later ones at once."""

    name: str
    seconds: float

    def inflict(self, scene):
        host = _host(self.name, scene.cluster)
        scene.cluster.tell_proxy("cut", host)
        scene.healed.wait(self.seconds)
        scene.cluster.tell_proxy("pass", host)


@dataclasses.dataclass
class FillDisk(Fault):
    """No room is left on a disk."""

    name: str  # A daemon's, or "artifacts".
    seconds: float
    explains = ("IO",)

    def inflict(self, scene):
        disk = scene.cluster.disks[_host(self.name, scene.cluster)]
        disk.fill()
        scene.healed.wait(self.seconds)
        disk.free()


@dataclasses.dataclass
class DamageCheckpoint(Fault):
    """One byte of the newest checkpoint is flipped, and its gang must go on from a checkpoint."""

    choice: int

    def inflict(self, scene):
        files = [file for file in scene.cluster.artifacts.glob("*/*/checkpoints/**/step-*/*") if _size(file) > 0]
        if not files:
            return
        generator = random.Random(self.choice)
        newest = max(files, key=_modified).parent
        _flip_byte(generator.choice(sorted(file for file in files if file.parent == newest)), generator)
        scene.cluster.signal(scene.cluster.processes(program=clusters.TRAINER), signal.SIGKILL)


@dataclasses.dataclass
class SubmitAgain(Fault):
    """A sweep that was submitted is submitted once more with its idempotency key, answered or not."""

    choice: int

    def inflict(self, scene):
        begun = [submission for submission in scene.user.submissions if submission.begun.is_set()]
        if begun:
            begun[self.choice % len(begun)].submit(scene.cluster)


def _kill_now(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _size(file):
    try:
        return file.stat().st_size if file.is_file() else 0
    except OSError:
        return 0  # It was renamed or removed meanwhile.


def _modified(file):
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _flip_byte(path, generator):
    try:
        with open(path, "r+b") as file:
            place = generator.randrange(path.stat().st_size)
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ (1 << generator.randrange(8))]))
    except OSError:
        pass  # It was replaced by a newer one meanwhile.
