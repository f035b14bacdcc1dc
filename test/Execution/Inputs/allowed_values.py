#!/usr/bin/env python3
"""Ids and labels of every kind of look-up: allowed_values.py DIR

Values at both ends of the range run; one beyond it, in one sample, is refused by every rank together, with
file, sample, value, range and the Python line. A comparison of the model's own takes any value, and data
for an input that the loss does not depend on is accepted and not read.
"""
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

FOLDER = Path(sys.argv[1]).resolve()
SAMPLES, BATCH = 12, 4
# lowest, highest, marks outside the range
RANGES = {"ids": (0, 10, []), "rows": (-7, 6, []), "classes": (0, 4, []), "labels": (0, 4, [255]), "picks": (0, 2, [])}
FREE = ["own", "unused"]


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(11, 8)
        self.vectors = torch.nn.Parameter(torch.randn(7, 8))
        self.out = torch.nn.Linear(8, 5)

    def forward(self, ids, rows, classes, labels, picks, own, unused):
        x = self.table(ids) + self.vectors[rows] + (own.unsqueeze(-1) == torch.arange(8)).float()
        y = self.out(x)
        loss = F.cross_entropy(y, labels, ignore_index=255)
        loss = loss - (F.log_softmax(y, -1) * F.one_hot(classes, 5).float()).sum(-1).mean()
        return loss + y[:, :3].gather(1, picks.unsqueeze(1)).mean()


def run(bundle, data):
    command = ["colossal-run", str(bundle), "--quiet", "--no-shuffle", "--steps", "3"]
    for name, values in data.items():
        np.save(FOLDER / f"{name}.npy", values)
        command += ["--data", f"{name}={FOLDER / name}.npy"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, [line for line in done.stdout.splitlines() if "error:" in line]


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    torch.manual_seed(0)
    names = [*RANGES, *FREE]
    zeros = [torch.zeros(BATCH, dtype=torch.int64) for _ in names]
    torch.jit.trace(Model(), zeros, check_trace=False).save(FOLDER / "model.pt")
    inputs = [part for name in names for part in ("--input", f"{name}={BATCH}xi64")]
    bundle = FOLDER / "model.colossal"
    cluster = Path(__file__).resolve().parents[3] / "examples" / "clusters" / "cpu-2.json"
    subprocess.run(["colossal-compile", FOLDER / "model.pt", *inputs, "--cluster", cluster, "--pin", "data=2",
                    "--quiet", "-o", bundle], check=True)
    good = {name: np.resize(np.array([low, high, *marks]), SAMPLES) for name, (low, high, marks) in RANGES.items()}
    good["own"] = np.resize(np.array([-1, 3, 2**62]), SAMPLES)
    good["unused"] = np.full(SAMPLES, -(2**62))
    code, errors = run(bundle, good)
    print(f"at the ends: {'ok' if code == 0 else f'FAIL {code} {errors}'}")
    for name, (low, high, marks) in RANGES.items():
        for value in (low - 1, high + 1, 2**63 - 1, -(2**63)):
            bad = dict(good)
            bad[name] = good[name].copy()
            bad[name][9] = value
            code, errors = run(bundle, bad)
            wanted = [f"{name}.npy: sample 9, element 0: found {value}, expected {low} to {high}",
                      *(f" or {mark}" for mark in marks), f"input '{name}'", "allowed_values.py:"]
            right = code == 1 and len(errors) == 1 and all(part in errors[0] for part in wanted)
            print(f"{name} = {value}: {'ok' if right else f'FAIL {code} {errors}'}")


main()
