"""Writes numpy_fixture.json: rows, their reconstructions by a TopK dictionary and the metrics as NumPy gives them.

Run: .venv/bin/python tests/sae/evaluation/make_numpy_fixture.py
"""
import json
import pathlib

import numpy as np

ROWS, WIDTH, LATENTS, K = 60, 6, 20, 3


def top_k(rows, dictionary):
    """Activations [rows, latents], zero but for the K largest of each row."""
    pre_activations = (rows - dictionary["b_dec"]) @ dictionary["encoder.weight"].T + dictionary["encoder.bias"]
    activations = np.maximum(pre_activations, 0)
    dropped = np.argsort(-activations, axis=1)[:, K:]
    np.put_along_axis(activations, dropped, 0, axis=1)
    return activations


def metrics(rows, reconstructions, activations):
    errors = rows - reconstructions
    norms, reconstructed_norms = np.linalg.norm(rows, axis=1), np.linalg.norm(reconstructions, axis=1)
    has_norm = norms > 0
    cosines = np.zeros(len(rows))
    cosines[has_norm] = (rows * reconstructions).sum(1)[has_norm] / (norms * reconstructed_norms)[has_norm]
    active = activations != 0
    frequency = active.mean(0)
    fvu = (errors**2).sum() / ((rows - rows.mean(0)) ** 2).sum()
    return {
        "fvu": fvu,
        "explained_variance": 1 - fvu,
        "mse": (errors**2).mean(),
        "cosine": cosines.mean(),
        "norm_ratio": (reconstructed_norms[has_norm] / norms[has_norm]).mean(),
        "l0": active.sum(1).mean(),
        "l0_histogram": np.bincount(active.sum(1)).tolist(),
        "firing_frequency": frequency.tolist(),
        "dead_latents": int((frequency == 0).sum()),
        "dense_latents": int((frequency > 0.1).sum()),
    }


def rounded(values):
    """Float32 values, so that both compute from the same numbers."""
    return values.astype("f4").astype("f8")


def case(rng, name, mean, zero_row):
    decoder = rng.normal(size=(LATENTS, WIDTH))
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    offset = mean * np.eye(WIDTH)[0]
    dictionary = {
        "encoder.weight": rounded(decoder + 0.1 * rng.normal(size=decoder.shape)),
        # Some rows have fewer than K active latents, some latents never fire.
        "encoder.bias": rounded(-0.8 + 0.4 * rng.normal(size=LATENTS)),
        "W_dec": rounded(decoder),
        "b_dec": rounded(0.1 * rng.normal(size=WIDTH) + offset),
    }
    rows = rounded(rng.normal(size=(ROWS, WIDTH)) + offset)
    if zero_row:
        rows[7] = 0
    activations = top_k(rows, dictionary)
    reconstructions = rounded(activations @ dictionary["W_dec"] + dictionary["b_dec"])
    return {
        "name": name,
        "rows": ROWS,
        "width": WIDTH,
        "latents": LATENTS,
        "k": K,
        "x": rows.ravel().tolist(),
        "x_hat": reconstructions.ravel().tolist(),
        "dictionary": {tensor: value.ravel().tolist() for tensor, value in dictionary.items()},
        "expected": metrics(rows, reconstructions, activations),
    }


def main():
    rng = np.random.default_rng(0)
    # The second has a column with a mean far above its deviation, as residual streams have.
    cases = [case(rng, "a zero row", 0, True), case(rng, "a large mean", 1000, False)]
    pathlib.Path(__file__).with_name("numpy_fixture.json").write_text(json.dumps({"cases": cases}) + "\n")


if __name__ == "__main__":
    main()
