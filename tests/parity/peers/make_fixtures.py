#!/usr/bin/env python3
"""Writes the parity fixtures: 20 steps of the installed peers' own trainers. README.md says what is in them.

  make_fixtures.py [--out FOLDER] [CASE ...]

Without a CASE all are written. A case that tiny changes of its inputs would turn, or in which something that it is for
doesn't happen, is refused. Prints a line a case.
"""
import argparse
import pathlib
import sys

import torch

import batches
import cases
import checks
import fixture
import peers

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "data" / "parity"


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=FOLDER)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(case.name for case in cases.ALL))
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - {case.name for case in cases.ALL}
    if unknown:
        sys.exit(f"no case {', '.join(sorted(unknown))}; there are {', '.join(case.name for case in cases.ALL)}")
    return arguments


def record(case, inputs, targets):
    """The record of a training and the parameters that it saves."""
    recorder = fixture.Recorder()
    final = peers.BY_CONVENTION[case.recipe.convention].train(case.recipe, inputs, targets, case.prepare, recorder)
    return recorder, final


def make(case, folder):
    inputs, targets = batches.make_rows(case)
    recorder, final = record(case, inputs, targets)
    checks.check_reach(case, recorder)
    checks.check_schedule(case, recorder)
    checks.check_stable(case, recorder, lambda *rows: record(case, *rows)[0])
    tensors = {"inputs": inputs, **fixture.recorded_tensors(case.recipe, recorder, final)}
    if targets is not inputs:
        tensors["targets"] = targets
    peer = peers.BY_CONVENTION[case.recipe.convention].PEER
    fixture.write(folder / f"{case.name}.safetensors", case.recipe, peer, tensors)
    return recorder


def main():
    arguments = parse_arguments()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for case in cases.ALL:
        if arguments.cases and case.name not in arguments.cases:
            continue
        recorder = make(case, arguments.out)
        last = recorder.measurements[-1]
        print(f"{case.name}: loss {recorder.measurements[0].loss:.4f} to {last.loss:.4f}, FVU {last.fvu:.4f}, "
              f"L0 {last.l0:.2f}, dead at most {max(recorder.measured('dead'))}")


if __name__ == "__main__":
    main()
