#!/usr/bin/env python3
"""Runs that must leave the same bytes: the same run twice, both transports, and plans that differ in what
ZeRO cuts alone; and runs that must see the same samples: every plan, in the shuffled order of several epochs.

    same_runs.py [--work DIR] [--all]
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np

from cases import Case
from run_case import ROOT, compile_case, data_options, reference_of, run_bundle

STEPS = 5
PLANS = [Case("gpt2", 2, "data=2,zero=1"), Case("gpt2-ignored", 4, "data=2,pipeline=2,microbatches=4"),
         Case("mlp", 2, "data=2"), Case("gpt2", 4, "data=2,tensor=2"),
         Case("gpt2", 8, "data=2,tensor=2,pipeline=2,microbatches=4")]
FEW = PLANS[:2]
ORDER = [Case("mlp", 1), Case("mlp", 2, "data=2"), Case("mlp", 2, "tensor=2"),
         Case("mlp", 4, "data=2,pipeline=2,microbatches=4")]
# The sums are the same: with one microbatch of all, with several of those that add up parts.
ALIKE = [[Case("gpt2", 2, f"data=2,microbatches=1,zero={zero}") for zero in range(4)],
         [Case("gpt2", 2, f"data=2,microbatches=2,zero={zero}") for zero in (2, 3)]]


def metrics_of(file):
    """The lines without what is measured."""
    return [{key: value for key, value in json.loads(line).items()
             if key not in ("seconds", "tokens_per_second")} for line in file.read_text().splitlines()]


def same(first, second):
    """Whether two runs (state folder, metrics) left the same bytes; how many files were compared."""
    names = sorted(file.name for file in first[0].glob("*.npy"))
    good = bool(names) and names == sorted(file.name for file in second[0].glob("*.npy"))
    good = good and all((first[0] / name).read_bytes() == (second[0] / name).read_bytes() for name in names)
    return good and metrics_of(first[1]) == metrics_of(second[1]), len(names)


def compiled(case, work):
    """The bundle of a case in a folder of its own, and its data."""
    folder = work / "same" / case.name.replace("/", "_")
    folder.mkdir(parents=True, exist_ok=True)
    reference = reference_of(case.model, work, 20)
    compile_case(case, reference, folder, work)
    return folder, data_options(reference)


def run_pairs(case, work):
    """(same run twice, both transports, number of tensors)"""
    folder, data = compiled(case, work)
    go = lambda name, transport: run_bundle(folder / "model.colossal", case.ranks, STEPS, data, folder, name,
                                            ["--transport", transport])[:2]
    window, again, sent = go("window", "window"), go("again", "window"), go("p2p", "p2p")
    twice, tensors = same(window, again)
    return twice, same(window, sent)[0], tensors


def shuffled_losses(case, work):
    """Losses of three epochs of a shuffled data set of four batches and a half."""
    folder, _ = compiled(case, work)
    random, options = np.random.default_rng(9), []
    for name, values in (("features", random.standard_normal((72, 24)).astype(np.float32)),
                         ("labels", random.integers(0, 10, 72))):
        np.save(folder / f"{name}.npy", values)
        options += ["--data", f"{name}={folder / (name + '.npy')}"]
    _, metrics, _ = run_bundle(folder / "model.colossal", case.ranks, 14, options, folder, "shuffled",
                               ["--shuffle", "--seed", "4"])
    return np.array([entry["loss"] for entry in metrics_of(metrics)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "work")
    parser.add_argument("--all", action="store_true", help="every plan, not a few")
    options = parser.parse_args()
    work, bad = options.work.resolve(), 0
    for case in PLANS if options.all else FEW:
        twice, paths, tensors = run_pairs(case, work)
        bad += (not twice) + (not paths)
        print(f"{case.name}: {tensors} tensors, same run twice {'ok' if twice else 'FAIL'}, "
              f"window and point to point {'ok' if paths else 'FAIL'}")
    for cases in ALIKE:
        runs = []
        for case in cases:
            folder, data = compiled(case, work)
            runs.append(run_bundle(folder / "model.colossal", case.ranks, STEPS, data, folder, "alike")[:2])
            equal, tensors = same(runs[0], runs[-1])
            bad += not equal
            print(f"{case.name}: {tensors} tensors, as {cases[0].name} {'ok' if equal else 'FAIL'}")
    losses = {case.name: shuffled_losses(case, work) for case in ORDER}
    first = losses[ORDER[0].name]
    # Batches differ: were the order another one, losses would, too.
    spread = np.abs(np.diff(first)).min() / first.mean()
    for name, ours in losses.items():
        worst = np.max(np.abs(ours - first) / first)
        good = worst < 1e-5 < spread
        bad += not good
        print(f"{name}: shuffled order, largest difference {worst:.1e}, between steps {spread:.1e} "
              f"{'ok' if good else 'FAIL'}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
