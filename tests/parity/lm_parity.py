#!/usr/bin/env python3
"""Compares Seedbed's language model with transformers at hookpoints, in logits and in cross-entropy, also with the
activations of each hookpoint replaced.

  lm_parity.py --model DIR --program build/release/tests/lm_activations [--tokens FILE.bin] [--hookpoints NAME...]

Prints a line a hookpoint with the relative error (norm of the difference / norm), one for the logits, one with the
largest difference of the cross-entropies and one for those with a hookpoint replaced, of which the relative error counts:
such a change amplifies rounding. Exits 1 where one is above the limit. Needs a Python with a whole torch, transformers
and safetensors. Both compute in float32; transformers with eager attention, which alone caps scores.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

from lm_reference import reference, reference_replaced  # noqa: E402


def choose_tokens(path, vocabulary_size, batch, sequence):
    if path is None:
        return torch.randint(0, vocabulary_size, (batch, sequence), generator=torch.Generator().manual_seed(0))
    ids = numpy.memmap(path, dtype="<u2", mode="r")
    starts = numpy.linspace(0, len(ids) - sequence, batch).astype(int)  # Spread over the text.
    return torch.from_numpy(numpy.stack([ids[start : start + sequence] for start in starts]).astype("i8"))


def run_program(arguments, tokens, folder):
    save_file({"tokens": tokens.contiguous()}, folder / "tokens.safetensors")
    command = [arguments.program, "--model", arguments.model, "--tokens", folder / "tokens.safetensors",
               "--hookpoints", ",".join(arguments.hookpoints), "--threads", arguments.threads, "--head",
               "--out", folder / "activations.safetensors"]
    subprocess.run(list(map(str, command)), check=True)
    return load_file(folder / "activations.safetensors")


def model_order(name):
    """Embeddings first, then the layers; the logits last."""
    numbers = re.findall(r"\d+", name)
    return (int(numbers[0]) if numbers else -1 if name == "embeddings" else 1 << 30, name)


def relative_error(found, expected):
    return float((found - expected).norm() / expected.norm())


def compare_replaced(model, tokens, found):
    """The worst relative error and the largest difference of the cross-entropies that have a hookpoint's name; takes
    them out of `found`."""
    prefix = "cross_entropy."
    losses = {name.removeprefix(prefix): found.pop(name) for name in list(found) if name.startswith(prefix)}
    expected = reference_replaced(model, tokens, losses)
    return (max(relative_error(losses[name], expected[name]) for name in losses),
            max(float((losses[name] - expected[name]).abs().max()) for name in losses))  # fmt: skip


def compare(arguments, model, folder):
    tokens = choose_tokens(arguments.tokens, model.config.vocab_size, arguments.batch, arguments.sequence)
    found = run_program(arguments, tokens, folder)
    expected = reference(model, tokens)
    cross_entropy = float((found.pop("cross_entropy") - expected["cross_entropy"]).abs().max())
    replaced, replaced_difference = compare_replaced(model, tokens, found)
    worst = 0.0
    for name in sorted(found, key=model_order):
        error = relative_error(found[name], expected[name])
        worst = max(worst, error)
        print(f"{name:20} {tuple(expected[name].shape)} relative error {error:.1e}")
    print(f"{'cross_entropy':20} largest difference {cross_entropy:.1e}")
    print(f"{'replaced':20} worst relative error {replaced:.1e} largest difference {replaced_difference:.1e}")
    print(f"lm_parity model={pathlib.Path(arguments.model).name} worst={worst:.1e} limit={arguments.limit:.0e} "
          f"cross_entropy={cross_entropy:.1e} replaced={replaced:.1e}")
    return max(worst, replaced) <= arguments.limit and cross_entropy <= 1e-4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a Hugging Face folder")
    parser.add_argument("--program", required=True, help="the lm_activations of a build")
    parser.add_argument("--tokens", help="a uint16 token file (default: random ids)")
    parser.add_argument("--hookpoints", nargs="+", default=["*"], help="names and patterns (default: all)")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument("--limit", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        arguments.model, dtype=torch.float32, attn_implementation="eager").eval()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        good = compare(arguments, model, folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
