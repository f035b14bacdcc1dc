"""Compiles long chains of elementwise ops, runs a step, and compares loss and gradient with PyTorch.

Values that are used twice double what a chain computes if each use is computed anew; one kernel for the whole chain
would be compiled for ever; recursion over it would overflow the stack. The compiler bounds bodies and kernels.

    chains.py [NAME ...]     exit code 1 if a chain is refused or differs
"""
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from aten_rows import Failure, tool

CHAINS = {
    "sum of itself": (60, lambda x, p: x + x),
    "tanh": (1000, lambda x, p: torch.tanh(x)),
    "residual": (300, lambda x, p: x + torch.tanh(x * p)),
    "shared twice": (300, lambda x, p: torch.sin(x) * 0.5 + x * torch.cos(x)),
    "numbers": (10000, lambda x, p: x + 0.5),
}


class Chain(torch.nn.Module):
    def __init__(self, length, link):
        super().__init__()
        self.length, self.link = length, link
        self.p = torch.nn.Parameter(torch.linspace(0.1, 0.8, 40))

    def forward(self, x):
        y = x * self.p
        for _ in range(self.length):
            y = self.link(y, self.p)
        return (y / y.detach().abs().max()).mean()


def check(name, folder):
    x = torch.linspace(0.1, 1, 160).reshape(4, 40)
    answers = []
    for dtype in (torch.float32, torch.float64):
        module = Chain(*CHAINS[name]).to(dtype)
        loss = module(x.to(dtype))
        loss.backward()
        answers.append((loss.item(), module.p.grad.double().numpy()))
    torch.jit.trace(Chain(*CHAINS[name]), (x,), check_trace=False).save(folder / "chain.pt")
    np.save(folder / "x.npy", x.numpy())
    tool("colossal-compile", folder / "chain.pt", "--cluster", "local:1", "--optimizer", "sgd:lr=0", "--keep-gradients",
         "-o", folder / "chain.colossal", "--quiet")
    tool("colossal-run", folder / "chain.colossal", "--data", f"x={folder / 'x.npy'}", "--no-shuffle", "--steps", "1",
         "--dump-state", folder / "state", "--metrics", folder / "metrics.jsonl", "--quiet")
    found = (json.loads((folder / "metrics.jsonl").read_text().splitlines()[0])["loss"],
             np.load(folder / "state" / "p#grad.npy"))
    for what, value, single, double in zip(("loss", "gradient"), found, *answers):
        bound = max(8 * np.abs(np.asarray(single) - double).max(), 2e-6 * max(0.1, np.abs(double).max()))
        if not np.abs(np.asarray(value) - double).max() <= bound:
            raise Failure(f"{what} differs by {np.abs(np.asarray(value) - double).max():.3g}, allowed {bound:.1g}")


def main():
    torch.set_num_threads(1)
    names, failures = sys.argv[1:] or list(CHAINS), 0
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(name, Path(folder))
            except Failure as failure:
                failures += 1
                print(f"FAILED {name}: {failure}")
    print(f"{len(names)} chains, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
