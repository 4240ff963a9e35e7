"""The cases of the fixtures: tiny trainings in which everything that a peer does is done within 20 steps."""
import dataclasses

from recipe import Recipe

D, LATENTS, ROWS, STEPS = 6, 12, 10, 20
QUIET = 5  # latents with short encoder rows, which are seldom kept, so that some die


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    recipe: Recipe
    quiet_latents: int = 0
    thresholds: tuple = ()  # jumprelu: the lowest and the highest initial threshold; between them evenly
    scale: float = 0.3  # of the inputs

    def prepare(self, parameters):
        """Changes initial parameters in place; their sizes are those of Recipe."""
        for latent in range(self.quiet_latents):
            parameters["encoder_weight"][latent] *= 0.15 + 0.1 * latent
        if self.thresholds:
            low, high = self.thresholds
            for latent, threshold in enumerate(parameters["threshold"]):
                threshold.fill_(low + (high - low) * latent / (len(parameters["threshold"]) - 1))


def make_recipe(convention, architecture, seed, learning_rate, **options):
    return Recipe(convention=convention, architecture=architecture, seed=seed, d=D, latents=LATENTS, rows=ROWS,
                  steps=STEPS, learning_rate=learning_rate, **options)


def sparsify(seed, **options):
    return make_recipe("sparsify", "topk", seed, **{
        "learning_rate": 0.01, "k": 2, "warmup_steps": 5, "decay": "linear", "decay_start": 5, **options})


def dictionary_learning(architecture, seed, learning_rate=0.01, **options):
    return make_recipe("dictionary_learning", architecture, seed, learning_rate, **{
        "warmup_steps": 3, "decay": "linear", "decay_start": 14, **options})


def saelens(architecture, seed, learning_rate=0.01, **options):
    return make_recipe("saelens", architecture, seed, learning_rate, **{
        "warmup_steps": 3, "decay": "linear", "decay_start": 14, **options})


SIGNUM = {"optimizer": "signum", "learning_rate": 0.003, "warmup_steps": 0, "decay": "constant", "decay_start": 0}
THRESHOLD = {"threshold_decay": 0.9, "threshold_start_step": 4}
GROUPS = {"group_sizes": (2, 4, 6)}

SPARSIFY = [
    Case("topk_sparsify", sparsify(1)),
    Case("topk_sparsify_auxiliary", sparsify(3, auxiliary_alpha=1 / 32, dead_after=20), quiet_latents=QUIET),
    Case("topk_sparsify_multi", sparsify(1, multi_topk=True)),
    Case("topk_sparsify_transcode", sparsify(1, transcode=True)),
    Case("topk_sparsify_transcode_skip", sparsify(1, transcode=True, skip=True)),
    Case("topk_sparsify_skip", sparsify(1, skip=True)),
    Case("topk_sparsify_multi_skip", sparsify(1, multi_topk=True, skip=True)),
    Case("topk_sparsify_signum", sparsify(1, **SIGNUM)),
]

SELECTING = {"k": 2, "auxiliary_alpha": 1 / 32, **THRESHOLD}
DEAD = {"dead_after": 30, **SELECTING}
DICTIONARY_LEARNING = [
    Case("topk_dictionary_learning", dictionary_learning("topk", 1, **SELECTING)),
    Case("topk_dictionary_learning_auxiliary", dictionary_learning("topk", 1, **DEAD), QUIET),
    Case("batchtopk_dictionary_learning", dictionary_learning("batchtopk", 1, **SELECTING)),
    Case("batchtopk_dictionary_learning_auxiliary", dictionary_learning("batchtopk", 1, **DEAD), QUIET),
    Case("matryoshka_dictionary_learning", dictionary_learning("matryoshka", 1, **SELECTING, **GROUPS),
         scale=0.5),
    Case("matryoshka_dictionary_learning_auxiliary", dictionary_learning("matryoshka", 2, **DEAD, **GROUPS),
         QUIET, scale=0.5),
    Case("relu_dictionary_learning", dictionary_learning(
        "relu", 1, sparsity_loss="l1", sparsity_coefficient=0.3, sparsity_warmup_steps=8)),
    Case("gated_dictionary_learning", dictionary_learning(
        "gated", 1, sparsity_loss="l1", sparsity_coefficient=0.3, sparsity_warmup_steps=8)),
    Case("jumprelu_dictionary_learning", dictionary_learning(
        "jumprelu", 1, sparsity_loss="target", sparsity_coefficient=0.5, sparsity_warmup_steps=8, target_l0=3.0,
        bandwidth=0.4), thresholds=(0.05, 0.6)),
]

SELECTING = {"k": 2, "auxiliary_alpha": 1.0}
DEAD = {"dead_after": 2, **SELECTING}
EMA = {"threshold_decay": 0.99}
JUMPRELU = {"sparsity_coefficient": 0.2, "sparsity_warmup_steps": 8, "bandwidth": 0.1, "initial_threshold": 0.1}
SAELENS = [
    Case("topk_saelens", saelens("topk", 1, **SELECTING)),
    Case("topk_saelens_auxiliary", saelens("topk", 3, **DEAD), QUIET),
    Case("batchtopk_saelens", saelens("batchtopk", 1, **SELECTING, **EMA)),
    Case("batchtopk_saelens_auxiliary", saelens("batchtopk", 1, **DEAD, **EMA), QUIET),
    Case("matryoshka_saelens", saelens("matryoshka", 1, **SELECTING, **EMA, **GROUPS)),
    Case("matryoshka_saelens_auxiliary", saelens("matryoshka", 1, **DEAD, **EMA, **GROUPS), QUIET),
    Case("relu_saelens", saelens(
        "relu", 1, sparsity_loss="l1", sparsity_coefficient=0.3, sparsity_warmup_steps=8, decay="cosine",
        decay_start=3, end_rate=0.001)),
    Case("gated_saelens", saelens(
        "gated", 1, sparsity_loss="l1", sparsity_coefficient=0.3, sparsity_warmup_steps=8)),
    Case("jumprelu_saelens", saelens("jumprelu", 1, sparsity_loss="step", **JUMPRELU), thresholds=(0.01, 0.2)),
    Case("jumprelu_saelens_tanh", saelens("jumprelu", 1, sparsity_loss="tanh", **JUMPRELU), thresholds=(0.01, 0.2)),
]

ALL = [*SPARSIFY, *DICTIONARY_LEARNING, *SAELENS]
