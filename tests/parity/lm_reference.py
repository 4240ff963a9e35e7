"""What transformers computes at every hookpoint of a model (docs/models.md), by forward hooks."""

import torch


def _blocks_of(model):
    base = model.base_model
    return base.h if hasattr(base, "h") else base.layers


def _attribute(module, *names):
    return next(getattr(module, name) for name in names if hasattr(module, name))


def _places_of(block):
    """By the end of the hookpoint's name: the module, and whether its output or its input is meant."""
    places = {".attn": (_attribute(block, "self_attn", "attention", "attn"), "output"), ".mlp": (block.mlp, "output"),
              ".mlp_in": (block.mlp, "input"), "": (block, "output")}  # fmt: skip
    if not getattr(block, "use_parallel_residual", False):
        # The norm that reads the residual stream between attention and MLP.
        norm = _attribute(block, "pre_feedforward_layernorm", "post_attention_layernorm", "ln_2")
        places[".resid_mid"] = (norm, "input")
    return places


def _hook(kept, name, module, what):
    def keep(value):
        kept[name] = (value[0] if isinstance(value, tuple) else value).flatten(0, 1).clone()

    if what == "input":
        return module.register_forward_pre_hook(lambda _module, inputs: keep(inputs))
    return module.register_forward_hook(lambda _module, _inputs, output: keep(output))


def reference(model, tokens):
    """{hookpoint: [rows, d_model], "logits": [batch, sequence, vocabulary], "cross_entropy": [batch, sequence - 1]}"""
    kept = {}
    handles = [_hook(kept, "embeddings", _blocks_of(model)[0], "input")]
    for number, block in enumerate(_blocks_of(model)):
        for ending, (module, what) in _places_of(block).items():
            handles.append(_hook(kept, f"layers.{number}{ending}", module, what))
    with torch.no_grad():
        logits = model(tokens, use_cache=False).logits.float()
    for handle in handles:
        handle.remove()
    losses = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return {**kept, "logits": logits, "cross_entropy": losses.view(tokens.shape[0], -1)}
