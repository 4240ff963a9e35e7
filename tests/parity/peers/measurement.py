"""What is measured in one training step, alike for every peer."""
import contextlib
import dataclasses

import torch


@dataclasses.dataclass
class Measurement:
    """All of it is of the forward pass, so with the parameters before the update."""

    loss: float  # what the peer minimises
    learning_rate: float  # used in this step
    l0: float  # mean number of nonzero activations of a row
    fvu: float  # sum e^2 / sum (y - mean_B y)^2
    dead: int = 0  # latents that this step's auxiliary loss was for
    auxiliary: float = 0.0  # that loss, without its weight in `loss`
    gradient_norm: float = 0.0  # before clipping; 0 where the peer doesn't clip
    batch_threshold: float = None  # after the step; None where the trainer keeps none


def fraction_of_variance_unexplained(target, reconstruction):
    residual = (target - reconstruction).square().sum()
    return float(residual / (target - target.mean(0)).square().sum())


@contextlib.contextmanager
def recorded_gradient_norms():
    """Yields a list to which every call of torch.nn.utils.clip_grad_norm_ adds the norm that it finds."""
    clip, norms = torch.nn.utils.clip_grad_norm_, []

    def recording(*arguments, **options):
        norm = clip(*arguments, **options)
        norms.append(float(norm))
        return norm

    torch.nn.utils.clip_grad_norm_ = recording
    try:
        yield norms
    finally:
        torch.nn.utils.clip_grad_norm_ = clip
