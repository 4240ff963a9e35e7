#!/usr/bin/env python3
"""Makes reference.safetensors with the safetensors library, for tests/sae/io/safetensors_test.cc."""

import pathlib

import numpy
from safetensors.numpy import save_file

tensors = {
    "decoder": numpy.arange(6, dtype="<f4").reshape(2, 3) - 2.5,
    "empty": numpy.zeros((0, 3), dtype="<f4"),
    "scalar": numpy.array(7.0, dtype="<f4"),
}
path = pathlib.Path(__file__).parent / "reference.safetensors"
save_file(tensors, path, metadata={"format": "pt"})
path.chmod(0o644)
