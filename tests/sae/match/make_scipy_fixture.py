"""Writes scipy_fixture.json: assignments and agreement metrics as SciPy and NumPy give them.

Run: .venv/bin/python tests/sae/match/make_scipy_fixture.py
"""
import json
import pathlib

import numpy as np
from scipy.optimize import linear_sum_assignment

THRESHOLD = 0.7


def assignment_case(name, weights):
    rows, columns = linear_sum_assignment(weights, maximize=True)
    column_of_row = np.full(weights.shape[0], -1)
    column_of_row[rows] = columns
    return {
        "name": name,
        "rows": weights.shape[0],
        "columns": weights.shape[1],
        "weights": weights.ravel().tolist(),
        "total": float(weights[rows, columns].sum()),
        "column_of_row": column_of_row.tolist(),
    }


def assignment_cases(rng):
    unit = rng.normal(size=(24, 5))
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    return [
        assignment_case("normal 16x16", rng.normal(size=(16, 16))),
        assignment_case("normal 9x17", rng.normal(size=(9, 17))),
        assignment_case("normal 17x9", rng.normal(size=(17, 9))),
        assignment_case("all negative 12x14", -rng.uniform(1, 2, size=(12, 14))),
        assignment_case("cosines 12x12", unit[:12] @ unit[12:].T),
        assignment_case("scales 10x10", rng.normal(size=(10, 10)) * 10.0 ** rng.integers(-6, 6, size=(10, 10))),
    ]


def unit_rows(rows):
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def match(a, b):
    similarity = unit_rows(a) @ unit_rows(b).T
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return similarity, columns, similarity[rows, columns]


def agreement_case(rng, n=12, m=12, d=5):
    shared = rng.normal(size=(max(n, m), d))
    noise = lambda scale, count: scale * rng.normal(size=(count, d))
    order = rng.permutation(max(n, m))[:m]
    a = {"decoder": shared[:n] + noise(0.4, n), "encoder": shared[:n] + noise(0.7, n)}
    b = {"decoder": shared[order] + noise(0.4, m), "encoder": shared[order] + noise(0.6, m)}
    for dictionary in (a, b):  # As dictionaries are stored.
        for side, rows in dictionary.items():
            dictionary[side] = rows.astype(np.float32).astype(np.float64)
    expected, counterparts, cosines = {}, {}, {}
    for side in ("decoder", "encoder"):
        similarity, counterparts[side], cosines[side] = match(a[side], b[side])
        expected[side] = {
            "mean_cosine": cosines[side].mean(),
            "mmcs_ab": similarity.max(1).mean(),
            "mmcs_ba": similarity.max(0).mean(),
            "max_above_ab": (similarity.max(1) >= THRESHOLD).mean(),
            "max_above_ba": (similarity.max(0) >= THRESHOLD).mean(),
        }
    equal = counterparts["decoder"] == counterparts["encoder"]
    both = np.minimum(cosines["decoder"], cosines["encoder"])
    expected["encoder_decoder_equal"] = equal.mean()
    expected["shared_strict"] = (equal & (both >= THRESHOLD)).mean()
    expected["shared_aligned"] = (both > THRESHOLD).mean()
    return {
        "n": n,
        "m": m,
        "d": d,
        "a": {side: rows.ravel().tolist() for side, rows in a.items()},
        "b": {side: rows.ravel().tolist() for side, rows in b.items()},
        "expected": expected,
    }


def main():
    rng = np.random.default_rng(0)
    fixture = {
        "threshold": THRESHOLD,
        "assignments": assignment_cases(rng),
        "agreements": [agreement_case(rng), agreement_case(rng, n=9, m=15)],
    }
    path = pathlib.Path(__file__).with_name("scipy_fixture.json")
    path.write_text(json.dumps(fixture) + "\n")


if __name__ == "__main__":
    main()
