#!/usr/bin/env python3
"""Trains the peers on given activations for 200 steps, from initial weights that it writes for others to start from.

  train_200.py ROWS CASE [CASE ...] --out FOLDER

ROWS is a safetensors file with activations [rows, d]; the batches are its rows in file order, as they are. The
sparsity coefficients are meant for rows of mean square near 1. Cases: topk_sparsify, and topk, batchtopk, matryoshka,
relu, gated and jumprelu, each _dictionary_learning and _saelens. FOLDER/CASE.safetensors gets `initial.NAME` and the
config, as README.md describes them for fixtures. Prints one JSON line a case: FVU and L0, the means over the last 20
steps.
"""
import argparse
import json
import pathlib
import statistics
import sys

import torch
from safetensors import safe_open

import fixture
import peers
from recipe import Recipe

STEPS, REPORTED = 200, 20
ARCHITECTURES = ("topk", "batchtopk", "matryoshka", "relu", "gated", "jumprelu")
CASES = ("topk_sparsify", *(f"{architecture}_{convention}" for convention in ("dictionary_learning", "saelens")
                            for architecture in ARCHITECTURES))
WARMUP, DECAY_START = 20, 160
DEAD_STEPS = 20  # so that the auxiliary losses are there
SPARSITY = {  # sparsity_loss and the coefficient
    "relu_dictionary_learning": ("l1", 1.0), "gated_dictionary_learning": ("l1", 1.0),
    "jumprelu_dictionary_learning": ("target", 1.0), "relu_saelens": ("l1", 1.0), "gated_saelens": ("l1", 1.0),
    "jumprelu_saelens": ("step", 1.0)}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=pathlib.Path, metavar="ROWS")
    parser.add_argument("cases", nargs="+", choices=CASES, metavar="CASE")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--tensor", default="activations", help="the tensor's name in ROWS")
    parser.add_argument("--latents", type=int, default=2304)
    parser.add_argument("--k", type=int, default=32)
    parser.add_argument("--batch-rows", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--learning-rate", type=float, help="in place of 2e-4 / sqrt(latents / 2^14)")
    parser.add_argument("--sparsity-coefficient", type=float, help="in place of the case's own")
    return parser.parse_args()


def read_batches(arguments):
    """Float32 [STEPS, batch rows, d]."""
    wanted = STEPS * arguments.batch_rows
    with safe_open(arguments.rows, "pt") as file:
        if arguments.tensor not in file.keys():
            sys.exit(f"{arguments.rows}: no tensor {arguments.tensor}; there are {', '.join(sorted(file.keys()))}")
        rows = file.get_slice(arguments.tensor)
        shape = rows.get_shape()
        if len(shape) != 2 or shape[0] < wanted:
            sys.exit(f"{arguments.rows}: {arguments.tensor} has shape {shape}; [at least {wanted}, d] is wanted")
        return rows[:wanted].float().view(STEPS, arguments.batch_rows, shape[1])


def groups(latents):
    """Widths of matryoshka's groups: a sixteenth twice, an eighth, a quarter, and the rest."""
    widths = [latents // 16, latents // 16, latents // 8, latents // 4]
    return (*widths, latents - sum(widths))


def selecting_options(architecture, convention, arguments):
    saelens = convention == "saelens"
    options = {"k": arguments.k, "auxiliary_alpha": 1.0 if saelens else 1 / 32,
               "dead_after": DEAD_STEPS if saelens else DEAD_STEPS * arguments.batch_rows}
    if convention == "dictionary_learning":
        options.update(threshold_decay=0.999, threshold_start_step=100)
    elif saelens and architecture != "topk":
        options.update(threshold_decay=0.99)
    if architecture == "matryoshka":
        options["group_sizes"] = groups(arguments.latents)
    return options


def sparsity_options(case, arguments):
    loss, coefficient = SPARSITY[case]
    if arguments.sparsity_coefficient is not None:
        coefficient = arguments.sparsity_coefficient
    options = {"sparsity_loss": loss, "sparsity_coefficient": coefficient, "sparsity_warmup_steps": 40}
    if case == "jumprelu_dictionary_learning":
        options.update(target_l0=float(arguments.k), bandwidth=0.001)
    elif case == "jumprelu_saelens":
        options.update(bandwidth=0.05, initial_threshold=0.01)
    return options


def make_recipe(case, d, arguments):
    architecture, convention = case.split("_", 1)
    options = (selecting_options(architecture, convention, arguments) if case not in SPARSITY
               else sparsity_options(case, arguments))
    return Recipe(
        convention=convention, architecture=architecture, seed=arguments.seed, d=d, latents=arguments.latents,
        rows=arguments.batch_rows, steps=STEPS, warmup_steps=WARMUP, decay="linear",
        learning_rate=arguments.learning_rate or 2e-4 / (arguments.latents / 2**14) ** 0.5,
        decay_start=WARMUP if convention == "sparsify" else DECAY_START, **options)


def run(case, inputs, arguments):
    recipe = make_recipe(case, inputs.shape[2], arguments)
    peer = peers.BY_CONVENTION[recipe.convention]
    start = fixture.Start()
    peer.train(recipe, inputs, inputs, lambda parameters: None, start)
    fixture.write(arguments.out / f"{case}.safetensors", recipe, peer.PEER,
                  fixture.initial_tensors(recipe, start.initial))
    last = start.measurements[-REPORTED:]
    return {"case": case, "peer": peer.PEER, "steps": STEPS, "fvu": statistics.fmean(m.fvu for m in last),
            "l0": statistics.fmean(m.l0 for m in last), "loss": statistics.fmean(m.loss for m in last),
            "dead": last[-1].dead, "mean_square": float(inputs.square().mean())}


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    inputs = read_batches(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for case in arguments.cases:
        print(json.dumps(run(case, inputs, arguments)), flush=True)


if __name__ == "__main__":
    main()
