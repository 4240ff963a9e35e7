"""Trains with the Trainer of eai-sparsify: its own fit(), whose "language model" hands out given rows."""
import contextlib
import functools
import importlib.metadata
import io
import os
import tempfile

os.environ["SPARSIFY_DISABLE_TRITON"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from sparsify import SparseCoder, SparseCoderConfig, TrainConfig, Trainer  # noqa: E402

from measurement import Measurement  # noqa: E402

HOOKPOINT = "point"
PEER = f"eai-sparsify {importlib.metadata.version('eai-sparsify')}"


class GivenRows(torch.nn.Module):
    """The hookpoint: what comes in is the rows to encode, what comes out the rows to reconstruct."""

    def forward(self, inputs, targets):
        del inputs
        return targets


class RowsModel(torch.nn.Module):
    """Stands for the language model. Token i is row i of `inputs` and of `targets` [tokens, d]."""

    def __init__(self, inputs, targets):
        super().__init__()
        self.inputs, self.targets = inputs, targets
        self.add_module(HOOKPOINT, GivenRows())
        self.device = torch.device("cpu")
        self.dummy_inputs = {"input_ids": torch.zeros(1, 1, dtype=torch.long)}

    @property
    def base_model(self):
        return self

    def forward(self, input_ids):
        return getattr(self, HOOKPOINT)(self.inputs[input_ids], self.targets[input_ids])


def parameters(coder):
    """The parameters in place, by our names and in our layouts."""
    named = {
        "encoder_weight": coder.encoder.weight.data,
        "encoder_bias": coder.encoder.bias.data,
        "decoder_weight": coder.W_dec.data,
        "decoder_bias": coder.b_dec.data,
    }
    if coder.W_skip is not None:
        named["skip_weight"] = coder.W_skip.data
    return named


def make_trainer(recipe, inputs, targets, folder):
    coder = SparseCoderConfig(num_latents=recipe.latents, k=recipe.k, multi_topk=recipe.multi_topk,
                              skip_connection=recipe.skip, transcode=recipe.transcode)
    config = TrainConfig(
        coder, batch_size=1, optimizer=recipe.optimizer, lr=recipe.learning_rate, lr_warmup_steps=recipe.warmup_steps,
        auxk_alpha=recipe.auxiliary_alpha, dead_feature_threshold=recipe.dead_after, hookpoints=[HOOKPOINT],
        init_seeds=[recipe.seed], save_every=recipe.steps + 2, save_dir=folder, log_to_wandb=False)
    tokens = torch.arange(recipe.steps * recipe.rows).view(recipe.steps, recipe.rows)
    dataset = [{"input_ids": sequence} for sequence in tokens]
    return Trainer(config, dataset, RowsModel(inputs.flatten(0, 1), targets.flatten(0, 1)))


@torch.no_grad()
def measure(recipe, rate, output, dead_mask):
    loss = output.fvu + recipe.auxiliary_alpha * output.auxk_loss + output.multi_topk_fvu / 8
    kept = output.latent_acts.topk(recipe.k).values  # With multi_topk it has the 4 k largest.
    return Measurement(
        loss=float(loss), learning_rate=rate, l0=float((kept > 0).sum() / len(kept)),
        fvu=float(output.fvu), dead=0 if dead_mask is None else int(dead_mask.sum()),
        auxiliary=float(output.auxk_loss))


def call_after_step(optimizer, call):
    """`call` gets the learning rate after every step of the optimiser."""
    step = optimizer.step

    @functools.wraps(step)
    def step_and_call(*arguments, **options):
        rate = optimizer.param_groups[0]["lr"]
        result = step(*arguments, **options)
        call(rate)
        return result

    optimizer.step = step_and_call


@contextlib.contextmanager
def whole_float32():
    """fit() lets products be less exact than float32 on processors that are faster at it; the fixtures are float32."""
    allow = torch.set_float32_matmul_precision
    torch.set_float32_matmul_precision = lambda precision: None
    try:
        yield
    finally:
        torch.set_float32_matmul_precision = allow


@contextlib.contextmanager
def silence():
    """Without the trainer's progress. Errors are raised, not printed."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def train(recipe, inputs, targets, prepare, observer):
    """Trains on batches [steps, rows, d]; returns the parameters that the trainer saves at the end.

    prepare(parameters) may change the initial ones in place. The observer gets start(parameters) before the first
    update and step(parameters, measurement) after every one.
    """
    with tempfile.TemporaryDirectory() as folder, whole_float32(), silence():
        trainer = make_trainer(recipe, inputs, targets, folder)
        coder = trainer.saes[HOOKPOINT]
        prepare(parameters(coder))
        observer.start(parameters(coder))
        passes = []
        coder.register_forward_hook(
            lambda module, arguments, options, output: passes.append((output, options["dead_mask"])), with_kwargs=True)
        call_after_step(trainer.optimizers[0],
                        lambda rate: observer.step(parameters(coder), measure(recipe, rate, *passes.pop())))
        trainer.fit()
        return parameters(SparseCoder.load_from_disk(f"{folder}/unnamed/{HOOKPOINT}"))
