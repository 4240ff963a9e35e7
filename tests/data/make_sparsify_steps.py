#!/usr/bin/env python3
"""Makes sparsify_steps.safetensors: 20 steps of sparsify's own SparseCoder, to be repeated by sparsify_parity_test.

  make_sparsify_steps.py [OUT]

Needs torch 2.11.0, transformers and eai-sparsify 1.3.3. What a step does is sparsify's Trainer.fit for loss_fn "fvu"
and optimizer "adam" without gradient accumulation. The script refuses to write a fixture in which a selection is so
close that rounding could turn it, or in which a latent is kept with activation 0, where the two differ by intent.
"""
import os
import pathlib
import sys

os.environ["SPARSIFY_DISABLE_TRITON"] = "1"
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from sparsify import SparseCoder, SparseCoderConfig  # noqa: E402
from transformers import get_linear_schedule_with_warmup  # noqa: E402

D, N, K, ROWS, STEPS = 8, 24, 4, 32, 20
WARMUP, LEARNING_RATE = 5, 0.01
ALPHA, DEAD_AFTER = 1 / 32, 64
CLOSEST = 2e-5  # Least distance, relative, between the last kept and the first dropped activation.
PARAMETERS = {"encoder.weight", "encoder.bias", "W_dec", "b_dec"}


def make_batches():
    generator = torch.Generator().manual_seed(1)
    directions = torch.randn(12, D, generator=generator)
    weights = torch.randn(STEPS, ROWS, 12, generator=generator)
    weights *= torch.rand(STEPS, ROWS, 12, generator=generator) < 0.4
    return weights @ directions + 0.2 * torch.randn(STEPS, ROWS, D, generator=generator) + 1.0


def make_coder():
    torch.manual_seed(2)
    coder = SparseCoder(D, SparseCoderConfig(num_latents=N, k=K), "cpu", dtype=torch.float32)
    with torch.no_grad():
        coder.encoder.weight[: N // 3] *= 0.15  # Seldom among the largest: so there are dead latents.
    return coder


def check_selection(activations, k, what):
    """Refuses selections that rounding could turn."""
    ordered = activations.sort(dim=1, descending=True).values
    assert (ordered[:, k - 1] > 0).all(), f"{what}: a latent is kept with activation 0"
    if k < activations.shape[1]:
        kept, dropped = ordered[:, k - 1], ordered[:, k]
        assert ((kept - dropped) / kept > CLOSEST).all(), f"{what}: a selection is too close"


def state(coder):
    return {name: value.detach().clone() for name, value in coder.state_dict().items()}


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("sparsify_steps.safetensors"))
    coder, batches = make_coder(), make_batches()
    optimizer = torch.optim.Adam(coder.parameters(), lr=LEARNING_RATE)
    scheduler = get_linear_schedule_with_warmup(optimizer, WARMUP, STEPS)
    since_fired = torch.zeros(N, dtype=torch.long)
    initial = state(coder)
    records = {name: [] for name in [*PARAMETERS, "fvu", "auxiliary", "dead", "learning_rate"]}
    for step, x in enumerate(batches):
        if step == 0:
            coder.b_dec.data = x.mean(0)
        coder.set_decoder_norm_to_unit_norm()
        dead = since_fired > DEAD_AFTER
        with torch.no_grad():
            activations = coder.encode(x).pre_acts
            check_selection(activations, K, f"step {step}")
            auxiliary_k = min(D // 2, int(dead.sum()))
            if 0 < auxiliary_k < int(dead.sum()):
                ordered = activations[:, dead].sort(dim=1, descending=True).values
                close = (ordered[:, auxiliary_k - 1] - ordered[:, auxiliary_k]) < CLOSEST * ordered[:, auxiliary_k - 1]
                assert not (close & (ordered[:, auxiliary_k - 1] > 0)).any(), f"step {step}: auxiliary, too close"
        out_ = coder(x=x, y=x, dead_mask=dead, total_variance=(x - x.mean(0)).pow(2).sum())
        loss = out_.fvu + ALPHA * out_.auxk_loss
        loss.backward()
        coder.remove_gradient_parallel_to_decoder_directions()
        records["learning_rate"].append(torch.tensor(optimizer.param_groups[0]["lr"], dtype=torch.float64))
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        since_fired += ROWS
        since_fired[out_.latent_indices.flatten().unique()] = 0
        records["fvu"].append(out_.fvu.detach().double())
        records["auxiliary"].append(out_.auxk_loss.detach().double())
        records["dead"].append((since_fired > DEAD_AFTER).sum())
        after = state(coder)
        # Exported dictionaries have unit decoder rows; sparsify makes them so before the next forward pass.
        after["W_dec"] /= after["W_dec"].norm(dim=1, keepdim=True) + torch.finfo(torch.float32).eps
        for name in PARAMETERS:
            records[name].append(after[name])
    assert max(int(d) for d in records["dead"][:-1]) > 0, "no latent was ever dead"
    assert max(float(a) for a in records["auxiliary"]) > 0, "the auxiliary loss was never there"
    tensors = {"batches": batches.contiguous()}
    tensors.update({f"initial.{name}": value.contiguous() for name, value in initial.items()})
    tensors.update({f"after.{name}": torch.stack(values).contiguous() for name, values in records.items()})
    save_file(tensors, out)
    print(f"{out}: FVU {[round(float(f), 4) for f in records['fvu'][::5]]}, dead {[int(d) for d in records['dead']]}, "
          f"auxiliary {[round(float(a), 4) for a in records['auxiliary']]}")


if __name__ == "__main__":
    main()
