#!/usr/bin/env python3
"""Draws of PyTorch's rounding (test/Execution/rounding.py): what they let pass, and what not.

    rounding_draws.py
"""
import copy
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "Execution")]

import numpy as np
import torch

import compare
import rounding
import run_modules
from modules.table import Case


class Kink(torch.nn.Module):
    """The second unit of a ReLU is zero but for rounding: whether it has a gradient depends on the order of a sum."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.weight = torch.nn.Parameter(torch.randn(2, 64))
        with torch.no_grad():
            self.weight[1, 32:] = -self.weight[1, :32]

    def forward(self, x):
        return torch.relu(torch.cat([x, x]) @ self.weight.t()).sum() + self.weight.square().sum() * 0.1


class Smooth(Kink):
    def forward(self, x):
        return torch.sigmoid(torch.cat([x, x]) @ self.weight.t()).sum()


def check(what, good):
    print(f"{what}: {'ok' if good else 'FAIL'}")
    return good


def judged(exact, draws, ours):
    """Whether the gradients agree, and how many draws were made."""
    rows = draws.rows(lambda singles: run_modules.tensor_rows(
        exact["gradients"], [one["gradients"] for one in singles], ours["gradients"].get))
    return not compare.failures(rows), 1 + len(draws.others)


def main():
    torch.set_num_threads(1)
    results = []
    x = (torch.randn(32, generator=torch.Generator().manual_seed(2)),)
    for kind in Kink, Smooth:
        case = Case(kind.__name__, None, ["1"], optimizer="sgd:lr=1e-3", steps=1)
        model = kind()
        exact, draws = run_modules.references(model, x, case)
        results.append(check(f"{kind.__name__}: PyTorch itself, of one draw", judged(exact, draws, draws.first[0]) == (True, 1)))
        other, added = rounding.moved(model, 3)
        unit = np.spacing(np.abs(model.weight.detach().numpy()))
        difference = (other.weight.double() - model.weight.double()).detach().numpy()
        results.append(check(f"{kind.__name__}: parameters move by one unit at most, and are told",
                             (np.abs(difference) <= unit).all() and (difference != 0).any() and (added["weight"] == difference).all()))
        # Nothing of the moves is left in the parameters of a draw but rounding and the gradient's difference.
        rate = 1e-3 * max(np.abs(one["gradients"]["weight"] - exact["gradients"]["weight"]).max() for one in draws.all())
        largest = max(np.abs(one["parameters"]["weight"] - exact["parameters"]["weight"]).max() for one in draws.all())
        results.append(check(f"{kind.__name__}: parameters are moved back", largest <= rate + unit.max()))
        fault = copy.deepcopy(draws.first[0])
        fault["gradients"]["weight"][0, 5] *= 1.001
        agrees, count = judged(exact, draws, fault)
        if kind is Smooth:
            results.append(check("Smooth: a gradient that is off by 1e-3 differs, of all draws", not agrees and count == 2 + rounding.MOVED))
            continue
        # The unit at the kink may be on either side.
        sides = []
        for add in (-1e-6, 1e-6):
            there = copy.deepcopy(model)
            with torch.no_grad():
                there.weight[1, 0] += add * torch.sign(x[0][0])
            sides.append(run_modules.references(there, x, case)[1].first[0])
        apart = compare.norm(sides[0]["gradients"]["weight"] - sides[1]["gradients"]["weight"])
        results.append(check("Kink: the sides are far apart", apart > 1))
        results.append(check("Kink: each side agrees", all(judged(exact, draws, side)[0] for side in sides)))
        fault["gradients"]["weight"] *= 100
        results.append(check("Kink: what is on neither side differs", not judged(exact, draws, fault)[0]))
    print(f"{sum(results)} of {len(results)}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
