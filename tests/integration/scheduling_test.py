"""Priorities, pauses, retries, drains and backups with the real processes."""

import unittest

import service

LONG = {"epochs": 500, "latents": "[192]", "k": "[8]"}


class SchedulingTest(unittest.TestCase):
    def setUp(self):
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

    def wait_until_training(self, sweep_id, attempt):
        service.wait_for(lambda: self.service.steps_of(sweep_id) > (attempt, 0), 60, f"training in attempt {attempt}")

    def states_of(self, sweep_id):
        return {run["state"].removeprefix("RUN_STATE_") for run in self.service.ask("runs", sweep_id)["runs"]}

    def must(self, *arguments):
        done = self.service.cli(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_what_was_preempted_and_paused_gives_the_same_bytes(self):
        sweep = self.inputs.write_sweep(**LONG)
        undisturbed = self.undisturbed_exports(sweep)
        low = self.service.submit(sweep)
        self.wait_until_training(low, 1)
        urgent = self.service.submit(self.inputs.write_sweep(epochs=1, extra="scheduling: {priority: 5, user: anna}\n"))
        service.wait_for(lambda: self.service.state_of(urgent) == "SUCCEEDED", 60, "the urgent sweep trained")
        self.wait_until_training(low, 2)
        self.must("pause", low)
        self.assertEqual(self.states_of(low), {"HELD"})
        service.wait_for(lambda: not self.service.ranks(), 30, "without ranks")
        self.assertIn("is held until it is resumed", self.must("explain", f"{low}-r0"))
        self.must("resume", low)
        service.wait_for(lambda: self.service.state_of(low) == "SUCCEEDED", 120, "the other one trained")
        outcome = self.service.ask("runs", low)
        self.assertEqual({run["attempt"] for run in outcome["runs"]}, {3})
        self.assertEqual(self.service.ask("get", low)["sweep"]["gangs"][0]["failed_attempts"], 0)
        self.assertTrue(service.exports(outcome) == undisturbed, "the exports differ from those of an undisturbed sweep")
        users = {user["name"]: user for user in self.service.ask("users")["users"]}
        self.assertEqual(set(users), {"anna", "default"})
        self.assertEqual(users["default"]["slots_held"], 0)

    def test_a_gang_goes_on_without_a_run_that_is_cancelled(self):
        sweep_id = self.service.submit(self.inputs.write_sweep(**LONG))
        self.wait_until_training(sweep_id, 1)
        self.must("cancel", sweep_id, f"{sweep_id}-r1")
        service.wait_for(lambda: self.service.state_of(sweep_id) == "SUCCEEDED", 120, "the others trained")
        states = [run["state"] for run in self.service.ask("runs", sweep_id)["runs"]]
        self.assertEqual(states, ["RUN_STATE_SUCCEEDED", "RUN_STATE_CANCELLED", "RUN_STATE_SUCCEEDED"])

    def test_a_drained_worker_gets_nothing_and_a_backup_is_a_log(self):
        worker = self.service.ask("workers")["workers"][0]["name"]
        self.must("drain", worker)
        sweep_id = self.service.submit(self.inputs.write_sweep(epochs=1))
        self.assertIn("of workers that drain", self.must("explain", f"{sweep_id}-r0"))
        backup = self.service.folder / "copy.db"
        self.assertIn("events to", self.must("backup", backup))
        self.assertGreater(backup.stat().st_size, 0)
        self.assertEqual(self.service.cli("backup", backup).returncode, 2)
        self.must("drain", worker, "--undo")
        service.wait_for(lambda: self.service.state_of(sweep_id) == "SUCCEEDED", 60, "trained")

    def test_a_dry_run_tells_time_once_something_was_trained(self):
        sweep = self.inputs.write_sweep(epochs=1)
        self.assertIn("not known yet", self.must("submit", sweep, "--dry-run"))
        self.service.submit_and_wait(sweep)
        forecast = self.service.cli("submit", sweep, "--dry-run", "--output", "json")
        self.assertIn('"seconds": ', forecast.stdout)
        self.assertNotIn("not known yet", self.must("submit", sweep, "--dry-run"))


if __name__ == "__main__":
    unittest.main()
