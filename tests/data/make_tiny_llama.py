#!/usr/bin/env python3
"""Makes tiny_llama/ (a random Llama of a few kB) and expected.safetensors in it: tokens and transformers' activations at
every hookpoint, for tests/sae/lm. Needs torch and transformers."""

import json
import pathlib

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

FOLDER = pathlib.Path(__file__).parent / "tiny_llama"
SUBMODULES = {"": None, ".mlp": "mlp", ".attn": "self_attn"}

config = LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
                     num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=True,
                     rope_parameters={"rope_theta": 500.0, "rope_type": "default"}, initializer_range=0.3)  # fmt: skip
torch.manual_seed(0)
model = LlamaForCausalLM(config).eval()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if name.endswith("norm.weight"):  # Ones would not show whether a norm's weight is used.
            parameter.uniform_(0.5, 1.5)
tokens = torch.randint(0, config.vocab_size, (2, 11))
expected = {"tokens": tokens}


def keep(hookpoint):
    def hook(_module, _inputs, output):
        expected[hookpoint] = (output[0] if isinstance(output, tuple) else output).flatten(0, 1).detach().clone()
    return hook


for number, layer in enumerate(model.model.layers):
    for suffix, name in SUBMODULES.items():
        (getattr(layer, name) if name else layer).register_forward_hook(keep(f"layers.{number}{suffix}"))
with torch.no_grad():
    model(tokens)

FOLDER.mkdir(exist_ok=True)
fields = {**config.to_dict(), "architectures": ["LlamaForCausalLM"]}
fields.pop("transformers_version")
(FOLDER / "config.json").write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")
weights = {name: value.contiguous() for name, value in model.state_dict().items() if name != "lm_head.weight"}
save_file(weights, FOLDER / "model.safetensors", metadata={"format": "pt"})
save_file(expected, FOLDER / "expected.safetensors")
for path in FOLDER.iterdir():
    path.chmod(0o644)
