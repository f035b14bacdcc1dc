"""Runs every row of Normalize's table as compiled kernels and compares values and gradients with PyTorch.

The rows are those of aten_cases.py, in f32. Many share an archive: each has parameters of its own, and its results
are summed with random weights and multiplied by a factor of its own, a parameter too. The gradient of the factor is
the row's value; so a value or a gradient that differs names the row. The bundle runs one step.

Allowed: 8 times the difference between PyTorch's own f32 and f64, or 2e-6 of the largest element of the gradient; for a
row's value, which is one sum, 2e-6 of the root of the squared terms: what a sum with random signs comes to. The weights
are drawn by the row's name, so that a row that is added changes no other.

With --precision bf16 it is 8 times the difference between PyTorch's autocast and f64, or 2^-7 of the largest element; 2^-6
for rows that PyTorch refuses under autocast (some recurrent ones), whose own roundings nothing tells. With f16 these are
2^-10 and 2^-9, and what PyTorch cannot tell is what overflows there.

    compiled_rows.py [--draws SMALL,LARGE,...] [--ranks 1] [--pin data=2] [--only PATTERN] [--precision bf16|f16]

If an archive is refused, its rows run one by one, so that the report names the row. Exit code 1 if a row fails.
"""
import argparse
import json
import re
import sys
import tempfile
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch

from aten_cases import F32, ROWS, Draw
from aten_rows import NO_GRADIENTS, Failure, tool

warnings.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
BATCH = 4
# PyTorch refuses an f64 mask in an f32 attention.
NOT_IN_F32 = {"attention/float mask of indices", "attention/least float of indices"}
# tensor=N cuts each parameter of a product; two that only share a factor without elements cannot be.
NOT_TENSOR = {"contractions/linear over nothing"}


class Wide(Draw):
    """Sizes beyond a vector register, with a rest."""

    def shape(self, rank=None, low=1):
        rank = self.size(0, 3) if rank is None else rank
        return [int(self.numpy.integers(low, 41 if rank < 3 else 19)) for _ in range(rank)]


DRAWS = {"small": Draw, "wide": Wide}
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


class Rows(torch.nn.Module):
    """The loss: the mean over the batch of one * sum over rows of factor * sum(result * weight)."""

    def __init__(self, cases):
        super().__init__()
        self.rows = []
        for number, (_, function, tensors) in enumerate(cases):
            slots = []
            for index, tensor in enumerate(tensors):
                slots.append(f"row{number}_{index}")
                if tensor.is_floating_point() and (number, index) not in constants(cases):
                    self.register_parameter(slots[-1], torch.nn.Parameter(tensor.to(F32).contiguous().clone()))
                else:
                    tensor = tensor.to(F32) if tensor.is_floating_point() else tensor
                    self.register_buffer(slots[-1], tensor.contiguous().clone())
            self.register_parameter(f"factor{number}", torch.nn.Parameter(torch.ones(())))
            self.rows.append((function, slots))
        self.weights = {}
        with torch.no_grad():
            for row, (name, _, _) in enumerate(cases):
                random = np.random.default_rng(zlib.crc32(name.encode()))
                for part, result in enumerate(self.results(row)):
                    self.weights[row, part] = f"weight{row}_{part}"
                    weight = torch.from_numpy(np.asarray(random.standard_normal(list(result.shape)))).to(F32)
                    self.register_buffer(self.weights[row, part], weight)

    def results(self, row):
        function, slots = self.rows[row]
        result = function(*(getattr(self, slot) + 0 if slot in self._parameters else getattr(self, slot).clone()
                            for slot in slots))
        return result if isinstance(result, tuple) else (result,)

    def terms(self, row):
        """The weighted results of a row, whose sum is its value."""
        with torch.no_grad():
            return [result.double() * getattr(self, self.weights[row, part]).double()
                    for part, result in enumerate(self.results(row))]

    def forward(self, one):
        total = torch.zeros((), dtype=one.dtype)
        for row in range(len(self.rows)):
            for part, result in enumerate(self.results(row)):
                weighted = (result.to(one.dtype) * getattr(self, self.weights[row, part])).sum()
                total = total + getattr(self, f"factor{row}") * weighted
        return (one * total).mean()


def constants(cases):
    """(row, tensor) pairs that PyTorch has no derivative for: class weights."""
    if not hasattr(constants, "known"):
        constants.known = {}
    found = set()
    for number, (name, function, tensors) in enumerate(cases):
        if name not in constants.known:
            slots = [t.clone().requires_grad_() if t.is_floating_point() else t for t in tensors]
            try:
                function(*(t + 0 if t.is_floating_point() else t.clone() for t in slots))
                constants.known[name] = None
            except RuntimeError as error:
                if "not differentiable" not in str(error):
                    raise
                constants.known[name] = len(tensors) - 1
        if constants.known[name] is not None:
            found.add((number, constants.known[name]))
    return found


def cluster_of(ranks, folder):
    """A slow device with links that cost nothing: what can be cut, is."""
    cluster = json.loads((ROOT / "examples" / "clusters" / "cpu-2.json").read_text())
    device, link = cluster["device"], cluster["links"][0]
    cluster["devices"] = link["group_size"] = ranks
    link.update(latency_ns=0, hop_ns=0, bytes_per_second=10**15)
    device.update(elementwise_flops_per_second=10**6, caches=[], kernel_overhead_ns=0)
    device["streaming"] = [{"ranks": 1, "bytes_per_second": 10**6}]
    if ranks == 1:
        cluster["links"] = []
    (folder / "cluster.json").write_text(json.dumps(cluster))
    return folder / "cluster.json"


def size_of(expected, name, module):
    """What a gradient's rounding is measured by."""
    terms = module.terms(int(name.removeprefix("factor"))) if name.startswith("factor") else []
    finite = [np.abs(expected[np.isfinite(expected)]).max(initial=0)]
    return max(1, *finite, *(float(term[term.isfinite()].square().sum().sqrt()) for term in terms))


def gradients(module, one):
    module.zero_grad()
    module(one).backward()
    return {name: np.zeros(p.shape) if p.grad is None else (torch.zeros_like(p) + p.grad).double().numpy()
            for name, p in module.named_parameters()}


def autocast_gradients(cases, one, type):
    """Of each row alone: PyTorch refuses some under autocast, which have none here."""
    found = {}
    for number, case in enumerate(cases):
        try:
            with torch.autocast("cpu", type):
                own = gradients(Rows([case]), one)
        except RuntimeError:
            continue
        found |= {re.sub(r"^(row|factor)0", rf"\g<1>{number}", name): value for name, value in own.items()}
    return found


def check(cases, folder, options):
    """[(row, what differs)]. Raises Failure if the archive is refused or does not run."""
    torch.manual_seed(0)
    module, one = Rows(cases), torch.ones(BATCH)
    single = gradients(module, one)
    exact = Rows(cases).double()
    double = gradients(exact, one.double())
    digits = {"f32": 0, "bf16": 7, "f16": 10}[options.precision]
    narrow = autocast_gradients(cases, one, TYPES[options.precision]) if digits else {}
    archive, data, bundle, state = (str(folder / name) for name in ("rows.pt", "one.npy", "rows.colossal", "state"))
    torch.jit.trace(module, (one,), check_trace=False).save(archive)
    np.save(data, one.numpy())
    extra = ["--pin", options.pin] if options.pin else []
    tool("colossal-compile", archive, "--cluster", cluster_of(options.ranks, folder), "--optimizer", "none", "--keep-gradients",
         "--precision", options.precision, "--loss-scale=none", "-o", bundle, "--quiet", *extra)
    tool("colossal-run", "-n", str(options.ranks), bundle, "--data", f"one={data}", "--no-shuffle", "--steps", "1",
         "--dump-state", state, "--quiet")
    faults = []
    for name, expected in double.items():
        number = int(re.search(r"\d+", name).group())
        file = Path(state) / f"{name}#grad.npy"
        found = np.load(file).astype(np.float64) if file.exists() else np.zeros_like(expected)
        real = np.isfinite(expected) & np.isfinite(single[name])
        own = np.abs(np.where(real, single[name] - expected, 0)).max(initial=0)
        size = size_of(expected, name, exact)
        bound = max(8 * own, 2e-6 * size)
        if digits:
            autocast = np.where(real, narrow.get(name, expected) - expected, 0)
            floor = 2.0**-digits if name in narrow else 2.0 ** (1 - digits)
            bound = max(floor * size, 8 * np.abs(autocast[np.isfinite(autocast)]).max(initial=0))
        difference = np.abs(found - expected)[real].max(initial=0)
        if found.shape != expected.shape or not difference <= bound:
            what = "value" if name.startswith("factor") else f"gradient of tensor {name.split('_')[1]}"
            faults.append((cases[number][0], f"{what} differs by {difference:.3g} of "
                           f"{np.abs(expected[real]).max(initial=0):.3g}, allowed {bound:.1g}"))
    return faults


def run(cases, options):
    """[(row, what differs or why it is refused)]."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return check(cases, Path(folder), options)
        except Failure as failure:
            refusal = str(failure)
            if len(cases) == 1:
                return [(cases[0][0], refusal)]
    options.refused += 1
    if options.refused > 40:
        return [(cases[0][0], f"too much is refused; this and {len(cases) - 1} more were not tried")]
    # Halve, until it is one row.
    middle = len(cases) // 2
    faults = run(cases[:middle], options) + run(cases[middle:], options)
    return faults or [(f"{cases[0][0]} ... {cases[-1][0]}", f"refused together, though not alone: {refusal}")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", default="small,wide")
    parser.add_argument("--ranks", type=int, default=1)
    parser.add_argument("--pin", default="")
    parser.add_argument("--precision", default="f32", choices=["f32", *TYPES])
    parser.add_argument("--only", default="", help="a part of 'subject/row'")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, default=60, help="rows per archive")
    options = parser.parse_args()
    options.refused = 0
    torch.set_num_threads(1)
    # The optimizing executor fails on some scripted rows when they run again (an assertion of PyTorch's).
    torch._C._set_graph_executor_optimize(False)
    names = [(f"{subject}/{name}", maker) for subject, table in ROWS.items() for name, maker in table]
    names = [(name, maker) for name, maker in names if options.only in name and name not in NO_GRADIENTS | NOT_IN_F32]
    if "tensor" in options.pin:
        names = [(name, maker) for name, maker in names if name not in NOT_TENSOR]
    faults, count = [], 0
    for number, draw in enumerate(options.draws.split(",")):
        cases = []
        for name, maker in names:
            torch.manual_seed(0)
            cases.append((name, *maker(DRAWS[draw](zlib.crc32(name.encode()) + options.seed + number, finite=True))))
        for start in range(0, len(cases), options.size):
            faults += [(name, f"{draw}: {what}") for name, what in run(cases[start:start + options.size], options)]
        count += len(cases)
    for name, what in faults:
        print(f"FAILED {name}: {what}")
    print(f"{count} compiled rows compared, {len(faults)} failures")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
