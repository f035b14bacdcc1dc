#!/usr/bin/env python3
"""Small modules under plans, against PyTorch: each compiled, proved and run over MPI for a few steps.

    run_modules.py losses [state ...] [--only root-of-mean] [--plan "2 data=2"]

A subject is a file modules/SUBJECT.py; it holds functions marked with @module (modules/table.py), each
of which returns an eager module and its batch. For every plan ("RANKS PINS", no pins: what the search
finds) one run of the steps is compared with PyTorch in f64: every loss within 1e-6 (or 4 times what
PyTorch's own f32 differs), the gradients of the last step, all parameters and all buffers within 4
times PyTorch's own f32 difference per tensor (floor: 1e-6 of the largest). That difference is the
largest over several draws of PyTorch's rounding (rounding.py). Where PyTorch's f32 has a NaN or an
infinity, so must ours.

A plan that must be refused says with which words.
"""
import argparse
import contextlib
import copy
import dataclasses
import importlib
import math
import os
import re
import shutil
import sys
import time
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "test" / "Python")]

import numpy as np
import torch

import compare
import optimizers
import run_case
from doubles import casts_to_double, everything_double
from rounding import Draws
from run_case import Failure, execute, tool


def train(model, batch, case):
    """What PyTorch computes: losses, and by kind the tensors after the last step."""
    optimizer = optimizers.make(model, case.optimizer, case.groups)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, case.gamma)
    losses = []
    for _ in range(case.steps):
        optimizer.zero_grad()
        loss = model(*[tensor.clone() for tensor in batch])
        loss.backward()
        losses.append(loss.item())
        gradients = {name: parameter.grad.clone() for name, parameter in model.named_parameters()
                     if parameter.grad is not None}
        if case.clip_norm:
            torch.nn.utils.clip_grad_norm_(model.parameters(), case.clip_norm)
        optimizer.step()
        schedule.step()
    # Complex numbers are stored as pairs.
    real = lambda tensor: torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
    array = lambda tensors: {name: real(tensor.detach()).double().numpy().copy() for name, tensor in tensors}
    return {"losses": np.array(losses), "gradients": array(gradients.items()),
            "parameters": array(model.named_parameters()), "buffers": array(model.named_buffers()),
            "states": array(optimizers.state_of(model, optimizer).items())}


def references(model, batch, case):
    """(exact, draws): PyTorch in f64 and in f32, from the same f32 values."""
    single = train(copy.deepcopy(model), batch, case)
    with everything_double(), casts_to_double():
        double = [tensor.double() if tensor.is_floating_point() else tensor for tensor in batch]
        exact = train(copy.deepcopy(model).double(), double, case)
    return exact, Draws(copy.deepcopy(model), lambda other: train(other, batch, case), single)


def same_special(ours, single, exact):
    """NaN and infinities are where PyTorch has them, in f32 or in f64."""
    for other in (single, exact):
        if (np.isnan(ours) == np.isnan(other)).all() and \
                (ours[np.isinf(ours) | np.isinf(other)] == other[np.isinf(ours) | np.isinf(other)]).all():
            return True
    return False


def loss_rows(exact, singles, ours):
    """`singles`: PyTorch's f32 losses, of several draws."""
    rows = []
    for step, (expected, value) in enumerate(zip(exact, ours)):
        theirs = [single[step] for single in singles]
        if not math.isfinite(theirs[0]):
            rows.append((f"step {step}", 0.0 if not math.isfinite(value) else math.inf, 0.0))
        else:
            # Differences of earlier steps are carried on.
            rounding = max(abs(loss - expected) for loss in theirs if math.isfinite(loss))
            rows.append((f"step {step}", abs(value - expected), max((1e-6 if step == 0 else 1e-5) * abs(expected), 4 * rounding)))
    if len(ours) != len(exact):
        raise Failure(f"found {len(ours)} losses, expected {len(exact)}")
    return rows


def tensor_rows(exact, singles, read):
    """`singles`: PyTorch's f32 tensors by name, of several draws."""
    finite = [compare.norm(value) for value in exact.values()]
    floor = compare.FLOOR["f32"] * max([value for value in finite if math.isfinite(value)], default=0.0)
    rows = []
    for name, expected in exact.items():
        ours = read(name)
        if ours is None:
            raise Failure(f"the state has no '{name}'")
        compare.same_shape(name, expected, ours)
        if not same_special(ours, singles[0][name], expected):
            rows.append((name, math.inf, 0.0))
            continue
        good = np.isfinite(expected) & np.isfinite(ours)
        for single in singles:
            good &= np.isfinite(single[name])
        rounding = max(compare.norm((single[name] - expected)[good]) for single in singles)
        rows.append((name, compare.norm((ours - expected)[good]), max(4 * rounding, floor)))
    return rows


def prove(bundle, data, work):
    """colossal-verify on random inputs; where those make no finite loss (lengths must fit one another), on the batch's integers."""
    command = [tool("colossal-verify"), bundle]
    try:
        execute(command, work / "verify.log")
    except Failure as failure:
        if "give values on which the program is finite" not in (work / "verify.log").read_text():
            raise failure
        files = [given.partition("=") for given in data if given != "--data"]
        execute([*command, *(f"--input={name}={file}" for name, _, file in files if np.load(file).dtype.kind in "iu")], work / "verify.log")


def compile_module(case, plan, archive, work):
    """(bundle, what the compiler said) of a plan; `work` is its folder."""
    ranks, _, pins = plan.partition(" ")
    bundle = work / "model.colossal"
    command = [tool("colossal-compile"), archive, "--cluster", run_case.cluster_of(int(ranks), work.parent),
               "--optimizer", case.optimizer, "--keep-gradients", "-o", bundle, *case.compile]
    command += ["--clip-norm", case.clip_norm] if case.clip_norm else []
    command += ["--pin", pins] if pins else []
    command += ["--lr-schedule", f"step:every=1,gamma={case.gamma}"] if case.gamma != 1 else []
    for group in case.groups:
        command += ["--group", group]
    return bundle, execute(command, work / "compile.log")


def run_plan(case, plan, archive, data, answers, work):
    """Checks of one plan; `work` is its folder."""
    checks = run_case.Checks()
    expected = case.refused.get(plan)
    try:
        bundle, text = compile_module(case, plan, archive, work)
    except Failure as failure:
        if expected is None or not re.search(expected, str(failure)):
            raise
        checks.good("refused")
        return checks
    if expected is not None:
        raise Failure(f"compiles, expected it to be refused with '{expected}'")
    for words in case.says:
        if not re.search(words, text):
            raise Failure(f"the compiler does not say '{words}'")
    prove(bundle, data, work)
    ranks = plan.split()[0]
    state, metrics, _ = run_case.run_bundle(bundle, ranks, case.steps, data, work, "run", case.run)
    exact, draws = answers
    losses = compare.read_losses(metrics)
    checks.compare("losses", draws.rows(lambda singles: loss_rows(exact["losses"], [one["losses"] for one in singles], losses)))

    def read(suffix):
        def one(name):
            file = state / f"{name}{suffix}.npy"
            return np.load(file).astype(np.float64) if file.exists() else None
        return one

    def compare_tensors(kind, values, suffix):
        checks.compare(kind, draws.rows(lambda singles: tensor_rows(values, [one[kind] for one in singles], read(suffix))))
    compare_tensors("gradients", exact["gradients"], "#grad")
    unexpected = [file.name for file in state.glob("*#grad.npy")
                  if file.name[:-len("#grad.npy")] not in exact["gradients"] and np.load(file).any()]
    if unexpected:
        checks.bad("gradients", f"{unexpected[0]} is not zero, PyTorch has no such gradient")
    # What the step does not use is not part of the state.
    for kind, needed in ("parameters", exact["gradients"]), ("buffers", case.written):
        values = {name: value for name, value in exact[kind].items()
                  if name in needed or (state / f"{name}.npy").exists()}
        if values:
            compare_tensors(kind, values, "")
    if case.states:
        compare_tensors("states", exact["states"], "")
        ours = {file.stem for file in state.glob("*#*.npy") if not file.stem.endswith("#grad")}
        if ours - set(exact["states"]):
            checks.bad("states", f"PyTorch has no {sorted(ours - set(exact['states']))}")
        program = next((bundle / "ir" / "train").glob("*differentiate.mlir")).read_text()
        computed = set(re.findall(r'gradient_of = "([^"]*)"', program))
        if computed != set(exact["gradients"]):
            checks.bad("gradients", f"computes {sorted(computed ^ set(exact['gradients']))} otherwise than PyTorch")
    return checks


def main():
    from modules import table
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("subjects", nargs="+", metavar="SUBJECT")
    parser.add_argument("--only", action="append", help="name of a module")
    parser.add_argument("--plan", action="append")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "work")
    options = parser.parse_args()
    torch.set_num_threads(1)
    count, bad = 0, []
    for subject in options.subjects:
        importlib.import_module(f"modules.{subject}")
        for name, case in table.CASES[subject].items():
            if options.only and name not in options.only:
                continue
            folder = (options.work / "modules" / f"{subject}-{name}").resolve()
            for plan, good in run_module(case, folder, options.plan):
                count += 1
                if not good:
                    bad.append(f"{name}/{plan}")
    print(f"{count - len(bad)} of {count} plans agree" + (f"; not: {', '.join(bad)}" if bad else ""))
    return 1 if bad or not count else 0


def trace_module(case, folder, model, inputs):
    """(the case, archive, options that name the data), written into an empty `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    if case.archive:
        case = dataclasses.replace(case, compile=(*case.compile, *case.archive(model, inputs, folder)))
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.jit.trace(model, tuple(t.clone() for t in inputs.values()), check_trace=False) \
                .save(str(folder / "model.pt"))
    data = []
    for name, tensor in inputs.items():
        np.save(folder / "data" / f"{name}.npy", tensor.numpy())
        data += ["--data", f"{name}={folder / 'data' / name}.npy"]
    return case, folder / "model.pt", data


def import_once(case, archive):
    """The dump of import, so that not every plan starts LibTorch. Where the archive is refused, or options or
    messages are those of import, the compiler gets the archive."""
    if case.archive or case.says:
        return archive
    try:
        return run_case.imported(archive)
    except Failure:
        return archive


def run_module(case, folder, plans):
    torch.manual_seed(0)
    model, inputs = case.build()
    case, archive, data = trace_module(case, folder, model, inputs)
    archive = import_once(case, archive)
    # Tracing ran the module once: buffers that it writes have moved, in the archive and here.
    answers = references(model, tuple(inputs.values()), case)
    for plan in case.plans:
        if plans and plan not in plans:
            continue
        work = folder / re.sub(r"\W+", "_", plan)
        work.mkdir()
        begin = time.time()
        try:
            rows = run_plan(case, plan, archive, data, answers, work).rows
        except (Failure, SystemExit, OSError, KeyError, ValueError) as failure:
            rows = [("stops", False, f"{type(failure).__name__}: {failure}")]
        good = all(row[1] for row in rows)
        print(f"{case.name} [{plan}] ({time.time() - begin:.1f} s): {'ok' if good else 'FAIL'}", flush=True)
        for what, right, text in rows:
            if not right:
                print(f"  {what}: {text}")
        if good:
            shutil.rmtree(work / "model.colossal", ignore_errors=True)
        yield plan, good


if __name__ == "__main__":
    sys.exit(main())
