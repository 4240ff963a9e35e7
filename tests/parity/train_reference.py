#!/usr/bin/env python3
"""Trains TopK SAEs in PyTorch on given batches, to compare Seedbed's results with.

Two implementations of one convention (sae/arch/topk.h states it):
  plain     written here from the definition, with autograd and torch.optim.Adam
  sparsify  the SparseCoder of eai-sparsify 1.3.3, stepped as its Trainer does with optimizer "adam"

Input
  --rows     a raw file of little-endian float32: activations [N, d], as Seedbed spools them
  --batches  a raw file of little-endian int64: the row numbers of all batches one after another, batch-rows each

Output, for each implementation: a line a seed with FVU and L0 (means over the last epoch's steps) and the fraction of
dead latents at the end; a line a pair of seeds with its agreement: mean cosine of the exact matching of encoder rows
and of decoder rows, the fraction with equal counterparts in both, and the shared fractions, strict (equal counterparts,
both cosines >= 0.7) and aligned (both > 0.7). --out has the same as JSON; --save keeps the dictionaries in sparsify's
format, one folder an implementation and seed.

The initial weights come from Seedbed's generator, so a run with the same seed starts where Seedbed starts, or, with
--initialization torch, from torch.manual_seed(seed), as in sparsify.

Example, the demo's recipe:
  train_reference.py --rows rows.f32 --d 576 --batches order.i64 --batch-rows 256 --epochs 8 --latents 512 --k 16 \\
    --seeds 0 1 2 --learning-rate 0.003 --warmup 408 --implementation plain sparsify --out reference.json

Needs a whole torch, scipy and safetensors; for "sparsify" also eai-sparsify 1.3.3 and transformers.
"""
import argparse
import itertools
import json
import math
import os
import pathlib
import sys
import time

import numpy
import torch
from safetensors.torch import save_file
from scipy.optimize import linear_sum_assignment

EPSILON = torch.finfo(torch.float32).eps
SHARED = 0.7


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", required=True, type=pathlib.Path)
    parser.add_argument("--d", required=True, type=int)
    parser.add_argument("--batches", required=True, type=pathlib.Path)
    parser.add_argument("--batch-rows", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=8, help="how many the batches are; the last one is reported")
    parser.add_argument("--latents", type=int, default=512)
    parser.add_argument("--k", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--warmup", type=int, default=0, help="steps; then linear to 0 at the last step")
    parser.add_argument("--alpha", type=float, default=1 / 32, help="weight of the auxiliary loss")
    parser.add_argument("--dead-after", type=int, default=10_000_000, help="rows")
    parser.add_argument("--implementation", nargs="+", choices=["plain", "sparsify"], default=["plain"])
    parser.add_argument("--initialization", choices=["seedbed", "torch"], default="seedbed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-steps", type=int, help="stop early; the schedule stays that of all steps")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--save", type=pathlib.Path)
    return parser.parse_args()


def read_input(arguments):
    rows = numpy.fromfile(arguments.rows, dtype="<f4")
    order = numpy.fromfile(arguments.batches, dtype="<i8")
    if rows.size == 0 or rows.size % arguments.d:
        sys.exit(f"{arguments.rows}: {rows.size} values are no whole number of rows of {arguments.d}")
    if order.size == 0 or order.size % arguments.batch_rows:
        sys.exit(f"{arguments.batches}: {order.size} rows are no whole number of batches of {arguments.batch_rows}")
    rows = torch.from_numpy(rows).view(-1, arguments.d)
    order = torch.from_numpy(order).view(-1, arguments.batch_rows)
    if order.min() < 0 or order.max() >= len(rows):
        sys.exit(f"{arguments.batches}: names row {int(order.max())}, {arguments.rows} has {len(rows)}")
    return rows, order


def mix_bits(x):
    """common/random.h."""
    x = x + numpy.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return x ^ (x >> numpy.uint64(31))


def seedbed_encoder(seed, latents, d):
    """sae/arch/initialization.cc."""
    with numpy.errstate(over="ignore"):
        purpose = numpy.uint64(0x656E636F64657221)
        start = mix_bits(mix_bits(numpy.array(seed, dtype="u8")) ^ mix_bits(~purpose))
        words = mix_bits(start + numpy.arange(latents * d, dtype="u8") * numpy.uint64(0x9E3779B97F4A7C15))
    uniform = (words >> numpy.uint64(11)).astype("f8") * 2.0**-53
    return torch.from_numpy(((2 * uniform - 1) * (1 / math.sqrt(d))).astype("f4")).view(latents, d)


def initial_encoder(arguments, seed):
    if arguments.initialization == "seedbed":
        return seedbed_encoder(seed, arguments.latents, arguments.d)
    torch.manual_seed(seed)
    return torch.nn.Linear(arguments.d, arguments.latents).weight.detach().clone()


class PlainCoder(torch.nn.Module):
    """The definition, written down."""

    def __init__(self, encoder, k):
        super().__init__()
        self.k = k
        self.W_enc = torch.nn.Parameter(encoder.clone())
        self.b_enc = torch.nn.Parameter(torch.zeros(encoder.shape[0]))
        self.W_dec = torch.nn.Parameter(encoder.clone())
        self.b_dec = torch.nn.Parameter(torch.zeros(encoder.shape[1]))

    @torch.no_grad()
    def normalize(self):
        self.W_dec /= self.W_dec.norm(dim=1, keepdim=True) + EPSILON

    def losses(self, x, dead):
        """FVU, auxiliary loss, indices of the kept latents, mean number of active ones."""
        activations = torch.relu((x - self.b_dec) @ self.W_enc.T + self.b_enc)
        values, indices = activations.topk(self.k, sorted=False)
        features = torch.zeros_like(activations).scatter(1, indices, values)
        error = x - (features @ self.W_dec + self.b_dec)
        variance = (x - x.mean(0)).square().sum()
        auxiliary = self.auxiliary(activations.detach(), error.detach(), dead) / variance
        return error.square().sum() / variance, auxiliary, indices, (values > 0).sum() / len(x)

    def auxiliary(self, activations, error, dead):
        count = int(dead.sum())
        if count == 0:
            return torch.zeros(())
        most = error.shape[1] // 2
        values, indices = torch.where(dead, activations, -1.0).topk(min(most, count), sorted=False)
        features = torch.zeros_like(activations).scatter(1, indices, values)
        return min(count / most, 1.0) * (features @ self.W_dec - error).square().sum()

    @torch.no_grad()
    def remove_parallel_gradient(self):
        self.W_dec.grad -= (self.W_dec.grad * self.W_dec).sum(1, keepdim=True) * self.W_dec

    def rows(self):
        return self.W_enc.detach(), self.b_enc.detach(), self.W_dec.detach(), self.b_dec.detach()


class SparsifyCoder:
    """sparsify's SparseCoder behind the same methods."""

    def __init__(self, encoder, k):
        os.environ.setdefault("SPARSIFY_DISABLE_TRITON", "1")  # Its Triton kernels cannot run on a CPU.
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        from sparsify import SparseCoder, SparseCoderConfig

        latents, d = encoder.shape
        self.coder = SparseCoder(d, SparseCoderConfig(num_latents=latents, k=k), "cpu", dtype=torch.float32)
        self.coder.encoder.weight.data = encoder.clone()
        self.coder.W_dec.data = encoder.clone()
        self.b_dec = self.coder.b_dec
        self.normalize = self.coder.set_decoder_norm_to_unit_norm
        self.parameters = self.coder.parameters
        self.remove_parallel_gradient = self.coder.remove_gradient_parallel_to_decoder_directions

    def losses(self, x, dead):
        out = self.coder(x=x, y=x, dead_mask=dead, total_variance=(x - x.mean(0)).pow(2).sum())
        return out.fvu, out.auxk_loss, out.latent_indices, (out.latent_acts > 0).sum() / len(x)

    def rows(self):
        c = self.coder
        return c.encoder.weight.detach(), c.encoder.bias.detach(), c.W_dec.detach(), c.b_dec.detach()


def learning_rate_factor(step, warmup, total):
    """transformers' get_linear_schedule_with_warmup."""
    if step < warmup:
        return step / max(1, warmup)
    return max(0.0, (total - step) / max(1, total - warmup))


def train(coder, rows, order, arguments):
    total = len(order)
    optimizer = torch.optim.Adam(coder.parameters(), lr=arguments.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: learning_rate_factor(t, arguments.warmup, total))
    since_kept = torch.zeros(arguments.latents, dtype=torch.long)
    fvus, l0s = [], []
    for step in range(min(total, arguments.max_steps or total)):
        x = rows[order[step]]
        if step == 0:
            coder.b_dec.data = x.mean(0)
        coder.normalize()
        dead = (since_kept > arguments.dead_after) & (arguments.alpha > 0)
        fvu, auxiliary, kept, l0 = coder.losses(x, dead)
        loss = fvu + arguments.alpha * auxiliary
        if not torch.isfinite(loss):
            sys.exit(f"step {step + 1}: the loss is not finite")
        loss.backward()
        coder.remove_parallel_gradient()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        since_kept += len(x)
        since_kept[kept.flatten()] = 0
        fvus.append(float(fvu.detach()))
        l0s.append(float(l0))
    coder.normalize()
    last = max(1, total // arguments.epochs)
    return {
        "fvu": numpy.mean(fvus[-last:]),
        "l0": numpy.mean(l0s[-last:]),
        "dead_fraction": float((since_kept > arguments.dead_after).float().mean()),
        "steps": len(fvus),
    }


def match(a, b):
    """Cosine and counterpart of each row under the permutation with the largest sum of cosines."""
    unit = [m / m.norm(dim=1, keepdim=True).clamp_min(1e-30) for m in (a, b)]
    cosines = (unit[0] @ unit[1].T).numpy().astype("f8")
    _, counterpart = linear_sum_assignment(cosines, maximize=True)
    return cosines[numpy.arange(len(a)), counterpart], counterpart


def agreement(one, other):
    encoder, encoder_counterpart = match(one[0], other[0])
    decoder, decoder_counterpart = match(one[2], other[2])
    equal = encoder_counterpart == decoder_counterpart
    return {
        "encoder_cosine": encoder.mean(),
        "decoder_cosine": decoder.mean(),
        "equal_counterparts": equal.mean(),
        "shared_strict": (equal & (encoder >= SHARED) & (decoder >= SHARED)).mean(),
        "shared_aligned": ((encoder > SHARED) & (decoder > SHARED)).mean(),
    }


def save(folder, rows, arguments):
    folder.mkdir(parents=True, exist_ok=True)
    names = ("encoder.weight", "encoder.bias", "W_dec", "b_dec")
    save_file({name: value.contiguous() for name, value in zip(names, rows)}, folder / "sae.safetensors")
    config = {"activation": "topk", "expansion_factor": 32, "normalize_decoder": True,
              "num_latents": arguments.latents, "k": arguments.k, "multi_topk": False, "skip_connection": False,
              "transcode": False, "d_in": arguments.d}
    (folder / "cfg.json").write_text(json.dumps(config))


def show(what, values):
    numbers = "  ".join(f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
                        for name, value in values.items())
    print(f"{what:<22} {numbers}", flush=True)


def main():
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    rows, order = read_input(arguments)
    print(f"{len(rows)} rows of {arguments.d}, {len(order)} batches of {arguments.batch_rows}", flush=True)
    results = {}
    for name in arguments.implementation:
        result = results[name] = {"seeds": {}, "pairs": {}}
        trained = {}
        for seed in arguments.seeds:
            make = PlainCoder if name == "plain" else SparsifyCoder
            coder = make(initial_encoder(arguments, seed), arguments.k)
            start = time.monotonic()
            values = {key: float(v) if key != "steps" else v for key, v in train(coder, rows, order, arguments).items()}
            values["seconds"] = time.monotonic() - start
            trained[seed] = tuple(t.clone() for t in coder.rows())
            result["seeds"][str(seed)] = values
            show(f"{name} seed {seed}", values)
            if arguments.save:
                save(arguments.save / f"{name}-seed{seed}", trained[seed], arguments)
        for a, b in itertools.combinations(arguments.seeds, 2):
            values = {key: float(value) for key, value in agreement(trained[a], trained[b]).items()}
            result["pairs"][f"{a}-{b}"] = values
            show(f"{name} seeds {a}, {b}", values)
    if arguments.out:
        arguments.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
