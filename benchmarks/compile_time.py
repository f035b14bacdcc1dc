#!/usr/bin/env python3
"""Seconds from an archive to a bundle, by phase, with the peak of memory.

    benchmarks/compile_time.py FOLDER [--ranks 1,2,4] [--only NAME ...]   # in parts: what has a result is not run again
    benchmarks/compile_time.py FOLDER --report                            # only the tables

Every archive of the folder is compiled for each number of ranks, alone on the machine. A compilation that takes longer than
--timeout counts with that time. What a model needs to be compiled (--batch) is in OPTIONS.json beside the archives,
{name: [option, ...]}, if there is such a file.
"""
import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from common import BIN, PHASES, add_compile_options, phase_of, print_table, start_limited

GIB = 1 << 30


def compile_once(archive, ranks, more, options):
    """What one compilation took: seconds by phase and in all, the peak in bytes, and what stopped it, if anything did."""
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        command = [BIN / "colossal-compile", archive, "--cluster", f"local:{ranks}", "--optimizer", "sgd:lr=1e-3",
                   "-o", Path(folder) / "model.colossal", *more, *options.option]
        errors = Path(folder) / "errors"
        begin = time.monotonic()
        with open(errors, "w") as file:
            child, late = start_limited(command, options, stderr=file)
        _, status, usage = os.wait4(child.pid, 0)
        late.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        seconds, lines = time.monotonic() - begin, errors.read_text(errors="replace").splitlines()
    phases = dict(found for line in lines if (found := phase_of(line)))
    result = {"seconds": round(seconds, 2), "phases": phases, "peak": usage.ru_maxrss * 1024,
              "cpu": round(usage.ru_utime + usage.ru_stime, 2)}
    predicted = [line for line in lines if line.startswith("predicted step: ")]
    if predicted:
        result["predicted_ms"] = float(predicted[0].split()[2])
    if child.returncode:
        # The phase that was at work has no line of its own.
        stopped = PHASES[len(phases)]
        phases[stopped] = round(seconds - sum(phases.values()), 2)
        result["late" if seconds >= options.timeout else "refused"] = \
            next((line for line in lines if "error" in line), f"exit code {child.returncode}")[:200]
    return result


def report(results):
    """Tables of `results`, {(name, ranks): result}; the longest first."""
    rows = [["model", "ranks", "seconds", "peak GiB", *PHASES, ""]]
    for (name, ranks), one in sorted(results.items(), key=lambda item: -item[1]["seconds"]):
        rows.append([name, ranks, f"{one['seconds']:.1f}", f"{one['peak'] / GIB:.1f}",
                     *(f"{one['phases'][phase]:.1f}" if phase in one["phases"] else "" for phase in PHASES),
                     "too late" if "late" in one else one.get("refused", "")[:60]])
    print_table(rows)
    for ranks in sorted({ranks for _, ranks in results}):
        counted = {name: one for (name, count), one in results.items() if count == ranks and "refused" not in one}
        refused = sum(count == ranks and "refused" in one for (_, count), one in results.items())
        if not counted:
            continue
        name, worst = max(counted.items(), key=lambda item: item[1]["seconds"])
        phase = max(worst["phases"], key=worst["phases"].get)
        late = sum("late" in one for one in counted.values())
        print(f"{ranks} ranks: median {statistics.median(one['seconds'] for one in counted.values()):.1f} s of {len(counted)} models, "
              f"worst {worst['seconds']:.1f} s ({name}, {worst['phases'][phase]:.1f} s of it in {phase}), {late} too late, {refused} refused")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ranks", default="1", help="numbers of ranks, such as 1,2,4")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--again", action="store_true", help="also what has a result")
    parser.add_argument("--part", type=float, default=float("inf"), metavar="SECONDS", help="start none after so long")
    add_compile_options(parser, timeout=120, work="compile-time")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    archives = {path.stem: path for path in sorted(options.folder.glob("*.pt"))}
    for name in options.only or ():
        if name not in archives:
            raise SystemExit(f"compile_time: found no {name}.pt in {options.folder}")
    needed = options.folder / "OPTIONS.json"
    needed = json.loads(needed.read_text()) if needed.exists() else {}
    results, begin = {}, time.monotonic()
    for ranks in map(int, options.ranks.split(",")):
        for name in options.only or archives:
            file = options.work / f"{name}-{ranks}.json"
            if not options.report and (options.again or not file.exists()) and time.monotonic() - begin < options.part:
                one = compile_once(archives[name], ranks, needed.get(name, []), options)
                file.write_text(json.dumps(one))
                print(f"{name} on {ranks}: {one['seconds']:.1f} s {one.get('refused', '')}", file=sys.stderr, flush=True)
            if file.exists():
                results[name, ranks] = json.loads(file.read_text())
    report(results)


if __name__ == "__main__":
    sys.exit(main())
