#!/usr/bin/env python3
"""Makes tiny_NAME/ for tests/sae/lm: random models of a few kB of every family and variant (config.json,
model.safetensors) and in each expected.safetensors: tokens and transformers' activations at every hookpoint, logits and
cross-entropy; and replaced.safetensors: the cross-entropy with the activations at each hookpoint replaced
(lm_reference.replaced). Needs torch and transformers."""

import json
import pathlib
import sys

import torch
import transformers
from safetensors.torch import save_file

FOLDER = pathlib.Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "parity"))
from lm_reference import reference, reference_replaced  # noqa: E402

SEQUENCES, LENGTH = 2, 11
WINDOW = 4  # Shorter than the sequence.

LLAMA = dict(vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5, initializer_range=0.3)  # fmt: skip
NEOX = dict(vocab_size=32, hidden_size=32, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=64, initializer_range=0.3)  # fmt: skip
ROPE = {"rope_theta": 500.0, "rope_type": "default"}

MODELS = {
    "llama": transformers.LlamaConfig(**LLAMA, rope_parameters=ROPE, tie_word_embeddings=True),
    "llama_linear": transformers.LlamaConfig(
        **LLAMA, rope_parameters={"rope_theta": 500.0, "rope_type": "linear", "factor": 2.5}, attention_bias=True,
        mlp_bias=True),
    "llama_llama3": transformers.LlamaConfig(
        **{**LLAMA, "num_hidden_layers": 2}, head_dim=16,
        rope_parameters={"rope_theta": 500.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 32}),
    "mistral": transformers.MistralConfig(**LLAMA, rope_parameters=ROPE, sliding_window=WINDOW),
    "qwen2": transformers.Qwen2Config(**LLAMA, rope_parameters=ROPE, use_sliding_window=True, sliding_window=WINDOW,
                                      max_window_layers=1, tie_word_embeddings=True),
    "qwen3": transformers.Qwen3Config(**LLAMA, rope_parameters=ROPE, head_dim=8),
    "gpt_neox": transformers.GPTNeoXConfig(
        **NEOX, use_parallel_residual=True,
        rope_parameters={"rope_theta": 500.0, "rope_type": "default", "partial_rotary_factor": 0.25}),
    "gpt_neox_sequential": transformers.GPTNeoXConfig(
        **NEOX, use_parallel_residual=False,
        rope_parameters={"rope_theta": 500.0, "rope_type": "default", "partial_rotary_factor": 1.0}),
    "gpt2": transformers.GPT2Config(vocab_size=32, n_positions=16, n_embd=16, n_layer=3, n_head=4,
                                    bos_token_id=0, eos_token_id=1, initializer_range=0.3),
    "gemma2": transformers.Gemma2Config(
        **LLAMA, rope_parameters=ROPE, head_dim=8, sliding_window=WINDOW, query_pre_attn_scalar=6,
        attn_logit_softcapping=1.5, final_logit_softcapping=2.0, attn_implementation="eager"),
}  # fmt: skip


def randomize(model):
    """Ones and zeros would not show whether the weight of a norm or a bias is used."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
            elif name.endswith("bias"):
                parameter.uniform_(-0.5, 0.5)
            elif isinstance(model, transformers.Gemma2ForCausalLM):
                parameter.uniform_(-0.5, 0.5)
            else:
                parameter.uniform_(0.5, 1.5)


def write(folder, model, tokens):
    model.save_pretrained(folder)  # Under the names that files have; some differ from those of the modules.
    (folder / "generation_config.json").unlink()
    fields = {**model.config.to_dict(), "architectures": [type(model).__name__]}
    fields.pop("transformers_version")
    (folder / "config.json").write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")
    expected = {name: value.contiguous() for name, value in reference(model, tokens).items()}
    save_file({"tokens": tokens, **expected}, folder / "expected.safetensors")
    save_file(reference_replaced(model, tokens), folder / "replaced.safetensors")
    for path in folder.iterdir():
        path.chmod(0o644)


def main():
    for name, config in MODELS.items():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
        randomize(model)
        tokens = torch.randint(0, config.vocab_size, (SEQUENCES, LENGTH))
        write(FOLDER / f"tiny_{name}", model, tokens)


if __name__ == "__main__":
    main()
