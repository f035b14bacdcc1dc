#!/usr/bin/env python3
"""How compile time grows with the program: seconds and peak memory of every phase, for graphs of growing size.

    benchmarks/growth.py [FAMILY ...] [--sizes N ...] [--ranks N] [--work DIR]    # the families are below
    benchmarks/growth.py --report                                                # only the tables, of what was run

A family is one shape of program in several sizes, each traced with small or no weights:

    gpt2    blocks of GPT-2 (768 wide, 1 024 tokens, meta device), planned for two machines of eight devices
    chain   elementwise ops, each on the result of the one before
    layers  linear layers with a ReLU and a residual, each with weights of its own
    graph   elementwise ops and products, each on two of the sixteen values before it
    losses  linear layers, a loss of each summed up: a second value crosses between all layers
    skips   a U-Net of linear layers: what a layer on the way down gives is added on the way up

The last line of a table is the time per node at the largest size over that at the smallest, phase by phase (at the smallest
where the phase takes a tenth of a second: the clock has ticks of a hundredth). Nodes are those of the archive (ops of the trace). Seconds are those of the CPU, so that other work on the machine does not count; Plan, Partition,
Schedule and Lower take turns, and have parts of theirs as the compiler's report tells them apart. A phase below --least seconds is
not judged: constant parts hide its growth.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from common import BIN, PHASES, ROOT, add_compile_options, phase_of, print_table, start_limited

SIZES = {"gpt2": (12, 48, 126), "chain": (1000, 10000, 100000), "layers": (1000, 10000, 42000),
         "graph": (1000, 10000, 42000), "losses": (1000, 10000, 42000), "skips": (1000, 10000, 42000)}
MIB = 1 << 20


# ---------------------------------------------------------------- programs
def export_gpt2(blocks, path):
    subprocess.run([sys.executable, ROOT / "examples" / "export.py", "hf:gpt2", "-o", path, "--meta", "--batch", "32", "--sequence",
                    "1024", "--samples", "1", "--data", path.parent / "data", "--config", f"n_layer={blocks}"],
                   check=True, stdout=subprocess.DEVNULL)


def synthetic(family, size):
    """A module of about `size` nodes that returns a loss."""
    import torch
    import torch.nn as nn

    # Of one module: PyTorch reads archives of many thousand modules in quadratic time.
    def weights(count):
        return nn.ParameterList(nn.Parameter(torch.randn(8, 8) / 8) for _ in range(count))

    class Chain(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.Parameter(torch.linspace(0.1, 0.8, 40))

        def forward(self, x):
            y = x * self.p
            for _ in range(size):
                y = torch.tanh(y)
            return y.mean()

    class Layers(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = weights(size // 3)

        def forward(self, x):
            for weight in self.weights:
                x = x + torch.relu(nn.functional.linear(x, weight))
            return x.mean()

    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.Parameter(torch.linspace(0.1, 0.8, 64).reshape(8, 8))

        def forward(self, x):
            import random
            draw = random.Random(0)
            recent = [x @ self.p]
            for i in range(size // 2):
                a, b = draw.choice(recent), draw.choice(recent)
                y = torch.matmul(a, self.p) + b if i % 8 == 0 else torch.tanh(a) * b
                recent = recent[-15:] + [y]
            return sum(recent).mean()

    class Losses(nn.Module):
        def __init__(self):
            super().__init__()
            self.weights = weights(size // 5)

        def forward(self, x):
            total = 0
            for weight in self.weights:
                x = torch.tanh(nn.functional.linear(x, weight))
                total = total + (x * x).mean()
            return total

    class Skips(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.up = weights(size // 5), weights(size // 5)

        def forward(self, x):
            skipped = []
            for weight in self.down:
                x = torch.tanh(nn.functional.linear(x, weight))
                skipped.append(x)
            for weight in self.up:
                x = torch.tanh(nn.functional.linear(x, weight)) + skipped.pop()
            return x.mean()

    return {"chain": Chain, "layers": Layers, "graph": Graph, "losses": Losses, "skips": Skips}[family]()


def export_synthetic(family, size, path):
    import torch
    torch.manual_seed(0)
    x = torch.randn(16, 40 if family == "chain" else 8)
    torch.jit.trace(synthetic(family, size), (x,), check_trace=False).save(str(path))


def nodes_of(path):
    """Ops of the archive's trace: calls in its code."""
    with zipfile.ZipFile(path) as archive:
        code = "".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".py"))
    return len(re.findall(r"\btorch\.\w+\(", code))


def archive(family, size, options):
    path = options.work / f"{family}-{size}.pt"
    if not path.exists():
        part = path.with_suffix(".part")
        export_gpt2(size, part) if family == "gpt2" else export_synthetic(family, size, part)
        part.rename(path)
    return path


# ---------------------------------------------------------------- one compilation
def peak_of(process):
    """The most memory since the last call, in bytes; 0 if the process is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        Path(f"/proc/{process}/clear_refs").write_text("5")
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024
    except (OSError, AttributeError):
        return 0


def cpu_of(process):
    """Seconds of the CPU so far, with those of processes that it has waited for; 0 if it is gone."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError):
        return 0


def seconds_of_phases(said, used, spent, failed):
    """Seconds of the CPU by phase. `said`: what the compiler reports; `used`: what had been spent at its report; `spent`: in all.
    The phase that was at work when a compilation failed has no report, and what is left."""
    phases, before = {}, 0
    together = [phase for phase in ("plan", "partition", "schedule", "lower") if phase in said]
    for phase in PHASES:
        if phase not in said:
            if failed:
                phases[phase] = spent - before
            break
        if phase == "emit":
            phases[phase] = spent - before
        elif phase not in together:
            phases[phase], before = used[phase] - before, used[phase]
        elif phase == together[-1]:
            whole, before = used[phase] - before, used[phase]
            for one in together:
                phases[one] = whole * said[one] / max(sum(said[other] for other in together), 0.01)
    return {phase: round(seconds, 2) for phase, seconds in phases.items()}


def compile_once(family, path, options):
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        return compile_into(Path(folder) / "growth.colossal", family, path, options)


def compile_into(bundle, family, path, options):
    """Seconds and peak bytes of every phase; what stopped the compilation, if anything did."""
    cluster = f"local:{options.ranks}"
    if family == "gpt2":
        cluster = ROOT / "examples" / "clusters" / "a100-2x8.json"
    command = [BIN / "colossal-compile", path, "--cluster", cluster, "--optimizer", "adamw:lr=1e-3",
               "-o", bundle, *options.option]
    if family == "gpt2":
        command += ["--init", "normal:0.02,seed=0"]
    began = time.monotonic()
    child, late = start_limited(command, options, stderr=subprocess.PIPE, text=True, errors="replace")
    said, used, peaks, lines = {}, {}, {}, []
    for line in child.stderr:
        lines.append(line.strip())
        if found := phase_of(line):
            phase, said[found[0]] = found
            used[phase], peaks[phase] = cpu_of(child.pid), peak_of(child.pid)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    late.cancel()
    spent = usage.ru_utime + usage.ru_stime
    phases = seconds_of_phases(said, used, spent, child.returncode != 0)
    result = {"seconds": round(time.monotonic() - began, 2), "cpu": round(spent, 2), "phases": phases, "peaks": peaks,
              "peak": usage.ru_maxrss * 1024}
    if child.returncode:
        result["stopped"] = "too late" if result["seconds"] >= options.timeout else \
            next((line for line in lines if "error" in line), f"exit code {child.returncode}")[:200]
    elif peaks.get("emit") == 0:
        peaks["emit"] = result["peak"]
    return result


# ---------------------------------------------------------------- tables
def rows_of(results):
    """A row for each size of `results`, {size: result}: the size, its nodes, seconds (MiB at the peak) of all and of each phase."""
    return [(size, one["nodes"], f"{one['cpu']:.1f}",
             *(f"{one['phases'][phase]:.2f} ({one['peaks'].get(phase, 0) // MIB})" if phase in one["phases"] else "" for phase in PHASES),
             one.get("stopped", "")[:60]) for size, one in sorted(results.items())]


def growth_of(results, least):
    """{phase or "all": seconds per node at the largest size over those at the smallest that takes ten ticks of the clock}, where
    the largest takes `least` seconds."""
    perNode, large = {}, results[max(results)]
    for _, one in sorted(results.items()):
        for phase, seconds in {"all": one["cpu"], **one["phases"]}.items():
            if seconds >= 0.1:
                perNode.setdefault(phase, seconds / one["nodes"])
    return {phase: seconds / large["nodes"] / perNode[phase]
            for phase, seconds in {"all": large["cpu"], **large["phases"]}.items() if seconds >= least}


def report(family, results, least):
    rows = [("size", "nodes", "all", *PHASES, ""), *rows_of(results)]
    if len(results) > 1:
        growth = growth_of(results, least)
        rows.append(("growth", "", *(f"{growth[phase]:.1f}" if phase in growth else "-" for phase in ("all", *PHASES)), ""))
    print(f"\n{family}: seconds of the CPU (MiB at the peak) of each phase")
    print_table(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("families", nargs="*", metavar="FAMILY")
    parser.add_argument("--sizes", nargs="+", type=int)
    parser.add_argument("--ranks", type=int, default=1, help="of the synthetic graphs")
    parser.add_argument("--least", type=float, default=0.5, metavar="SECONDS")
    add_compile_options(parser, timeout=300, work="growth")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for family in options.families or SIZES:
        if family not in SIZES:
            raise SystemExit(f"growth: found no family '{family}', expected {', '.join(SIZES)}")
        results = {}
        for size in options.sizes or SIZES[family]:
            file = options.work / f"{family}-{size}-{options.ranks}.json"
            if not options.report:
                path = archive(family, size, options)
                one = compile_once(family, path, options)
                one["nodes"] = nodes_of(path)
                file.write_text(json.dumps(one))
                print(f"{family} of {size}: {one['seconds']:.1f} s, {one['cpu']:.1f} of the CPU {one.get('stopped', '')}", file=sys.stderr, flush=True)
            if file.exists():
                results[size] = json.loads(file.read_text())
        if results:
            report(family, results, options.least)


if __name__ == "__main__":
    sys.exit(main())
