"""Random start values (--init): those of the formula, in full, under every plan, whatever the archive holds.

    start_values.py FOLDER
"""
import math
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "test" / "Python")]

import numpy as np
import torch
import torch.nn as nn

import run_case
from run_case import execute, tool

PLANS = ["1", "2 data=2,zero=1", "2 tensor=2", "2 pipeline=2,microbatches=2"]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(7, 9), nn.LayerNorm(9), nn.Linear(9, 5)
        self.rows_norm = nn.LayerNorm((1, 5))
        self.token = nn.Parameter(torch.zeros(9))

    def forward(self, x, target):
        hidden = torch.tanh(self.norm(self.first(x) + self.token))
        return (self.rows_norm(self.second(hidden)[:, None])[:, 0] - target).square().mean()


def mix(x):
    x = ((x ^ (x >> 16)) * 0x7feb352d) & 0xffffffff
    x = ((x ^ (x >> 15)) * 0x846ca68b) & 0xffffffff
    return x ^ (x >> 16)


def bits(name, seed, step, index):
    """include/colossal/Support/Random.h, word by word."""
    stream = 0xcbf29ce484222325
    for byte in name.encode():
        stream = ((stream ^ byte) * 0x100000001b3) & (2**64 - 1)
    first = mix(mix(mix(stream & 0xffffffff) ^ seed) ^ step)
    second = mix((mix((mix((stream >> 32) ^ 0x9e3779b9) + seed) & 0xffffffff) + step) & 0xffffffff)
    return mix(mix((index + first) & 0xffffffff) ^ second)


def normal(name, shape, seed, deviation):
    def one(index):
        radius = math.sqrt(-2 * math.log((bits(name, seed, 0, index) + 1) / 2**32))
        return deviation * radius * math.cos(2 * math.pi * bits(name, seed, 1, index) / 2**32)
    return np.array([one(i) for i in range(math.prod(shape))]).reshape(shape)


def main():
    work = Path(sys.argv[1])
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    x, target = torch.randn(8, 7), torch.randn(8, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(Net(), (x, target), check_trace=False).save(str(work / "values.pt"))
        torch.jit.trace(Net().to("meta"), (x.to("meta"), target.to("meta")), check_trace=False).save(str(work / "meta.pt"))
    data = []
    for name, tensor in {"x": x, "target": target}.items():
        np.save(work / f"{name}.npy", tensor.numpy())
        data += ["--data", f"{name}={work / name}.npy"]
    expected = {name: 0.0 for name in ("first.bias", "norm.bias", "second.bias", "rows_norm.bias")}
    expected |= {name: 1.0 for name in ("norm.weight", "rows_norm.weight")}
    for name, shape in {"first.weight": (9, 7), "second.weight": (5, 9), "token": (9,)}.items():
        expected[name] = normal(name, shape, 3, 0.05)
    first = {}
    for archive in "meta", "values":
        for plan in PLANS:
            ranks, _, pins = plan.partition(" ")
            bundle = work / "model.colossal"
            command = [tool("colossal-compile"), work / f"{archive}.pt", "--cluster", run_case.cluster_of(int(ranks), work),
                       "--init", "normal:0.05,seed=3", "--optimizer", "sgd:lr=0", "-o", bundle]
            said = execute(command + (["--pin", pins] if pins else []), work / "compile.log")
            state, _, _ = run_case.run_bundle(bundle, ranks, 1, data, work, "run")
            bad = "" if "3 parameters random, 2 ones, 4 zeros" in said else "the compiler does not say what is random"
            for name, value in expected.items():
                ours = np.load(state / f"{name}.npy")
                if not np.allclose(ours, value, rtol=2e-7, atol=0):
                    bad = f"{name} differs by {np.abs(ours - value).max()}"
                if not (ours == first.setdefault(name, ours)).all():
                    bad = f"{name} is not that of the first plan"
            print(f"{archive} {plan}: {bad or 'ok'}")


if __name__ == "__main__":
    main()
