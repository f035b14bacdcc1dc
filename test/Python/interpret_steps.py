#!/usr/bin/env python3
"""Runs training steps in the interpreter: colossal-verify --evaluate, once per step, states fed back.

    interpret_steps.py step.mlir --reference DIR --steps 3 --lr 3e-4 [--clip-norm 0.5] -o OUT

The batch is DIR/data/INPUT.npy of a folder written by reference.py. OUT gets losses.npy and
parameters/NAME.npy, like the folders of reference.py.
"""
import argparse
import shutil
import subprocess
from pathlib import Path

import numpy as np

METRICS = ("loss", "grad_norm")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--lr", default="1e-3")
    parser.add_argument("--clip-norm")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()

    shutil.rmtree(options.output, ignore_errors=True)
    (options.output / "parameters").mkdir(parents=True)
    values = {file.stem: file for file in (options.reference / "data").glob("*.npy")}
    counts_steps = 'colossal.name = "step", colossal.role = #colossal.role<control>' in options.program.read_text()
    losses = []
    for step in range(1, options.steps + 1):
        folder = options.output / f"step-{step}"
        command = ["colossal-verify", "--evaluate", options.program, "-o", folder,
                   "--control", f"lr={options.lr}"]
        if counts_steps:
            command += ["--control", f"step={step}"]
        if options.clip_norm:
            command += ["--control", f"clip_norm={options.clip_norm}"]
        for name, file in values.items():
            command += ["--input", f"{name}={file}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        losses.append(np.load(folder / "loss.npy").item())
        values.update({file.stem: file for file in folder.glob("*.npy") if file.stem not in METRICS})
    np.save(options.output / "losses.npy", np.array(losses))
    for name, file in values.items():
        if "#" not in name and file.parent.name == f"step-{options.steps}":
            shutil.copy(file, options.output / "parameters" / f"{name}.npy")


if __name__ == "__main__":
    main()
