#!/usr/bin/env python3
"""Compares results of ours with PyTorch's.

    compare.py gradients --reference DIR --ours DIR --precision f64|f32
    compare.py losses --reference DIR --ours losses.npy|metrics.jsonl [--relative 1e-4]
    compare.py tensors --expected DIR --ours DIR --relative 1e-10

`--reference` is a folder written by reference.py. `--ours` holds one .npy per tensor: `loss` and, for
each parameter, its gradient (NAME or NAME#grad).

Gradients are judged per tensor, by norm, against the f64 reference:
  f64: |ours - f64| <= 1e-10 |f64|, loss within 1e-10
  f32: |ours - f64| <= 4 |PyTorch's f32 - f64|, loss within 1e-6
A tensor that is zero but for rounding (the key bias of attention) is judged by a floor instead: a
difference below 1e-6 (f32) or 1e-12 (f64) of the model's largest gradient passes.
"""
import argparse
import json
import sys
from pathlib import Path

import numpy as np

FLOOR = {"f64": 1e-12, "f32": 1e-6}
LOSS = {"f64": 1e-10, "f32": 1e-6}


def load(folder, name):
    """NAME.npy, or NAME#grad.npy, as our tools call the gradient of a parameter."""
    for file in (Path(folder) / f"{name}#grad.npy", Path(folder) / f"{name}.npy"):
        if file.exists():
            return np.load(file).astype(np.float64)
    raise SystemExit(f"compare: {folder} has no {name}.npy")


def norm(array):
    """Not finite if any element is not: such a difference never passes."""
    return float(np.linalg.norm(array.ravel()))


def names_of(folder):
    names = sorted(p.stem for p in Path(folder).glob("*.npy"))
    if not names:
        raise SystemExit(f"compare: {folder} has no .npy files")
    return names


def report(rows, what):
    """rows: (name, difference, allowed). Prints the worst and every failure; True if all pass."""
    bad = [row for row in rows if not row[1] <= row[2]]
    share = lambda row: row[1] / row[2] if row[2] > 0 else (0 if row[1] == 0 else float("inf"))
    worst = max(rows, key=share)
    print(f"{what}: {len(rows) - len(bad)} of {len(rows)} agree; worst {worst[0]}: "
          f"{worst[1]:.3g}, allowed {worst[2]:.3g}")
    for name, difference, allowed in bad:
        print(f"  differs: {name}: {difference:.6g}, allowed {allowed:.6g}")
    return not bad


def compare_loss(expected, ours, relative):
    if ours.size != 1:
        raise SystemExit(f"compare: the loss has shape {ours.shape}, expected one number")
    expected, ours = float(expected.ravel()[0]), float(ours.ravel()[0])
    return report([("loss", abs(ours - expected) / abs(expected), relative)], "loss")


def same_shape(name, expected, ours):
    if expected.shape != ours.shape:
        raise SystemExit(f"compare: '{name}' has shape {ours.shape}, expected {expected.shape}")


def compare_gradients(options):
    exact, single = options.reference / "f64", options.reference / "f32"
    names = [name for name in names_of(exact) if name not in ("loss", "losses")]
    floor = FLOOR[options.precision] * max(norm(load(exact, name)) for name in names)
    rows = []
    for name in names:
        expected, ours = load(exact, name), load(options.ours, name)
        same_shape(name, expected, ours)
        allowed = (1e-10 * norm(expected) if options.precision == "f64"
                   else 4 * norm(load(single, name) - expected))
        rows.append((name, norm(ours - expected), max(allowed, floor)))
    good = compare_loss(load(exact, "loss"), load(options.ours, "loss"), LOSS[options.precision])
    return report(rows, f"gradients ({options.precision})") and good


def read_losses(file):
    if file.suffix == ".npy":
        return np.load(file).astype(np.float64).ravel()
    losses = []
    for line in file.read_text().splitlines():
        entry = json.loads(line)
        if "loss" in entry:
            losses.append(float(entry["loss"]))
    return np.array(losses)


def compare_losses(options):
    expected = load(options.reference / "f64", "losses")
    ours = read_losses(options.ours)
    if len(ours) < len(expected):
        raise SystemExit(f"compare: {options.ours} has {len(ours)} losses, expected {len(expected)}")
    rows = [(f"step {i}", abs(a - b) / abs(b), options.relative)
            for i, (a, b) in enumerate(zip(ours, expected))]
    return report(rows, "loss curve")


def compare_tensors(options):
    names = names_of(options.expected)
    floor = options.relative * 1e-2 * max(norm(load(options.expected, name)) for name in names)
    rows = []
    for name in names:
        expected, ours = load(options.expected, name), load(options.ours, name)
        same_shape(name, expected, ours)
        rows.append((name, norm(ours - expected), max(options.relative * norm(expected), floor)))
    return report(rows, "tensors")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    gradients = commands.add_parser("gradients")
    gradients.add_argument("--reference", type=Path, required=True)
    gradients.add_argument("--ours", type=Path, required=True)
    gradients.add_argument("--precision", choices=("f64", "f32"), required=True)
    losses = commands.add_parser("losses")
    losses.add_argument("--reference", type=Path, required=True)
    losses.add_argument("--ours", type=Path, required=True)
    losses.add_argument("--relative", type=float, default=1e-4)
    tensors = commands.add_parser("tensors")
    tensors.add_argument("--expected", type=Path, required=True)
    tensors.add_argument("--ours", type=Path, required=True)
    tensors.add_argument("--relative", type=float, required=True)
    options = parser.parse_args()
    good = {"gradients": compare_gradients, "losses": compare_losses,
            "tensors": compare_tensors}[options.command](options)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
