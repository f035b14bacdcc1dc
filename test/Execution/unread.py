#!/usr/bin/env python3
"""Parameters that forward never reads, frozen ones and those without elements among them, are part of the state.

    unread.py --work DIR [PLAN ...]

They are in --dump-state and in checkpoints, bit by bit what they began with, have no optimizer state, and one line names
them. A module loads the checkpoint with every name. An evaluation may read them.
"""
import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from run_case import cluster_of, execute, tool

PLANS = {"one": (1, ""), "data": (2, "data=2"), "tensor": (2, "tensor=2"), "pipeline": (2, "pipeline=2"),
         "zero": (2, "data=2,zero=1")}
UNREAD = ["frozen", "empty", "read_empty", "unread.weight", "unread.bias"]
bad = 0


def check(what, good, text=""):
    global bad
    bad += not good
    print(f"{what}: {text + ' ' if text else ''}{'ok' if good else 'FAIL'}", flush=True)


class Model(torch.nn.Module):
    """In evaluation mode a head that training does not read has an output."""

    def __init__(self):
        super().__init__()
        self.frozen = torch.nn.Parameter(torch.randn(7), requires_grad=False)
        self.empty = torch.nn.Parameter(torch.randn(0, 3))
        self.read_empty = torch.nn.Parameter(torch.randn(0, 8))
        self.inner = torch.nn.Linear(6, 8)
        self.outer = torch.nn.Linear(8, 4)
        self.unread = torch.nn.Linear(8, 7)

    def forward(self, x, target):
        hidden = torch.relu(self.inner(x))
        loss = (self.outer(torch.cat([hidden, self.read_empty])) - target).square().mean()
        if self.training:
            return loss
        return loss, self.unread(hidden) * self.frozen


def run(bundle, data, folder, name, *extra):
    state = folder / f"state-{name}"
    shutil.rmtree(state, ignore_errors=True)
    said = execute([tool("colossal-run"), bundle, *data, "--no-shuffle", "--quiet", "--dump-state", state, *extra],
                   folder / f"{name}.log", timeout=120)
    return {file.stem: np.load(file) for file in state.glob("*.npy")}, said


def same(a, b):
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() and a[name].shape == b[name].shape
                                        for name in b)


def check_plan(plan, model, data, folder, work):
    (ranks, pins), bundle = PLANS[plan], folder / f"{plan}.colossal"
    command = [tool("colossal-compile"), folder / "model.pt", "--evaluate", folder / "evaluate.pt", "--optimizer",
               "adamw:lr=1e-2", "--cluster", cluster_of(ranks, work), "--quiet", "-o", bundle]
    said = execute(command + ["--pin", pins] * bool(pins), folder / f"{plan}-compile.log")
    lines = [line for line in said.splitlines() if "unread" in line]
    check(f"{plan}: named once", len(lines) == 1 and "'frozen', 'empty', 'read_empty', 'unread.weight' and 1 more" in lines[0],
          said.strip())
    execute([tool("colossal-verify"), bundle], folder / f"{plan}-verify.log")
    parameters = {name: value.detach().numpy() for name, value in model.named_parameters()}
    place = folder / f"{plan}-checkpoints"
    shutil.rmtree(place, ignore_errors=True)
    state, _ = run(bundle, data, folder, plan, "--steps", 4, "--checkpoint", place, "--every", 2)
    check(f"{plan}: in the state", {name for name in state if "#" not in name} == parameters.keys(), f"{len(state)} tensors")
    check(f"{plan}: as they began", same({name: state[name] for name in UNREAD}, {name: parameters[name] for name in UNREAD}))
    check(f"{plan}: no state of the optimizer", not any(name.split("#")[0] in UNREAD for name in state if "#" in name)
          and "inner.weight#exp_avg" in state)
    resumed, _ = run(bundle, data, folder, f"{plan}-resumed", "--steps", 4, f"--resume={place}/step-00000002")
    check(f"{plan}: goes on", same(resumed, state))
    fresh = Model()
    fresh.load_state_dict(safetensors.torch.load_file(place / "step-00000004" / "model.safetensors"))
    check(f"{plan}: load_state_dict", same({name: value.detach().numpy() for name, value in fresh.named_parameters()},
                                           {name: state[name] for name in parameters}))
    execute([tool("colossal-run"), bundle, *data, "--evaluate", "--outputs", folder / f"{plan}-outputs", "--quiet"],
            folder / f"{plan}-evaluate.log")
    outputs = [np.load(file) for file in (folder / f"{plan}-outputs").glob("*.npy")]
    model.eval()
    with torch.no_grad():
        expected = model(*(torch.from_numpy(np.load(folder / f"{name}.npy")) for name in ("x", "target")))[1].numpy()
    check(f"{plan}: an evaluation reads them", len(outputs) == 1 and np.abs(outputs[0] - expected).max() < 1e-6)


def check_weights(model, data, folder, work):
    """Files of weights may lack what is never read; then it begins as in the archive."""
    weights = {name: value.detach() * 2 for name, value in model.named_parameters() if name not in UNREAD}
    safetensors.torch.save_file(weights, folder / "weights.safetensors")
    bundle = folder / "given.colossal"
    execute([tool("colossal-compile"), folder / "model.pt", "--weights", folder / "weights.safetensors", "--cluster",
             cluster_of(1, work), "--quiet", "-o", bundle], folder / "given-compile.log")
    state, _ = run(bundle, data, folder, "given", "--steps", 1, "--control", "lr=0")
    expected = {name: weights.get(name, value.detach()).numpy() for name, value in model.named_parameters()}
    check("weights without them", same({name: state[name] for name in expected}, expected))
    other = {name: -value for name, value in weights.items()}
    safetensors.torch.save_file(other, folder / "other.safetensors")
    state, _ = run(bundle, data, folder, "given", "--steps", 1, "--control", "lr=0", "--weights",
                   folder / "other.safetensors")
    expected |= {name: value.numpy() for name, value in other.items()}
    check("weights without them, at run", same({name: state[name] for name in expected}, expected))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("plans", nargs="*", default=list(PLANS), metavar="PLAN")
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    work = options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(1)
    model = Model()
    inputs = torch.randn(8, 6), torch.randn(8, 4)
    torch.jit.trace(model, inputs).save(work / "model.pt")
    torch.jit.trace(model.eval(), inputs).save(work / "evaluate.pt")
    data = []
    for name, values in zip(("x", "target"), inputs):
        np.save(work / f"{name}.npy", values.numpy())
        data += ["--data", f"{name}={work / name}.npy"]
    for plan in options.plans:
        check_plan(plan, model, data, work, work)
    check_weights(model, data, work, work)
    print("all is kept" if not bad else f"{bad} checks fail")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
