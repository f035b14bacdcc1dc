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


def failures(rows):
    return [row for row in rows if not row[1] <= row[2]]


def worst_of(rows):
    """The row that uses most of what is allowed; a difference that is no number uses most of all."""
    def share(row):
        if row[1] != row[1]:
            return float("inf")
        return row[1] / row[2] if row[2] > 0 else (0 if row[1] == 0 else float("inf"))
    return max(rows, key=share)


def report(rows, what):
    """rows: (name, difference, allowed). Prints the worst and every failure; True if all pass."""
    bad = failures(rows)
    worst = worst_of(rows)
    print(f"{what}: {len(rows) - len(bad)} of {len(rows)} agree; worst {worst[0]}: "
          f"{worst[1]:.3g}, allowed {worst[2]:.3g}")
    for name, difference, allowed in bad:
        print(f"  differs: {name}: {difference:.6g}, allowed {allowed:.6g}")
    return not bad


def one_number(array):
    if array.size != 1:
        raise SystemExit(f"compare: the loss has shape {array.shape}, expected one number")
    return float(array.ravel()[0])


def loss_rows(expected, ours, relative):
    expected, ours = one_number(expected), one_number(ours)
    return [("loss", abs(ours - expected) / abs(expected), relative)]


def same_shape(name, expected, ours):
    if expected.shape != ours.shape:
        raise SystemExit(f"compare: '{name}' has shape {ours.shape}, expected {expected.shape}")


def gradient_rows(reference, ours, precision):
    exact, single = Path(reference) / "f64", Path(reference) / "f32"
    names = [name for name in names_of(exact) if name not in ("loss", "losses")]
    floor = FLOOR[precision] * max(norm(load(exact, name)) for name in names)
    rows = []
    for name in names:
        expected, value = load(exact, name), load(ours, name)
        same_shape(name, expected, value)
        allowed = (1e-10 * norm(expected) if precision == "f64"
                   else 4 * norm(load(single, name) - expected))
        rows.append((name, norm(value - expected), max(allowed, floor)))
    return rows


def compare_gradients(options):
    rows = gradient_rows(options.reference, options.ours, options.precision)
    loss = loss_rows(load(options.reference / "f64", "loss"), load(options.ours, "loss"),
                     LOSS[options.precision])
    good = report(loss, "loss")
    return report(rows, f"gradients ({options.precision})") and good


def parameter_rows(reference, ours):
    """Parameters after some steps, judged like f32 gradients: next to PyTorch's own f32."""
    exact, single = Path(reference) / "f64" / "parameters", Path(reference) / "f32" / "parameters"
    names = names_of(exact)
    floor = FLOOR["f32"] * max(norm(load(exact, name)) for name in names)
    rows = []
    for name in names:
        expected, value = load(exact, name), np.load(Path(ours) / f"{name}.npy").astype(np.float64)
        same_shape(name, expected, value)
        rows.append((name, norm(value - expected),
                     max(4 * norm(load(single, name) - expected), floor)))
    return rows


def read_losses(file):
    if file.suffix == ".npy":
        return np.load(file).astype(np.float64).ravel()
    losses = []
    for line in file.read_text().splitlines():
        entry = json.loads(line)
        if "loss" in entry:
            losses.append(float("nan") if entry["loss"] is None else float(entry["loss"]))
    return np.array(losses)


def curve_rows(reference, file, relative, steps=None):
    """`steps`: compare so many; without, all of the reference's."""
    expected = load(Path(reference) / "f64", "losses")[:steps]
    ours = read_losses(Path(file))
    if len(ours) < len(expected):
        raise SystemExit(f"compare: {file} has {len(ours)} losses, expected {len(expected)}")
    return [(f"step {i}", abs(a - b) / abs(b), relative)
            for i, (a, b) in enumerate(zip(ours, expected))]


def compare_losses(options):
    return report(curve_rows(options.reference, options.ours, options.relative), "loss curve")


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
