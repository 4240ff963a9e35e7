#!/usr/bin/env python3
"""Checks agreement against the paper's method: the dense matrix of cosines and SciPy's `linear_sum_assignment`.

  paper_agreement.py --seedbed build/release/bin/seedbed DIR DIR [DIR...]

Every figure of `seedbed agree` that Paulo & Belrose 2025 define is computed again from the exported weights alone, in
float64: mean matched cosines of decoder and encoder rows, encoder-decoder equality, shared latents by both
definitions at the threshold and over the curve, MMCS, PW-MCC, and in how many of the dictionaries a latent is found.
Without folders, three seeds of a tiny sweep are trained first. Prints the figures side by side; exits 1 where one
differs by more than 1e-9 and 77 where SciPy is missing.
"""
import argparse
import itertools
import json
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
try:
    import numpy as np
    from safetensors.numpy import load_file
    from scipy.optimize import linear_sum_assignment
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(SKIPPED)

TOLERANCE = 1e-9
THRESHOLD = 0.7


def unit_rows(rows):
    rows = rows.astype(np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Weights:
    """What sparsify calls encoder.weight and W_dec, each with unit rows."""

    def __init__(self, folder):
        tensors = load_file(pathlib.Path(folder) / "sae.safetensors")
        self.sides = {"encoder": unit_rows(tensors["encoder.weight"]), "decoder": unit_rows(tensors["W_dec"])}


class Pair:
    """The paper's alignment of two dictionaries."""

    def __init__(self, a, b):
        self.counterpart, self.cosine, self.dense = {}, {}, {}
        for side in ("decoder", "encoder"):
            dense = a.sides[side] @ b.sides[side].T
            rows, columns = linear_sum_assignment(dense, maximize=True)
            self.counterpart[side], self.cosine[side], self.dense[side] = columns, dense[rows, columns], dense
        self.same = self.counterpart["decoder"] == self.counterpart["encoder"]

    def strict(self, threshold):
        """By latent: the same counterpart on both sides, and both cosines at or above the threshold."""
        return self.same & (self.cosine["decoder"] >= threshold) & (self.cosine["encoder"] >= threshold)

    def aligned(self, threshold):
        return (self.cosine["decoder"] > threshold) & (self.cosine["encoder"] > threshold)

    def figures(self):
        figures = {}
        for side in ("decoder", "encoder"):
            figures[f"{side}.mean_cosine"] = self.cosine[side].mean()
            figures[f"{side}.mmcs_ab"] = self.dense[side].max(axis=1).mean()
            figures[f"{side}.mmcs_ba"] = self.dense[side].max(axis=0).mean()
        figures["encoder_decoder_equal"] = self.same.mean()
        figures["shared_strict"] = self.strict(THRESHOLD).mean()
        figures["shared_aligned"] = self.aligned(THRESHOLD).mean()
        for i in range(21):
            figures[f"curve.{i}.strict"] = self.strict(i / 20).mean()
            figures[f"curve.{i}.aligned"] = self.aligned(i / 20).mean()
        return figures


def found_in(count, pairs):
    """Mean number of latents of a dictionary that are found in exactly 1, 2, ... of the `count` dictionaries."""
    times = [np.ones(len(pairs[0, 1].same), int) for _ in range(count)]
    for (a, b), pair in pairs.items():
        shared = pair.strict(THRESHOLD)
        times[a] += shared
        times[b][pair.counterpart["decoder"][shared]] += 1
    return [np.mean([np.sum(t == m + 1) for t in times]) for m in range(count)]


def paper_figures(folders):
    weights = [Weights(folder) for folder in folders]
    pairs = {(a, b): Pair(weights[a], weights[b]) for a, b in itertools.combinations(range(len(weights)), 2)}
    figures = {}
    for (a, b), pair in pairs.items():
        figures.update({f"{a}-{b}.{name}": value for name, value in pair.figures().items()})
    figures["pw_mcc"] = np.mean([pair.cosine["decoder"].mean() for pair in pairs.values()])
    for m, count in enumerate(found_in(len(weights), pairs)):
        figures[f"found_in.{m + 1}"] = count
    return figures


def our_figures(agreement):
    figures = {}
    for pair in agreement["pairs"]:
        name = f"{pair['a']}-{pair['b']}"
        for side in ("decoder", "encoder"):
            assert pair[side]["certified"], f"{name}.{side} is not certified"
            for field in ("mean_cosine", "mmcs_ab", "mmcs_ba"):
                figures[f"{name}.{side}.{field}"] = pair[side][field]
        for field in ("encoder_decoder_equal", "shared_strict", "shared_aligned"):
            figures[f"{name}.{field}"] = pair[field]
        for i, point in enumerate(pair["curve"]):
            figures.update({f"{name}.curve.{i}.{field}": point[field] for field in ("strict", "aligned")})
    figures["pw_mcc"] = agreement["siblings"]["pw_mcc"]
    for m, count in enumerate(agreement["siblings"]["sharing_counts"]):
        figures[f"found_in.{m + 1}"] = count
    return figures


def compare(seedbed, folders):
    """How many figures differ."""
    with tempfile.TemporaryDirectory() as scratch:
        answer = pathlib.Path(scratch) / "agreement.json"
        subprocess.run([seedbed, "agree", "--threshold", str(THRESHOLD), *folders, "-o", answer], check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        ours = our_figures(json.loads(answer.read_text()))
    theirs = paper_figures(folders)
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    wrong = {name for name in ours if abs(ours[name] - theirs[name]) > TOLERANCE}
    for name, value in ours.items():
        if "curve" not in name or name in wrong:
            print(f"{name:32} {value:.12g} {theirs[name]:.12g}{'  DIFFERS' if name in wrong else ''}")
    largest = max(abs(ours[name] - theirs[name]) for name in ours)
    print(f"{len(ours)} figures of {len(folders)} dictionaries, largest difference {largest:.1e}, {len(wrong)} differ")
    return len(wrong)


def compare_tiny_sweep(seedbed):
    import service  # Of tests/integration, whose tests set PYTHONPATH.

    inputs, running = service.Inputs(), service.Service()
    try:
        outcome = running.submit_and_wait(inputs.write_sweep())
        return compare(seedbed, [run["result"]["dictionary"]["path"] for run in outcome["runs"]])
    finally:
        running.close()
        inputs.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seedbed", required=True, help="path of the command line")
    parser.add_argument("folders", nargs="*", help="two or more exports of Seedbed")
    arguments = parser.parse_args()
    if arguments.folders:
        return int(compare(arguments.seedbed, arguments.folders) > 0)
    return int(compare_tiny_sweep(arguments.seedbed) > 0)


if __name__ == "__main__":
    sys.exit(main())
