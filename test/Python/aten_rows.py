"""Tests every row of Normalize's table against PyTorch, in f64.

A row is a function of a few tensors. It is traced, saved, imported (colossal-translate), normalized
(colossal-opt), evaluated by the reference interpreter (colossal-verify --evaluate), and its result compared
with PyTorch's: shape, dtype and every element, NaN and infinities included. Each row runs over several random
draws of shapes and values, right after `colossal-normalize` and again after fusion and refinement.

With --gradients the floating tensors are parameters, the results are summed with random weights, and the
gradients that colossal-differentiate derives are compared with PyTorch's.

    aten_rows.py [--gradients] [--seeds N] [--only PATTERN] [--list]

Many rows share a traced module for speed; if anything about it fails, its halves run, until it is one row, so that
the report names the row. Exit code 1 if a row fails.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import torch

from aten_cases import BOOL, F32, F64, I32, I64, ROWS, Draw

warnings.filterwarnings("ignore")
STAGES = {"normalize": ["--colossal-normalize"],
          "refine": ["--colossal-normalize", "--colossal-fuse-elementwise", "--colossal-channels-last",
                     "--colossal-refine-factors"]}


class Together(torch.nn.Module):
    """Several rows in one module; each has its own inputs and results."""

    def __init__(self, cases):
        super().__init__()
        self.cases = cases

    def forward(self, *tensors):
        results, start = [], 0
        for _, function, inputs in self.cases:
            result = function(*tensors[start:start + len(inputs)])
            results += result if isinstance(result, tuple) else (result,)
            start += len(inputs)
        return tuple(results)


class Failure(Exception):
    pass


TOGETHER = 80  # rows of a module
BUILD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "bin")


def tool(name, *arguments):
    command = [shutil.which(name) or os.path.join(BUILD, name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        text = (done.stderr or done.stdout).strip().splitlines()
        raise Failure(f"{os.path.basename(command[0])}: {next((l for l in text if 'error' in l), text[:1])}")
    return done.stdout


DTYPES = {"f64": F64, "f32": F32, "i64": I64, "i32": I32, "i16": torch.int16, "i8": torch.int8, "ui8": torch.uint8, "i1": BOOL}


def result_types(program):
    """Shapes and dtypes of the results of @forward, from its text."""
    text = open(program).read()
    returned = re.search(r"^\s*return .*? : (.*)$", text, re.M).group(1)
    for item in re.findall(r"tensor<([^>]*)>", returned):
        *shape, dtype = item.split("x")
        yield [int(size) for size in shape], DTYPES[dtype]


def compare(expected, found, shape, dtype, bound=None):
    if list(expected.shape) != list(shape) or expected.dtype != dtype:
        raise Failure(f"found {list(shape)} {dtype}, expected {list(expected.shape)} {expected.dtype}")
    expected, found = expected.double(), torch.from_numpy(np.asarray(found, dtype=np.float64)).reshape(expected.shape)
    bound = bound or (1e-5 if dtype == F32 else 1e-11)
    same = (expected == found) | (expected.isnan() & found.isnan()) | ((expected - found).abs() <= bound * (1 + expected.abs()))
    if not bool(same.all()):
        where = (~same).nonzero()[0].tolist()
        raise Failure(f"element {where} is {found[tuple(where)].item()!r}, expected {expected[tuple(where)].item()!r}")


class Weighted(torch.nn.Module):
    """Rows whose floating tensors are parameters; the loss is the weighted sum of their floating results."""

    def __init__(self, cases):
        super().__init__()
        self.rows, self.weights = [], []
        for number, (_, function, tensors) in enumerate(cases):
            slots = [self.slot(f"row{number}_{index}", tensor) for index, tensor in enumerate(tensors)]
            try:
                self.results(function, slots)
            except RuntimeError as error:  # PyTorch has no derivative with respect to class weights
                if "not differentiable" not in str(error):
                    raise
                slots[-1] = getattr(self, slots[-1]).detach()
                delattr(self, f"row{number}_{len(slots) - 1}")
            self.rows.append((function, slots))
        generator = torch.Generator().manual_seed(7)
        with torch.no_grad():
            for function, slots in self.rows:
                for result in self.results(function, slots):
                    name = f"weight{len(self.weights)}"
                    self.register_buffer(name, torch.randn(result.shape, generator=generator, dtype=F64))
                    self.weights.append(name)

    def slot(self, name, tensor):
        if not tensor.is_floating_point():
            return tensor
        self.register_parameter(name, torch.nn.Parameter(tensor.clone()))
        return name

    def results(self, function, slots):
        result = function(*(getattr(self, slot) if isinstance(slot, str) else slot.clone() for slot in slots))
        return [r for r in (result if isinstance(result, tuple) else (result,)) if r.is_floating_point()]

    def forward(self, one):
        weights = iter(self.weights)
        loss = one * 1
        for function, slots in self.rows:
            for result in self.results(function, slots):
                loss = loss + (result * getattr(self, next(weights))).sum()
        return loss


# PyTorch's own gradient is not the derivative: 0 times the infinity of a bias that does not count; 1/6 in single precision.
# The last: which of equal elements is taken is PyTorch's choice.
NO_GRADIENTS = {"contractions/addmm without bias", "products written as others/addmv without bias", "unary/hardsigmoid", "orders/topk of ties"}
SEEN = set()
# Names that a traced archive writes another way, or only where a script branches or reads a tensor's number.
REWRITTEN = set("""aten::clip aten::concat aten::concatenate aten::cpu aten::requires_grad aten::swapaxes aten::swapdims
    aten::true_divide.Tensor aten::rsub.Tensor aten::to.other aten::split aten::floor_divide.Scalar
    aten::add aten::sub aten::mul aten::div aten::floordiv aten::remainder aten::pow aten::conj
    aten::Bool.Tensor aten::Bool.float aten::Float.Tensor aten::Float.int aten::FloatImplicit
    aten::Int.Scalar aten::IntImplicit aten::item
    aten::adjoint aten::matrix_power aten::arccos aten::arccosh aten::arcsin aten::arcsinh aten::arctan aten::arctan2
    aten::arctanh aten::det aten::inverse aten::matrix_exp aten::special_i0""".split())


def results_of(case):
    result = case[1](*(tensor.clone() for tensor in case[2]))
    return result if isinstance(result, tuple) else (result,)


def step_of(program, folder):
    """The option that gives the control `step`, where a program draws numbers."""
    if 'colossal.name = "step"' not in open(program).read():
        return []
    np.save(os.path.join(folder, "step.npy"), np.array(1.0))
    return [f"--input=step={os.path.join(folder, 'step.npy')}"]


def run_gradients(cases, folder):
    """Raises Failure if a gradient of these rows differs. Returns the number of gradients compared."""
    cases = [case for case in cases if not any(tensor.numel() == 0 for tensor in (*case[2], *results_of(case)))]
    module, one = Weighted(cases), torch.ones((), dtype=F64)
    loss = module(one)
    if not loss.requires_grad:
        return 0
    loss.backward()
    archive, program, one_file = (os.path.join(folder, name) for name in ("row.pt", "row.mlir", "one.npy"))
    torch.jit.trace(module, (one,), check_trace=False).save(archive)
    np.save(one_file, one.numpy())
    tool("colossal-translate", "--import-torchscript", archive, "-o", program)
    expected = {name: p.grad for name, p in module.named_parameters() if p.grad is not None}
    compared, single = 0, {number for number, case in enumerate(cases) if any(t.dtype == F32 for t in case[2])}
    for stage, passes in STAGES.items():
        lowered = os.path.join(folder, f"{stage}.mlir")
        tool("colossal-opt", *passes, "--colossal-differentiate=optimizer=none", program, "-o", lowered)
        tool("colossal-verify", "--evaluate", lowered, "-o", folder, f"--input=one={one_file}", *step_of(lowered, folder))
        given = set(re.findall(r'colossal\.name = "([^"]*)#grad"', open(lowered).read()))
        for name, grad in expected.items():
            try:
                if name in given:
                    compare(grad, np.load(os.path.join(folder, f"{name}#grad.npy")), grad.shape, grad.dtype,
                            bound=1e-5 if int(name[3:].split("_")[0]) in single else None)
                    compared += 1
                elif bool((grad != 0).any()):
                    raise Failure("there is none")
            except Failure as failure:
                raise Failure(f"gradient of {name} after {stage}: {failure}") from None
    return compared


def run_values(cases, folder):
    """Raises Failure if a value of these rows differs. Returns the number of results compared."""
    tensors = [tensor for _, _, inputs in cases for tensor in inputs]
    module = Together(cases)
    with torch.no_grad():
        traced = torch.jit.trace(module, tuple(t.clone() for t in tensors), check_trace=False)
        expected = module(*(t.clone() for t in tensors))
    archive, program = os.path.join(folder, "rows.pt"), os.path.join(folder, "rows.mlir")
    traced.save(archive)
    tool("colossal-translate", "--import-torchscript", archive, "-o", program)
    text = open(program).read()
    SEEN.update(re.findall(r'colossal\.aten "([^("]*)', text))
    names = re.findall(r'colossal\.name = "([^"]*)"', text[:text.index("colossal.aten")])
    inputs = []
    for name, tensor in zip(names, tensors):
        file = os.path.join(folder, f"{name}.npy")
        np.save(file, tensor.numpy())
        inputs.append((name, f"--input={name}={file}"))
    for stage, passes in STAGES.items():
        lowered = os.path.join(folder, f"{stage}.mlir")
        tool("colossal-opt", *passes, program, "-o", lowered)
        kept = set(re.findall(r'colossal\.name = "([^"]*)"', open(lowered).read()))
        tool("colossal-verify", "--evaluate", lowered, "-o", folder, *(flag for name, flag in inputs if name in kept),
             *step_of(lowered, folder))
        for index, (shape, dtype) in enumerate(result_types(lowered)):
            found = np.load(os.path.join(folder, f"result{index}.npy"))
            try:
                compare(expected[index], found, shape, dtype)
            except Failure as failure:
                raise Failure(f"after {stage}, result {index}: {failure}") from None
    return len(expected) * len(STAGES)


def run(check, cases):
    """(how much was compared, [(row, what fails)]): together, and where that fails in halves, until it is one row."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return check(cases, folder), []
        except Failure as failure:
            if len(cases) == 1:
                return 0, [(cases[0][0], failure)]
    middle = len(cases) // 2
    (first, faults), (second, more) = run(check, cases[:middle]), run(check, cases[middle:])
    return first + second, faults + more or [(f"{cases[0][0]} ... {cases[-1][0]}", "fail together, though not alone")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default="", help="a part of 'subject/row'")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--gradients", action="store_true", help="compare gradients instead of values")
    parser.add_argument("--uncovered", action="store_true", help="fail on schemas of the table that no row reaches")
    options = parser.parse_args()
    torch.set_num_threads(1)
    check = run_gradients if options.gradients else run_values
    rows = [(f"{subject}/{name}", index, maker) for subject, table in ROWS.items()
            for index, (name, maker) in enumerate(row for row in table if options.only in f"{subject}/{row[0]}"
                                                  and not (options.gradients and f"{subject}/{row[0]}" in NO_GRADIENTS))]
    if options.list:
        print(*(name for name, _, _ in rows), sep="\n")
        return 0
    failures, compared = [], 0
    for seed in range(options.seeds):
        cases = [(name, *maker(Draw(seed * 1000 + index, finite=options.gradients))) for name, index, maker in rows]
        for start in range(0, len(cases), TOGETHER):
            more, found = run(check, cases[start:start + TOGETHER])
            compared += more
            failures += [(name, seed, failure) for name, failure in found]
    if options.uncovered:
        sources = os.path.join(os.path.dirname(__file__), "..", "..", "lib", "Normalize")
        table = set()
        for file in os.listdir(sources):
            if file.endswith("Rows.cpp") and file != "Rows.cpp":
                table |= set(re.findall(r'"(aten::[\w.]+)"', open(os.path.join(sources, file)).read()))
        base = {re.sub(r"_(\.|$)", r"\1", key) for key in SEEN} | SEEN
        missing = sorted(table - base - REWRITTEN)
        failures += [(f"table/{schema}", 0, "no row reaches it: add a case to aten_cases.py") for schema in missing]
    for name, seed, failure in failures:
        print(f"FAILED {name} (seed {seed}): {failure}")
    what = "gradients" if options.gradients else "results"
    print(f"{len(rows)} rows, {options.seeds} draws each, {compared} {what} compared, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
