"""What the benchmarks share: both sides in processes of their own, in alternating rounds, the best step counts."""
import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = ROOT / "build" / "bin"
PHASES = ("import", "normalize", "differentiate", "plan", "partition", "schedule", "lower", "emit")
# PyTorch's allocator keeps its memory, in huge pages.
TUNED = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184", "MALLOC_TOP_PAD_": "268435456",
         "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
# Both sides take the CPU for one without AVX-512.
OLDER = {"COLOSSAL_MAX_CPU": "x86-64-v3", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
         "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}


def add_options(parser, steps, threads):
    """Options of every benchmark, with the defaults of two."""
    parser.add_argument("--threads", type=int, default=threads)
    parser.add_argument("--max-cpu", choices=["x86-64-v3"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=steps, help="timed steps per round, after one that is not")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "benchmark")
    parser.add_argument("--json", type=Path, help="write all figures")
    parser.add_argument("--worker", help=argparse.SUPPRESS)


def add_compile_options(parser, timeout, work):
    """Options of the benchmarks that compile many programs."""
    parser.add_argument("--report", action="store_true", help="run nothing")
    parser.add_argument("--timeout", type=float, default=timeout, metavar="SECONDS")
    parser.add_argument("--memory", type=float, default=16, metavar="GB", help="of address space")
    parser.add_argument("--option", action="append", default=[], help="one more option of colossal-compile")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / work)


def start_limited(command, options, **streams):
    """A process with --memory of address space, and the timer, to be cancelled, that ends it and its children after --timeout."""
    limit = int(options.memory * 1e9)
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, start_new_session=True,
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)), **streams)
    late = threading.Timer(options.timeout, lambda: os.killpg(child.pid, signal.SIGKILL))
    late.start()
    return child, late


def phase_of(line):
    """(phase, seconds) of a line of the compiler's report, or None."""
    match = re.match(r"(\w+) +([\d.]+) s$", line.strip())
    return (match.group(1), float(match.group(2))) if match and match.group(1) in PHASES else None


def pin(threads):
    """The beginning of a command on the last `threads` cores."""
    return ["taskset", "-c", ",".join(map(str, sorted(os.sched_getaffinity(0))[-threads:]))]


def execute(command, **environment):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
        raise SystemExit(f"{Path(sys.argv[0]).stem}: {Path(command[0]).name}: exit code {done.returncode}: "
                         + (lines or done.stderr.splitlines()[-1:] or [""])[0][:300])
    return done


def timed_steps(model, inputs, optimizer, steps, scaler=None):
    """Seconds of `steps` steps of PyTorch after one that is not timed, and the losses of all. `scaler`: a GradScaler."""
    seconds, losses = [], []
    for _ in range(steps + 1):
        begin = time.perf_counter()
        optimizer.zero_grad()
        loss = model(*inputs)
        if scaler:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        else:
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - begin)
    return seconds[1:], losses


def run_bundle(options, bundle, files, *more, before=(), name="run", **environment):
    """Trains with a bundle on `files`, {input: .npy}; `more`: further options, `before`: the beginning of the command, `name`: of
    the files of this run, where several go on at a time."""
    report, metrics = options.work / f"{name}-report.json", options.work / f"{name}-metrics.jsonl"
    data = [part for key, file in files.items() for part in ("--data", f"{key}={file}")]
    execute([*before, BIN / "colossal-run", *more, bundle, *data, "--no-shuffle", "--quiet", "--steps", options.steps + 1,
             "--report", report, "--metrics", metrics], **environment)
    result = json.loads(report.read_text())
    return {"seconds": result["step_seconds"][1:], "predicted_seconds": result["predicted_step_seconds"],
            "losses": [json.loads(line)["loss"] for line in metrics.read_text().splitlines()],
            "peak": sum(rank["peak_pss_bytes"] for rank in result["ranks"]),
            "own": sum(rank["measured_bytes"] for rank in result["ranks"])}


def alternate(ways, rounds, what=""):
    """{way: its last run, with the seconds of all steps and the highest peak}; a line for each run."""
    runs = {}
    for number in range(rounds):
        for way, run in ways.items():
            one, before = run(), runs.get(way, {})
            runs[way] = {**one, "seconds": before.get("seconds", []) + one["seconds"]}
            if "peak" in one:
                runs[way]["peak"] = max(before.get("peak", 0), one["peak"])
            print(f"round {number + 1}: {what}{way}: {min(one['seconds']):.3f} s", file=sys.stderr, flush=True)
    return runs


def print_table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)


def write_json(options, result):
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1))
