"""A sweep from submission to agreement, through every real process."""

import hashlib
import json
import random
import unittest
import urllib.request

import service


class SweepTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.inputs = service.Inputs()
        cls.addClassCleanup(cls.inputs.close)
        cls.service = service.Service()
        cls.addClassCleanup(cls.service.close)
        cls.outcome = cls.service.submit_and_wait(cls.inputs.write_sweep())

    def test_three_siblings_see_the_same_batches_and_agree_with_proof(self):
        self.assertEqual(self.outcome["sweep"]["state"], "SWEEP_STATE_SUCCEEDED")
        hashes = [run["result"]["batch_hash"] for run in self.outcome["runs"]]
        self.assertEqual(len(hashes), 3)
        self.assertEqual(len(set(hashes)), 1)
        self.assertRegex(hashes[0], "^[0-9a-f]{32}$")
        (agreement,) = self.outcome["agreements"]
        self.assertTrue(agreement["same_batches"])
        self.assertEqual(agreement["batch_hashes"], hashes)
        self.assertEqual([(pair["a"], pair["b"]) for pair in agreement["pairs"]], [(0, 1), (0, 2), (1, 2)])
        for pair in agreement["pairs"]:
            for side in ("decoder", "encoder"):
                self.assertTrue(pair[side]["certified"])
                self.assertGreater(pair[side]["mean_cosine"], 0)
                self.assertLessEqual(pair[side]["mean_cosine"], 1)

    def test_seeds_differ(self):
        weights = {content["sae.safetensors"] for content in service.exports(self.outcome)}
        self.assertEqual(len(weights), 3)

    def test_exports_are_what_their_checksums_say(self):
        for run in self.outcome["runs"]:
            dictionary = run["result"]["dictionary"]
            content = service.folder_bytes(dictionary["path"])
            manifest_sha256 = hashlib.sha256(content.pop("manifest.json")).hexdigest()
            self.assertEqual(manifest_sha256, dictionary["manifest_sha256"])
            self.assertIn("sae.safetensors", content)
            listed = {entry["name"]: (int(entry["bytes"]), entry["sha256"]) for entry in dictionary["files"]}
            found = {name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in content.items()}
            self.assertEqual(found, listed)

    def test_every_listing_is_a_table_or_json(self):
        sweep_id = self.outcome["sweep"]["sweep_id"]
        listings = {("list",): "sweeps", ("get", sweep_id): "sweep", ("runs", sweep_id): "runs",
                    ("workers",): "workers", ("results", sweep_id): "agreements"}  # fmt: skip
        for arguments, field in listings.items():
            with self.subTest(arguments):
                table = self.service.cli(*arguments)
                self.assertEqual((table.returncode, table.stderr), (0, ""))
                self.assertGreater(len(table.stdout.splitlines()), 1)
                self.assertTrue(json.loads(self.service.cli(*arguments, "--output", "json").stdout)[field])

    def test_the_same_key_is_the_same_sweep(self):
        sweep = self.inputs.write_sweep(epochs=1)
        arguments = ("submit", sweep, "--idempotency-key", "twice", "--wait")
        first, second = self.service.cli(*arguments), self.service.cli(*arguments)
        self.assertEqual((first.returncode, second.returncode), (0, 0), first.stderr + second.stderr)
        self.assertEqual(first.stdout.split()[1], second.stdout.split()[1])
        other = self.service.cli("submit", self.inputs.write_sweep(epochs=2), "--idempotency-key", "twice")
        self.assertEqual(other.returncode, 2)
        self.assertEqual(len(other.stderr.splitlines()), 1, other.stderr)

    def test_dry_run_makes_nothing(self):
        before = self.service.ask("list")["sweeps"]
        sweep = self.inputs.write_sweep(hookpoints="[layers.0, layers.2.mlp]", k="[2, 4]")
        plan = json.loads(self.service.cli("submit", sweep, "--dry-run", "--output", "json").stdout)
        self.assertEqual(len(plan["runs"]), 2 * 2 * 3)
        self.assertEqual(int(plan["rows_per_epoch"]), 8192 // 32 * 31)
        self.assertEqual(int(plan["steps_per_run"]), 4 * 8192 // 32 * 31 // 64)
        self.assertEqual([s["sweep_id"] for s in self.service.ask("list")["sweeps"]], [s["sweep_id"] for s in before])

    def test_every_daemon_is_healthy_and_has_metrics(self):
        for daemon in service.DAEMONS:
            address = self.service.addresses[f"{daemon}_http"]
            with self.subTest(daemon):
                with urllib.request.urlopen(f"http://{address}/healthz", timeout=10) as answer:
                    self.assertEqual(answer.status, 200)
                with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
                    self.assertRegex(answer.read().decode(), r"(?m)^seedbed_\w+")

    def test_hookpoints_and_widths_make_sibling_sets_of_their_own(self):
        outcome = self.service.submit_and_wait(
            self.inputs.write_sweep(hookpoints="[layers.0.attn, layers.2.mlp]", latents="[24, 48]", seeds="[5, 9]", epochs=1)
        )
        self.assertEqual(len(outcome["runs"]), 8)
        self.assertEqual(len(outcome["agreements"]), 4)
        by_hookpoint = {}
        for run in outcome["runs"]:
            by_hookpoint.setdefault(run["sae"]["hookpoint"], set()).add(run["result"]["batch_hash"])
        self.assertEqual({len(hashes) for hashes in by_hookpoint.values()}, {1})
        self.assertNotEqual(*by_hookpoint.values())


    def test_a_pattern_means_all_that_it_matches(self):
        sweep = self.inputs.write_sweep(hookpoints='["layers.*.mlp", model.layers.1]')
        plan = json.loads(self.service.cli("submit", sweep, "--dry-run", "--output", "json").stdout)
        self.assertEqual(plan["sweep"]["spec"]["sae"]["hookpoints"],
                         ["layers.0.mlp", "layers.1.mlp", "layers.2.mlp", "layers.1"])  # fmt: skip
        self.assertEqual(len(plan["runs"]), 4 * 3)

    def test_excluded_tokens_are_counted_before_anything_is_trained(self):
        tokens = self.inputs.write_tokens("counted.bin", ([1] * 24 + [0] * 8) * 300)
        cases = {", exclude_tokens: [0]": 256 * 23, "": 256 * 31}  # The first position is left out as well.
        for activations, rows in cases.items():
            sweep = self.inputs.write_sweep(tokens=tokens, activations=activations)
            plan = json.loads(self.service.cli("submit", sweep, "--dry-run", "--output", "json").stdout)
            with self.subTest(activations):
                self.assertEqual(int(plan["rows_per_epoch"]), rows)

    def test_a_folder_of_activations_needs_no_model(self):
        generator = random.Random(1)
        folder = self.inputs.write_rows("rows", [[generator.gauss(0, 1) for _ in range(16)] for _ in range(1000)])
        outcome = self.service.submit_and_wait(self.inputs.write_folder_sweep(folder))
        self.assertEqual([run["result"]["tokens_harvested"] for run in outcome["runs"]], ["0", "0"])
        self.assertEqual(outcome["runs"][0]["result"]["steps"], str(2 * 1000 // 64))
        self.assertTrue(outcome["agreements"][0]["same_batches"])


class HarvestTest(unittest.TestCase):
    """How often the language model runs: once for each stream, whatever reads it."""

    STREAM_TOKENS = 8192

    def setUp(self):
        self.inputs = service.Inputs()
        self.addCleanup(self.inputs.close)
        self.service = service.Service()
        self.addCleanup(self.service.close)

    def harvested(self):
        return self.service.metric("worker", "seedbed_worker_tokens_harvested_total")

    def test_hookpoints_widths_seeds_and_epochs_pay_the_model_once(self):
        outcome = self.service.submit_and_wait(
            self.inputs.write_sweep(hookpoints="[layers.0, layers.1.mlp, layers.2.attn]", latents="[24, 48]", epochs=3)
        )
        self.assertEqual(len(outcome["runs"]), 3 * 2 * 3)
        self.assertEqual({int(run["result"]["tokens_harvested"]) for run in outcome["runs"]}, {self.STREAM_TOKENS})
        self.assertEqual(self.harvested(), self.STREAM_TOKENS)

    def test_a_cached_stream_is_never_harvested_again(self):
        cache = self.inputs.folder / "cache"
        cached = {"activations": f", cache: {{dir: {cache}, max_bytes: 100MB}}", "epochs": 2}
        first = self.service.submit_and_wait(self.inputs.write_sweep(**cached))
        self.assertEqual(self.harvested(), self.STREAM_TOKENS)
        second = self.service.submit_and_wait(self.inputs.write_sweep(latents="[32]", seeds="[7]", **cached))
        self.assertEqual(self.harvested(), self.STREAM_TOKENS)
        self.assertEqual({int(run["result"]["tokens_harvested"]) for run in second["runs"]}, {0})
        hashes = {run["result"]["batch_hash"] for outcome in (first, second) for run in outcome["runs"]}
        self.assertEqual(len(hashes), 1)
        rows_an_epoch = self.STREAM_TOKENS // 32 * 31
        self.assertGreaterEqual(self.service.metric("worker", "seedbed_worker_rows_from_cache_total"), rows_an_epoch)


class RanksTest(unittest.TestCase):
    def test_two_ranks_give_the_same_bytes_as_one(self):
        inputs = service.Inputs()
        self.addCleanup(inputs.close)
        results = []
        for slots, ranks in (("cpu:1", 1), ("cpu:2", 2)):
            up = service.Service(slots)
            try:
                outcome = up.submit_and_wait(inputs.write_sweep(ranks=ranks, hookpoints="[layers.0, layers.1.mlp]"))
                self.assertEqual("local/cpu:1" in outcome["log"], ranks == 2, outcome["log"])
                hashes = [run["result"]["batch_hash"] for run in outcome["runs"]]
                results.append((hashes, service.exports(outcome)))
            finally:
                up.close()
        self.assertEqual(results[0], results[1])


if __name__ == "__main__":
    unittest.main()
