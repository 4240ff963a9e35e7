"""What became of the sweeps of a cluster, as its users see it."""

_ENDED = ("SUCCEEDED", "FAILED", "CANCELLED")


def _state(sweep):
    return sweep["state"].removeprefix("SWEEP_STATE_")


class SweepOutcome:
    def __init__(self, sweep, runs, agreements):
        self.state = _state(sweep)
        self.runs = runs
        self.agreements = agreements  # None while the results service does not answer.

    @property
    def succeeded(self):
        return self.state == "SUCCEEDED"

    def is_final(self):
        return self.state in _ENDED and (not self.succeeded or self.is_compared())

    def is_compared(self):
        """Each sibling set has its agreement."""
        sets = {run["sibling_set_id"] for run in self.runs}
        good = {found["sibling_set_id"] for found in self.agreements or []
                if "failure" not in found and found.get("pairs") and found.get("same_batches")}  # fmt: skip
        return good == sets


class Outcome:
    """{sweep id: SweepOutcome} in `sweeps`."""

    def __init__(self, sweeps):
        self.sweeps = sweeps

    @property
    def content(self):
        """Compares equal where nothing has happened, not even a step."""
        return {sweep_id: (sweep.state, sweep.runs, sweep.agreements) for sweep_id, sweep in self.sweeps.items()}

    def is_final(self, count):
        """There are so many sweeps, and nothing is to be expected of them any more."""
        return len(self.sweeps) == count and all(sweep.is_final() for sweep in self.sweeps.values())


def ask_outcome(cluster):
    """None while the coordinator does not answer."""
    listed = cluster.ask("list")
    if listed is None:
        return None
    sweeps = {}
    for sweep in listed.get("sweeps", []):
        sweep_id = sweep["sweep_id"]
        runs = cluster.ask("runs", sweep_id)
        if runs is None:
            return None
        results = cluster.ask("results", sweep_id) if _state(sweep) == "SUCCEEDED" else None
        sweeps[sweep_id] = SweepOutcome(sweep, runs.get("runs", []), results and results.get("agreements", []))
    return Outcome(sweeps)
