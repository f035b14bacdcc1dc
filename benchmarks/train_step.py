#!/usr/bin/env python3
"""A training step of one model against PyTorch, on the same machine, in alternating rounds.

    train_step.py [NAME] [--threads N] [--max-cpu x86-64-v3] [--rounds 3] [--steps 4] [--compiled]
                  [--precision bf16|f16] [--work DIR] [--json FILE]
    train_step.py --search 12 48          # time of the search only, for so many layers of a GPT-2
    train_step.py --list                  # the names (models.py)

Every way to run the step is a process of its own per round, one after the other: PyTorch on the default
allocator; PyTorch with a tuned allocator (memory is kept, huge pages) and the fused optimizer; the same with
channels last, for images; the same under `torch.compile` with --compiled; ours on one rank with all
threads, and on one rank per thread. The best step of all rounds counts. With --max-cpu all sides take the
CPU for one without AVX-512 (PyTorch by the variables of ATen, MKL and oneDNN). With --precision bf16
or f16 ours is compiled so, and PyTorch runs under autocast, beside itself in f32; in f16 both have a dynamic
loss scale. Where PyTorch's autocast cannot run the model here, one line says why. Memory is the peak of resident
bytes (ours: PSS, summed over ranks).

The share of the roofline is that of the least time that the products and convolutions of the step need, and
one pass over parameters, gradients and optimizer state, at the rates of multiply-adds from registers and of
reading memory that are measured beside it; the best product is the calibration's. Leave the machine alone
meanwhile.
"""
import argparse
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

from common import (BIN, OLDER, ROOT, TUNED, add_options, alternate, execute, pin, print_table, run_bundle, timed_steps,
                    write_json)
from models import MODELS

# Start it under taskset for fewer.
CORES = len(os.sched_getaffinity(0))
EXPORT = ROOT / "examples" / "export_gpt2.py"
# Bytes that an update moves for each parameter, its gradient read too.
UPDATE_BYTES = {"adamw": 28, "sgd": 20}
# The first one, of f16: small enough that no step is skipped.
LOSS_SCALE = 1024.0


# PyTorch, in a process of its own

def count_flops(model, inputs):
    """Of the products, convolutions and attention of a step, forward and backward."""
    from torch.utils.flop_counter import FlopCounterMode
    with FlopCounterMode(display=False) as counter:
        model(*inputs).backward()
    return counter.get_total_flops()


def pytorch_worker(options):
    """Trains in this process; prints one JSON object."""
    import numpy as np
    import torch
    torch.set_num_threads(options.threads)
    its = MODELS[options.worker]
    module, arrays = its.build()
    inputs = [torch.from_numpy(np.load(options.work / f"{options.worker}-{key}.npy")) for key in arrays]
    result = {"parameters": sum(p.numel() for p in module.parameters())}
    if options.way == "flops":
        print(json.dumps({**result, "flops": count_flops(module, inputs)}))
        return
    if options.way == "channels_last":
        module = module.to(memory_format=torch.channels_last)
        inputs = [x.to(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs]
    fused = options.way != "default"
    if its.optimizer.startswith("adamw"):
        optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4, weight_decay=0.1, fused=fused or None)
    else:
        optimizer = torch.optim.SGD(module.parameters(), lr=0.01, momentum=0.9, fused=fused or None)
    step = torch.compile(module) if options.way == "compiled" else module
    narrow = {"bf16": torch.bfloat16, "f16": torch.float16}.get(options.precision)
    scaler = torch.amp.GradScaler("cpu", LOSS_SCALE) if narrow is torch.float16 else None

    def forward(*arguments):
        with torch.autocast("cpu", narrow or torch.bfloat16, enabled=narrow is not None):
            return step(*arguments)

    result["seconds"], result["losses"] = timed_steps(forward, inputs, optimizer, options.steps, scaler)
    status = Path("/proc/self/status").read_text()
    result["peak"] = int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024
    print(json.dumps(result))


# Ours

def compile_phases(text):
    """Lines `phase  seconds s` of colossal-compile."""
    return {name: float(seconds) for name, seconds in
            re.findall(r"^(\w+)\s+([0-9.]+) s$", text, re.M)}


class Bench:
    def __init__(self, options):
        self.options, self.its, self.name = options, MODELS[options.name], options.name
        self.before = pin(options.threads) if options.threads < CORES else []
        self.environment = OLDER if options.max_cpu else {}
        self.keys = []

    def pytorch(self, way, environment, precision="f32", steps=None):
        options = self.options
        command = [*self.before, sys.executable, __file__, "--worker", self.name, "--way", way, "--threads",
                   options.threads, "--steps", options.steps if steps is None else steps, "--precision", precision,
                   "--work", options.work]
        done = execute(command, **{**self.environment, **environment})
        return json.loads(done.stdout.splitlines()[-1])

    def prepare(self):
        """The archive and the inputs."""
        import warnings

        import numpy as np
        import torch
        work = self.options.work
        work.mkdir(parents=True, exist_ok=True)
        module, arrays = self.its.build()
        self.keys = list(arrays)
        for key, value in arrays.items():
            np.save(work / f"{self.name}-{key}.npy", value)
        with warnings.catch_warnings():
            # Shapes that Python reads become constants of the trace: intended.
            warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
            torch.jit.trace(module, tuple(torch.from_numpy(value) for value in arrays.values()),
                            check_trace=False).save(work / f"{self.name}.pt")

    def compile(self, ranks):
        work = self.options.work
        bundle = work / f"{self.name}-{ranks}.colossal"
        shutil.rmtree(bundle, ignore_errors=True)
        begin = time.perf_counter()
        batch = [part for key in self.keys for part in ("--batch", key)]
        scale = ["--loss-scale", f"dynamic:init={LOSS_SCALE:.0f}"] if self.options.precision == "f16" else []
        pins = ["--pin", self.its.pin] if self.its.pin else []
        done = execute([*self.before, BIN / "colossal-compile", work / f"{self.name}.pt", "--cluster", f"local:{ranks}",
                        "--precision", self.options.precision, *scale, *batch, *pins, "--optimizer", self.its.optimizer,
                        "-o", bundle], **self.environment)
        return bundle, {**compile_phases(done.stderr), "all": time.perf_counter() - begin}

    def ours(self, bundle, ranks):
        files = {key: self.options.work / f"{self.name}-{key}.npy" for key in self.keys}
        return run_bundle(self.options, bundle, files, "-n", ranks, before=self.before, **self.environment)

    def has_autocast(self):
        """Whether PyTorch can run a step under autocast; says why not."""
        if self.options.precision == "f32":
            return False
        try:
            self.pytorch("tuned", TUNED, self.options.precision, steps=0)
        except SystemExit as reason:
            print(f"{self.name}: no autocast of {self.options.precision} beside it: {reason}", flush=True)
            return False
        return True

    def ways(self, bundles):
        ways = {"PyTorch, default": lambda: self.pytorch("default", {}),
                "PyTorch, tuned": lambda: self.pytorch("tuned", TUNED)}
        if self.its.images:
            ways["PyTorch, tuned, channels_last"] = lambda: self.pytorch("channels_last", TUNED)
        if self.has_autocast():
            ways["PyTorch, autocast"] = lambda: self.pytorch("tuned", TUNED, self.options.precision)
            if self.its.images:
                ways["PyTorch, autocast, channels_last"] = (
                    lambda: self.pytorch("channels_last", TUNED, self.options.precision))
        if self.options.compiled:
            # Inductor looks for g++ otherwise.
            compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++-22") or ""
            ways["PyTorch, tuned, compiled"] = lambda: self.pytorch("compiled", {**TUNED, "CXX": compiler})
        for ranks, bundle in bundles.items():
            threads = self.options.threads // ranks
            name = f"ours, {ranks} rank{'s' if ranks > 1 else ''} of {threads} thread{'s' if threads > 1 else ''}"
            ways[name] = lambda bundle=bundle, ranks=ranks: self.ours(bundle, ranks)
        return ways

    def check_losses(self, runs):
        """In f32 the losses are PyTorch's; in 16 bits as near to them as three digits are."""
        exact = runs["PyTorch, default"]["losses"][:self.its.compared_steps]
        for name, run in runs.items():
            worst = max(abs(a - b) / abs(b) for a, b in zip(run["losses"], exact))
            run["loss_difference"] = worst
            if not worst < (1e-3 if self.options.precision == "f32" else 2e-2):
                raise SystemExit(f"train_step: the losses of '{name}' differ from PyTorch's by {worst:.1e}: "
                                 "not the same work")

    def roofline(self):
        """The rates of this machine, and the seconds that the step needs at least."""
        options = self.options
        tool, cluster = options.work / "roofline", options.work / "cluster.json"
        execute(["clang++-22", "-std=c++17", "-O3", "-pthread", f"-march={options.max_cpu or 'native'}",
                 Path(__file__).with_name("roofline.cpp"), "-o", tool])
        rate, bandwidth = map(float, execute([*self.before, tool, options.threads]).stdout.split())
        execute([*self.before, BIN / "colossal-calibrate", "-n", 1, "--threads", options.threads, "-o", cluster],
                **self.environment)
        device = json.loads(cluster.read_text())["device"]
        work = self.pytorch("flops", {})
        update = UPDATE_BYTES[self.its.optimizer.partition(":")[0]] * work["parameters"]
        return {"multiply_add_flops_per_second": rate, "read_bytes_per_second": bandwidth,
                "product_flops_per_second": device["matrix"][0]["peak_flops_per_second"],
                "flops": work["flops"], "update_bytes": update,
                "least_seconds": work["flops"] / rate + update / bandwidth}


def compare_steps(options):
    bench = Bench(options)
    bench.prepare()
    bundles, result = {}, {"name": options.name, "compile": {}}
    for ranks in sorted({1, options.threads}):
        bundles[ranks], result["compile"][str(ranks)] = bench.compile(ranks)
    runs = result["runs"] = alternate(bench.ways(bundles), options.rounds, f"{options.name}: ")
    bench.check_losses(runs)
    roof = result["roofline"] = bench.roofline()
    rival = "autocast" if "PyTorch, autocast" in runs else "tuned"
    base = runs[f"PyTorch, {rival}"]
    print(f"{options.name}: {bench.its.what}")
    rows = [("", "best step", f"against {rival} PyTorch", "of the roofline", "predicted", "peak memory",
             f"against {rival}")]
    for name, run in runs.items():
        best = min(run["seconds"])
        predicted = f"{run['predicted_seconds']:.3f} s" if "predicted_seconds" in run else ""
        rows.append((name, f"{best:.3f} s", f"{best / min(base['seconds']):.2f}", f"{roof['least_seconds'] / best:.2f}",
                     predicted, f"{run['peak'] / (1 << 20):.0f} MiB", f"{run['peak'] / base['peak']:.2f}"))
    print_table(rows)
    print(f"roofline: {roof['least_seconds']:.3f} s = {roof['flops'] / 1e9:.0f} GFLOP at "
          f"{roof['multiply_add_flops_per_second'] / 1e9:.0f} GFLOP/s (best product: "
          f"{roof['product_flops_per_second'] / 1e9:.0f}) + {roof['update_bytes'] / 1e9:.2f} GB at "
          f"{roof['read_bytes_per_second'] / 1e9:.0f} GB/s")
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
    parser.add_argument("name", nargs="?", default="gpt2-small", choices=MODELS, metavar="NAME",
                        help=f"{', '.join(MODELS)}; gpt2-small, if none is named")
    add_options(parser, steps=4, threads=CORES)
    parser.add_argument("--compiled", action="store_true", help="also PyTorch's compiler, which takes its time")
    parser.add_argument("--precision", choices=["f32", "bf16", "f16"], default="f32", help="of ours, and of PyTorch's autocast")
    parser.add_argument("--search", type=int, nargs="+", metavar="LAYERS")
    parser.add_argument("--list", action="store_true", help="the names, and what they are")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 1 <= options.threads <= CORES:
        parser.error(f"found --threads {options.threads}, expected a number from 1 to {CORES}")
    if options.list:
        print_table([(name, its.what) for name, its in MODELS.items()])
    elif options.worker:
        pytorch_worker(options)
    else:
        write_json(options, search_times(options) if options.search else compare_steps(options))


if __name__ == "__main__":
    main()
