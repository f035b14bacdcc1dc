#!/usr/bin/env python3
"""A training step of GPT-2 small against PyTorch eager, on the same machine, in alternating rounds.

    train_step.py [--rounds 3] [--steps 4] [--work DIR] [--json FILE]
    train_step.py --search 12 48          # time of the search only, for so many layers

Four ways to run the same step (batch 4 x 256 tokens, f32, AdamW), each in a process of its own per
round, one after the other: PyTorch on the default allocator; PyTorch with a tuned allocator (memory is
kept, huge pages) and the fused optimizer; ours on one rank with all cores; ours on one rank per core.
The best step of all rounds counts. Memory is the peak of resident bytes (ours: PSS, summed over ranks).
Leave the machine alone meanwhile.
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

# Start it under taskset for fewer.
CORES = len(os.sched_getaffinity(0))
ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "build" / "bin"
EXPORT = ROOT / "examples" / "export_gpt2.py"
SMALL = ["--layers", "12", "--width", "768", "--heads", "12", "--vocab", "50257", "--context", "1024",
         "--sequence", "256", "--batch", "4"]
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_TOP_PAD_": "268435456",
         "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
OPTIMIZER = "adamw:lr=1e-4,weight-decay=0.1"


def timed_steps(model, inputs, optimizer, steps):
    """Seconds of `steps` steps of PyTorch after one that is not timed, and the losses of all."""
    seconds, losses = [], []
    for _ in range(steps + 1):
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss = model(*inputs)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - begin)
    return seconds[1:], losses


def pytorch_worker(options):
    """Trains in this process; prints one JSON object."""
    sys.path.insert(0, str(EXPORT.parent))
    import numpy as np
    import torch
    import export_gpt2

    torch.set_num_threads(CORES)
    parser = argparse.ArgumentParser()
    export_gpt2.add_options(parser)
    model, _ = export_gpt2.from_options(parser.parse_args(options.model))
    inputs = [torch.from_numpy(np.load(options.work / f"{name}.npy")) for name in ("input_ids", "labels")]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, fused=options.fused or None)
    seconds, losses = timed_steps(model, inputs, optimizer, options.steps)
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text()).group(1)) * 1024
    print(json.dumps({"seconds": seconds, "peak": peak, "losses": losses}))


def execute(command, **environment):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise SystemExit(f"train_step: {Path(command[0]).name}: exit code {done.returncode}: "
                         + (lines or done.stderr.splitlines()[-1:] or [""])[0][:300])
    return done


def pytorch(options, fused, environment):
    command = [sys.executable, __file__, "--pytorch-worker", "--steps", options.steps, "--work", options.work]
    done = execute(command + (["--fused"] if fused else []), **environment)
    return json.loads(done.stdout.splitlines()[-1])


def ours(options, bundle, ranks):
    report, metrics = options.work / "report.json", options.work / "metrics.jsonl"
    execute([BIN / "colossal-run", "-n", ranks, bundle, "--data", f"input_ids={options.work}/input_ids.npy",
             "--data", f"labels={options.work}/labels.npy", "--no-shuffle", "--quiet",
             "--steps", options.steps + 1, "--report", report, "--metrics", metrics])
    result = json.loads(report.read_text())
    losses = [json.loads(line)["loss"] for line in metrics.read_text().splitlines()]
    return {"seconds": result["step_seconds"][1:], "losses": losses,
            "peak": sum(rank["peak_pss_bytes"] for rank in result["ranks"]),
            "predicted_seconds": result["predicted_step_seconds"],
            "own": sum(rank["measured_bytes"] for rank in result["ranks"])}


def compile_phases(text):
    """Lines `phase  seconds s` of colossal-compile."""
    return {name: float(seconds) for name, seconds in
            re.findall(r"^(\w+)\s+([0-9.]+) s$", text, re.M)}


def compile_for(options, ranks):
    bundle = options.work / f"gpt2-{ranks}.colossal"
    shutil.rmtree(bundle, ignore_errors=True)
    begin = time.perf_counter()
    done = execute([BIN / "colossal-compile", options.work / "gpt2.pt", "--cluster", f"local:{ranks}",
                    "--optimizer", OPTIMIZER, "-o", bundle])
    return bundle, {**compile_phases(done.stderr), "all": time.perf_counter() - begin}


def prepare(options):
    import numpy as np
    options.work.mkdir(parents=True, exist_ok=True)
    if not (options.work / "gpt2.pt").exists():
        execute([sys.executable, EXPORT, *SMALL, "-o", options.work / "gpt2.pt"])
    ids = np.random.default_rng(3).integers(0, 50257, (4, 256))
    for name in ("input_ids", "labels"):
        np.save(options.work / f"{name}.npy", ids)


def print_table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)


def compare_steps(options):
    prepare(options)
    result = {"compile": {}, "runs": {}}
    bundles = {}
    for ranks in sorted({1, CORES}):
        bundles[ranks], result["compile"][str(ranks)] = compile_for(options, ranks)
    ways = {"PyTorch, default": lambda: pytorch(options, False, {}),
            "PyTorch, tuned": lambda: pytorch(options, True, TUNED)}
    for ranks, bundle in bundles.items():
        name = f"ours, {ranks} rank{'s' if ranks > 1 else ''} of {CORES // ranks} threads"
        ways[name] = lambda bundle=bundle, ranks=ranks: ours(options, bundle, ranks)
    for number in range(options.rounds):
        for name, run in ways.items():
            one = run()
            whole = result["runs"].setdefault(name, {"seconds": [], "peak": 0, "losses": one["losses"]})
            whole["seconds"] += one["seconds"]
            whole["peak"] = max(whole["peak"], one["peak"])
            for extra in ("predicted_seconds", "own"):
                if extra in one:
                    whole[extra] = one[extra]
            print(f"round {number + 1}: {name}: {min(one['seconds']):.3f} s", file=sys.stderr, flush=True)
    runs = result["runs"]
    exact = runs["PyTorch, default"]["losses"]
    for name, run in runs.items():
        worst = max(abs(a - b) / abs(b) for a, b in zip(run["losses"], exact))
        run["loss_difference"] = worst
        if not worst < 1e-3:
            raise SystemExit(f"train_step: the losses of '{name}' differ from PyTorch's by {worst:.1e}: not the same work")
    base = min(runs["PyTorch, tuned"]["seconds"])
    rows = [("", "best step", "against tuned PyTorch", "peak memory")]
    for name, run in runs.items():
        best = min(run["seconds"])
        rows.append((name, f"{best:.3f} s", f"{best / base:.2f}", f"{run['peak'] / (1 << 20):.0f} MiB"))
    print_table(rows)
    phases = list(dict.fromkeys(phase for times in result["compile"].values() for phase in times))
    print_table([("compile", *phases)] + [(f"{ranks} ranks", *(f"{times.get(phase, 0):.2f} s" for phase in phases))
                                          for ranks, times in result["compile"].items()])
    return result


def search_times(options):
    """Layers -> seconds of the phase Plan, on the checked-in clusters with 2 and 16 devices."""
    options.work.mkdir(parents=True, exist_ok=True)
    rows, result = [("layers", "cluster", "search")], []
    for layers in options.search:
        archive = options.work / f"gpt2-{layers}.pt"
        if not archive.exists():
            execute([sys.executable, EXPORT, "--layers", layers, "--width", "192", "--heads", "12", "--vocab",
                     "1000", "--context", "128", "--batch", "16", "-o", archive])
        for cluster in ("cpu-2", "a100-2x8"):
            done = execute([BIN / "colossal-compile", archive, "--cluster",
                            ROOT / "examples" / "clusters" / f"{cluster}.json", "--stop-after", "plan",
                            "-o", options.work / "planned.mlir"])
            seconds = compile_phases(done.stderr).get("plan")
            result.append({"layers": layers, "cluster": cluster, "seconds": seconds})
            rows.append((layers, cluster, f"{seconds} s"))
    print_table(rows)
    return {"search": result}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="timed steps per round, after one that is not")
    parser.add_argument("--search", type=int, nargs="+", metavar="LAYERS")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "benchmark")
    parser.add_argument("--json", type=Path, help="write all figures")
    parser.add_argument("--pytorch-worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fused", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.model = SMALL
    if options.pytorch_worker:
        return pytorch_worker(options)
    result = search_times(options) if options.search else compare_steps(options)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
