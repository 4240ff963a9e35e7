#!/usr/bin/env python3
"""Checks that sparsify and SAELens load what Seedbed exports, and Seedbed what they save, and that all encode alike.

  export_in_peers.py --convert build/release/bin/seedbed-convert --encode build/release/tests/encode_dictionary

1. Every architecture, as an autoencoder and as a transcoder, with and without a skip connection, is exported to every
   format, loaded with the library itself (strict names and shapes) and run on random rows. Saved again by the library
   it must have the same configuration. One that the format can't express must be refused.
2. Every class of SAELens and every kind of sparsify's saves a dictionary itself, which Seedbed reads as it is and after
   `seedbed-convert` has imported it.

Activations and reconstructions must agree to 1e-5. Exits 1 where something differs and 77 where a library is missing.
Needs eai-sparsify 1.3.3 and sae-lens 6.54.12.
"""
import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

os.environ["SPARSIFY_DISABLE_TRITON"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
SKIPPED = 77
try:
    import torch
    from safetensors.torch import load_file, save_file
    from sparsify import SparseCoder, SparseCoderConfig
    import sae_lens
    from sae_lens import registry
except ImportError as missing:
    print(f"skipped: {missing} (needs eai-sparsify 1.3.3 and sae-lens 6.54.12)")
    sys.exit(SKIPPED)

TOLERANCE = 1e-5
LATENTS, WIDTH, OTHER_WIDTH, ROWS, K = 48, 16, 12, 33, 5
WITH_K = ("topk", "batchtopk", "matryoshka")
WITH_THRESHOLD = ("batchtopk", "matryoshka", "jumprelu")
ARCHITECTURES = ("topk", "batchtopk", "relu", "gated", "jumprelu", "matryoshka")
FACTS = {"run_id": "s1-r0", "seed": 7, "hookpoint": "layers.3.mlp", "batch_hash": "0" * 32,
         "training": {"convention": "saelens"}, "metrics": {"fvu": 0.25},
         "stream": {"model_path": "/models/gpt2", "sequence_length": 64, "tokens_sha256": "1" * 64,
                    "tokens": [{"path": "data.bin", "sequences": 4}]}}


@dataclasses.dataclass(frozen=True)
class Kind:
    """A dictionary up to its values."""
    architecture: str
    d_out: int
    centers_input: bool
    skip: bool

    def __str__(self):
        words = [self.architecture, f"{WIDTH} to {self.d_out}", "x - b_dec" if self.centers_input else "x"]
        return ", ".join(words + (["skip"] if self.skip else []))

    def fits_sparsify(self):
        return self.architecture == "topk" and self.d_out == WIDTH

    def fits_sae_lens(self):
        if self.d_out == WIDTH and not self.skip:
            return True
        return self.architecture not in ("topk", "gated") and not self.centers_input


def all_kinds():
    for architecture, skip in itertools.product(ARCHITECTURES, (False, True)):
        yield Kind(architecture, WIDTH, True, skip)
        yield Kind(architecture, WIDTH, False, skip)
        yield Kind(architecture, OTHER_WIDTH, False, skip)


def random_values(shape):
    """Rows of matrices have about unit norm, as a dictionary's have."""
    return torch.randn(shape) / (WIDTH ** 0.5 if len(shape) == 2 else 1)


def random_tensors(kind):
    """Under the names of Seedbed's own format."""
    tensors = {"encoder_weight": random_values((LATENTS, WIDTH)),
               "decoder_weight": random_values((LATENTS, kind.d_out)), "decoder_bias": torch.randn(kind.d_out)}
    biases = ("gate_bias", "magnitude_bias") if kind.architecture == "gated" else ("encoder_bias",)
    tensors.update({name: torch.randn(LATENTS) for name in biases})
    if kind.architecture == "gated":
        tensors["log_magnitude"] = 0.3 * torch.randn(LATENTS)
    if kind.architecture in WITH_THRESHOLD:
        tensors["threshold"] = torch.rand(LATENTS)
    if kind.skip:
        tensors["skip_weight"] = random_values((kind.d_out, WIDTH))
    return tensors


def write_own_folder(folder, kind):
    folder.mkdir()
    save_file(random_tensors(kind), folder / "sae.safetensors")
    config = {"format": "seedbed", "architecture": kind.architecture, "k": K if kind.architecture in WITH_K else 0,
              "latents": LATENTS, "d_in": WIDTH, "d_out": kind.d_out, "centers_input": kind.centers_input,
              "skip": kind.skip}
    (folder / "cfg.json").write_text(json.dumps(config))


class Seedbed:
    """Its two programs."""

    def __init__(self, convert, encode):
        self.convert_program = convert
        self.encode_program = encode

    def convert(self, source, output, format_name=None):
        """The message of a refusal, or None."""
        command = [self.convert_program, "-o", output, source]
        if format_name:
            command += ["--format", format_name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 2):
            raise RuntimeError(f"seedbed-convert exited with {done.returncode}: {done.stderr}")
        return done.stderr.strip() if done.returncode else None

    def run(self, folder, rows):
        with tempfile.TemporaryDirectory() as work:
            given, made = pathlib.Path(work) / "x.safetensors", pathlib.Path(work) / "out.safetensors"
            save_file({"x": rows}, given)
            command = [self.encode_program, folder, given, made]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise RuntimeError(done.stderr)
            tensors = load_file(made)
            return tensors["activations"], tensors["x_hat"]


@torch.no_grad()
def run_sparsify(folder, rows):
    coder = SparseCoder.load_from_disk(folder)
    encoded = coder.encode(rows)
    activations = torch.zeros(len(rows), coder.num_latents).scatter(1, encoded.top_indices, encoded.top_acts)
    return activations, coder(rows).sae_out


@torch.no_grad()
def run_sae_lens(folder, rows):
    sae = sae_lens.SAE.load_from_disk(folder, dtype="float32")
    return sae.encode(rows), sae(rows)


def worst_difference(ours, theirs):
    """Absolute, of activations and reconstructions."""
    return max((a - b).abs().max().item() for a, b in zip(ours, theirs))


class Comparison:
    def __init__(self):
        self.compared = self.refused = 0
        self.worst = 0.0
        self.failures = []

    def compare(self, what, ours, theirs):
        difference = worst_difference(ours, theirs)
        self.compared += 1
        self.worst = max(self.worst, difference)
        if not difference <= TOLERANCE:
            self.failures.append(f"{what}: differs by {difference:.1e}")
        if not (theirs[0] > 0).any():
            self.failures.append(f"{what}: nothing is active")

    def compare_saved_again(self, what, exported, again, is_sparsify):
        """The library writes the same configuration, sparsify byte for byte."""
        if is_sparsify:
            SparseCoder.load_from_disk(exported).save_to_disk(again)
        else:
            sae_lens.SAE.load_from_disk(exported).save_model(again)
        ours, theirs = (exported / "cfg.json").read_bytes(), (again / "cfg.json").read_bytes()
        if ours != theirs if is_sparsify else json.loads(ours) != json.loads(theirs):
            self.failures.append(f"{what}: the library would write another cfg.json, {theirs}")

    def expect_refusal(self, what, message):
        self.refused += 1
        if not message or "can't express" not in message or "\n" in message:
            self.failures.append(f"{what}: must be refused in one line, got {message!r}")


def check_exports(seedbed, work, comparison):
    formats = {"sparsify": (Kind.fits_sparsify, run_sparsify), "saelens": (Kind.fits_sae_lens, run_sae_lens)}
    for number, kind in enumerate(all_kinds()):
        own, source = work / f"own{number}", work / f"run{number}"
        write_own_folder(own, kind)
        seedbed.convert(own, source)
        manifest = json.loads((source / "manifest.json").read_text())
        # What reads x and has a target of its own is a transcoder to SAELens, too.
        manifest["facts"] = FACTS if kind.centers_input else {**FACTS, "target_hookpoint": "layers.4.mlp"}
        (source / "manifest.json").write_text(json.dumps(manifest))
        rows = torch.randn(ROWS, WIDTH)
        for name, (fits, run) in formats.items():
            what = f"{kind} exported to {name}"
            message = seedbed.convert(source, work / f"{name}{number}", name)
            if not fits(kind):
                comparison.expect_refusal(what, message)
                continue
            if message:
                comparison.failures.append(f"{what}: {message}")
                continue
            exported = work / f"{name}{number}"
            theirs = run(exported, rows)
            comparison.compare(what, seedbed.run(own, rows), theirs)
            comparison.compare_saved_again(what, exported, work / f"{name}{number}again", run is run_sparsify)
            comparison.compare(f"{what}, as a run's folder", seedbed.run(source, rows), theirs)


@torch.no_grad()
def randomize(module):
    for name, tensor in itertools.chain(module.named_parameters(), module.named_buffers()):
        values = random_values(tensor.shape) * (0.3 if name == "r_mag" else 1)
        tensor.copy_(values.abs() if "threshold" in name else values)


def check_import(seedbed, folder, work, rows, theirs, what, comparison):
    comparison.compare(f"{what}, as it is", seedbed.run(folder, rows), theirs)
    message = seedbed.convert(folder, work / "imported")
    if message:
        comparison.failures.append(f"{what}: {message}")
    else:
        comparison.compare(f"{what}, imported", seedbed.run(work / "imported", rows), theirs)


def sae_lens_configs():
    """(registry, architecture, further fields of its configuration)."""
    plain = {"standard": {}, "gated": {}, "jumprelu": {}, "topk": {"k": K}}
    for architecture, fields in plain.items():
        for centers_input in (True, False):
            yield registry.get_sae_class, architecture, {**fields, "apply_b_dec_to_input": centers_input}
    yield registry.get_sae_class, "topk", {"k": K, "rescale_acts_by_decoder_norm": True}
    for architecture in ("transcoder", "skip_transcoder", "jumprelu_transcoder", "jumprelu_skip_transcoder"):
        yield registry.get_sae_class, architecture, {"d_out": OTHER_WIDTH, "apply_b_dec_to_input": False}
    for architecture, fields in plain.items():
        yield registry.get_sae_training_class, architecture, fields
    for rescale in (True, False):
        fields = {"k": K, "rescale_acts_by_decoder_norm": rescale}
        yield registry.get_sae_training_class, "topk", fields
        yield registry.get_sae_training_class, "batchtopk", fields
        yield (registry.get_sae_training_class, "matryoshka_batchtopk",
               {**fields, "matryoshka_widths": [LATENTS // 4, LATENTS]})


def check_sae_lens_saves(seedbed, work, comparison):
    for number, (find, architecture, fields) in enumerate(sae_lens_configs()):
        sae_class, config_class = find(architecture)
        sae = sae_class(config_class(d_in=WIDTH, d_sae=LATENTS, **fields))
        randomize(sae)
        rows = torch.randn(ROWS, WIDTH)
        folder = work / f"saelens_saved{number}"
        trains = find is registry.get_sae_training_class
        what = f"{sae_class.__name__} {fields}"
        # What a training SAE would be used as; batchtopk's own encoding depends on the batch.
        if trains:
            sae.save_inference_model(folder / "inference")
        else:
            sae.save_model(folder / "inference")
        theirs = run_sae_lens(folder / "inference", rows)
        (folder / "work").mkdir()
        check_import(seedbed, folder / "inference", folder / "work", rows, theirs, what, comparison)
        if not trains:
            continue
        # Saving for inference folds decoder norms in place, so the training state comes from an SAE of its own.
        twin = sae_class(config_class(d_in=WIDTH, d_sae=LATENTS, **fields))
        randomize(twin)
        twin.save_model(folder / "training")
        twin.save_inference_model(folder / "twin")
        theirs = run_sae_lens(folder / "twin", rows)
        (folder / "training_work").mkdir()
        check_import(seedbed, folder / "training", folder / "training_work", rows, theirs,
                     f"{what}, training state", comparison)


def check_sparsify_saves(seedbed, work, comparison):
    for number, (transcode, skip) in enumerate(itertools.product((False, True), repeat=2)):
        config = SparseCoderConfig(num_latents=LATENTS, k=K, transcode=transcode, skip_connection=skip)
        coder = SparseCoder(WIDTH, config)
        randomize(coder)
        folder = work / f"sparsify_saved{number}"
        coder.save_to_disk(folder / "saved")
        rows = torch.randn(ROWS, WIDTH)
        check_import(seedbed, folder / "saved", folder, rows, run_sparsify(folder / "saved", rows),
                     f"sparsify transcode={transcode} skip_connection={skip}", comparison)


def check_half_precision(seedbed, work, comparison):
    """A folder of bfloat16 is the float32 dictionary of its rounded values."""
    sae_class, config_class = registry.get_sae_class("standard")
    sae = sae_class(config_class(d_in=WIDTH, d_sae=LATENTS, dtype="bfloat16"))
    randomize(sae)
    folder = work / "bfloat16"
    sae.save_model(folder / "saved")
    rows = torch.randn(ROWS, WIDTH)
    check_import(seedbed, folder / "saved", folder, rows, run_sae_lens(folder / "saved", rows), "bfloat16", comparison)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--convert", required=True, help="the program seedbed-convert")
    parser.add_argument("--encode", required=True, help="the program encode_dictionary")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(0)
    torch.set_num_threads(1)
    seedbed = Seedbed(arguments.convert, arguments.encode)
    comparison = Comparison()
    with tempfile.TemporaryDirectory() as work:
        for check in (check_exports, check_sae_lens_saves, check_sparsify_saves, check_half_precision):
            check(seedbed, pathlib.Path(work), comparison)
    for failure in comparison.failures:
        print(failure, file=sys.stderr)
    print(f"export_in_peers compared={comparison.compared} refused={comparison.refused} worst={comparison.worst:.1e} "
          f"limit={TOLERANCE:.0e} failed={len(comparison.failures)}")
    return 1 if comparison.failures else 0


if __name__ == "__main__":
    sys.exit(main())
