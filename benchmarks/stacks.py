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
import os
import shutil
import sys
from pathlib import Path

from train_step import BIN, ROOT, TUNED, execute, print_table, timed_steps

STACKS = {"linear": (512, 4096), "norms": (8192, 1024)}
OLDER = {"COLOSSAL_MAX_CPU": "x86-64-v3", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
         "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}


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
    model = build(options.stacks[0])
    inputs = [torch.from_numpy(np.load(options.work / f"{options.stacks[0]}-{name}.npy")) for name in ("x", "target")]
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


def ours(options, name, bundle, pin, environment):
    report, metrics = options.work / "report.json", options.work / "metrics.jsonl"
    data = [part for key in ("x", "target") for part in ("--data", f"{key}={options.work}/{name}-{key}.npy")]
    execute([*pin, BIN / "colossal-run", bundle, *data, "--no-shuffle", "--quiet", "--steps", options.steps + 1,
             "--report", report, "--metrics", metrics], **environment)
    result = json.loads(report.read_text())
    return {"seconds": result["step_seconds"][1:], "predicted_seconds": result["predicted_step_seconds"],
            "losses": [json.loads(line)["loss"] for line in metrics.read_text().splitlines()]}


def compare(options, name):
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[-options.threads:]))
    pin = ["taskset", "-c", cores]
    environment = OLDER if options.max_cpu else {}
    prepare(options, name)
    bundle = options.work / f"{name}.colossal"
    shutil.rmtree(bundle, ignore_errors=True)
    execute([*pin, BIN / "colossal-compile", options.work / f"{name}.pt", "--cluster", "local:1", "--batch", "x",
             "--batch", "target", "--optimizer", "adamw:lr=1e-4,weight-decay=0.1", "-o", bundle], **environment)
    ways = {"PyTorch": lambda: json.loads(execute(
                [*pin, sys.executable, __file__, "--pytorch-worker", name, "--threads", options.threads, "--steps",
                 options.steps, "--work", options.work], **TUNED, **environment).stdout.splitlines()[-1]),
            "ours": lambda: ours(options, name, bundle, pin, environment)}
    runs = {}
    for number in range(options.rounds):
        for way, run in ways.items():
            one = run()
            whole = runs.setdefault(way, {**one, "seconds": []})
            whole["seconds"] += one["seconds"]
            print(f"round {number + 1}: {name}: {way}: {min(one['seconds']):.3f} s", file=sys.stderr, flush=True)
    worst = max(abs(a - b) / abs(b) for a, b in zip(runs["ours"]["losses"], runs["PyTorch"]["losses"]))
    if not worst < 1e-3:
        raise SystemExit(f"stacks: the losses of '{name}' differ from PyTorch's by {worst:.1e}: not the same work")
    return runs


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("stacks", nargs="*", metavar="linear|norms", help="both, if none is named")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--max-cpu", choices=["x86-64-v3"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="timed steps per round, after one that is not")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "benchmark")
    parser.add_argument("--json", type=Path, help="write all figures")
    parser.add_argument("--pytorch-worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if unknown := set(options.stacks) - set(STACKS):
        parser.error(f"found {sorted(unknown)}, expected linear or norms")
    if options.pytorch_worker:
        return pytorch_worker(options)
    options.work.mkdir(parents=True, exist_ok=True)
    result = {name: compare(options, name) for name in options.stacks or STACKS}
    rows = [("stack", "PyTorch", "ours", "ratio", "predicted")]
    for name, runs in result.items():
        peer, own = (min(runs[way]["seconds"]) for way in ("PyTorch", "ours"))
        rows.append((name, f"{peer:.3f} s", f"{own:.3f} s", f"{own / peer:.2f}", f"{runs['ours']['predicted_seconds']:.3f} s"))
    print_table(rows)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
