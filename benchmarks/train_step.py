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
import sys
import time
from pathlib import Path

from common import BIN, ROOT, TUNED, add_options, alternate, execute, print_table, run_bundle, timed_steps, write_json

# Start it under taskset for fewer.
CORES = len(os.sched_getaffinity(0))
EXPORT = ROOT / "examples" / "export_gpt2.py"
SMALL = ["--layers", "12", "--width", "768", "--heads", "12", "--vocab", "50257", "--context", "1024",
         "--sequence", "256", "--batch", "4"]
OPTIMIZER = "adamw:lr=1e-4,weight-decay=0.1"


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


def pytorch(options, fused, environment):
    command = [sys.executable, __file__, "--worker", "gpt2", "--steps", options.steps, "--work", options.work]
    done = execute(command + (["--fused"] if fused else []), **environment)
    return json.loads(done.stdout.splitlines()[-1])


def ours(options, bundle, ranks):
    files = {name: options.work / f"{name}.npy" for name in ("input_ids", "labels")}
    return run_bundle(options, bundle, files, "-n", ranks)


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


def compare_steps(options):
    prepare(options)
    result = {"compile": {}}
    bundles = {}
    for ranks in sorted({1, CORES}):
        bundles[ranks], result["compile"][str(ranks)] = compile_for(options, ranks)
    ways = {"PyTorch, default": lambda: pytorch(options, False, {}),
            "PyTorch, tuned": lambda: pytorch(options, True, TUNED)}
    for ranks, bundle in bundles.items():
        name = f"ours, {ranks} rank{'s' if ranks > 1 else ''} of {CORES // ranks} threads"
        ways[name] = lambda bundle=bundle, ranks=ranks: ours(options, bundle, ranks)
    runs = result["runs"] = alternate(ways, options.rounds)
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
    add_options(parser, steps=4, pinned=False)
    parser.add_argument("--search", type=int, nargs="+", metavar="LAYERS")
    parser.add_argument("--fused", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.model = SMALL
    if options.worker:
        return pytorch_worker(options)
    result = search_times(options) if options.search else compare_steps(options)
    write_json(options, result)


if __name__ == "__main__":
    main()
