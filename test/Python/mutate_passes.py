"""Passes on valid and invalid IR: whatever the input, a pass ends with exit code 0 or 1.

    mutate_passes.py --seed 1 --mutants 300        # what the suite runs
    mutate_passes.py --seed 7 --mutants 5000       # by hand
    mutate_passes.py --seed 7 --mutants 5000 --keep DIR   # writes what fails to DIR

A mutant is one of the suite's own modules (every phase's) with a few lines deleted, doubled or
swapped, numbers changed, attributes or types replaced; it runs through a random list of passes in
colossal-opt. Mutants with the same passes share a process (-split-input-file); when it does not end
well, each runs alone to find the culprit. Ends well: exit code 0 or 1, in time, without "internal
error", "memory ran out" or a stack trace.
"""

import argparse
import pathlib
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLUSTER = ROOT / "examples" / "clusters" / "cpu-2.json"
PASSES = [
    "--colossal-normalize",
    "--colossal-differentiate",
    "--colossal-differentiate=optimizer=sgd:momentum=0.9 clip-norm=1",
    "--colossal-differentiate=optimizer=none",
    f"--colossal-plan=cluster={CLUSTER}",
    f"--colossal-plan=cluster={CLUSTER} pin=data=2",
    "--colossal-partition",
    "--colossal-check-collectives",
    "--pass-pipeline=builtin.module(func.func(colossal-fuse-elementwise))",
    "--pass-pipeline=builtin.module(func.func(colossal-refine-factors))",
    "--colossal-print-groups",
    "--colossal-print-schedule",
    "--colossal-print-kernels",
]
# Passes in the order of the compiler: with them some mutants get far.
CHAINS = [
    ["--colossal-normalize", "--colossal-differentiate"],
    ["--colossal-normalize", "--colossal-differentiate", f"--colossal-plan=cluster={CLUSTER}",
     "--colossal-partition", "--colossal-print-schedule"],
    ["--colossal-partition", "--colossal-check-collectives"],
    ["--colossal-partition", "--colossal-print-schedule"],
    ["--colossal-partition", "--colossal-print-kernels"],
    [f"--colossal-plan=cluster={CLUSTER}", "--colossal-partition", "--colossal-check-collectives"],
]
NUMBERS = ["0", "1", "2", "3", "5", "7", "-1", "64", "1000000", "2147483648", "9223372036854775807"]
TYPES = ["f32", "f64", "i64", "i32", "i1", "bf16", "index", "i8", "f16", "ui8", "i16", "ui16"]
# A mutant that a batch shares its process with may leave it slow; alone, seconds are enough.
MUTANTS_PER_PROCESS = 10
SECONDS = 20


def chunks_of_suite():
    """Every module of the suite's .mlir files, without comments."""
    chunks = []
    for path in sorted((ROOT / "test").rglob("*.mlir")):
        if "Import" in path.parts:  # RUN lines only
            continue
        for chunk in re.split(r"^// -----.*$", path.read_text(), flags=re.M):
            lines = [line for line in chunk.split("\n") if line.strip() and not line.strip().startswith("//")]
            if 0 < len(lines) <= 120:
                chunks.append(lines)
    return chunks


def chunks_of_phases(opt):
    """What each phase makes of a small model."""
    text = (ROOT / "test" / "Execution" / "Inputs" / "mlp.mlir").read_text()
    chunks, passes = [], []
    for step in ["--colossal-normalize", "--colossal-differentiate",
                 f"--colossal-plan=cluster={CLUSTER} pin=data=2", "--colossal-partition"]:
        passes.append(step)
        result = subprocess.run([opt, *passes], input=text, capture_output=True, text=True)
        if result.returncode != 0:
            sys.exit("the model for the mutants does not compile: " + result.stderr)
        chunks.append([line for line in result.stdout.split("\n") if line.strip()])
    return chunks


def mutate(lines, random):
    lines = list(lines)
    for _ in range(random.choice([1, 1, 1, 2, 2, 3])):
        if not lines:
            break
        at = random.randrange(len(lines))
        line = lines[at]
        kind = random.randrange(9)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, line)
        elif kind == 2:
            other = random.randrange(len(lines))
            lines[at], lines[other] = lines[other], line
        elif kind in (3, 4):
            numbers = list(re.finditer(r"(?<![\w%@#.])\d+", line))
            if numbers:
                number = random.choice(numbers)
                lines[at] = line[:number.start()] + random.choice(NUMBERS) + line[number.end():]
        elif kind in (5, 6):
            # `name = value`, with what separates it
            attributes = list(re.finditer(r'[\w.]+ = (?:"[^"]*"|\[[^\]]*\]|[^,{}<>\[\]]+)(?:, )?', line))
            if attributes:
                attribute = random.choice(attributes)
                lines[at] = line[:attribute.start()] + line[attribute.end():]
        elif kind == 7:
            types = list(re.finditer(r"\b(?:f32|f64|i64|i32|i1|i8|i16|ui8)\b", line))
            if types:
                found = random.choice(types)
                lines[at] = line[:found.start()] + random.choice(TYPES) + line[found.end():]
        else:
            names = list(re.finditer(r'"[^"]*"|%[\w#]+', line))
            if len(names) > 1:
                a, b = sorted(random.sample(names, 2), key=lambda match: match.start())
                lines[at] = line[:a.start()] + b.group() + line[a.end():b.start()] + a.group() + line[b.end():]
    # MLIR's own parser crashes on dense arrays of index (mlir-opt as well).
    return "\n".join(lines).replace("array<index", "array<i64")


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def fault(opt, passes, text):
    """What is wrong with how colossal-opt ends; None if nothing."""
    try:
        result = subprocess.run([opt, "-split-input-file", *passes], input=text.encode(), capture_output=True,
                                timeout=SECONDS, preexec_fn=limit)
    except subprocess.TimeoutExpired:
        return f"did not end within {SECONDS} s"
    said = result.stderr.decode(errors="replace")
    if result.returncode not in (0, 1):
        return f"exit code {result.returncode}"
    for sign in ("internal error", "memory ran out", "Stack dump", "LLVM ERROR"):
        if sign in said:
            return next(line for line in said.split("\n") if sign in line)
    return None


def pipeline(passes):
    """Pass lists may not mix --pass-pipeline with others."""
    nested = [p for p in passes if p.startswith("--pass-pipeline")]
    return nested[:1] if nested else passes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--opt", default=shutil.which("colossal-opt") or str(ROOT / "build" / "bin" / "colossal-opt"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutants", type=int, default=300)
    parser.add_argument("--keep", type=pathlib.Path)
    options = parser.parse_args()
    generator = random.Random(options.seed)
    suite, phases = chunks_of_suite(), chunks_of_phases(options.opt)
    done = faults = 0
    while done < options.mutants:
        passes = generator.choice(CHAINS) if generator.random() < 0.4 else pipeline(
            [generator.choice(PASSES) for _ in range(generator.choice([1, 1, 2]))])
        mutants = [mutate(generator.choice(phases if generator.random() < 0.4 else suite), generator)
                   for _ in range(min(MUTANTS_PER_PROCESS, options.mutants - done))]
        done += len(mutants)
        separator = "\n// -----\n"
        if fault(options.opt, passes, separator.join(mutants)) is None:
            continue
        for mutant in mutants:
            found = fault(options.opt, passes, mutant)
            if found is None:
                continue
            faults += 1
            print(f"FAILED: {found}: colossal-opt {' '.join(repr(p) for p in passes)}", flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                path = options.keep / f"{options.seed}-{faults}.mlir"
                path.write_text("// " + " ".join(repr(p) for p in passes) + "\n" + mutant + "\n")
    print(f"{done} mutants, {faults} faults")


if __name__ == "__main__":
    main()
