"""Trains with the SAETrainer of SAELens: step(batch) for every batch, as its fit() does."""
import importlib.metadata
import itertools

import torch
from sae_lens import (
    BatchTopKTrainingSAE,
    BatchTopKTrainingSAEConfig,
    GatedTrainingSAE,
    GatedTrainingSAEConfig,
    JumpReLUTrainingSAE,
    JumpReLUTrainingSAEConfig,
    MatryoshkaBatchTopKTrainingSAE,
    MatryoshkaBatchTopKTrainingSAEConfig,
    SAETrainer,
    StandardTrainingSAE,
    StandardTrainingSAEConfig,
    TopKTrainingSAE,
    TopKTrainingSAEConfig,
)
from sae_lens.config import SAETrainerConfig

from measurement import Measurement, fraction_of_variance_unexplained, recorded_gradient_norms

PEER = f"sae-lens {importlib.metadata.version('sae-lens')}"
CLASSES = {
    "topk": (TopKTrainingSAE, TopKTrainingSAEConfig),
    "batchtopk": (BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig),
    "matryoshka": (MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig),
    "relu": (StandardTrainingSAE, StandardTrainingSAEConfig),
    "gated": (GatedTrainingSAE, GatedTrainingSAEConfig),
    "jumprelu": (JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig),
}


def parameters(sae):
    """The parameters in place, by our names and in our layouts."""
    names = {"W_enc": "encoder_weight", "b_enc": "encoder_bias", "W_dec": "decoder_weight", "b_dec": "decoder_bias",
             "b_gate": "gate_bias", "b_mag": "magnitude_bias", "r_mag": "log_magnitude", "threshold": "threshold"}
    return {names[name]: value.data.T if name == "W_enc" else value.data for name, value in sae.named_parameters()}


def architecture_options(recipe):
    if recipe.architecture in ("relu", "gated"):
        return {"l1_coefficient": recipe.sparsity_coefficient, "l1_warm_up_steps": recipe.sparsity_warmup_steps}
    if recipe.architecture == "jumprelu":
        return {"l0_coefficient": recipe.sparsity_coefficient, "l0_warm_up_steps": recipe.sparsity_warmup_steps,
                "jumprelu_init_threshold": recipe.initial_threshold, "jumprelu_bandwidth": recipe.bandwidth,
                "jumprelu_sparsity_loss_mode": recipe.sparsity_loss}
    options = {"k": recipe.k, "aux_loss_coefficient": recipe.auxiliary_alpha}
    if recipe.architecture != "topk":
        options["topk_threshold_lr"] = 1 - recipe.threshold_decay
    if recipe.architecture == "matryoshka":
        options["matryoshka_widths"] = list(itertools.accumulate(recipe.group_sizes))
    return options


def make_trainer(recipe):
    torch.manual_seed(recipe.seed)
    sae_class, config_class = CLASSES[recipe.architecture]
    sae = sae_class(config_class(d_in=recipe.d, d_sae=recipe.latents, **architecture_options(recipe)))
    cosine = recipe.decay == "cosine"
    config = SAETrainerConfig(
        total_training_samples=recipe.steps * recipe.rows, train_batch_size_samples=recipe.rows, device="cpu",
        lr=recipe.learning_rate, lr_end=recipe.end_rate, lr_warm_up_steps=recipe.warmup_steps,
        lr_scheduler_name="cosineannealing" if cosine else "constant",
        lr_decay_steps=recipe.steps - recipe.decay_start if recipe.decay == "linear" else 0,
        dead_feature_window=recipe.dead_after)
    return SAETrainer(config, sae, data_provider=iter(()))


def train(recipe, inputs, targets, prepare, observer):
    """Trains on batches [steps, rows, d]; see sparsify_peer.train. Nothing is reconstructed but the inputs."""
    assert targets is inputs
    trainer = make_trainer(recipe)
    sae = trainer.sae
    prepare(parameters(sae))
    observer.start(parameters(sae))
    with recorded_gradient_norms() as norms:
        for batch in inputs:
            trainer.maybe_reset_sparsity()
            rate = trainer.optimizer.param_groups[0]["lr"]
            dead = int(trainer.dead_neurons.sum()) if recipe.selects() else 0
            output = trainer.step(batch)
            trainer.n_training_steps += 1
            observer.step(parameters(sae), Measurement(
                loss=float(output.loss.detach()), learning_rate=rate,
                l0=float((output.feature_acts != 0).sum() / len(batch)),
                fvu=fraction_of_variance_unexplained(batch, output.sae_out.detach()), dead=dead,
                auxiliary=float(output.losses["auxiliary_reconstruction_loss"].detach()) if recipe.selects() else 0.0,
                gradient_norm=norms.pop(),
                batch_threshold=float(sae.topk_threshold) if hasattr(sae, "topk_threshold") else None))
    return parameters(sae)
