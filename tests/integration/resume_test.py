"""A sweep whose trainer is killed goes on from its checkpoint, to the bytes of a sweep that nothing disturbed."""

import json
import os
import pathlib
import signal
import unittest

import service


class ResumeTest(unittest.TestCase):
    SWEEP = {"hookpoints": "[layers.0, layers.1.mlp]", "architectures": "[topk, batchtopk, relu, jumprelu]",
             "seeds": "[0, 1]", "epochs": 24, "ranks": 2}  # fmt: skip

    def setUp(self):
        self.inputs = service.Inputs()
        self.addCleanup(self.inputs.close)
        self.service = service.Service("cpu:2")
        self.addCleanup(self.service.close)

    def runs(self, sweep_id):
        answer = self.service.ask("runs", sweep_id) or {"runs": []}
        return answer["runs"]

    def progress(self, sweep_id, field):
        """Of every run; 0 where there is none."""
        return [int((run.get("progress") or {}).get(field, 0)) for run in self.runs(sweep_id)]

    def test_a_killed_rank_costs_no_byte_and_no_harvest(self):
        undisturbed = self.service.submit_and_wait(
            self.inputs.write_sweep(**self.SWEEP, extra="checkpoint: {every_minutes: 0}\n")
        )
        sweep_id = self.service.submit(
            self.inputs.write_sweep(**self.SWEEP, extra="checkpoint: {every_tokens: 6_400, every_minutes: 0}\n")
        )
        service.wait_for(lambda: all(self.progress(sweep_id, "checkpoint_step") or [0]), 120, "a checkpoint of each run")
        os.kill(self.service.ranks()[0], signal.SIGKILL)
        service.wait_for(lambda: all(self.progress(sweep_id, "resumed_step") or [0]), 120, "resumed")
        self.assertIn("resumed at step", self.service.cli("runs", sweep_id).stdout)
        service.wait_for(lambda: self.service.state_of(sweep_id) == "SUCCEEDED", 240, "succeeded")
        runs = self.runs(sweep_id)
        self.assertEqual(self.without_ids({"runs": runs}, sweep_id),
                         self.without_ids(undisturbed, undisturbed["sweep"]["sweep_id"]))  # fmt: skip
        self.assertEqual({run["attempt"] for run in runs}, {2})
        self.assertEqual({run["result"]["tokens_harvested"] for run in runs}, {"0"})
        folder = pathlib.Path(runs[0]["result"]["dictionary"]["path"]).parent
        self.assertEqual({entry.name for entry in folder.iterdir()}, {run["run_id"] for run in runs})

    def without_ids(self, outcome, sweep_id):
        """The content of every export, but for the ids in it and the checksums of the files that state them."""
        contents = service.exports(outcome)
        for content in contents:
            manifest = json.loads(content.pop("manifest.json").replace(sweep_id.encode(), b"SWEEP"))
            content["facts"] = manifest["facts"]
            content["cfg.json"] = content["cfg.json"].replace(sweep_id.encode(), b"SWEEP")
        return contents


if __name__ == "__main__":
    unittest.main()
