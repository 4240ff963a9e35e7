"""The peers of tests/bench/sae_step.cc and cuda_step.cc: for every line on standard input, the name of a trainer, takes one
optimiser step with that library's own code and prints the seconds; "none" where it can't. Needs a Python with
eai-sparsify, dictionary-learning and sae-lens (tests/parity/peers/README.md)."""

import argparse
import os
import sys
import time

ANSWERS = os.fdopen(os.dup(1), "w")  # Of this script alone: what libraries print goes to standard error.
os.dup2(2, 1)
os.environ["HF_HUB_OFFLINE"] = "1"
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "parity", "peers"))
import stand_ins  # noqa: E402

parser = argparse.ArgumentParser()
for name in ("d", "latents", "rows", "k", "threads"):
    parser.add_argument(f"--{name}", type=int, required=True)
parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
arguments = parser.parse_args()
if arguments.device == "cpu":
    os.environ["SPARSIFY_DISABLE_TRITON"] = "1"  # Its decoder can't run on a CPU.
import torch  # noqa: E402

stand_ins.provide("nnsight")
DEVICE = arguments.device
D, N, B, K = arguments.d, arguments.latents, arguments.rows, arguments.k
STEPS = 100_000
SPARSE_L0 = 32


def make_batches(count=4, directions=64):
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(directions, D, generator=generator) / 8
    mean = 0.3 * torch.randn(D, generator=generator)
    batches = []
    for _ in range(count):
        weights = torch.randn(B, directions, generator=generator)
        weights = weights * (torch.rand(B, directions, generator=generator) < 0.25) * 2
        batch = weights @ basis + 0.3 * torch.randn(B, D, generator=generator) + mean
        batches.append(batch.contiguous().to(DEVICE))
    return batches


def sparsify_step(dead_fraction):
    """Trainer.fit's hook and step, with loss_fn "fvu" and Adam."""
    from sparsify import SparseCoder, SparseCoderConfig, TrainConfig
    from transformers import get_linear_schedule_with_warmup

    config = TrainConfig(SparseCoderConfig(num_latents=N, k=K), optimizer="adam", auxk_alpha=1 / 32 if dead_fraction else 0.0)
    sae = SparseCoder(D, config.sae, DEVICE, dtype=torch.float32)
    optimizer = torch.optim.Adam([{"params": sae.parameters(), "lr": 2e-4 / (N / 2**14) ** 0.5}])
    schedule = get_linear_schedule_with_warmup(optimizer, config.lr_warmup_steps, STEPS)
    since = torch.zeros(N, dtype=torch.long, device=DEVICE)
    fired = torch.zeros(N, dtype=torch.bool, device=DEVICE)
    held_dead = torch.randperm(N)[: int(dead_fraction * N)].to(DEVICE)
    sae.b_dec.data = BATCHES[0].mean(0)

    def step(x):
        since[held_dead] = config.dead_feature_threshold + 1
        sae.set_decoder_norm_to_unit_norm()
        dead = since > config.dead_feature_threshold if dead_fraction else None
        out = sae(x=x, y=x, dead_mask=dead, total_variance=(x - x.mean(0)).pow(2).sum())
        fired[out.latent_indices.flatten()] = True
        float(out.fvu.detach())
        (out.fvu + config.auxk_alpha * out.auxk_loss + out.multi_topk_fvu / 8).backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        with torch.no_grad():
            since.add_(x.shape[0])
            since[fired] = 0
            fired.zero_()

    return step


def pre_activation_bias(encoder_weight, x):
    """The bias with which SPARSE_L0 latents a row are above 0."""
    pre = x[:512] @ encoder_weight.T
    return -torch.quantile(pre.flatten()[:: max(1, pre.numel() // 10_000_000)], 1 - SPARSE_L0 / N)


def dictionary_learning_step(trainer, sparse):
    from dictionary_learning.trainers import batch_top_k, gdm, jumprelu, matryoshka_batch_top_k, standard, top_k

    common = dict(steps=STEPS, activation_dim=D, dict_size=N, layer=0, lm_name="none", device=DEVICE, seed=0)
    if trainer == "topk":
        peer = top_k.TopKTrainer(k=K, **common)
    elif trainer == "batchtopk":
        peer = batch_top_k.BatchTopKTrainer(k=K, **common)
    elif trainer == "matryoshka":
        fractions = [1 / 16, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
        peer = matryoshka_batch_top_k.MatryoshkaBatchTopKTrainer(k=K, group_fractions=fractions, **common)
    else:
        makers = {"relu": standard.StandardTrainer, "gated": gdm.GatedSAETrainer, "jumprelu": jumprelu.JumpReluTrainer}
        peer = makers[trainer](**common)
    if sparse:
        set_sparse(trainer, peer.ae)
    count = 0

    def step(x):
        nonlocal count
        peer.update(count, x)
        count += 1

    return step


@torch.no_grad()
def set_sparse(trainer, sae):
    weight = sae.W_enc.T if trainer == "jumprelu" else sae.encoder.weight
    bias = pre_activation_bias(weight, BATCHES[0])
    if trainer == "gated":
        sae.gate_bias.fill_(bias)
        sae.mag_bias.fill_(bias)
    elif trainer == "jumprelu":
        sae.b_enc.fill_(bias)
    else:
        sae.encoder.bias.fill_(bias)


def saelens_step(trainer):
    import sae_lens
    from sae_lens.config import SAETrainerConfig

    kinds = {
        "topk": (sae_lens.TopKTrainingSAE, sae_lens.TopKTrainingSAEConfig),
        "batchtopk": (sae_lens.BatchTopKTrainingSAE, sae_lens.BatchTopKTrainingSAEConfig),
    }
    sae_class, config_class = kinds[trainer]
    config = SAETrainerConfig(total_training_samples=STEPS * B, train_batch_size_samples=B, lr_end=3e-5, device=DEVICE)
    peer = sae_lens.SAETrainer(config, sae_class(config_class(d_in=D, d_sae=N, k=K)), data_provider=iter(()))

    def step(x):
        peer.maybe_reset_sparsity()
        peer.step(x).loss.item()
        peer.n_training_steps += 1

    return step


def synchronize():
    if DEVICE == "cuda":
        torch.cuda.synchronize()


def make_step(name):
    library, _, trainer = name.partition(":")
    if library == "sparsify":
        return sparsify_step(0.25 if trainer == "dead" else 0.0)
    if library == "saelens":
        return saelens_step(trainer)
    trainer, _, density = trainer.partition(":")
    return dictionary_learning_step(trainer, density == "sparse")


torch.set_num_threads(arguments.threads)
torch.set_float32_matmul_precision("high")  # As Trainer.fit does.
torch.manual_seed(0)
BATCHES = make_batches()
steps = {}
taken = 0
for line in sys.stdin:
    name = line.strip()
    try:
        if name not in steps:
            steps[name] = make_step(name)
        synchronize()
        start = time.perf_counter()
        steps[name](BATCHES[taken % len(BATCHES)])
        synchronize()
        print(time.perf_counter() - start, file=ANSWERS, flush=True)
    except ImportError as error:
        print(f"sae_step_peers.py: {error}", file=sys.stderr)
        print("none", file=ANSWERS, flush=True)
    taken += 1
