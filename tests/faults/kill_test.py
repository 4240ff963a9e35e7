"""kill -9 of every process of a running sweep, cancelling, and a coordinator that is away when a sweep comes."""

import os
import random
import signal
import sys
import time
import unittest

import service

SEED = int(os.environ.get("SEEDBED_TEST_SEED", time.time_ns() % 1_000_000))
# The sweep that things are killed in. Training goes on while a killed daemon is started again, so it takes many times as
# long as that, and the kills come early in it.
LONG = {"epochs": 500, "latents": "[192]", "k": "[8]"}
MOST_STEPS_BETWEEN_KILLS = 1500


class KillTest(unittest.TestCase):
    def setUp(self):
        print(f"SEEDBED_TEST_SEED={SEED}", file=sys.stderr)
        self.random = random.Random(SEED)
        self.inputs = service.Inputs()
        self.addCleanup(self.inputs.close)
        self.service = service.Service()
        self.addCleanup(self.service.close)

    def undisturbed_exports(self, sweep):
        """Of a service of its own, so that the sweep's id, which is in the manifests, is the same."""
        quiet = service.Service()
        try:
            return service.exports(quiet.submit_and_wait(sweep))
        finally:
            quiet.close()

    def wait_until_training(self, sweep_id, after=(0, 0)):
        """Until some steps of a new attempt, or more of the same one, were taken. Gives (attempt, step)."""
        more = self.random.randrange(1, MOST_STEPS_BETWEEN_KILLS)
        return service.wait_for(
            lambda: (now := self.service.steps_of(sweep_id)) > (after[0], after[1] + more) and now,
            60, f"training on after {after}",
        )  # fmt: skip

    def kill_daemon(self, name):
        pid = self.service.daemon(name)
        os.kill(pid, signal.SIGKILL)
        service.wait_for(lambda: self.service.daemon(name) not in (0, pid), 30, f"started again: {name}")

    def kill_rank(self):
        (pid,) = service.wait_for(self.service.ranks, 30, "a rank")
        os.kill(pid, signal.SIGKILL)

    def test_a_sweep_outlives_every_process(self):
        sweep = self.inputs.write_sweep(**LONG)
        undisturbed = self.undisturbed_exports(sweep)
        sweep_id = self.service.submit(sweep)
        kills = {"coordinator": lambda: self.kill_daemon("coordinator"), "rank": self.kill_rank,
                 "results": lambda: self.kill_daemon("results"), "worker": lambda: self.kill_daemon("worker")}  # fmt: skip
        order = self.random.sample(sorted(kills), len(kills))
        reached = (0, 0)
        for name in order:
            reached = self.wait_until_training(sweep_id, reached)
            with self.subTest(killed=name, at=reached, seed=SEED):
                kills[name]()
                # What loses the gang's ranks makes a new attempt; nothing else disturbs them.
                if name in ("rank", "worker"):
                    attempt = reached[0]
                    reached = service.wait_for(
                        lambda: (now := self.service.steps_of(sweep_id)) > (attempt + 1, 0) and now,
                        60, f"in another attempt after {attempt}",
                    )  # fmt: skip
        service.wait_for(lambda: self.service.state_of(sweep_id) not in ("", "RUNNING", "QUEUED"), 120, "ended")
        self.assertEqual(self.service.state_of(sweep_id), "SUCCEEDED")
        outcome = self.service.ask("runs", sweep_id)
        self.assertGreaterEqual(min(run["attempt"] for run in outcome["runs"]), 3)
        self.assertTrue(service.exports(outcome) == undisturbed, "the exports differ from those of an undisturbed sweep")
        self.assertEqual(len({run["result"]["batch_hash"] for run in outcome["runs"]}), 1)
        agreements = service.wait_for(
            lambda: (self.service.ask("results", sweep_id) or {}).get("agreements"), 60, "compared")
        self.assertEqual(len(agreements), 1)
        self.assertNotIn("failure", agreements[0])

    def test_a_results_service_killed_while_it_compares(self):
        sweep_id = self.service.submit(self.inputs.write_sweep(epochs=1))
        service.wait_for(lambda: self.service.state_of(sweep_id) == "SUCCEEDED", 60, "trained")
        self.kill_daemon("results")
        first = service.wait_for(lambda: (self.service.ask("results", sweep_id) or {}).get("agreements"), 60, "compared")
        self.kill_daemon("results")
        again = service.wait_for(lambda: (self.service.ask("results", sweep_id) or {}).get("agreements"), 60, "served")
        self.assertEqual(again, first)  # Its seconds too: it was not computed twice.

    def test_killing_up_leaves_no_process(self):
        sweep_id = self.service.submit(self.inputs.write_sweep(**LONG))
        self.wait_until_training(sweep_id)
        self.assertTrue(self.service.ranks())
        os.kill(self.service.process.pid, signal.SIGKILL)
        self.service.process.wait()
        service.wait_for(lambda: not self.service.processes(), 20, "without processes")

    def test_a_sweep_submitted_while_the_coordinator_is_down_is_made_once(self):
        os.kill(self.service.daemon("coordinator"), signal.SIGKILL)
        sweep_id = self.service.submit(self.inputs.write_sweep(epochs=1))
        self.assertEqual([sweep["sweep_id"] for sweep in self.service.ask("list")["sweeps"]], [sweep_id])
        service.wait_for(lambda: self.service.state_of(sweep_id) == "SUCCEEDED", 60, "trained")

    def test_a_sweep_that_needs_a_worker_waits_for_a_killed_one(self):
        for name in ("worker", "coordinator"):
            with self.subTest(killed=name):
                os.kill(self.service.daemon(name), signal.SIGKILL)
                sweep_id = self.service.submit(self.inputs.write_sweep(hookpoints='["layers.*.mlp"]', epochs=1))
                service.wait_for(lambda: self.service.state_of(sweep_id) == "SUCCEEDED", 60, "trained")
        self.assertEqual(len(self.service.ask("list")["sweeps"]), 2)

    def test_cancelling_frees_the_slot(self):
        long_one = self.service.submit(self.inputs.write_sweep(**{**LONG, "epochs": 10_000}))
        self.wait_until_training(long_one)
        self.assertEqual(self.service.cli("cancel", long_one).returncode, 0)
        self.assertEqual(self.service.cli("cancel", long_one).returncode, 0)  # Again changes nothing.
        self.assertEqual(self.service.state_of(long_one), "CANCELLED")
        outcome = self.service.submit_and_wait(self.inputs.write_sweep(epochs=1))
        self.assertEqual(outcome["sweep"]["state"], "SWEEP_STATE_SUCCEEDED")
        self.assertEqual(self.service.state_of(long_one), "CANCELLED")
        waiting = self.service.cli("submit", self.inputs.write_sweep(epochs=1), "--wait")
        self.assertEqual(waiting.returncode, 0, waiting.stderr)


if __name__ == "__main__":
    unittest.main()
