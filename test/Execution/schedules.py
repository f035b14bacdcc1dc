#!/usr/bin/env python3
"""Every schedule as a run reports it, for 50 steps, next to torch.optim.lr_scheduler or a formula.

    schedules.py --work DIR
"""
import argparse
import json
import math
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import torch
from torch.optim import lr_scheduler

STEPS, BASE = 50, 0.1
DIGITS = 1e-10  # a run reports nine digits
MODEL = Path(__file__).resolve().parents[1] / "Import" / "Inputs" / "mlp.pt"


def warm(scheduler, steps):
    """The factor t / steps, then the scheduler."""
    def make(optimizer):
        up = lr_scheduler.LambdaLR(optimizer, lambda t: t / steps)
        return lr_scheduler.SequentialLR(optimizer, [up, scheduler(optimizer)], [steps])
    return make


def function(factor):
    return lambda optimizer: lr_scheduler.LambdaLR(optimizer, factor)


def cycle(**options):
    return lambda optimizer: lr_scheduler.OneCycleLR(optimizer, BASE, total_steps=STEPS, cycle_momentum=False, **options)


# Text of --lr-schedule, and what it is.
SCHEDULES = {
    "constant": lambda o: lr_scheduler.ConstantLR(o, 1.0),
    "constant:warmup=7": warm(lambda o: lr_scheduler.ConstantLR(o, 1.0), 7),
    "linear:total=40": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.0, 40),
    "linear:min=0.25": lambda o: lr_scheduler.LinearLR(o, 1.0, 0.25, STEPS),
    "linear:warmup=5,total=30,min=0.1": warm(lambda o: lr_scheduler.LinearLR(o, 1.0, 0.1, 25), 5),
    "cosine": lambda o: lr_scheduler.CosineAnnealingLR(o, STEPS),
    "cosine:warmup=10,min=0.1": function(
        lambda t: t / 10 if t < 10 else 0.1 + 0.9 * (1 + math.cos(math.pi * (t - 10) / 40)) / 2),
    "polynomial:total=40,power=2": lambda o: lr_scheduler.PolynomialLR(o, 40, 2.0),
    "polynomial:warmup=8,power=0.5": warm(lambda o: lr_scheduler.PolynomialLR(o, STEPS - 8, 0.5), 8),
    "step:every=12,gamma=0.5": lambda o: lr_scheduler.StepLR(o, 12, 0.5),
    "step:every=1,gamma=0.9": lambda o: lr_scheduler.ExponentialLR(o, 0.9),
    "step:at=10/25/40": lambda o: lr_scheduler.MultiStepLR(o, [10, 25, 40]),
    "step:warmup=5,at=10/25": warm(lambda o: lr_scheduler.MultiStepLR(o, [10, 25]), 5),
    "inverse-sqrt:warmup=9": function(lambda t: t / 9 if t < 9 else math.sqrt(9 / t)),
    "inverse-sqrt:timescale=4": function(lambda t: math.sqrt(4 / (t + 4))),
    "one-cycle": cycle(),
    "one-cycle:pct-start=0.5,div=10,final-div=100,linear": cycle(
        pct_start=0.5, div_factor=10, final_div_factor=100, anneal_strategy="linear"),
    "one-cycle:three-phase": cycle(three_phase=True),
}


def expected_of(scheduler):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=BASE)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = scheduler(optimizer)
        for step in range(STEPS):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if step + 1 < STEPS:
                made.step()
    return np.array(rates)


def rates_of(schedule, data, work):
    bundle, metrics = work / "model.colossal", work / "metrics.jsonl"
    subprocess.run(["colossal-compile", MODEL, "--optimizer", f"sgd:lr={BASE}", "--lr-schedule", schedule, "--quiet",
                    "-o", bundle], check=True)
    subprocess.run(["colossal-run", "-n", "1", bundle, *data, "--steps", str(STEPS), "--metrics", metrics, "--quiet"],
                   check=True)
    return np.array([json.loads(line)["lr"] for line in metrics.read_text().splitlines()])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    data = []
    for name, array in {"features": np.ones((4, 8), np.float32), "labels": np.zeros(4, np.int64)}.items():
        np.save(work / f"{name}.npy", array)
        data += ["--data", f"{name}={work / name}.npy"]
    bad = 0
    for schedule, scheduler in SCHEDULES.items():
        expected, ours = expected_of(scheduler), rates_of(schedule, data, work)
        good = ours.shape == expected.shape and np.abs(ours - expected).max() <= DIGITS
        step = 0 if good or ours.shape != expected.shape else int(np.abs(ours - expected).argmax())
        print(f"{schedule}: " + ("ok" if good else f"differs in step {step + 1}: {ours[step]!r}, expected {expected[step]!r}"),
              flush=True)
        bad += not good
    print(f"{len(SCHEDULES) - bad} of {len(SCHEDULES)} schedules agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
