#!/usr/bin/env python3
"""Gradients that ranks add up in 16 bits (--reduce-gradients), element by element.

    reduce_gradients.py --work DIR

Where ranks add up rounded gradients, the one that the update reads is that of PyTorch's loop over the ranks' parts of the
batch: each rank's gradient in f32, over all its microbatches, rounded to 16 bits, and the sum rounded again. f32 sums in
another order may round to the next number of 16 bits, in one of a hundred elements at most. A plan may also add up before,
in f32, as for each microbatch; what nobody adds up is not rounded. So each tensor is one of the two, and the collectives
of the bundle say which.
"""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "test" / "Python")]

import numpy as np
import torch

import run_case
import run_modules
from modules.table import Case

ROWS = 32
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}
# type, ranks that have parts of a microbatch, microbatches, ranks, pins, tensors that are added up in 16 bits at least
CASES = [("bf16", 1, 1, "1", "", 0), ("bf16", 2, 1, "2", "data=2", 6), ("f16", 2, 1, "2", "data=2", 6),
         ("bf16", 2, 1, "2", "data=2,zero=1", 6), ("bf16", 2, 4, "2", "data=2,microbatches=4", 1),
         ("bf16", 2, 1, "4", "data=2,tensor=2", 1)]


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = torch.nn.Linear(24, 48), torch.nn.LayerNorm(48), torch.nn.Linear(48, 10)

    def forward(self, x, target):
        return torch.nn.functional.mse_loss(self.second(torch.tanh(self.norm(self.first(x)))), target)


def gradients_of(module, inputs, kind, parts, microbatches):
    """By name: as the ranks add them up, and in f32."""
    sums = {}
    for part in range(parts):
        module.zero_grad()
        rows = torch.arange(ROWS).reshape(microbatches, parts, -1)[:, part].flatten()
        (module(*(value[rows] for value in inputs.values())) / parts).backward()
        for name, parameter in module.named_parameters():
            rounded, exact = parameter.grad.to(kind).float(), parameter.grad
            before = sums.get(name, (0, 0))
            sums[name] = ((before[0] + rounded).to(kind).float(), before[1] + exact)
    return sums


def narrow_sums(bundle, kind):
    """Names of the parameters whose gradients ranks add up in the type."""
    program = json.loads((bundle / "train" / "group-0.json").read_text())
    return {op["name"].partition("/")[0] for segment in program["segments"] for op in segment["ops"]
            if op["kind"] in ("all_reduce", "reduce_scatter") and op["collective"].get("dtype") == kind}


def agrees(found, numbers, kind):
    """Within a unit, and but for one element of a hundred the same."""
    info = torch.finfo(kind)
    unit = info.eps * numbers.abs().clamp(min=info.tiny)
    differ = found != numbers
    return bool(((found - numbers).abs() <= 2 * unit).all()) and int(differ.sum()) <= max(1, found.numel() // 100)


def checks(work):
    """(text, good) of each."""
    for kind, parts, microbatches, ranks, pins, least in CASES:
        torch.manual_seed(0)
        module, inputs = Network(), {"x": torch.randn(ROWS, 24), "target": torch.randn(ROWS, 10)}
        want = gradients_of(module, inputs, TYPES[kind], parts, microbatches)
        folder = work / f"{kind}-{ranks}-{pins.replace('=', '').replace(',', '-') or 'one'}"
        case = Case("network", lambda: (module, inputs), [], optimizer="sgd:lr=0", steps=1,
                    compile=("--reduce-gradients", kind, "--loss-scale", "none"))
        _, archive, data = run_modules.trace_module(case, folder, module, inputs)
        bundle, _ = run_modules.compile_module(case, f"{ranks} {pins}".strip(), archive, folder)
        state, _, _ = run_case.run_bundle(bundle, ranks, 1, data, folder, "run")
        sums = narrow_sums(bundle, kind)
        wrong = []
        for name, (rounded, exact) in want.items():
            found = torch.from_numpy(np.load(state / f"{name}#grad.npy"))
            # What is added up in f32 may be rounded behind that, where it is moved on.
            if not (agrees(found, rounded, TYPES[kind]) if name in sums
                    else torch.allclose(found, exact, rtol=1e-5, atol=1e-7)
                    or agrees(found, exact.to(TYPES[kind]).float(), TYPES[kind])):
                wrong.append(name)
        yield (f"{kind} [{pins or 'one rank'}] {len(sums)} of {len(want)} gradients added up in it"
               + (f", of others {', '.join(wrong)}" if wrong else ""),
               not wrong and len(sums) >= least and (parts == 1) == (not sums))


if __name__ == "__main__":
    sys.exit(run_case.report(__doc__, checks))
