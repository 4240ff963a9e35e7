"""What a user can get wrong: one clear line each, an exit code that is not 0, and daemons that are none the worse."""

import json
import math
import os
import pathlib
import unittest

import service


class BadInputTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.inputs = service.Inputs()
        cls.addClassCleanup(cls.inputs.close)
        cls.service = service.Service()
        cls.addClassCleanup(cls.service.close)
        cls.daemons = cls.service.daemons()

    @classmethod
    def tearDownClass(cls):
        outcome = cls.service.submit_and_wait(cls.inputs.write_sweep(epochs=1))
        assert len(outcome["agreements"]) == 1
        assert cls.service.daemons() == cls.daemons, "a daemon did not survive bad input"

    def assert_refused(self, done, *parts):
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for part in parts:
            self.assertIn(str(part), done.stderr)

    def assert_sweep_refused(self, sweep, *parts):
        """Refused at once, with the line of the file."""
        before = len(self.service.ask("list")["sweeps"])
        self.assert_refused(self.service.cli("submit", sweep, "--wait"), *parts)
        self.assertEqual(len(self.service.ask("list")["sweeps"]), before)

    def assert_inspection_refuses(self, sweep, line, *parts):
        """Refused at once by who looked at the files, with the line of the file; a dry run tells the same."""
        self.assert_sweep_refused(sweep, f"{sweep}:{line}", *parts)
        self.assert_refused(self.service.cli("submit", sweep, "--dry-run"), f"{sweep}:{line}", *parts)

    def assert_sweep_fails(self, sweep, *parts):
        """Refused at once or, where only a rank can tell, by a failure that is not retried."""
        self.assert_refused(self.service.cli("submit", sweep, "--wait"), *parts)

    def copy_of_model(self, name):
        folder = self.inputs.folder / name
        folder.mkdir()
        for file in self.inputs.model.iterdir():
            (folder / file.name).write_bytes(file.read_bytes())
        return folder

    def test_unknown_key(self):
        sweep = self.inputs.write_sweep(extra="agreemnt: {threshold: 0.7}\n")
        self.assert_sweep_refused(sweep, f"{sweep}:13: agreemnt: found an unknown key", "nearest: agreement")

    def test_not_yaml(self):
        sweep = self.inputs.write_sweep(extra="]\n")
        self.assert_sweep_refused(sweep, f"{sweep}:13: ")

    def test_k_above_latents(self):
        sweep = self.inputs.write_sweep(k="[4, 49]")
        self.assert_sweep_refused(sweep, f"{sweep}:10: sae.k[1]: ", "49", "48")

    def test_max_tokens_below_a_sequence(self):
        sweep = self.inputs.write_sweep(max_tokens=31)
        self.assert_sweep_refused(sweep, f"{sweep}:3: data.max_tokens: ", "31")

    def test_unknown_architecture(self):
        sweep = self.inputs.write_sweep(architectures="[tpok]")
        self.assert_sweep_refused(sweep, f"{sweep}:8: sae.architectures[0]: ", "topk")

    def test_weight_of_a_file_that_would_give_nothing(self):
        other = self.inputs.write_tokens("other.bin", [1] * 1000)
        mixture = f"[{self.inputs.tokens}, {{path: {other}, weight: 0.00001}}]"
        sweep = self.inputs.write_sweep(tokens=mixture)
        self.assert_sweep_refused(sweep, f"{sweep}:3: data.tokens[1].weight: ", "1e-05", "256 sequences")

    def test_cache_without_a_size(self):
        sweep = self.inputs.write_sweep(activations=", cache: {dir: cache}")
        self.assert_sweep_refused(sweep, f"{sweep}:4: activations.cache.max_bytes: ", "10GB")

    def test_tokens_beside_a_folder(self):
        sweep = self.inputs.write_sweep(activations=f", source: folder, path: {self.inputs.folder}")
        self.assert_sweep_refused(sweep, f"{sweep}:3: data.tokens: ", f"{sweep}:3: data.sequence_length: ",
                                  f"{sweep}:4: activations.exclude_first: ")  # fmt: skip

    def test_hookpoint_of_no_known_form(self):
        self.assert_inspection_refuses(
            self.inputs.write_sweep(hookpoints="[blocks.1]"), "7: sae.hookpoints[0]: ", "blocks.1", "layers.N.mlp")  # fmt: skip

    def test_hookpoint_that_the_model_lacks(self):
        self.assert_inspection_refuses(
            self.inputs.write_sweep(hookpoints="[layers.1, layers.3]"), "7: sae.hookpoints[1]: ", "layers.3")  # fmt: skip

    def test_more_held_out_sequences_than_are_left(self):
        sweep = self.inputs.write_sweep(extra="evaluation: {sequences: 370}\n")
        self.assert_inspection_refuses(
            sweep, "13: evaluation.sequences: ", "is 370", self.inputs.tokens, "at most the other 369 ")  # fmt: skip

    def test_pattern_that_matches_nothing(self):
        sweep = self.inputs.write_sweep(hookpoints='["layers.*.mpl"]')
        self.assert_inspection_refuses(sweep, "7: sae.hookpoints[0]: ", "layers.*.mpl")

    def test_hookpoint_twice_by_a_pattern(self):
        sweep = self.inputs.write_sweep(hookpoints='[layers.1.mlp, "layers.*.mlp"]')
        self.assert_inspection_refuses(sweep, "7: sae.hookpoints[1]: ", "layers.1.mlp")

    def test_hookpoint_twice_by_a_synonym(self):
        sweep = self.inputs.write_sweep(hookpoints="[layers.1.mlp, model.layers.1.mlp]")
        self.assert_inspection_refuses(sweep, "7: sae.hookpoints[1]: ", "layers.1.mlp")

    def test_missing_model_folder(self):
        missing = self.inputs.folder / "nowhere"
        self.assert_inspection_refuses(self.inputs.write_sweep(model=missing), "2: model.path: ", missing)

    def test_truncated_safetensors(self):
        folder = self.copy_of_model("truncated")
        weights = folder / "model.safetensors"
        os.truncate(weights, weights.stat().st_size - 100)
        self.assert_inspection_refuses(self.inputs.write_sweep(model=folder), "2: model.path: ", weights)

    def test_missing_tensor(self):
        folder = self.copy_of_model("missing-tensor")
        weights = folder / "model.safetensors"
        tensors = service.read_safetensors(weights)
        del tensors["model.layers.1.mlp.up_proj.weight"]
        service.write_safetensors(weights, tensors)
        self.assert_inspection_refuses(
            self.inputs.write_sweep(model=folder), "2: model.path: ", "model.layers.1.mlp.up_proj.weight")  # fmt: skip

    def test_shape_that_contradicts_the_config(self):
        folder = self.copy_of_model("other-shape")
        weights = folder / "model.safetensors"
        tensors = service.read_safetensors(weights)
        dtype, (rows, columns), content = tensors["model.layers.1.mlp.up_proj.weight"]
        tensors["model.layers.1.mlp.up_proj.weight"] = (dtype, [columns, rows], content)
        service.write_safetensors(weights, tensors)
        self.assert_inspection_refuses(
            self.inputs.write_sweep(model=folder), "2: model.path: ", "model.layers.1.mlp.up_proj.weight")  # fmt: skip

    def test_unknown_extra_tensor(self):
        folder = self.copy_of_model("extra-tensor")
        weights = folder / "model.safetensors"
        tensors = service.read_safetensors(weights)
        tensors["model.layers.1.mlp.adapter.weight"] = ("F32", [1], b"\0\0\0\0")
        service.write_safetensors(weights, tensors)
        self.assert_inspection_refuses(
            self.inputs.write_sweep(model=folder), "2: model.path: ", "model.layers.1.mlp.adapter.weight")  # fmt: skip

    def test_damaged_config(self):
        folder = self.copy_of_model("damaged")
        (folder / "config.json").write_text("{")
        self.assert_inspection_refuses(self.inputs.write_sweep(model=folder), "2: model.path: ", folder / "config.json")

    def test_model_type_of_no_known_family(self):
        folder = self.copy_of_model("mamba")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "mamba"}))
        self.assert_inspection_refuses(
            self.inputs.write_sweep(model=folder), "2: model.path: ", folder / "config.json", "mamba", "llama")  # fmt: skip

    def test_token_beyond_the_vocabulary_of_its_file(self):
        tokens = self.inputs.write_tokens("beyond.bin", [1] * 5000 + [40] + [1] * 5000)
        self.assert_sweep_fails(self.inputs.write_sweep(tokens=tokens), tokens, "40", "32")

    def test_vocabulary_larger_than_the_model(self):
        tokens = self.inputs.write_tokens("larger.bin", [1] * 5000 + [40] + [1] * 5000, vocabulary=64)
        self.assert_inspection_refuses(self.inputs.write_sweep(tokens=tokens), "3: data.tokens[0].path: ", tokens, "64", "32")

    def test_token_file_shorter_than_asked(self):
        sweep = self.inputs.write_sweep(max_tokens=1_000_000)
        self.assert_inspection_refuses(sweep, "3: data.", self.inputs.tokens)

    def test_second_token_file_shorter_than_its_share(self):
        short = self.inputs.write_tokens("short.bin", [1] * 64)
        sweep = self.inputs.write_sweep(tokens=f"[{self.inputs.tokens}, {short}]")
        self.assert_inspection_refuses(sweep, "3: data.", short)

    def test_missing_token_file(self):
        missing = self.inputs.folder / "no-tokens.bin"
        self.assert_inspection_refuses(self.inputs.write_sweep(tokens=missing), "3: data.tokens[0].path: ", missing)

    def test_sidecar_that_contradicts_its_file(self):
        tokens = self.inputs.write_tokens("contradicted.bin", [1] * 10_000)
        sidecar = pathlib.Path(f"{tokens}.json")
        sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "count": 20_000}))
        self.assert_inspection_refuses(self.inputs.write_sweep(tokens=tokens), "3: data.tokens[0].path: ", tokens, "20000")

    def test_everything_of_a_stream_left_out(self):
        tokens = self.inputs.write_tokens("ones.bin", [1] * 10_000)
        sweep = self.inputs.write_sweep(tokens=tokens, activations=", exclude_tokens: [1]")
        self.assert_inspection_refuses(sweep, "4: activations.exclude_tokens: ")

    def test_missing_folder_of_activations(self):
        missing = self.inputs.folder / "no-rows"
        self.assert_inspection_refuses(self.inputs.write_folder_sweep(missing), "2: activations.path: ", missing)

    def test_folder_of_activations_with_a_nan(self):
        rows = [[0.5] * 16 for _ in range(300)]
        rows[200][3] = math.nan
        folder = self.inputs.write_rows("nan-rows", rows)
        self.assert_sweep_fails(self.inputs.write_folder_sweep(folder), "rows.safetensors", "200")

    def test_more_rows_than_a_folder_has(self):
        folder = self.inputs.write_rows("few-rows", [[0.5] * 16 for _ in range(300)])
        sweep = self.inputs.write_folder_sweep(folder, max_rows=301)
        self.assert_inspection_refuses(sweep, "3: data.max_tokens: ", "301", "300")

    def test_one_folder_for_two_hookpoints(self):
        folder = self.inputs.write_rows("one-for-two", [[0.5] * 16 for _ in range(300)])
        sweep = self.inputs.write_folder_sweep(folder, hookpoints="[layers.0, layers.1]")
        self.assert_inspection_refuses(sweep, "2: activations.path: ", "layers.0")

    def test_missing_sweep_file(self):
        self.assert_refused(self.service.cli("submit", "/nonexistent.yaml"), "/nonexistent.yaml: No such file")

    def test_unknown_sweep(self):
        for command in ("get", "runs", "results", "cancel"):
            self.assert_refused(self.service.cli(command, "no-such-sweep"), "no-such-sweep")

    def test_unreachable_server(self):
        self.assert_refused(service.run("list", "--server", "127.0.0.1:1"), "127.0.0.1:1", "seedbed up")
        self.assert_refused(service.run("submit", self.inputs.write_sweep(), "--server", "127.0.0.1:1"), "127.0.0.1:1")

    def up(self, *arguments):
        return service.run("up", *arguments, timeout=60)

    def test_port_taken(self):
        taken = self.service.server.rpartition(":")[2]
        done = self.up("--dir", self.inputs.folder / "port-taken", "--port", taken, "--http-port", 0)
        self.assert_refused(done, f"127.0.0.1:{taken}")

    def test_http_port_taken(self):
        taken = self.service.addresses["coordinator_http"].rpartition(":")[2]
        done = self.up("--dir", self.inputs.folder / "http-taken", "--port", 0, "--http-port", taken)
        self.assert_refused(done, f"127.0.0.1:{taken}")

    def test_data_folder_that_cannot_be_written(self):
        self.assert_refused(self.up("--dir", "/proc/seedbed", "--port", 0), "--dir: /proc/seedbed")
        under_a_file = self.inputs.tokens / "data"
        self.assert_refused(self.up("--dir", under_a_file, "--port", 0), f"--dir: {under_a_file}")

    def test_bad_slots(self):
        done = self.up("--dir", self.inputs.folder / "slots", "--port", 0, "--slots", "tpu:1")
        self.assert_refused(done, "--slots", "tpu")

    def test_a_second_up_on_the_folder(self):
        self.assert_refused(self.up("--dir", self.service.data, "--port", 0), self.service.data, "another")

    def test_a_second_coordinator_on_the_database(self):
        database = self.service.data / "coordinator.db"
        done = service.run("--db", database, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
                           program="seedbed-coordinator", timeout=60)  # fmt: skip
        self.assert_refused(done, database)

    def test_a_second_results_service_on_the_database(self):
        database = self.service.data / "results.db"
        done = service.run("--db", database, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--coordinator",
                           self.service.server, program="seedbed-results", timeout=60)  # fmt: skip
        self.assert_refused(done, database)


if __name__ == "__main__":
    unittest.main()
