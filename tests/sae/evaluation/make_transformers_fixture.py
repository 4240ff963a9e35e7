#!/usr/bin/env python3
"""Writes transformers_fixture.safetensors: for some of the committed tiny models a TopK dictionary, the rows that are
kept, and the mean cross-entropies that transformers gives with its reconstructions spliced in, clean and ablated.

A case NAME has NAME.kept_rows, NAME.encoder.weight, NAME.encoder.bias, NAME.W_dec, NAME.b_dec; NAME.losses: clean,
zero-ablated, mean-ablated, spliced; and NAME.fvu. Needs torch and transformers.
"""

import pathlib
import sys

import torch
import transformers
from safetensors.torch import load_file, save_file

FOLDER = pathlib.Path(__file__).parent
TESTS = FOLDER.parent.parent
sys.path.insert(0, str(TESTS / "parity"))
from lm_reference import cross_entropy_with, reference  # noqa: E402

LATENTS, K = 24, 4

# Model, input, output, and which positions of [batch, sequence] are kept.
CASES = [
    ("llama", "layers.1", "layers.1", lambda tokens: torch.arange(tokens.shape[1]).expand(tokens.shape) >= 1),
    ("gpt_neox", "layers.0.mlp_in", "layers.0.mlp", lambda tokens: torch.ones_like(tokens, dtype=torch.bool)),
    ("gemma2", "layers.2.attn", "layers.2.attn", lambda tokens: tokens % 3 != 0),
    ("gpt2", "embeddings", "embeddings", lambda tokens: tokens > 4),
]


def random_dictionary(inputs, outputs):
    """Latents that point to some of the rows."""
    rows = torch.randint(0, len(inputs), (LATENTS,))
    mean = outputs.mean(0)
    decoder = torch.nn.functional.normalize(outputs[rows] - mean + 0.1 * torch.randn(LATENTS, outputs.shape[1]), dim=1)
    encoder = torch.nn.functional.normalize(inputs[rows] - inputs.mean(0), dim=1)
    return {"encoder.weight": encoder, "encoder.bias": 0.1 * torch.randn(LATENTS), "W_dec": decoder, "b_dec": mean}


def reconstruct(dictionary, inputs, is_transcoder):
    inputs = inputs if is_transcoder else inputs - dictionary["b_dec"]
    activations = torch.relu(inputs @ dictionary["encoder.weight"].T + dictionary["encoder.bias"])
    kept = activations.topk(K, dim=1)
    sparse = torch.zeros_like(activations).scatter_(1, kept.indices, kept.values)
    return sparse @ dictionary["W_dec"] + dictionary["b_dec"]


def make_case(name, input_name, output_name, keep):
    folder = TESTS / "data" / f"tiny_{name}"
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    tokens = load_file(folder / "expected.safetensors")["tokens"]
    kept = keep(tokens)
    values = reference(model, tokens)
    inputs, outputs = values[input_name][kept.flatten()], values[output_name][kept.flatten()]
    dictionary = random_dictionary(inputs, outputs)
    reconstructions = reconstruct(dictionary, inputs, is_transcoder=input_name != output_name)

    def mean_loss(rows):
        def replace(value):
            changed = value.clone()
            changed[kept] = rows
            return changed

        return cross_entropy_with(model, tokens, output_name, replace)[kept[:, :-1]].double().mean()

    losses = [mean_loss(outputs), mean_loss(0), mean_loss(outputs.double().mean(0).float()), mean_loss(reconstructions)]
    fvu = (outputs - reconstructions).double().square().sum() / (outputs - outputs.mean(0)).double().square().sum()
    print(name, [f"{float(loss):.4f}" for loss in losses], f"{float(fvu):.4f}")
    tensors = {"kept_rows": kept.flatten().nonzero().flatten(), **dictionary, "losses": torch.stack(losses).float(),
               "fvu": fvu.float().reshape(1)}  # fmt: skip
    return {f"{name}.{key}": tensor.contiguous() for key, tensor in tensors.items()}


def main():
    torch.manual_seed(0)
    tensors = {}
    for case in CASES:
        tensors.update(make_case(*case))
    save_file(tensors, FOLDER / "transformers_fixture.safetensors")


if __name__ == "__main__":
    main()
