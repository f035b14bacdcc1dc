#!/usr/bin/env python3
"""Biases below half a unit of bf16 at what they are added to: a layer is rounded once, with its bias.

    narrow_biases.py --work DIR

Products are spread around 200, where a unit of bf16 is 1, and the bias is 0.3. The mean of very many of their sums is
within 0.05 of PyTorch's f32, as under autocast; it would be 0.3 too small if products were rounded before. Some layers
are followed by an op whose derivative reads the sum, and what is cut over ranks is added up before it is rounded.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "test" / "Python")]

import torch

import compare
import run_case
import run_modules
from modules.table import Case

ROWS, INNER, COLUMNS = 64, 32, 64
BIAS, WITHIN = 0.3, 0.05


def fill(layer):
    """Weights whose products with numbers near 1 are near 200, and the bias."""
    with torch.no_grad():
        layer.weight.copy_(200 / layer.weight[0].numel() * (1 + 0.1 * torch.randn_like(layer.weight)))
        layer.bias.fill_(BIAS)
    return layer


def positive(*sizes):
    return 1 + 0.1 * torch.randn(*sizes)


class Linear(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = fill(torch.nn.Linear(INNER, COLUMNS))

    def forward(self, x):
        return self.layer(x).float().mean()


class Rectified(Linear):
    def forward(self, x):
        return torch.relu(self.layer(x)).float().mean()


class Convolved(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = fill(torch.nn.Conv2d(4, 16, 3))

    def forward(self, x):
        return torch.relu(self.layer(x)).float().mean()


class Transposed(Convolved):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.ConvTranspose2d(4, 16, 2, stride=2)
        with torch.no_grad():  # each place of the result has one tap
            self.layer.weight.copy_(50 * (1 + 0.1 * torch.randn_like(self.layer.weight)))
            self.layer.bias.fill_(BIAS)


class Added(torch.nn.Module):
    """A call whose addend is no parameter."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(200 / INNER * positive(2, INNER, COLUMNS))
        self.first = torch.nn.Linear(INNER, COLUMNS)
        with torch.no_grad():
            self.first.weight.zero_(), self.first.bias.fill_(BIAS)

    def forward(self, x):
        x = x.reshape(2, ROWS // 2, INNER)
        return torch.relu(torch.baddbmm(self.first(x), x, self.weight)).float().mean()


class Summed(torch.nn.Module):
    """Two layers: with tensor=2 the inner dimension of the second is cut."""

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(INNER, INNER), fill(torch.nn.Linear(INNER, COLUMNS))
        with torch.no_grad():
            self.first.weight.mul_(0.1), self.first.bias.fill_(1)

    def forward(self, x):
        return torch.relu(self.second(self.first(x))).float().mean()


IMAGE = (ROWS, 4, 8, 8)
CASES = [(Linear, (ROWS, INNER), ""), (Rectified, (ROWS, INNER), ""), (Convolved, IMAGE, ""), (Transposed, IMAGE, ""),
         (Added, (ROWS, INNER), ""), (Summed, (ROWS, INNER), ""), (Summed, (ROWS, INNER), "tensor=2"),
         (Rectified, (ROWS, INNER), "data=2")]


def loss_of(model, sizes, pins, work):
    """Ours, PyTorch's in f32 and autocast's."""
    torch.manual_seed(0)
    module, inputs = model(), {"x": positive(*sizes)}
    with torch.no_grad():
        exact = module(*inputs.values()).item()
        with torch.autocast("cpu", torch.bfloat16):
            autocast = module(*inputs.values()).item()
    case = Case(model.__name__, lambda: (module, inputs), [], optimizer="sgd:lr=1e-3", steps=1, compile=("--precision", "bf16"))
    _, archive, data = run_modules.trace_module(case, work, module, inputs)
    ranks = "2" if pins else "1"
    bundle, _ = run_modules.compile_module(case, f"{ranks} {pins}", archive, work)
    _, metrics, _ = run_case.run_bundle(bundle, ranks, 1, data, work, "run")
    return compare.read_losses(metrics)[0], exact, autocast


def checks(work):
    """(text, good) of each."""
    for model, sizes, pins in CASES:
        ours, exact, autocast = loss_of(model, sizes, pins, work / f"{model.__name__}-{pins or 'one'}")
        yield (f"{model.__name__} [{pins or 'one rank'}] the mean: {ours - exact:+.3f} from f32, autocast "
               f"{autocast - exact:+.3f}", abs(ours - exact) <= WITHIN)


if __name__ == "__main__":
    sys.exit(run_case.report(__doc__, checks))
