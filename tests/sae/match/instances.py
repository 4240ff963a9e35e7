"""The instances of tests/sae/match/instances.h, of the same bits: both draw from SplitMix64 and compute in float64."""
import numpy as np

GAMMA = 0x9E3779B97F4A7C15
KINDS = ("random", "planted", "ties", "near_duplicates", "low_rank", "all_equal", "outliers", "duplicates")


class Random:
    """common/random.h's SplitMix64."""

    def __init__(self, seed):
        self.state = np.uint64(seed)

    def uniform(self, count):
        with np.errstate(over="ignore"):
            states = self.state + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(GAMMA)
            self.state += np.uint64(count) * np.uint64(GAMMA)
            x = (states ^ (states >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            x ^= x >> np.uint64(31)
        return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def bell(self, *shape):
        u = self.uniform(3 * int(np.prod(shape))).reshape(-1, 3)
        return (u[:, 0] + u[:, 1] + u[:, 2] - 1.5).reshape(shape)


def instance(kind, seed, n, m, d):
    """a [n, d] and b [m, d] as float32."""
    random = Random(seed)
    a, b = random.bell(n, d), random.bell(m, d)
    if kind == "planted":
        b = a[(np.arange(m) * 7 + 3) % n] + 0.25 * b
    elif kind == "ties":
        a, b = np.floor(a + 0.5), np.floor(b + 0.5)
    elif kind == "near_duplicates":
        a, b = a[:1] + 2.0**-12 * a, a[:1] + 2.0**-12 * b
    elif kind == "low_rank":
        a[:, 2:], b[:, 2:] = a[:, :1] + a[:, 1:2], b[:, :1] + b[:, 1:2]
    elif kind == "all_equal":
        b = np.repeat(a[:1], m, axis=0)
        a = np.repeat(a[:1], n, axis=0)
    elif kind == "outliers":
        a[:, 0] *= 64
        b[:, 0] *= 64
    elif kind == "duplicates":
        a, b = a[np.arange(n) % 3 % n], a[np.arange(m) % 5 % n]
    return a.astype(np.float32), b.astype(np.float32)
