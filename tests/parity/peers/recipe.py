"""What is trained: one value that every peer's trainer is made from, and that a fixture carries as its config."""
import dataclasses

BETAS = (0.9, 0.999)
BETAS_WITHOUT_MOMENTUM = (0.0, 0.999)  # dictionary_learning's gated and jumprelu.
EPSILON = 1e-8


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Fields that an architecture or convention has no use for keep their defaults."""

    convention: str  # "sparsify", "saelens" or "dictionary_learning"
    architecture: str  # "topk", "batchtopk", "matryoshka", "relu", "gated" or "jumprelu"
    seed: int
    d: int
    latents: int
    rows: int  # a batch
    steps: int
    learning_rate: float  # the peak
    warmup_steps: int = 0
    decay: str = "constant"  # or "linear" or "cosine"
    decay_start: int = 0
    end_rate: float = 0.0  # what cosine decays to; linear always decays to 0
    optimizer: str = "adam"  # or "signum"
    k: int = 0
    group_sizes: tuple = ()
    auxiliary_alpha: float = 0.0
    dead_after: int = 10_000_000  # tokens; steps for SAELens
    threshold_decay: float = 0.0
    threshold_start_step: int = -1
    sparsity_coefficient: float = 0.0
    sparsity_warmup_steps: int = 0
    sparsity_loss: str = ""  # "l1", "step", "tanh" or "target"
    target_l0: float = 0.0
    bandwidth: float = 0.0
    initial_threshold: float = 0.0
    multi_topk: bool = False
    transcode: bool = False
    skip: bool = False

    def config(self, peer):
        """The JSON object that README.md describes. `peer` is the name and version of the package."""
        recipe = dataclasses.asdict(self)
        copied = ("architecture", "convention", "seed", "k", "target_l0", "sparsity_coefficient",
                  "sparsity_warmup_steps", "sparsity_loss", "bandwidth", "group_sizes", "threshold_decay",
                  "threshold_start_step", "auxiliary_alpha", "multi_topk", "transcode", "skip")
        return {
            **{name: recipe[name] for name in copied},
            "dead_after_steps" if self.convention == "saelens" else "dead_after_tokens": self.dead_after,
            "gradient_clip": self.gradient_clip(),
            "bias_start": self.bias_start(),
            "unit_decoder": self.unit_decoder(),
            "rescale_by_decoder_norm": self.convention == "saelens" and self.selects(),
            "optimizer": self.optimizer_config(),
            "learning_rate": self.learning_rate_config(),
            "peer": peer,
        }

    def selects(self):
        """Whether a fixed number of latents is kept."""
        return self.architecture in ("topk", "batchtopk", "matryoshka")

    def gradient_clip(self):
        if self.convention == "dictionary_learning":
            return 0.0 if self.architecture in ("relu", "gated") else 1.0
        return 1.0 if self.convention == "saelens" else 0.0

    def bias_start(self):
        if self.convention == "sparsify":
            return "mean"
        return "geometric_median" if self.convention == "dictionary_learning" and self.selects() else "zero"

    def unit_decoder(self):
        return self.convention != "saelens" and not self.transcode

    def optimizer_config(self):
        if self.optimizer == "signum":
            return {"kind": "signum", "beta1": 0.0, "beta2": 0.0, "epsilon": 0.0, "momentum": 0.95}
        without_momentum = self.convention == "dictionary_learning" and self.architecture in ("gated", "jumprelu")
        beta1, beta2 = BETAS_WITHOUT_MOMENTUM if without_momentum else BETAS
        return {"kind": "adam", "beta1": beta1, "beta2": beta2, "epsilon": EPSILON, "momentum": 0.0}

    def learning_rate_config(self):
        return {
            "peak": self.learning_rate,
            "warmup_steps": self.warmup_steps,
            # Step t of the warm-up has (t + warmup_offset) / warmup_steps of the peak.
            "warmup_offset": 1 if self.convention == "saelens" else 0,
            "total_steps": self.steps,
            "decay": self.decay,
            "decay_start": self.decay_start,
            "end": self.end_rate,
        }
