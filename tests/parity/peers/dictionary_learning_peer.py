"""Trains with the trainers of dictionary_learning: update(step, batch) for every batch."""
import importlib.metadata

import torch

import stand_ins

stand_ins.provide("nnsight")
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.gdm import GatedSAETrainer  # noqa: E402
from dictionary_learning.trainers.jumprelu import JumpReluTrainer  # noqa: E402
from dictionary_learning.trainers.matryoshka_batch_top_k import MatryoshkaBatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.standard import StandardTrainer  # noqa: E402
from dictionary_learning.trainers.top_k import TopKTrainer  # noqa: E402

from measurement import Measurement, fraction_of_variance_unexplained, recorded_gradient_norms  # noqa: E402

PEER = f"dictionary-learning {importlib.metadata.version('dictionary-learning')}"
TRAINERS = {"topk": TopKTrainer, "batchtopk": BatchTopKTrainer, "matryoshka": MatryoshkaBatchTopKTrainer,
            "relu": StandardTrainer, "gated": GatedSAETrainer, "jumprelu": JumpReluTrainer}


def parameters(dictionary):
    """The parameters in place, by our names and in our layouts."""
    data = {name: value.data for name, value in dictionary.named_parameters()}
    transposed = {"W_enc", "decoder.weight"}
    names = {"encoder.weight": "encoder_weight", "W_enc": "encoder_weight", "encoder.bias": "encoder_bias",
             "b_enc": "encoder_bias", "decoder.weight": "decoder_weight", "W_dec": "decoder_weight",
             "bias": "decoder_bias", "b_dec": "decoder_bias", "decoder_bias": "decoder_bias",
             "gate_bias": "gate_bias", "mag_bias": "magnitude_bias", "r_mag": "log_magnitude",
             "threshold": "threshold"}
    return {names[name]: value.T if name in transposed else value for name, value in data.items()}


def architecture_options(recipe):
    sparsity_warmup = {"sparsity_warmup_steps": recipe.sparsity_warmup_steps}
    if recipe.architecture in ("relu", "gated"):
        return {"l1_penalty": recipe.sparsity_coefficient, **sparsity_warmup}
    if recipe.architecture == "jumprelu":
        return {"sparsity_penalty": recipe.sparsity_coefficient, "bandwidth": recipe.bandwidth,
                "target_l0": recipe.target_l0, **sparsity_warmup}
    options = {"k": recipe.k, "auxk_alpha": recipe.auxiliary_alpha, "threshold_beta": recipe.threshold_decay,
               "threshold_start_step": recipe.threshold_start_step}
    if recipe.architecture == "matryoshka":
        # The trainer rounds fractions down, which a fraction of a whole number must survive.
        options["group_fractions"] = [(size + 1e-9) / recipe.latents for size in recipe.group_sizes]
    return options


def make_trainer(recipe):
    torch.manual_seed(recipe.seed)
    trainer = TRAINERS[recipe.architecture](
        steps=recipe.steps, activation_dim=recipe.d, dict_size=recipe.latents, layer=0, lm_name="", device="cpu",
        seed=recipe.seed, lr=recipe.learning_rate, warmup_steps=recipe.warmup_steps,
        decay_start=recipe.decay_start if recipe.decay == "linear" else None, **architecture_options(recipe))
    if recipe.selects():
        trainer.dead_feature_threshold = recipe.dead_after
    if recipe.architecture == "matryoshka":
        assert trainer.group_sizes == list(recipe.group_sizes), trainer.group_sizes
    return trainer


class Watch:
    """Sees the activations, reconstructions and auxiliary losses of a trainer's steps as they are computed."""

    def __init__(self, trainer, recipe):
        self.l0, self.reconstruction, self.loss, self.auxiliary = 0.0, None, 0.0, 0.0
        encode, decode = trainer.ae.encode, trainer.ae.decode

        def watched_encode(batch, *arguments, **options):
            result = encode(batch, *arguments, **options)
            with torch.no_grad():
                activations = result[0] if isinstance(result, tuple) else result
                self.see(activations, decode(activations))
            return result

        def watched_decode(activations):
            reconstruction = decode(activations)
            self.see(activations, reconstruction)
            return reconstruction

        if recipe.architecture == "jumprelu":  # Its trainer encodes by itself,
            trainer.ae.decode = watched_decode
        else:  # and matryoshka's decodes by itself.
            trainer.ae.encode = watched_encode
        self.watch_loss(trainer, "loss", "loss")
        if recipe.selects():
            self.watch_loss(trainer, "get_auxiliary_loss", "auxiliary")

    def see(self, activations, reconstruction):
        self.l0 = float((activations != 0).sum() / len(activations))
        self.reconstruction = reconstruction.detach()

    def watch_loss(self, trainer, method, kept_as):
        loss = getattr(trainer, method)

        def watched_loss(*arguments, **options):
            result = loss(*arguments, **options)
            setattr(self, kept_as, float(result.detach()))
            return result

        setattr(trainer, method, watched_loss)


def train(recipe, inputs, targets, prepare, observer):
    """Trains on batches [steps, rows, d]; see sparsify_peer.train. Nothing is reconstructed but the inputs."""
    assert targets is inputs
    trainer = make_trainer(recipe)
    prepare(parameters(trainer.ae))
    observer.start(parameters(trainer.ae))
    watch = Watch(trainer, recipe)
    with recorded_gradient_norms() as norms:
        for step, batch in enumerate(inputs):
            rate = trainer.optimizer.param_groups[0]["lr"]
            trainer.update(step, batch)
            observer.step(parameters(trainer.ae), Measurement(
                loss=watch.loss, learning_rate=rate, l0=watch.l0,
                fvu=fraction_of_variance_unexplained(batch, watch.reconstruction),
                dead=trainer.dead_features if recipe.selects() else 0, auxiliary=watch.auxiliary,
                gradient_norm=norms.pop() if norms else 0.0,
                batch_threshold=float(trainer.ae.threshold) if recipe.selects() else None))
    return parameters(trainer.ae)
