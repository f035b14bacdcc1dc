#!/usr/bin/env python3
"""A training step of two plain stacks against PyTorch eager, on pinned cores, in alternating rounds.

    stacks.py [linear] [norms] [--threads 1] [--max-cpu x86-64-v3] [--rounds 3] [--work DIR] [--json FILE]

linear: 4 x Linear 4096 on 512 rows, all in matrix products. norms: 12 x [layer norm, bias, GELU,
residual] on 8192 rows of 1024, all in memory and elementwise arithmetic. Ours is one rank; PyTorch has the
tuned allocator and the fused optimizer of train_step.py. The best step of all rounds counts. With
--max-cpu both sides take the CPU for one without AVX-512 (PyTorch by the variables of ATen, MKL and oneDNN).
"""
import argparse
import json
import shutil
import sys

from common import (BIN, OLDER, TUNED, add_options, alternate, execute, pin, print_table, run_bundle, timed_steps,
                    write_json)

STACKS = {"linear": (512, 4096), "norms": (8192, 1024)}


def build(name):
    import torch
    from torch import nn

    class Normed(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm, self.bias = nn.LayerNorm(width), nn.Parameter(torch.randn(width) * 0.1)

        def forward(self, x):
            return x + nn.functional.gelu(self.norm(x) + self.bias)

    class Stack(nn.Module):
        def __init__(self, layers):
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x, target):
            return nn.functional.mse_loss(self.layers(x), target)

    torch.manual_seed(0)
    _, width = STACKS[name]
    layer, count = (nn.Linear, 4) if name == "linear" else (Normed, 12)
    return Stack(layer(*([width] * (2 if name == "linear" else 1))) for _ in range(count)).train()


def pytorch_worker(options):
    """Trains in this process; prints one JSON object."""
    import numpy as np
    import torch
    torch.set_num_threads(options.threads)
    model = build(options.worker)
    inputs = [torch.from_numpy(np.load(options.work / f"{options.worker}-{name}.npy")) for name in ("x", "target")]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, fused=True)
    seconds, losses = timed_steps(model, inputs, optimizer, options.steps)
    print(json.dumps({"seconds": seconds, "losses": losses}))


def prepare(options, name):
    import numpy as np
    import torch
    inputs = {}
    for number, key in enumerate(("x", "target")):
        inputs[key] = np.random.default_rng(number).standard_normal(STACKS[name], dtype=np.float32)
        np.save(options.work / f"{name}-{key}.npy", inputs[key])
    archive = options.work / f"{name}.pt"
    torch.jit.trace(build(name), tuple(torch.from_numpy(x) for x in inputs.values()), check_trace=False).save(archive)


def compare(options, name):
    before = pin(options.threads)
    environment = OLDER if options.max_cpu else {}
    prepare(options, name)
    bundle = options.work / f"{name}.colossal"
    shutil.rmtree(bundle, ignore_errors=True)
    execute([*before, BIN / "colossal-compile", options.work / f"{name}.pt", "--cluster", "local:1", "--batch", "x",
             "--batch", "target", "--optimizer", "adamw:lr=1e-4,weight-decay=0.1", "-o", bundle], **environment)
    ways = {"PyTorch": lambda: json.loads(execute(
                [*before, sys.executable, __file__, "--worker", name, "--threads", options.threads, "--steps",
                 options.steps, "--work", options.work], **TUNED, **environment).stdout.splitlines()[-1]),
            "ours": lambda: run_bundle(options, bundle, {key: options.work / f"{name}-{key}.npy" for key in ("x", "target")},
                                       before=before, **environment)}
    runs = alternate(ways, options.rounds, f"{name}: ")
    worst = max(abs(a - b) / abs(b) for a, b in zip(runs["ours"]["losses"], runs["PyTorch"]["losses"]))
    if not worst < 1e-3:
        raise SystemExit(f"stacks: the losses of '{name}' differ from PyTorch's by {worst:.1e}: not the same work")
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stacks", nargs="*", metavar="linear|norms", help="both, if none is named")
    add_options(parser, steps=4, pinned=True)
    options = parser.parse_args()
    if unknown := set(options.stacks) - set(STACKS):
        parser.error(f"found {sorted(unknown)}, expected linear or norms")
    if options.worker:
        return pytorch_worker(options)
    options.work.mkdir(parents=True, exist_ok=True)
    result = {name: compare(options, name) for name in options.stacks or STACKS}
    rows = [("stack", "PyTorch", "ours", "ratio", "predicted")]
    for name, runs in result.items():
        peer, own = (min(runs[way]["seconds"]) for way in ("PyTorch", "ours"))
        rows.append((name, f"{peer:.3f} s", f"{own:.3f} s", f"{own / peer:.2f}", f"{runs['ours']['predicted_seconds']:.3f} s"))
    print_table(rows)
    write_json(options, result)


if __name__ == "__main__":
    main()
