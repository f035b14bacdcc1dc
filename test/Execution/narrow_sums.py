#!/usr/bin/env python3
"""Sums of very many numbers of bf16 to one place, in look-ups' gradients and in index_add: f32 inside, rounded once.

    narrow_sums.py --work DIR

PyTorch's autocast cannot be the measure: it rounds after each number, and a sum of equal ones ends at 256 of them. Loss and
gradients of a step are within 1 % of PyTorch's f32.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "test" / "Python")]

import numpy as np
import torch

import compare
import run_case
import run_modules
from modules.table import Case

NODES, EDGES = 6, 3000
WITHIN = 1e-2  # some roundings of 2^-9


class PickedOften(torch.nn.Module):
    """Backward, the gradients of all edges are added to those of few nodes."""

    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(8, 16)

    def forward(self, x, edges):
        return self.inner(x)[edges].square().mean()


class AddedOften(torch.nn.Module):
    """Forward, all edges are added to few nodes."""

    def __init__(self):
        super().__init__()
        self.inner, self.outer = torch.nn.Linear(8, 16), torch.nn.Linear(16, 4)

    def forward(self, x, edges):
        hidden = self.inner(x)
        received = torch.zeros_like(hidden).index_add(0, edges, hidden[edges.flip(0)])
        return self.outer(received / EDGES).square().mean()


def check(model, pins, work):
    """(what, distance) of the loss and of each gradient."""
    torch.manual_seed(0)
    module = model()
    inputs = {"x": torch.randn(NODES, 8) + 1, "edges": torch.randint(0, 2, (EDGES,))}
    case = Case(model.__name__, lambda: (module, inputs), [], optimizer="sgd:lr=1e-3", steps=1, compile=("--precision", "bf16", "--batch=edges"))
    _, archive, data = run_modules.trace_module(case, work, module, inputs)
    ranks = "2" if pins else "1"
    bundle, _ = run_modules.compile_module(case, f"{ranks} {pins}", archive, work)
    state, metrics, _ = run_case.run_bundle(bundle, ranks, 1, data, work, "run")
    loss = module(*inputs.values())
    loss.backward()
    yield "loss", abs(compare.read_losses(metrics)[0] / loss.item() - 1)
    for name, parameter in module.named_parameters():
        exact = parameter.grad.numpy()
        yield name, np.linalg.norm(np.load(state / f"{name}#grad.npy") - exact) / np.linalg.norm(exact)


def checks(work):
    """(text, good) of each."""
    for model in PickedOften, AddedOften:
        for pins in "", "data=2":
            for what, distance in check(model, pins, work / f"{model.__name__}-{pins or 'one'}"):
                yield f"{model.__name__} [{pins or 'one rank'}] {what}: {distance:.1e} from f32", distance <= WITHIN


if __name__ == "__main__":
    sys.exit(run_case.report(__doc__, checks))
