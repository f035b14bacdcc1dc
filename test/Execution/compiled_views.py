#!/usr/bin/env python3
"""Chains of views, compiled and run over MPI: loss and gradients against PyTorch.

    compiled_views.py [--seed N] [--work DIR] [--plan RANKS/PINS]...

One model has a linear layer per chain and sums the weighted results. Some chains are written out (what models do),
the others are random (test/Python/view_chains.py). Every chain meets a cut batch and a cut row, so the planner must
gather where an axis cuts what is regrouped. Exit code 1 where a gradient differs.
"""
import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch

import run_case

sys.path.insert(0, str(run_case.ROOT / "test" / "Python"))
import view_chains
from aten_cases import Draw

BATCH, PLANS = 6, ["1/", "2/data=2,microbatches=1", "2/tensor=2,microbatches=1", "4/data=2,tensor=2,microbatches=1", "3/"]


def write_window(x):
    z = torch.zeros_like(x)
    z[:, 2:9] = x[:, :7] * 2
    z[:, ::3] += x[:, 8:]
    z[1:3].mul_(0.5)
    z.view(-1, 2, 6)[:, 1].add_(x[:, :6])
    z.t()[0].fill_(0.25)
    return z


def grouped_queries(x):
    q, k, v = x.view(BATCH, 12).split([6, 3, 3], -1)
    return q.view(BATCH, 2, 3) * k.view(BATCH, 1, 3) + v.view(BATCH, 3, 1).expand(BATCH, 3, 3)[:, :2]


def class_token(x):
    rows = x.view(BATCH, 2, 3, 2).permute(0, 2, 1, 3).reshape(BATCH, 6, 2)
    return torch.cat((x.view(BATCH, 6, 2)[:, :1] * 3, rows), 1)


def partial_rotation(x):
    half = lambda t: torch.cat((-t[..., 1:], t[..., :1]), -1)
    heads = x.view(BATCH, 2, 6)
    return torch.cat((heads[..., :2] * 2 + half(heads[..., :2]) * 3, heads[..., 2:]), -1)


def merge_windows(x):
    rows = x.view(2, 9, 4)
    blocks = rows.roll((1, -2), (0, 1)).reshape(6, 12).flip(1)
    return blocks[::4].reshape(-1)[5:].sum() + blocks[:, 3:8].reshape(3, 10)


WRITTEN = {
    "regroup": lambda x: x.view(8, 9).t(),
    "regroup whole batch": lambda x: x.reshape(4, 18)[:, 1:],
    "steps": lambda x: x[:, ::5] + x[:, 1::5].sum(1, keepdim=True)[1::4].sum() + x[:, -7::3],
    "nothing": lambda x: torch.cat((x[:, 12:], x, x[:, :0]), 1) + x[:0].sum() + x[:, :0].sum(),
    "no elements": lambda x: x[:, 12:],
    "write window": write_window, "grouped queries": grouped_queries, "class token": class_token,
    "truth values": lambda x: torch.where((x > 0).view(8, 9)[:, 1:], x.view(9, 8).t()[:, :8], x.flip(0).reshape(8, 9)[:, :8].roll(3, 1)[:, :1]),
    "partial rotation": partial_rotation, "merge windows": merge_windows,
}


class Chains(torch.nn.Module):
    def __init__(self, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.chains = list(WRITTEN.values())
        draw = Draw(seed)
        while len(self.chains) < len(WRITTEN) + 8:
            self.chains.append(view_chains.chain_of(draw, [BATCH, 12], 7))
        self.layers = torch.nn.ModuleList(torch.nn.Linear(5, 12) for _ in self.chains)
        self.other = torch.nn.Parameter(torch.randn(7, generator=generator))
        self.table = torch.nn.Embedding(5, 3)
        with torch.no_grad():
            for number in range(len(self.chains)):
                for part, result in enumerate(self.results(number, torch.randn(BATCH, 5))):
                    self.register_buffer(f"weight{number}_{part}", torch.randn(result.shape, generator=generator))

    def results(self, number, x):
        x = self.layers[number](x)
        if number < len(WRITTEN):
            return (self.chains[number](x),)
        return self.chains[number](x, self.other)

    def forward(self, x, ids):
        # 6 x 4 as 8 x 3, numbers that an axis cuts.
        loss = (self.table(ids.view(8, 3)) * self.weight1_0.view(-1)[:9].view(3, 3)).sum()
        for number in range(len(self.chains)):
            for part, result in enumerate(self.results(number, x)):
                loss = loss + (result * getattr(self, f"weight{number}_{part}")).sum()
        return loss


def reference(model, x, ids, folder):
    folder.mkdir()
    loss = model(x, ids)
    model.zero_grad()
    loss.backward()
    np.save(folder / "loss.npy", loss.detach().numpy())
    for name, parameter in model.named_parameters():
        if parameter.grad is not None and bool((parameter.grad != 0).any()):  # chains may end in nothing
            np.save(folder / f"{name}.npy", parameter.grad.numpy())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--plan", action="append")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.manual_seed(options.seed)
    torch.set_num_threads(1)
    work = options.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    model, x, ids = Chains(options.seed), torch.randn(BATCH, 5), torch.randint(0, 5, (BATCH, 4))
    torch.jit.trace(model, (x, ids), check_trace=False).save(str(work / "model.pt"))
    (work / "data").mkdir(exist_ok=True)
    np.save(work / "data" / "x.npy", x.numpy())
    np.save(work / "data" / "ids.npy", ids.numpy())
    reference(model, x, ids, work / "f32")
    reference(model.double(), x.double(), ids, work / "f64")
    good = True
    for plan in options.plan or PLANS:
        ranks, _, pins = plan.partition("/")
        folder = work / plan.replace("/", "-").replace("=", "").replace(",", "-")
        folder.mkdir()
        bundle = folder / "model.colossal"
        try:
            run_case.execute([run_case.tool("colossal-compile"), work / "model.pt", "--optimizer", "sgd:lr=0.1",
                              "--cluster", run_case.cluster_of(int(ranks), work), "--keep-gradients", "-o", bundle,
                              *(["--pin", pins] if pins else [])], folder / "compile.log")
            run_case.execute([run_case.tool("colossal-verify"), bundle], folder / "verify.log")
            state, metrics, _ = run_case.run_bundle(bundle, int(ranks), 1, run_case.data_options(work), folder, "one")
            found = run_case.compare.read_losses(metrics)[0]
            exact = np.load(work / "f64" / "loss.npy").item()
            rows = run_case.compare.gradient_rows(work, state, "f32") + [("loss", abs(found - exact), 1e-5 * abs(exact) + 1e-4)]
            good &= run_case.compare.report(rows, f"views {plan or 'found'}")
        except run_case.Failure as failure:
            good = False
            print(f"views {plan}: {failure} FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
