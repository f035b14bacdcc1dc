#!/usr/bin/env python3
"""Every elementwise function of Normalize's table at special numbers: values and derivatives against PyTorch.

    special_values.py [--only PATTERN] [--cpu host,x86-64-v3] [--work DIR]

A function of one operand is evaluated at zeros, subnormal numbers, kinks, bounds, where exponentials
saturate, infinities, NaN, and over a ladder of magnitudes; one of several operands over pairs and triples
of special numbers; a reduction over rows with ties, infinities, NaN and equal elements. All of them are one
model, run
  - compiled, for each CPU that --cpu names: against PyTorch in f32,
  - by the reference interpreter in f64: against PyTorch in f64.
A number is right when it is PyTorch's in f32 or f64 (NaN and infinities included), or within 4 units in the
last place of the f64 one plus twice PyTorch's own f32 error. What PyTorch has at a kink is therefore wanted
exactly. Its vector and scalar loops differ for NaN and infinities: then one of them. Where terms of a known size cancel
in the definition itself (CANCELS), units in the last place are those of the terms.

A row of the table that no function here reaches must be in NOT_HERE with a reason. Exit code 1 if a row
differs or is not reached.
"""
import argparse
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
import numpy as np
import torch

from run_case import cluster_of
from special_functions import (BINARY, CANCELS, CHANCES, INF, LADDER, LINES, MODEST, NOT_HERE, NUMBERS, OVERLOADS, PAIRS,
                               REDUCTIONS, TARGETED, TERNARY, TRIPLES, UNARY)

warnings.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]


def cases(pattern):
    """(name, function, operands as f32 arrays, one row a number)."""
    numbers = np.array(NUMBERS + LADDER, np.float32)
    pairs = np.array(list(itertools.product(PAIRS, PAIRS)), np.float32).T
    triples = np.array(list(itertools.product(TRIPLES, repeat=3)), np.float32).T
    chances = np.array(list(itertools.product(NUMBERS, CHANCES)), np.float32).T
    weighted = np.stack([*chances, np.ones_like(chances[0])])
    kinds = [("x", UNARY, [numbers]), ("x, y", BINARY, list(pairs)), ("x, target", TARGETED, list(chances)),
             ("x, y, z", {name: f for name, f in TERNARY.items() if "bce" not in name}, list(triples)),
             ("x, target", {name: f for name, f in TERNARY.items() if "bce" in name}, list(weighted)),
             ("row", REDUCTIONS, [np.array(LINES, np.float32)])]
    modest = [np.array([line for line in LINES if not 1e6 < np.nanmax(np.abs(line)) < INF], np.float32)]
    for kind, table, operands in kinds:
        for name, function in table.items():
            if pattern in f"{name}({kind})":
                yield f"{name}({kind})", function, modest if kind == "row" and name in MODEST else operands


class Model(torch.nn.Module):
    """Weights of one on every value: their gradients are the values, the operands' are the derivatives."""

    def __init__(self, cases):
        super().__init__()
        self.cases = cases
        for index, (_, function, operands) in enumerate(cases):
            tensors = [torch.tensor(operand).to(torch.get_default_dtype()) for operand in operands]
            for place, tensor in enumerate(tensors):
                self.register_parameter(f"operand{index}_{place}", torch.nn.Parameter(tensor))
            self.register_parameter(f"weight{index}", torch.nn.Parameter(torch.ones(len(operands[0]))))

    def forward(self, one):
        loss = one.sum()
        for index, (_, function, operands) in enumerate(self.cases):
            values = function(*(getattr(self, f"operand{index}_{place}") * one for place in range(len(operands))))
            loss = loss + (values * getattr(self, f"weight{index}")).sum()
        return loss


def gradients(model, dtype):
    model.zero_grad()
    model(torch.ones(1, 1, dtype=dtype)).backward()
    return {name: p.grad.double().numpy() for name, p in model.named_parameters() if p.grad is not None}


def alone(cases):
    """PyTorch's answers where an operand is not finite, of tensors of one element: its scalar loops."""
    answers = {}
    for index, (name, function, operands) in enumerate(cases):
        if "row" in name:
            continue
        for place in np.flatnonzero(np.any([~np.isfinite(operand) for operand in operands], axis=0)):
            single = [torch.tensor(operand[place:place + 1]).requires_grad_() for operand in operands]
            value = function(*single)
            found = {f"weight{index}": value.detach()}
            if value.requires_grad:
                value.sum().backward()
            found.update({f"operand{index}_{number}": t.grad for number, t in enumerate(single) if t.grad is not None})
            for key, result in found.items():
                answers.setdefault(key, {})[place] = result.double().item()
    return answers


def units(size):
    """The last place of f32 numbers of that size."""
    return 2.0 ** (np.floor(np.log2(np.maximum(size, 2.0 ** -126))) - 23)


def differences(found, single, double, alone, cancels, ulp):
    """Places where `found` is neither number of PyTorch nor near the f64 one."""
    with np.errstate(all="ignore"):
        same = (found == single) | (found == (double.astype(np.float32) if ulp else double))
        same |= np.isnan(found) & (np.isnan(single) | np.isnan(double))
        for place, number in alone.items():
            same[place] |= np.isclose(found[place], number, rtol=1e-6, atol=0, equal_nan=True)
        finite = np.isfinite(found) & np.isfinite(double)
        if ulp:
            allowed = 4 * units(np.abs(double))
            if cancels is not None:
                allowed = np.maximum(allowed, 4 * units(np.where(np.isfinite(cancels), cancels, 0)))
            error = np.abs(single - double)
            allowed = allowed + np.where(np.isfinite(error), 2 * error, 0)
        else:
            allowed = 1e-13 + 1e-7 * np.abs(double)
        near = finite & (np.abs(found - double) <= allowed)
    return np.flatnonzero(~(same | near).ravel())


def tool(name, *arguments):
    command = [shutil.which(name) or str(ROOT / "build" / "bin" / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        text = (done.stderr or done.stdout).strip().splitlines()
        sys.exit(f"{Path(command[0]).name} failed: {next((l for l in text if 'error' in l), text[:1])}")


def compiled(work, cpu):
    bundle, state = work / f"{cpu}.colossal", work / f"state-{cpu}"
    tool("colossal-compile", work / "model.pt", "--cluster", cluster_of(1, work), "--optimizer", "sgd:lr=0",
         "--keep-gradients", "--target-cpu", cpu, "-o", bundle, "--quiet")
    tool("colossal-run", bundle, "--data", f"one={work / 'one.npy'}", "--no-shuffle", "--steps", 1, "--dump-state", state,
         "--quiet")
    return state


def interpreted(work):
    program, lowered, out = work / "model.mlir", work / "gradients.mlir", work / "interpreted"
    out.mkdir()
    tool("colossal-opt", "--colossal-normalize", "--colossal-differentiate=optimizer=none", program, "-o", lowered)
    tool("colossal-verify", "--evaluate", lowered, "-o", out, f"--input=one={work / 'one.npy'}")
    return out


def check(what, cases, folder, single, double, scalar, ulp):
    bad = 0
    for index, (name, _, operands) in enumerate(cases):
        cancels = CANCELS[name](*operands) if name in CANCELS else None
        keys = [("value", f"weight{index}")]
        keys += [(f"derivative {place}", f"operand{index}_{place}") for place in range(len(operands))]
        for kind, key in keys:
            file = folder / f"{key}#grad.npy"
            if not file.exists():
                if key in double and np.nan_to_num(double[key]).any():
                    bad += 1
                    print(f"{what}: {kind} of {name}: there is none FAIL")
                continue
            if key not in double:
                continue
            found = np.load(file).astype(np.float64)
            places = differences(found, single[key], double[key], scalar.get(key, {}), cancels, ulp)
            if not places.size:
                continue
            bad += 1
            shown = []
            for place in places[:6]:
                row = place if found.ndim == 1 else place // found.shape[1]
                at = ", ".join(f"{np.atleast_1d(operand[row])}"[1:-1] for operand in operands)
                shown.append(f"at ({at}) found {found.flat[place]:.9g}, PyTorch {single[key].flat[place]:.9g} in f32, "
                             f"{double[key].flat[place]:.9g} in f64")
            more = f"; {places.size} in all" if places.size > len(shown) else ""
            print(f"{what}: {kind} of {name}: {'; '.join(shown)}{more} FAIL")
    return bad


def unreached(program):
    """Keys of the elementwise tables that no function has reached."""
    seen = set(re.findall(r'colossal\.aten "([^("]*)', program.read_text()))
    seen |= {re.sub(r"_(\.|$)", r"\1", key) for key in seen}
    table = set()
    for source, first in (("UnaryRows", ""), ("FunctionRows", ""), ("TrigonometricRows", ""), ("BesselRows", ""), ("PairRows", ""), ("ActivationRows", ""), ("ElementwiseRows", ""), ("LossRows", '"aten::mse_loss"')):
        text = (ROOT / "lib" / "Normalize" / f"{source}.cpp").read_text()
        rows = text[text.index("table.add(" if not first else first):]
        table |= set(re.findall(r'"((?:aten|prim)::[\w.]+)"', rows))
    return sorted(key for key in table - seen - NOT_HERE if OVERLOADS.get(key) not in seen)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="a part of a function's name")
    parser.add_argument("--cpu", default="host,x86-64-v3")
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    work = options.work or Path(tempfile.mkdtemp())
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    chosen = list(cases(options.only))
    model = Model(chosen)
    torch.jit.trace(model, (torch.ones(1, 1),), check_trace=False).save(str(work / "model.pt"))
    np.save(work / "one.npy", np.ones((1, 1), np.float32))
    single = gradients(model, torch.float32)
    scalar = alone(chosen)
    torch.set_default_dtype(torch.float64)
    double = gradients(Model(chosen).double(), torch.float64)
    torch.set_default_dtype(torch.float32)
    tool("colossal-translate", "--import-torchscript", work / "model.pt", "-o", work / "model.mlir")
    bad = 0
    for cpu in options.cpu.split(","):
        bad += check(cpu, chosen, compiled(work, cpu), single, double, scalar, True)
    bad += check("interpreter", chosen, interpreted(work), double, double, scalar, False)
    if not options.only:
        for key in unreached(work / "model.mlir"):
            bad += 1
            print(f"no function here reaches '{key}' FAIL")
    if not options.work:
        shutil.rmtree(work)
    print(f"{len(chosen)} functions, {bad} rows differ")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
