#!/usr/bin/env python3
"""Rows of activations for train_200.py, from the raw float32 file that train_gang leaves.

  rows.py RAW --d WIDTH --count ROWS --out ROWS.safetensors

The first ROWS rows, in an order drawn once, times one number that makes their mean square 1.
"""
import argparse
import pathlib
import sys

import numpy
from safetensors.numpy import save_file


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=pathlib.Path, metavar="RAW")
    parser.add_argument("--d", type=int, required=True)
    parser.add_argument("--count", type=int, default=102_400)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    size = arguments.raw.stat().st_size
    if size % (4 * arguments.d) != 0 or size < 4 * arguments.d * arguments.count:
        sys.exit(f"{arguments.raw}: has {size} bytes; at least {arguments.count} rows of {arguments.d} float32 are wanted")
    rows = numpy.fromfile(arguments.raw, dtype=numpy.float32, count=arguments.count * arguments.d)
    rows = rows.reshape(arguments.count, arguments.d)[numpy.random.default_rng(0).permutation(arguments.count)]
    save_file({"activations": rows / numpy.sqrt(numpy.square(rows, dtype=numpy.float64).mean()).astype(numpy.float32)},
              arguments.out)


if __name__ == "__main__":
    main()
