"""What a record must be to be a fixture. Every check raises an AssertionError that names the case."""
import math

import torch

import batches

# Input changes, relative, and the changes that losses and parameters may at most show of them. The first is about one
# rounding of the inputs; the second would turn any selection that is too close for other arithmetic to repeat.
PERTURBATIONS = [(1e-7, 1e-5), (3e-6, 1e-4)]
TRIES = 4


def largest_difference(record, other):
    """Of losses, relative, and of parameters after each step, relative to the largest value of each."""
    losses, others = torch.tensor(record.measured("loss")), torch.tensor(other.measured("loss"))
    differences = [float(((losses - others).abs() / losses.abs()).max())]
    for name in record.initial:
        steps, changed = record.parameters(name), other.parameters(name)
        differences.append(float((steps - changed).abs().max() / steps.abs().max()))
    return max(differences)


def check_stable(case, record, run):
    """`run(inputs, targets)` must give nearly the same record for nearly the same rows."""
    inputs, targets = batches.make_rows(case)
    for size, bound in PERTURBATIONS:
        for seed in range(TRIES):
            near = batches.perturbed(inputs, size, seed)
            near_targets = near if targets is inputs else batches.perturbed(targets, size, seed)
            difference = largest_difference(record, run(near, near_targets))
            assert difference < bound, f"{case.name}: inputs changed by {size} change it by {difference}"


def check_reach(case, record):
    """Everything that the case is for must happen."""
    recipe = case.recipe
    if recipe.architecture == "topk":
        assert set(record.measured("l0")) == {recipe.k}, f"{case.name}: a latent is kept with activation 0"
    if case.quiet_latents:
        dead, most = record.measured("dead"), recipe.d // 2  # latents that the auxiliary loss keeps in a row
        assert min(dead) == 0, f"{case.name}: dead latents {dead}, from the first step on"
        assert any(0 < count < most for count in dead), f"{case.name}: dead latents {dead}, never fewer than {most}"
        assert max(dead) > most, f"{case.name}: dead latents {dead}, never more than {most}"
        assert max(record.measured("auxiliary")) > 0, f"{case.name}: the auxiliary loss was never there"
    elif recipe.selects():
        assert max(record.measured("dead")) == 0, f"{case.name}: a latent was dead"
    if recipe.gradient_clip():
        norms = record.measured("gradient_norm")
        assert min(norms) < recipe.gradient_clip() < max(norms), f"{case.name}: gradient norms {norms}"
    if recipe.bandwidth:
        in_band = pre_activations_in_band(case, record)
        assert min(in_band) > 0, f"{case.name}: pre-activations in the band: {in_band}"


def pre_activations_in_band(case, record):
    """For each step, how many pre-activations are so close to their threshold that it gets a gradient from them."""
    counts = []
    for before, batch in zip([record.initial, *record.steps], batches.make_rows(case)[0]):
        centred = batch - before["decoder_bias"] if case.recipe.convention == "saelens" else batch
        pre_activations = centred @ before["encoder_weight"].T + before["encoder_bias"]
        distances = (pre_activations - before["threshold"]).abs()
        counts.append(int((distances < case.recipe.bandwidth / 2).sum()))
    return counts


def scheduled_rate(config, step):
    """The learning rate of a step, counted from 0, by a fixture's "learning_rate" object."""
    if step < config["warmup_steps"]:
        return config["peak"] * (step + config["warmup_offset"]) / config["warmup_steps"]
    if config["decay"] == "constant" or step < config["decay_start"]:
        return config["peak"]
    passed = (step - config["decay_start"]) / (config["total_steps"] - config["decay_start"])
    if config["decay"] == "linear":
        return config["peak"] * (1 - passed)
    return config["end"] + (config["peak"] - config["end"]) * (1 + math.cos(math.pi * passed)) / 2


def check_schedule(case, record):
    """The peer's learning rates must be those of the config."""
    config = case.recipe.learning_rate_config()
    for step, rate in enumerate(record.measured("learning_rate")):
        expected = scheduled_rate(config, step)
        assert abs(rate - expected) <= 1e-9 * config["peak"], f"{case.name}: rate {rate} in step {step}, not {expected}"
