"""Reads a Llama-family GGUF file: dequantised weights, configuration and tokenizer under Hugging Face's names.

Needs the packages gguf and tokenizers, and not torch, whose Python module wants all of CUDA's libraries to be there.
"""

import gguf
import numpy
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

TENSOR_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
CONTROL_TOKEN, USER_DEFINED_TOKEN = 3, 4  # tokenizer.ggml.token_type


class GgufError(ValueError):
    """The file is damaged or of a kind that isn't supported; the text says which field or tensor."""


class GgufModel:
    """Opened once, read lazily: tensors() dequantises one tensor at a time."""

    def __init__(self, path):
        try:
            self._reader = gguf.GGUFReader(path)
        except (ValueError, IndexError, KeyError) as error:
            raise GgufError(f"is not a readable GGUF file: {error}") from error
        architecture = self.field("general.architecture")
        if architecture != "llama":
            raise GgufError(f'general.architecture is "{architecture}", only "llama" is supported')

    def field(self, name, default=None):
        found = self._reader.get_field(name)
        if found is None and default is None:
            raise GgufError(f"has no field {name}")
        return default if found is None else found.contents()

    def _float32(self, name):
        """A float32 as the decimal that it was written from: 1e-05 and not 9.999999747378752e-06."""
        return float(str(numpy.float32(self.field(name))))

    def config(self):
        heads = self.field("llama.attention.head_count")
        width = self.field("llama.embedding_length")
        names = {tensor.name for tensor in self._reader.tensors}
        scaling = self.field("llama.rope.scaling.type", "none")
        if scaling != "none":
            raise GgufError(f'llama.rope.scaling.type is "{scaling}", only "none" is supported')
        special = {f"{role}_token_id": self.field(f"tokenizer.ggml.{role}_token_id", -1) for role in ("bos", "eos")}
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": len(self.field("tokenizer.ggml.tokens")),
            "hidden_size": width,
            "intermediate_size": self.field("llama.feed_forward_length"),
            "num_hidden_layers": self.field("llama.block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self.field("llama.attention.head_count_kv", heads),
            "head_dim": self.field("llama.rope.dimension_count", width // heads),
            "max_position_embeddings": self.field("llama.context_length"),
            "rms_norm_eps": self._float32("llama.attention.layer_norm_rms_epsilon"),
            "rope_parameters": {"rope_theta": self._float32("llama.rope.freq_base"), "rope_type": "default"},
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": "output.weight" not in names,
            **{name: identity for name, identity in special.items() if identity >= 0},
            "dtype": "float32",
        }

    def tensors(self):
        """Hugging Face name -> float32 array, in the file's order."""
        config = self.config()
        for tensor in self._reader.tensors:
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            values = numpy.ascontiguousarray(values, dtype=numpy.float32)
            if tensor.name.endswith("attn_q.weight"):
                values = rotary_halves(values, config["num_attention_heads"])
            elif tensor.name.endswith("attn_k.weight"):
                values = rotary_halves(values, config["num_key_value_heads"])
            yield hugging_face_name(tensor.name), values

    def tokenizer(self):
        """A tokenizers.Tokenizer."""
        kind = (self.field("tokenizer.ggml.model"), self.field("tokenizer.ggml.pre", "default"))
        if kind not in PRE_TOKENIZERS:
            allowed = ", ".join("/".join(known) for known in PRE_TOKENIZERS)
            raise GgufError(f"tokenizer.ggml.model/pre is {'/'.join(kind)}, supported are {allowed}")
        tokens = self.field("tokenizer.ggml.tokens")
        merges = [tuple(merge.split(" ", 1)) for merge in self.field("tokenizer.ggml.merges")]
        vocabulary = {token: identity for identity, token in enumerate(tokens)}
        result = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=merges, fuse_unk=False))
        result.pre_tokenizer = PRE_TOKENIZERS[kind]()
        result.decoder = decoders.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)
        for token, kind_of_token in zip(tokens, self.field("tokenizer.ggml.token_type")):
            if kind_of_token == CONTROL_TOKEN:
                result.add_special_tokens([tokenizers.AddedToken(token, special=True, normalized=False)])
            elif kind_of_token == USER_DEFINED_TOKEN:
                result.add_tokens([tokenizers.AddedToken(token, normalized=False)])
        return result

    def tokenizer_config(self):
        tokens = self.field("tokenizer.ggml.tokens")
        config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": self.field("llama.context_length")}
        for role, field in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding")):
            identity = self.field(f"tokenizer.ggml.{field}_token_id", -1)
            if 0 <= identity < len(tokens):
                config[f"{role}_token"] = tokens[identity]
        template = self.field("tokenizer.chat_template", "")
        return {**config, "chat_template": template} if template else config


def hugging_face_name(name):
    """blk.3.attn_q.weight -> model.layers.3.self_attn.q_proj.weight"""
    parts = name.split(".")
    layer = f"model.layers.{parts[1]}." if parts[0] == "blk" and len(parts) == 4 else ""
    known = TENSOR_NAMES.get(parts[-2] if len(parts) > 1 else "")
    if known is None or parts[-1] != "weight":
        raise GgufError(f"has the tensor {name}, which no supported model has")
    return f"{layer}{known}.weight"


def rotary_halves(weight, heads):
    """Rows of each head from GGUF's rotary pairs (0, 1), (2, 3), ... to Hugging Face's halves (0, d/2), (1, d/2+1), ..."""
    rows, columns = weight.shape
    paired = weight.reshape(heads, rows // heads // 2, 2, columns)
    return numpy.ascontiguousarray(paired.swapaxes(1, 2).reshape(rows, columns))


def _byte_level():
    return pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)


PRE_TOKENIZERS = {
    ("gpt2", "smollm"): lambda: pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), _byte_level()]),
    ("gpt2", "gpt-2"): _byte_level,
    ("gpt2", "default"): _byte_level,
}
