"""What must hold after every history. Each function gives its violations, as lines."""

import pathlib
import re

import cluster as clusters
import service

_ENDED_WELL = "SUCCEEDED"
_STAGED = re.compile(r"\.tmp$|\.attempt-")
_WORKER_SCRATCH = {"lock", "logs"}  # Kept between ranks; the folders of ranks and inspections may stay, empty.


def acknowledged_sweeps_are_complete(outcome, submissions, history):
    violations = []
    acknowledged = set().union(*(submission.sweep_ids for submission in submissions))
    for submission in submissions:
        if len(submission.sweep_ids) != 1:
            violations.append(f"submission {submission.number} was answered with the sweeps {sorted(submission.sweep_ids)}"
                              f" instead of one; its last error: {submission.last_error!r}")  # fmt: skip
    if set(outcome.sweeps) != acknowledged:
        violations.append(f"the sweeps {sorted(outcome.sweeps)} are there, acknowledged were {sorted(acknowledged)}")
    for sweep_id, sweep in outcome.sweeps.items():
        violations += _incomplete(sweep_id, sweep, history)
    return violations


def _incomplete(sweep_id, sweep, history):
    violations = []
    for run in sweep.runs:
        state = run["state"].removeprefix("RUN_STATE_")
        failure = run.get("failure", {})
        kind = failure.get("kind", "").removeprefix("FAILURE_KIND_")
        if state != _ENDED_WELL and not (state == "FAILED" and history.explains(kind)):
            violations.append(f"run {run['run_id']} is {state}: {failure.get('kind')} {failure.get('message')!r}")
    if not violations and sweep.succeeded and not sweep.is_compared():
        violations.append(f"sweep {sweep_id} has succeeded and its agreement is {sweep.agreements}")
    return violations


def waiting_clients_saw_the_end(outcome, submissions):
    violations = []
    for submission in submissions:
        succeeded = all(outcome.sweeps[sweep_id].succeeded for sweep_id in submission.sweep_ids if sweep_id in outcome.sweeps)
        if submission.waited is None:
            violations.append(f"who waits for submission {submission.number} did not see its end")
        elif succeeded and submission.waited[0] != 0:
            violations.append(f"who waits for submission {submission.number}, which succeeded, was told {submission.waited}")
    return violations


def exports_are_the_undisturbed_ones(outcome, undisturbed):
    """`undisturbed`: {run id: {name: content}}."""
    violations = []
    for sweep in outcome.sweeps.values():
        for run in sweep.runs:
            if not run["state"].endswith(_ENDED_WELL):
                continue
            try:
                export = service.folder_bytes(run["result"]["dictionary"]["path"])
            except OSError as error:
                violations.append(f"run {run['run_id']} has succeeded and its export is not there: {error}")
                continue
            expected = undisturbed[run["run_id"]]
            differing = sorted(name for name in {*export, *expected} if export.get(name) != expected.get(name))
            if differing:
                violations.append(f"the export of run {run['run_id']} differs from the undisturbed one in {differing}")
    return violations


def nothing_is_left_over(cluster):
    """Of ranks, inspections and unfinished writes, when nothing runs any more and all daemons do."""
    violations = []
    for name, disk in cluster.disks.items():
        violations += [f"left on the disk of {name}: {path.relative_to(disk.folder)}"
                       for path in sorted(disk.folder.rglob("*")) if _STAGED.search(path.name)]  # fmt: skip
    for worker in clusters.WORKERS:
        scratch = cluster.scratch(worker)
        violations += [f"left in the scratch folder of {worker}: {path.relative_to(scratch)}"
                       for path in sorted(scratch.rglob("*"))
                       if path.relative_to(scratch).parts[0] not in _WORKER_SCRATCH and path.is_file()]  # fmt: skip
    return violations


def daemons_ended_as_asked(cluster, exit_codes, history):
    """`exit_codes`: what Cluster.stop gave."""
    violations = [f"{name} ended with {code} when it was asked to" for name, code in exit_codes.items() if code != 0]
    for name, daemon in cluster.daemons.items():
        full = any(getattr(fault, "explains", ()) and fault.name in (name, "artifacts") for fault in history.faults)
        for code, last_line in daemon.ends:
            if code < 0 or not full:
                violations.append(f"{name} ended by itself with {code}: {last_line}")
    return violations


def no_rank_is_left(cluster):
    """When all sweeps have ended and the daemons still run."""
    return [f"left running after its sweep has ended: rank process {pid}" for pid in cluster.processes(program=clusters.TRAINER)]


def no_process_is_left(cluster):
    """When all daemons have ended."""
    return [f"left running: process {pid} ({service.program_of(pid) or pathlib.Path(f'/proc/{pid}')})"
            for pid in cluster.processes()]  # fmt: skip
