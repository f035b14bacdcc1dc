#!/usr/bin/env python3
"""Five steps of every optimizer in the interpreter (f64): parameters and state as PyTorch's in double.

    optimizer_steps.py --work DIR [--only lamb]

A case is a text of --optimizer with its groups; the learning rate changes from step to step.
"""
import argparse
import copy
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "Python"), str(ROOT / "test" / "Execution")]

import numpy as np
import torch

import optimizers
from modules.optimizers import shapes

STEPS = 5
TOLERANCE = 1e-10
# (optimizer, groups, largest norm of the gradients)
CASES = [
    ("sgd:lr=0.1", (), 0),
    ("sgd:lr=0.1,momentum=0.9,dampening=0.3,weight-decay=0.1", (), 0.5),
    ("sgd:lr=0.1,momentum=0.9,nesterov,maximize", (), 0),
    ("adam:lr=1e-2", (), 0),
    ("adam:lr=1e-2,weight-decay=0.1,amsgrad,beta1=0.8,beta2=0.9,eps=1e-6", (), 0),
    ("adamw", (), 0),
    ("adamw:lr=1e-2,weight-decay=0.2,amsgrad,maximize,no-decay=rank<2", (), 0.5),
    ("adagrad", (), 0),
    ("adagrad:lr=0.1,lr-decay=0.2,weight-decay=0.1,initial-accumulator-value=0.5,eps=1e-6", (), 0.5),
    ("rmsprop", (), 0),
    ("rmsprop:lr=1e-3,alpha=0.9,centered,momentum=0.8,weight-decay=0.1,eps=1e-3", (), 0),
    ("rmsprop:centered,maximize", (), 0.5),
    ("lamb:lr=0.1", (), 0),
    ("lamb:lr=0.1,beta1=0.8,beta2=0.9,eps=1e-3,weight-decay=0.1,maximize", (), 0.5),
    ("lars", (), 0),
    ("lars:lr=2,momentum=0,weight-decay=0.1,trust-coefficient=0.02,eps=1e-3", (), 0.5),
    ("adafactor", (), 0),
    ("adafactor:lr=0.9,beta2-decay=-0.5,eps1=1e-2,eps2=0.5,d=2,weight-decay=0.1,maximize", (), 0.5),
    ("lion", (), 0),
    ("lion:lr=1e-2,beta1=0.8,beta2=0.9,weight-decay=0.1,maximize", (), 0.5),
    ("adamw:lr=1e-2,no-decay=rank<2", ("name=*.bias|norm*:weight-decay=0.3", "rank<1:lr=0.1",
                                       "name=words.*:lr=0.05,beta1=0.5,amsgrad", "name=*:weight-decay=0"), 0),
    ("sgd:lr=0.1,momentum=0.9,nesterov", ("rank<2:momentum=0.5,nesterov=false", "name=mixed:lr=0.2"), 0.5),
]


def rate_factor(step):
    return 1.0 / step


def expected_of(model, batch, case):
    """(parameters, state) by name after the steps, in f64."""
    text, groups, clip = case
    model = copy.deepcopy(model).double()
    optimizer = optimizers.make(model, text, groups)
    bases = [group["lr"] for group in optimizer.param_groups]
    for step in range(1, STEPS + 1):
        for group, base in zip(optimizer.param_groups, bases):
            group["lr"] = base * rate_factor(step)
        optimizer.zero_grad()
        model(*batch).backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
    values = {name: p.detach() for name, p in model.named_parameters()}
    values.update(optimizers.state_of(model, optimizer))
    return {name: value.numpy() for name, value in values.items()}


def controls_of(case, step):
    text, groups, clip = case
    base = next((item[3:] for item in text.partition(":")[2].split(",") if item.startswith("lr=")), None)
    if base is None:
        base = optimizers.make(torch.nn.Linear(1, 1), text).param_groups[0]["lr"]
    rates = {"lr": base}
    for number, group in enumerate(groups, 1):
        rates.update({f"lr.{number}": item[3:] for item in group.partition(":")[2].split(",") if item.startswith("lr=")})
    values = {name: float(rate) * rate_factor(step) for name, rate in rates.items()}
    return {**values, "step": step, **({"clip_norm": clip} if clip else {})}


def differentiate(normalized, case, program):
    text, groups, clip = case
    options = f"optimizer={text} groups={';'.join(groups)}" + (f" clip-norm={clip}" if clip else "")
    subprocess.run(["colossal-opt", normalized, f"--colossal-differentiate={options}", "-o", program], check=True)


def ours_of(program, data, case, work):
    text = program.read_text()
    files = dict(data)
    for step in range(1, STEPS + 1):
        folder = work / f"step-{step}"
        command = ["colossal-verify", "--evaluate", program, "-o", folder]
        for name, value in controls_of(case, step).items():
            if f'colossal.name = "{name}", colossal.role = #colossal.role<control>' in text:
                command += ["--control", f"{name}={value!r}"]
        for name, file in files.items():
            command += ["--input", f"{name}={file}"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        files.update({file.stem: file for file in folder.glob("*.npy") if file.stem not in ("loss", "grad_norm")})
    return {name: np.load(file) for name, file in files.items() if name not in data}


def differences(expected, ours):
    """Faults as text."""
    if set(expected) != set(ours):
        yield f"found {sorted(set(ours) - set(expected))} too much, {sorted(set(expected) - set(ours))} too few"
        return
    for name, value in expected.items():
        if value.shape != ours[name].shape:
            yield f"{name} has shape {ours[name].shape}, expected {value.shape}"
        elif not np.linalg.norm(ours[name] - value) <= TOLERANCE * max(np.linalg.norm(value), 1e-6):
            yield f"{name} differs by {np.linalg.norm(ours[name] - value):.2g} of {np.linalg.norm(value):.2g}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    work = options.work
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    torch.manual_seed(0)
    model, inputs = shapes()
    batch = tuple(inputs.values())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(model, batch, check_trace=False).save(str(work / "model.pt"))
    data = {}
    for name, tensor in inputs.items():
        data[name] = work / f"{name}.npy"
        np.save(data[name], tensor.numpy())
    subprocess.run(["colossal-translate", "--import-torchscript", work / "model.pt", "-o", work / "model.mlir"], check=True)
    subprocess.run(["colossal-opt", work / "model.mlir", "--colossal-normalize", "-o", work / "normal.mlir"], check=True)
    bad = 0
    chosen = [case for case in CASES if options.only in case[0]]
    for number, case in enumerate(chosen):
        folder = work / str(number)
        folder.mkdir()
        differentiate(work / "normal.mlir", case, folder / "step.mlir")
        faults = list(differences(expected_of(model, batch, case), ours_of(folder / "step.mlir", data, case, folder)))
        print(f"{case[0]} {' '.join(case[1])}: {'; '.join(faults) if faults else 'ok'}", flush=True)
        bad += bool(faults)
    print(f"{len(chosen) - bad} of {len(chosen)} optimizers agree")
    return 1 if bad or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
