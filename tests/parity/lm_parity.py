#!/usr/bin/env python3
"""Compares Seedbed's language model with transformers: activations at hookpoints, and tokens a second.

  lm_parity.py --model DIR --program build/release/tests/lm_activations [--tokens FILE.bin] [--speed]

Prints a line a hookpoint with the relative error (norm of the difference / norm) and exits 1 where one is above the
limit. Needs a Python with a whole torch, transformers and safetensors.
"""

import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

os.environ["HF_HUB_OFFLINE"] = "1"
import numpy  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

SUBMODULES = {"": "", "mlp": "mlp", "attn": "self_attn"}


def choose_tokens(path, vocabulary_size, batch, sequence):
    if path is None:
        return torch.randint(0, vocabulary_size, (batch, sequence), generator=torch.Generator().manual_seed(0))
    ids = numpy.memmap(path, dtype="<u2", mode="r")
    starts = numpy.linspace(0, len(ids) - sequence, batch).astype(int)  # Spread over the text.
    return torch.from_numpy(numpy.stack([ids[start : start + sequence] for start in starts]).astype("i8"))


def submodule(model, hookpoint):
    _, layer, *site = hookpoint.split(".")
    block = model.model.layers[int(layer)]
    name = SUBMODULES[site[0] if site else ""]
    return getattr(block, name) if name else block


def reference(model, tokens, hookpoints):
    captured, handles = {}, []
    for hookpoint in hookpoints:
        def keep(_module, _inputs, output, hookpoint=hookpoint):
            captured[hookpoint] = (output[0] if isinstance(output, tuple) else output).flatten(0, 1).clone()
        handles.append(submodule(model, hookpoint).register_forward_hook(keep))
    with torch.no_grad():
        model.model(input_ids=tokens, use_cache=False)
    for handle in handles:
        handle.remove()
    return captured


def run_program(arguments, tokens, hookpoints, folder, repeat=0):
    save_file({"tokens": tokens.contiguous()}, folder / "tokens.safetensors")
    command = [arguments.program, "--model", arguments.model, "--tokens", folder / "tokens.safetensors",
               "--hookpoints", ",".join(hookpoints), "--threads", arguments.threads, "--repeat", repeat]
    if not repeat:
        command += ["--out", folder / "activations.safetensors"]
    printed = subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True).stdout
    return printed if repeat else load_file(folder / "activations.safetensors")


def compare(arguments, model, folder):
    tokens = choose_tokens(arguments.tokens, model.config.vocab_size, 4, arguments.sequence)
    expected = reference(model, tokens, arguments.hookpoints)
    found = run_program(arguments, tokens, arguments.hookpoints, folder)
    worst = 0.0
    for hookpoint in arguments.hookpoints:
        error = float((found[hookpoint] - expected[hookpoint]).norm() / expected[hookpoint].norm())
        worst = max(worst, error)
        print(f"{hookpoint:16} {tuple(expected[hookpoint].shape)} relative error {error:.2e}")
    print(f"lm_parity worst={worst:.2e} limit={arguments.limit:.0e}")
    return worst <= arguments.limit


def measure_speed(arguments, model, folder):
    """Both through layers.9, 8 sequences of 256."""
    layers = min(10, model.config.num_hidden_layers)
    tokens = choose_tokens(arguments.tokens, model.config.vocab_size, 8, 256)
    model.model.layers = model.model.layers[:layers]
    seconds = []
    with torch.no_grad():
        model.model(input_ids=tokens, use_cache=False)
        for _ in range(arguments.repeat):
            start = time.perf_counter()
            model.model(input_ids=tokens, use_cache=False)
            seconds.append(time.perf_counter() - start)
    theirs = tokens.numel() / statistics.median(seconds)
    printed = run_program(arguments, tokens, [f"layers.{layers - 1}"], folder, arguments.repeat)
    ours = float(re.search(r"tokens_per_second=(\S+)", printed)[1])
    print(f"lm_speed layers={layers} batch=8x256 threads={arguments.threads} seedbed={ours:.0f} "
          f"transformers={theirs:.0f} ratio={ours / theirs:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a Hugging Face folder")
    parser.add_argument("--program", required=True, help="the lm_activations of a build")
    parser.add_argument("--tokens", help="a uint16 token file (default: random ids)")
    parser.add_argument("--hookpoints", type=lambda text: text.split(","),
                        default="layers.0,layers.9,layers.9.mlp,layers.9.attn,layers.29".split(","))
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument("--limit", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--speed", action="store_true", help="also measure tokens a second of both")
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    transformers.utils.logging.set_verbosity_error()
    model = transformers.AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32).eval()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        good = compare(arguments, model, folder)
        if arguments.speed:
            measure_speed(arguments, model, folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
