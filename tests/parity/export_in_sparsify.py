#!/usr/bin/env python3
"""Checks that sparsify loads a dictionary that Seedbed exported, and would write the same one.

  export_in_sparsify.py FOLDER

Loads FOLDER with sparsify's SparseCoder.load_from_disk (strict names and shapes), saves it again with sparsify, and
compares cfg.json byte for byte and every tensor bit for bit. Exits 1 where something differs. Needs eai-sparsify 1.3.3.
"""
import os
import pathlib
import sys
import tempfile

os.environ["SPARSIFY_DISABLE_TRITON"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from sparsify import SparseCoder  # noqa: E402


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    coder = SparseCoder.load_from_disk(folder)
    with tempfile.TemporaryDirectory() as again:
        coder.save_to_disk(again)
        again = pathlib.Path(again)
        differing = [] if (folder / "cfg.json").read_bytes() == (again / "cfg.json").read_bytes() else ["cfg.json"]
        ours, theirs = load_file(folder / "sae.safetensors"), load_file(again / "sae.safetensors")
        differing += [name for name in sorted(ours.keys() | theirs.keys())
                      if name not in ours or name not in theirs or not torch.equal(ours[name], theirs[name])]
    if differing:
        sys.exit(f"{folder}: sparsify would write another {', '.join(differing)}")
    print(f"{folder}: sparsify loads it: {coder.num_latents} latents of width {coder.d_in}, k {coder.cfg.k}")


if __name__ == "__main__":
    main()
