"""Plays a history on a cluster of its own and judges what came of it."""

import dataclasses
import pathlib
import shutil
import tempfile
import threading
import time
import traceback

import artifact_writes
import attempts
import faults
import invariants
import outcome as outcomes
import service
import user as users
from cluster import Cluster

_TICK_SECONDS = 0.02
_ASK_SECONDS = 1.0
_TRAINING_SECONDS = 20  # Faults that are to disturb training do not wait longer for it.
# After the last fault, without anything new in any sweep: a machine may be slow, but something must go on.
_STUCK_SECONDS = 120
_LONGEST_SECONDS = 1800  # After the last fault.
_QUIET_SECONDS = 20  # Until what ended runs used is gone.


@dataclasses.dataclass
class Verdict:
    violations: list
    most_attempts: int  # At any gang.
    seconds: float
    logs: pathlib.Path  # None where there is no violation: they were removed.


def undisturbed_exports(sweep_files):
    """{run id: {name: content}} of all sweeps, on a cluster that nothing happens to."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seedbed-faults-"))
    cluster = Cluster(folder)
    try:
        user = users.User(cluster, sweep_files, [0.0] * len(sweep_files))
        user.start()
        try:
            outcome = _settle(cluster, user)
        finally:
            user.stop()
        assert outcome and outcome.is_final(len(sweep_files)) and all(sweep.succeeded for sweep in outcome.sweeps.values()), (
            f"a cluster that nothing happened to did not train its sweeps, see {folder}")  # fmt: skip
        exports = {run["run_id"]: service.folder_bytes(run["result"]["dictionary"]["path"])
                   for sweep in outcome.sweeps.values() for run in sweep.runs}  # fmt: skip
    finally:
        cluster.close()
    shutil.rmtree(folder)
    return exports


def run_trial(history, sweep_files, undisturbed):
    begin = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="seedbed-faults-"))
    most_attempts = 0
    try:
        cluster = Cluster(folder)
        try:
            violations, most_attempts = _play_and_judge(cluster, history, sweep_files, undisturbed)
            if violations:
                cluster.keep_disks(folder / "kept")
        finally:
            cluster.close()
    except Exception:  # Of the harness: told as a violation, so that a soak goes on.
        violations = ["the harness failed: " + traceback.format_exc()]
    if violations:
        (folder / "history.txt").write_text("\n".join([history.describe(), *violations, ""]))
    else:
        shutil.rmtree(folder)
    return Verdict(violations, most_attempts, time.monotonic() - begin, folder if violations else None)


def _play_and_judge(cluster, history, sweep_files, undisturbed):
    writes = artifact_writes.WriteWatch(cluster.artifacts)
    watch = attempts.AttemptWatch(cluster)
    user = users.User(cluster, sweep_files, history.submit_at)
    try:
        user.start()
        scene = faults.Scene(cluster, user, writes, threading.Event())
        errors = _inflict(scene, history, watch.training)
        outcome = _settle(cluster, user)
    finally:
        user.stop()
        watch.stop()
        writes.stop()
    violations = [*errors, *watch.violations, *writes.violations]
    violations += _judge_outcome(outcome, user, history, undisturbed)
    violations += _wait_until_none(cluster, lambda: invariants.nothing_is_left_over(cluster))
    violations += _wait_until_none(cluster, lambda: invariants.no_rank_is_left(cluster))
    exit_codes = cluster.stop()
    violations += invariants.daemons_ended_as_asked(cluster, exit_codes, history)
    violations += invariants.no_process_is_left(cluster)
    return violations, watch.most_attempts()


def _judge_outcome(outcome, user, history, undisturbed):
    if outcome is None:
        return [f"the coordinator has not answered for {_STUCK_SECONDS} s after the last fault"]
    return [*invariants.acknowledged_sweeps_are_complete(outcome, user.submissions, history),
            *invariants.waiting_clients_saw_the_end(outcome, user.submissions),
            *invariants.exports_are_the_undisturbed_ones(outcome, undisturbed)]  # fmt: skip


def _inflict(scene, history, training):
    """Lets all faults happen. Gives what the harness could not do."""
    errors = []
    threads = [threading.Thread(target=_inflict_one, args=(fault, scene, training, errors))
               for fault in history.faults]  # fmt: skip
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            scene.cluster.keep_running()
            time.sleep(_TICK_SECONDS)
    finally:
        scene.healed.set()
        for thread in threads:
            thread.join()
    return errors


def _inflict_one(fault, scene, training, errors):
    if fault.since == "training":
        training.wait(_TRAINING_SECONDS)
    scene.healed.wait(fault.at)
    try:
        fault.inflict(scene)
    except Exception:
        errors.append(f"the harness could not inflict {fault}: {traceback.format_exc()}")


def _settle(cluster, user):
    """The outcome, once it is final or nothing goes on any more. None where nobody has answered."""
    asking = _Asking(cluster, len(user.submissions))
    give_up = time.monotonic() + _LONGEST_SECONDS
    while not (user.is_done() and asking.is_final()) and time.monotonic() < min(give_up, asking.changed_at + _STUCK_SECONDS):
        cluster.keep_running()
        time.sleep(_TICK_SECONDS)
    asking.stop()
    return asking.outcome


class _Asking:
    """Asks for the outcome again and again until it is final, in a thread, since no answer may come for long."""

    def __init__(self, cluster, sweeps):
        self._cluster = cluster
        self._sweeps = sweeps
        self.outcome = None  # The newest.
        self.changed_at = time.monotonic()  # When it last differed from the one before.
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def is_final(self):
        return self.outcome is not None and self.outcome.is_final(self._sweeps)

    def stop(self):
        self._stopping.set()
        self._thread.join()

    def _run(self):
        while not self._stopping.wait(_ASK_SECONDS) and not self.is_final():
            outcome = outcomes.ask_outcome(self._cluster)
            if outcome is not None:
                if self.outcome is None or outcome.content != self.outcome.content:
                    self.changed_at = time.monotonic()
                self.outcome = outcome


def _wait_until_none(cluster, find):
    """What find() still gives after a while."""
    give_up = time.monotonic() + _QUIET_SECONDS
    while (found := find()) and time.monotonic() < give_up:
        cluster.keep_running()
        time.sleep(_TICK_SECONDS)
    return found
