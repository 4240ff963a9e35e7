"""A history: when sweeps are submitted and what goes wrong meanwhile, drawn from a seed."""

import dataclasses
import random

import cluster as clusters
import faults

_LAST_FAULT_SECONDS = 5.0  # Until then faults begin.
_LAST_SUBMISSION_SECONDS = 2.0
_SWEEP_COUNTS = (1, 1, 2, 2, 3)
_LEAST_FAULTS, _MOST_FAULTS = 2, 4
# Around the lease, so that some pauses and partitions end before it and most do not.
_SHORTEST_SECONDS, _LONGEST_SECONDS = 0.5 * clusters.LEASE_SECONDS, 2 * clusters.LEASE_SECONDS
# A gang is tried again three times after I/O errors, the last time 7 s after the first: a disk is not full for so long.
_LONGEST_FULL_SECONDS = 3.0


@dataclasses.dataclass
class Abilities:
    """What the machine lets a harness do."""

    links: bool
    full_disks: bool


@dataclasses.dataclass
class History:
    seed: int
    submit_at: list  # Seconds after the start, of the first sweeps of the catalogue (sweeps.py).
    faults: list

    def describe(self):
        lines = [f"seed {self.seed}"]
        lines += [f"  {at:5.2f} s  sweep {number} is submitted" for number, at in enumerate(self.submit_at, start=1)]
        for fault in self.faults:
            facts = {field.name: getattr(fault, field.name) for field in dataclasses.fields(fault)}
            at, since = facts.pop("at"), facts.pop("since")
            words = ", ".join(f"{name} {round(value, 2) if isinstance(value, float) else value}"
                              for name, value in facts.items())  # fmt: skip
            lines.append(f"  {at:5.2f} s after {since}  {type(fault).__name__} ({words})")
        return "\n".join(lines)

    def explains(self, failure_kind):
        """Whether a run may have failed in this way."""
        return any(failure_kind in fault.explains for fault in self.faults)


def draw_history(seed, abilities, sweeps):
    """Of at most `sweeps` sweeps. A function of its arguments alone."""
    generator = random.Random(seed)
    count = min(sweeps, generator.choice(_SWEEP_COUNTS))
    submit_at = sorted(generator.uniform(0, _LAST_SUBMISSION_SECONDS) for _ in range(count))
    submit_at[0] = 0.0
    kinds = _kinds(abilities)
    drawn = [generator.choice(kinds)((generator.uniform(0, _LAST_FAULT_SECONDS), _since(generator)), generator)
             for _ in range(generator.randint(_LEAST_FAULTS, _MOST_FAULTS))]  # fmt: skip
    return History(seed, submit_at, sorted(drawn, key=lambda fault: fault.at))


def _since(generator):
    """Mostly the first rank's start, so that there is something to disturb."""
    return generator.choice(["start", "training", "training", "training"])


def _seconds(generator):
    return generator.uniform(_SHORTEST_SECONDS, _LONGEST_SECONDS)


def _down_seconds(generator):
    """Often a daemon is back at once, sometimes only after the lease."""
    return generator.choice([0.0, generator.uniform(0, 1), _seconds(generator)])


def _choice(generator):
    return generator.randrange(1000)


def _kinds(abilities):
    """A function (when, generator) for each kind of fault; a kind that is there twice is drawn twice as often."""
    daemons = clusters.DAEMONS
    workers = (*clusters.WORKERS, faults.BUSY_WORKER, faults.BUSY_WORKER, faults.BUSY_WORKER)
    kinds = [
        lambda when, g: faults.KillDaemon(*when, g.choice(daemons), _down_seconds(g)),
        lambda when, g: faults.KillDaemon(*when, "coordinator", _down_seconds(g)),
        lambda when, g: faults.KillDaemon(*when, g.choice(workers), _down_seconds(g)),
        lambda when, g: faults.KillProcesses(*when, clusters.TRAINER, _choice(g)),
        lambda when, g: faults.KillProcesses(*when, clusters.TRAINER, _choice(g)),
        lambda when, g: faults.KillProcesses(*when, clusters.AGREE, _choice(g)),
        lambda when, g: faults.KillWhileExporting(*when, 2 * _LONGEST_SECONDS),
        lambda when, g: faults.PauseDaemon(*when, g.choice(daemons), _seconds(g)),
        lambda when, g: faults.PauseDaemon(*when, g.choice(workers), _seconds(g)),
        lambda when, g: faults.PauseRanks(*when, g.choice(workers), _seconds(g)),
        lambda when, g: faults.PauseHost(*when, g.choice(workers), _seconds(g)),
        lambda when, g: faults.DelayConnections(*when, g.choice(clusters.PROXIED), _seconds(g), g.uniform(0.1, 2.5)),
        lambda when, g: faults.CutConnections(*when, g.choice(clusters.PROXIED), _seconds(g)),
        lambda when, g: faults.DamageCheckpoint(*when, _choice(g)),
        lambda when, g: faults.SubmitAgain(*when, _choice(g)),
    ]
    if abilities.links:
        kinds += [
            lambda when, g: faults.LinkDown(*when, g.choice(daemons), _seconds(g)),
            lambda when, g: faults.DropPackets(*when, g.choice(daemons), _seconds(g), g.choice(["from", "to", "both"])),
            lambda when, g: faults.DropPackets(*when, g.choice(workers), _seconds(g), g.choice(["from", "to", "both"])),
            lambda when, g: faults.SlowLink(*when, g.choice(daemons), _seconds(g), g.choice(["16kbit", "64kbit", "1mbit"])),
        ]
    if abilities.full_disks:
        kinds += [lambda when, g: faults.FillDisk(*when, g.choice([*daemons, faults.BUSY_WORKER, "artifacts", "artifacts"]),
                                                g.uniform(_SHORTEST_SECONDS, _LONGEST_FULL_SECONDS))] * 2  # fmt: skip
    return kinds
