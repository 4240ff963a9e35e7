"""The peer of tests/bench/matching.cc: NumPy's product and SciPy's assignment, as the published script has them,
but for its copies of the matrix.

For every line `A B ROWS WIDTH` on standard input, two files of float32 rows, matches them and prints the seconds; for the
lines `cpu` and `total` prints the seconds that its threads computed and the sum of the matched cosines, in float64. "none"
where it can't."""
import os
import sys
import time

threads = sys.argv[1]
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = threads

import numpy as np  # noqa: E402
from scipy.optimize import linear_sum_assignment  # noqa: E402


ROWS_AT_ONCE = 2048


def unit_rows(matrix):
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def costs(a, b):
    """-cosines from a product in float32, as float64, which linear_sum_assignment takes without another copy."""
    result = np.empty((len(a), len(b)))
    for first in range(0, len(a), ROWS_AT_ONCE):
        np.negative(a[first:first + ROWS_AT_ONCE] @ b.T, out=result[first:first + ROWS_AT_ONCE])
    return result


total = cpu = None
for line in sys.stdin:
    words = line.split()
    if words in (["cpu"], ["total"]):
        print(cpu if words == ["cpu"] else total, flush=True)
        continue
    rows, width = int(words[2]), int(words[3])
    a, b = (np.fromfile(path, dtype=np.float32).reshape(rows, width) for path in words[:2])
    try:
        start, cpu_start = time.perf_counter(), time.process_time()
        matched, columns = linear_sum_assignment(costs(unit_rows(a), unit_rows(b)))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    except MemoryError:
        print("none", flush=True)
        continue
    pairs = unit_rows(a[matched].astype(np.float64)) * unit_rows(b[columns].astype(np.float64))
    total = float(pairs.sum())
    print(seconds, flush=True)
