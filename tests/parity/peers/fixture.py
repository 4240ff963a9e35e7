"""The record of a training and its file. README.md says what is in one."""
import json

import torch
from safetensors.torch import save_file

FIRST_BATCH_THRESHOLD = {"dictionary_learning": -1.0, "saelens": 0.0}


class Recorder:
    """An observer (sparsify_peer.train) that keeps everything."""

    def __init__(self):
        self.initial, self.steps, self.measurements = {}, [], []

    def start(self, parameters):
        self.initial = {name: value.clone() for name, value in parameters.items()}

    def step(self, parameters, measurement):
        self.steps.append({name: value.clone() for name, value in parameters.items()})
        self.measurements.append(measurement)

    def measured(self, name):
        return [getattr(measurement, name) for measurement in self.measurements]

    def parameters(self, name):
        return torch.stack([step[name] for step in self.steps])


class Start:
    """An observer that keeps the initial parameters alone, and all measurements."""

    def __init__(self):
        self.initial, self.measurements = {}, []

    def start(self, parameters):
        self.initial = {name: value.clone() for name, value in parameters.items()}

    def step(self, parameters, measurement):
        del parameters
        self.measurements.append(measurement)


def initial_tensors(recipe, initial):
    tensors = {f"initial.{name}": value for name, value in initial.items()}
    if recipe.selects() and recipe.threshold_decay:
        tensors["initial.batch_threshold"] = torch.tensor([FIRST_BATCH_THRESHOLD[recipe.convention]]).double()
    return tensors


def recorded_tensors(recipe, recorder, final):
    tensors = initial_tensors(recipe, recorder.initial)
    tensors.update({f"steps.{name}": recorder.parameters(name) for name in recorder.initial})
    series = {"losses": "loss", "learning_rates": "learning_rate", "l0": "l0", "fvu": "fvu"}
    if recipe.auxiliary_alpha:
        series.update({"dead_latents": "dead", "auxiliary_losses": "auxiliary"})
    if recipe.gradient_clip():
        series["gradient_norms"] = "gradient_norm"
    if recipe.selects() and recipe.threshold_decay:
        series["steps.batch_threshold"] = "batch_threshold"
    tensors.update({name: torch.tensor(recorder.measured(of), dtype=torch.float64) for name, of in series.items()})
    if recipe.optimizer == "signum":
        tensors.update({f"final.{name}": value for name, value in final.items()})
    return tensors


def write(path, recipe, peer, tensors):
    config = json.dumps(recipe.config(peer), sort_keys=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata={"config": config})
    path.chmod(0o644)
