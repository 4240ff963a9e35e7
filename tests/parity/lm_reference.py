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


def cross_entropies(logits, tokens):
    losses = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten(), reduction="none")
    return losses.view(tokens.shape[0], -1)


def replaced(rows):
    """A function that no norm undoes, in the place of a hookpoint's activations."""
    return 0.5 * rows + torch.linspace(-0.5, 0.5, rows.shape[-1])


def _places_in(model):
    """By hookpoint: the module, and whether its output or its input is meant."""
    places = {"embeddings": (_blocks_of(model)[0], "input")}
    for number, block in enumerate(_blocks_of(model)):
        for ending, place in _places_of(block).items():
            places[f"layers.{number}{ending}"] = place
    return places


def cross_entropy_with(model, tokens, name, replace):
    """[batch, sequence - 1], of the model with replace(value [batch, sequence, d_model]) at hookpoint `name`."""

    def change(value):
        value = value[0] if isinstance(value, tuple) else value
        value.copy_(replace(value))  # In place: the residual stream that a norm reads is added to later.

    module, what = _places_in(model)[name]
    if what == "input":
        handle = module.register_forward_pre_hook(lambda _module, inputs: change(inputs))
    else:
        handle = module.register_forward_hook(lambda _module, _inputs, output: change(output))
    with torch.no_grad():
        logits = model(tokens, use_cache=False).logits.float()
    handle.remove()
    return cross_entropies(logits, tokens)


def reference_replaced(model, tokens, names=None):
    """{hookpoint: cross-entropy [batch, sequence - 1] of the model with replaced(rows) there}, of `names` or of all"""
    names = _places_in(model) if names is None else names
    return {name: cross_entropy_with(model, tokens, name, replaced) for name in names}


def reference(model, tokens):
    """{hookpoint: [rows, d_model], "logits": [batch, sequence, vocabulary], "cross_entropy": [batch, sequence - 1]}"""
    kept = {}
    handles = [_hook(kept, name, module, what) for name, (module, what) in _places_in(model).items()]
    with torch.no_grad():
        logits = model(tokens, use_cache=False).logits.float()
    for handle in handles:
        handle.remove()
    return {**kept, "logits": logits, "cross_entropy": cross_entropies(logits, tokens)}
