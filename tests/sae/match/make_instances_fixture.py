"""Writes instances_fixture.json: what SciPy makes of the instances of instances.py.

Run: .venv/bin/python tests/sae/match/make_instances_fixture.py
"""
import json
import pathlib

import numpy as np
from instances import KINDS, instance
from scipy.optimize import linear_sum_assignment

SHAPES = [(1, 1, 3), (1, 6, 2), (2, 2, 5), (5, 5, 3), (7, 7, 16), (8, 9, 4), (12, 12, 33), (16, 16, 5), (20, 31, 8),
          (23, 23, 64), (31, 30, 8), (33, 33, 17), (40, 40, 4), (48, 64, 12), (50, 50, 24), (64, 64, 48), (65, 20, 6),
          (70, 71, 32), (90, 90, 10), (100, 100, 64), (120, 33, 16), (128, 128, 20), (130, 150, 24), (150, 150, 100),
          (160, 160, 8), (200, 60, 33), (200, 200, 40), (64, 256, 16), (256, 255, 32), (300, 300, 128)]


def unit_rows(rows):
    rows = rows.astype(np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(norms > 0, norms, 1)


def columns_of(weights):
    rows, columns = linear_sum_assignment(weights, maximize=True)
    column_of_row = np.full(weights.shape[0], -1)
    column_of_row[rows] = columns
    return column_of_row


def is_unique(weights, columns):
    """Whether no matching without one of these pairs comes near to them, as far as some perturbations tell."""
    rng = np.random.default_rng(0)
    return all(np.array_equal(columns_of(weights + 1e-7 * rng.uniform(size=weights.shape)), columns) for _ in range(30))


def case(kind, seed, n, m, d):
    a, b = instance(kind, seed, n, m, d)
    weights = unit_rows(a) @ unit_rows(b).T
    columns = columns_of(weights)
    matched = columns >= 0
    result = {"kind": kind, "seed": seed, "n": n, "m": m, "d": d,
              "total": float(weights[matched, columns[matched]].sum())}
    if is_unique(weights, columns):
        result["column_of_row"] = columns.tolist()
    return result


def main():
    cases = [case(kind, 100 * k + s, n, m, d) for k, kind in enumerate(KINDS) for s, (n, m, d) in enumerate(SHAPES)]
    lines = ",\n".join(json.dumps(c, separators=(",", ":")) for c in cases)
    pathlib.Path(__file__).with_name("instances_fixture.json").write_text("[" + lines + "]\n")


if __name__ == "__main__":
    main()
