"""What the results service answers about a sweep, through the real processes."""

import csv
import io
import json
import os
import subprocess
import unittest

import service


def table(text):
    return list(csv.DictReader(io.StringIO(text)))


class ResultsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.inputs = service.Inputs()
        cls.addClassCleanup(cls.inputs.close)
        cls.service = service.Service()
        cls.addClassCleanup(cls.service.close)
        cls.outcome = cls.service.submit_and_wait(cls.inputs.write_sweep(extra="agreement: {consensus_members: 2}\n"))
        cls.sweep_id = cls.outcome["sweep"]["sweep_id"]
        (cls.agreement,) = cls.outcome["agreements"]
        cls.runs = [run["run_id"] for run in cls.outcome["runs"]]

    def cli(self, *arguments):
        done = self.service.cli(*arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""), arguments)
        return done.stdout

    def test_tables_as_csv(self):
        pairs = table(self.cli("results", self.sweep_id, "--format", "csv"))
        self.assertEqual([(pair["dictionary_a"], pair["dictionary_b"]) for pair in pairs],
                         [(self.runs[0], self.runs[1]), (self.runs[0], self.runs[2]), (self.runs[1], self.runs[2])])  # fmt: skip
        folder = self.inputs.folder / "tables"
        self.cli("results", self.sweep_id, "--csv", folder)
        self.assertEqual(len(table((folder / "curves.csv").read_text())), 3 * 21)
        self.assertEqual(len(table((folder / "sharing_counts.csv").read_text())), 3)
        self.assertEqual(len(table((folder / "unique_fractions.csv").read_text())), 3)

    def test_another_threshold_matches_nothing_again(self):
        answer = json.loads(self.cli("results", self.sweep_id, "--threshold", "0.1", "--format", "json"))
        (lower,) = answer["agreements"]
        self.assertEqual(lower["threshold"], 0.1)
        self.assertEqual(lower["sibling_set_id"], self.agreement["sibling_set_id"])
        for pair, old in zip(lower["pairs"], self.agreement["pairs"]):
            self.assertEqual(pair["decoder"]["seconds"], old["decoder"]["seconds"], "of when it was made")
            self.assertGreaterEqual(pair["shared_aligned"], old["shared_aligned"])

    def test_a_watch_of_a_sweep_that_has_ended_ends(self):
        self.assertIn("PW-MCC", self.cli("results", self.sweep_id, "--watch"))

    def test_stability_of_every_latent_and_counterparts_of_a_pair(self):
        dictionaries = self.agreement["dictionaries"]
        latents = int(dictionaries[0]["latents"])
        stability = table(self.cli("latents", self.agreement["sibling_set_id"]))
        self.assertEqual(len(stability), 3 * latents)
        counts = [int(row["found_in"]) for row in stability if row["dictionary"] == "0"]
        self.assertTrue(all(0 <= count <= 2 for count in counts))
        pair = table(self.cli("latents", self.agreement["sibling_set_id"], "--pair", "0", "2"))
        back = table(self.cli("latents", self.agreement["sibling_set_id"], "--pair", "2", "0"))
        self.assertEqual(len(pair), latents)
        for row in pair:
            self.assertEqual(back[int(row["decoder_counterpart"])]["decoder_counterpart"], row["latent"])

    def test_runs_are_compared_on_the_server(self):
        answer = json.loads(self.cli("compare", self.runs[2], self.runs[0], "--output", "json"))
        self.assertEqual([d["run_id"] for d in answer["dictionaries"]], [self.runs[2], self.runs[0]])
        other_way = self.agreement["pairs"][1]["decoder"]["mean_cosine"]
        self.assertAlmostEqual(answer["pairs"][0]["decoder"]["mean_cosine"], other_way, places=9)
        unknown = self.service.cli("compare", self.runs[0], "s1-r99")
        self.assertEqual((unknown.returncode, len(unknown.stderr.splitlines())), (2, 1), unknown.stderr)

    # The command line runs where the artifacts are not to be seen.
    def test_a_machine_without_the_folder_fetches_what_it_needs(self):
        hidden = os.path.dirname(self.outcome["runs"][0]["result"]["dictionary"]["path"])
        script = f'mount -t tmpfs none "{hidden}" && exec "$@"'
        unshare = ["unshare", "--mount", "sh", "-c", script, "sh"]
        if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
            self.skipTest("no mount namespace can be made here")

        def elsewhere(*arguments):
            command = [service.BIN / "seedbed", "--server", self.service.server, *arguments]
            done = subprocess.run([*unshare, *map(str, command)], capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        here = json.loads(self.cli("agree", self.runs[0], self.runs[1], "--output", "json"))
        there = json.loads(elsewhere("agree", f"run:{self.runs[0]}", self.runs[1], "--output", "json"))
        self.assertEqual([d["manifest_sha256"] for d in there["dictionaries"]],
                         [d["manifest_sha256"] for d in here["dictionaries"]])  # fmt: skip
        self.assertNotEqual(there["dictionaries"][0]["path"], here["dictionaries"][0]["path"])
        self.assertEqual(there["siblings"], here["siblings"])
        target = self.inputs.folder / "exported"
        elsewhere("export", self.runs[0], "--format", "saelens", "-o", target)
        self.assertTrue((target / "sae_weights.safetensors").exists())


if __name__ == "__main__":
    unittest.main()
