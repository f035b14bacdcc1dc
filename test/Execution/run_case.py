#!/usr/bin/env python3
"""Compiles a model under a plan, proves it, runs it over MPI and compares the run with PyTorch.

    run_case.py gpt2/2/data2 ... [--work DIR] [--steps 20] [--json FILE]
    run_case.py --subject tensor
    run_case.py --list

Per case:
  1. PyTorch's answer in f64 and f32 (test/Python/reference.py), made once per model in DIR/models;
  2. colossal-compile under the case's pins on a cluster of the case's size, with --keep-gradients;
     the bundle has the ranks, stages, microbatches and schedule that were asked for; under a budget that
     the plan of other pins needs (`within`), it fits, is as fast, and cuts as much over the data axes, and
     what cuts less does not fit;
  3. colossal-verify --kernels: sharded = unsharded in f64, 1e-10, and compiled code op by op;
  4. real runs over MPI: loss within 1e-6 and every gradient of step 1 within 4 times PyTorch's own
     f32-to-f64 difference (floor: 1e-6 of the largest), parameters after 3 steps likewise, the loss
     curve of all steps within 1e-4.
Every line printed ends in 'ok' or 'FAIL'; the exit code is 1 when a check fails.
"""
import argparse
import fcntl
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "test" / "Python")]

import compare
from cases import CASES, MODELS, SUBJECTS

PARAMETERS_AFTER = 3
TIMEOUT = 300  # seconds that a command may take; scripts/models.py gives its own
PYTHON = ROOT / ".venv" / "bin" / "python"


class Failure(Exception):
    """A command or check that failed: what was run, what was found."""


def tool(name):
    path = shutil.which(name) or shutil.which(name, path=str(ROOT / "build" / "bin"))
    if not path:
        raise Failure(f"{name} is not built: run scripts/setup.sh")
    return path


def execute(command, log, timeout=None):
    """Runs a command with its output in `log`; the text of the log. Raises Failure with its end."""
    timeout = timeout or TIMEOUT
    command = [str(part) for part in command]
    environment = dict(os.environ, OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "1"))
    with open(log, "w") as file:
        try:
            code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, timeout=timeout,
                                  env=environment).returncode
        except subprocess.TimeoutExpired:
            code = f"none within {timeout} s"
    text = Path(log).read_text(errors="replace")
    if code != 0:
        errors = [line for line in text.splitlines() if "error" in line.lower()]
        last = (errors or text.splitlines()[-1:] or ["no output"])[0]
        raise Failure(f"{Path(command[0]).name}: exit code {code}: {last[:300]} (log: {log})")
    return text


def reference_of(name, work, steps):
    """The folder with PyTorch's answer for a model and its import: made once, also if several processes ask."""
    model = MODELS[name]
    sources = [*(ROOT / "test" / "Python" / f"{name}.py" for name in ("reference", "doubles", "optimizers", "pipeline_models")),
               *sorted((ROOT / "examples").glob("export_*.py"))]
    key = hashlib.sha256(repr((model, steps)).encode())
    for source in sources:
        key.update(source.read_bytes())
    models = work / "models"
    models.mkdir(parents=True, exist_ok=True)
    folder = models / f"{name}-{key.hexdigest()[:10]}"
    with open(models / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            command = [PYTHON, sources[0], *model.options.split(), "--optimizer", model.optimizer,
                       "--steps", steps, "--parameters-after", min(PARAMETERS_AFTER, steps), "-o", folder]
            if model.clip_norm:
                command += ["--clip-norm", model.clip_norm]
            execute(command, models / f"{name}.log")
            (folder / "done").touch()
        imported(folder / "model.pt")
    return folder


def imported(archive):
    """The dump of an archive's import, beside it: not every plan starts LibTorch. One process at a time asks, or with a lock."""
    dump, importer = archive.with_suffix(".mlir"), Path(tool("colossal-translate"))
    newest = max(file.stat().st_mtime_ns for file in (archive, importer))
    if not dump.exists() or dump.stat().st_mtime_ns <= newest:
        execute([importer, "--import-torchscript", archive, "-o", dump], archive.with_suffix(".log"))
    return dump


def cluster_of(ranks, work):
    """A checked-in cluster with another number of devices, so that plans do not depend on the day."""
    cluster = json.loads((ROOT / "examples" / "clusters" / "cpu-2.json").read_text())
    cluster["devices"] = cluster["links"][0]["group_size"] = ranks
    cluster["name"] = f"{ranks} processes"
    if ranks == 1:
        cluster["links"] = []
    cluster["device"]["streaming"] = [row for row in cluster["device"]["streaming"] if row["ranks"] <= ranks]
    file = work / f"cluster-{ranks}.json"
    text = json.dumps(cluster, indent=2)
    if not file.exists() or file.read_text() != text:
        temporary = file.with_suffix(f".{os.getpid()}")
        temporary.write_text(text)
        temporary.replace(file)
    return file


def data_options(reference):
    options = []
    for file in sorted((reference / "data").glob("*.npy")):
        options += ["--data", f"{file.stem}={file}"]
    return options


def compile_within(case, reference, folder, work, checks):
    """Compiles under the budget of other pins and returns the manifest."""
    wanted = int(dict(item.split("=") for item in case.within.split(","))["zero"])
    without = re.sub(r"zero=\d", "zero={}", case.within).format

    def compile_pinned(zero, name):
        (folder / name).mkdir()
        pinned = replace(case, pins=without(zero), within="")
        return compile_case(pinned, reference, folder / name, work)

    def step_of(path):
        return float(re.search(r"predicted step: ([\d.]+) ms", (path / "model.colossal/ir/train/plan.txt").read_text())[1])

    budget = max(compile_pinned(wanted, "pinned")["predictedPeakBytes"])
    less = max(compile_pinned(wanted - 1, "less")["predictedPeakBytes"])
    if less <= budget:
        raise Failure(f"zero={wanted - 1} needs {less} bytes, expected more than zero={wanted}: {budget}")
    manifest = compile_case(case, reference, folder, work, ["--memory", budget])
    needs = max(manifest["predictedPeakBytes"])
    if needs > budget or step_of(folder) > step_of(folder / "pinned"):
        raise Failure(f"found a plan of {needs} bytes and {step_of(folder)} ms, expected at most {budget} and "
                      f"{step_of(folder / 'pinned')} ms")
    sizes = {axis["name"]: axis["size"] for axis in manifest.get("mesh", [])}
    found = parallelism_of(folder / "model.colossal", manifest, sizes)["zero"]
    shares = [list(map(int, row)) for row in re.findall(
        r"axis data cuts (\d+)% of the parameters, (\d+)% of the gradients and (\d+)% of the optimizer state",
        (folder / "model.colossal/ir/train/plan.txt").read_text())]
    if found < wanted or not shares or min(shares[0][3 - wanted:]) < 90:
        raise Failure(f"found zero={found} and an axis that cuts {shares} %, expected zero={wanted} and 90 % of all that it cuts")
    checks.good("budget", f"{needs} of {budget} bytes, zero={wanted - 1} needs {less}; the data axis cuts "
                          "{}% of the parameters, {}% of the gradients, {}% of the optimizer state".format(*shares[0]))
    return manifest


def compile_case(case, reference, folder, work, extra=()):
    """Compiles into `folder`/model.colossal and returns the manifest."""
    model = MODELS[case.model]
    bundle = folder / "model.colossal"
    command = [tool("colossal-compile"), reference / "model.mlir", "--cluster", cluster_of(case.ranks, work),
               "--optimizer", model.optimizer, "--keep-gradients", "-o", bundle, *extra]
    if model.clip_norm:
        command += ["--clip-norm", model.clip_norm]
    if case.pins:
        command += ["--pin", case.pins]
    execute(command, folder / "compile.log")
    return json.loads((bundle / "manifest.json").read_text())


def pins_of(case):
    return dict(item.split("=") for item in case.pins.split(",") if item)


def axes_of(layout, dimensions=None):
    """Mesh axes that cut a layout, or only some of its dimensions."""
    return {axis for number, dimension in enumerate(layout["dimensions"])
            if dimensions is None or number in dimensions
            for part in dimension for axis in part.get("axes", []) if axis != "time"}


def parallelism_of(bundle, manifest, sizes):
    """What the stored layouts say: data (axes that cut the batch), tensor (others that cut parameters),
    zero (what is cut over data axes: 1 optimizer state, 2 what backward leaves of gradients as well, 3
    parameters as well)."""
    data, parameters, optimizer = set(), set(), set()
    for file in manifest["programs"][0]["files"]:
        program = json.loads((bundle / file).read_text())
        for item in program.get("inputs", []):
            if item.get("batchDim", -1) >= 0:
                data |= axes_of(item["layout"], {item["batchDim"]})
        for state in program.get("states", []):
            if state["role"] == "parameter":
                parameters |= axes_of(state["layout"])
            elif state["role"] == "optimizer":
                optimizer |= axes_of(state["layout"])
    product = lambda axes: math.prod(sizes[axis] for axis in axes)
    zero = 0
    if optimizer & data:
        zero = 3 if parameters & data else 2 if keeps_parts(bundle, data) else 1
    return {"data": product(data), "tensor": product(parameters - data), "zero": zero}


def keeps_parts(bundle, data):
    """Whether nothing that backward leaves to the update is partial over data axes, and something is cut."""
    text = "".join(file.read_text() for file in sorted((bundle / "ir" / "train").glob("*partition.mlir")))
    made = set()
    for signature in re.findall(r"func\.func @stage\d+\.backward\(.*", text):
        made |= set(re.findall(r'colossal\.link = "([^"]*)"', signature.partition(") -> (")[2]))
    layouts = []
    for signature in re.findall(r"func\.func @group\d+\.update\(.*", text):
        for argument in signature.partition(") -> (")[0].split("%arg")[1:]:
            link = re.search(r'colossal\.link = "([^"]*)"', argument)
            if link and link.group(1) in made:
                layouts.append(re.search(r"#colossal\.sharding<(.*?)>", argument).group(1))
    partial = re.compile(r"partial \{[^}]*\b(%s) =" % "|".join(sorted(data)))
    cut = re.compile(r"\[[^\]]*\b(%s)\b" % "|".join(sorted(data)))
    return any(map(cut.search, layouts)) and not any(map(partial.search, layouts))


def check_plan(case, manifest, bundle):
    """The bundle is for the ranks and the pins of the case; a description of its plan."""
    pins = pins_of(case)
    # Fields at their default are left out.
    world, groups = (manifest.get(name, 1) for name in ("worldSize", "groups"))
    microbatches = manifest["programs"][0].get("microbatches", 1)
    partitioned = next(iter(sorted((bundle / "ir" / "train").glob("*partition.mlir"))), None)
    text = partitioned.read_text() if partitioned else ""
    match = re.search(r'colossal\.schedule = #colossal\.schedule<"?(\w+)"?>', text)
    schedule = match.group(1) if match else "none"
    stages = re.search(r"colossal\.stages = (\d+)", text)
    chunks = int(stages.group(1)) // groups if stages else 1
    wanted = {"ranks": (world, case.ranks), "pipeline": (groups, pins.get("pipeline")),
              "chunks": (chunks, pins.get("chunks")),
              "microbatches": (microbatches, pins.get("microbatches")),
              "schedule": (schedule, pins.get("schedule"))}
    for name, (found, expected) in wanted.items():
        if expected is not None and str(found) != str(expected):
            raise Failure(f"the bundle has {name} {found}, expected {expected}")
    axes = {axis["name"]: axis["size"] for axis in manifest.get("mesh", [])}
    if math.prod(axes.values()) * groups != case.ranks:
        raise Failure(f"mesh {axes} with {groups} device groups is not {case.ranks} ranks")
    for name, found in parallelism_of(bundle, manifest, axes).items():
        # Of several axes for one thing the sizes are in the mesh, major first.
        pinned = list(map(int, pins.get(name, str(found)).split("x")))
        kind = [size for axis, size in axes.items() if axis.rstrip("1") == name]
        if found != math.prod(pinned) or (len(pinned) > 1 and kind != pinned):
            raise Failure(f"the layouts of the bundle have {name} {found}, expected {pins[name]}")
    parts = [f"{name}={size}" for name, size in axes.items() if size > 1]
    if groups > 1:
        parts.append(f"pipeline={groups} {schedule}" + (f" chunks={chunks}" if chunks > 1 else ""))
    if microbatches > 1:
        parts.append(f"microbatches={microbatches}")
    return " ".join(parts) or "one device"


def report(doc, checks):
    """The main function of a script with one option, --work: prints the text of each of `checks(work)`, (text, good), and ends
    with `all agree`, or with the number that FAILED and exit code 1."""
    parser = argparse.ArgumentParser(description=doc.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    bad = 0
    for text, good in checks(work):
        bad += not good
        print(f"{text} {'ok' if good else 'FAIL'}", flush=True)
    print(f"{bad} FAILED" if bad else "all agree")
    return 1 if bad else 0


def run_bundle(bundle, ranks, steps, data, folder, name, extra=()):
    """Runs `steps` steps; (state folder, metrics file, report)."""
    state, metrics, report = folder / f"state-{name}", folder / f"{name}.jsonl", folder / f"{name}.json"
    shutil.rmtree(state, ignore_errors=True)
    execute([tool("colossal-run"), "-n", ranks, bundle, *data, "--no-shuffle", "--steps", steps,
             "--metrics", metrics, "--report", report, "--dump-state", state, "--quiet", *extra],
            folder / f"run-{name}.log")
    return state, metrics, json.loads(report.read_text())


class Checks:
    def __init__(self):
        self.rows = []

    def compare(self, what, rows):
        bad = compare.failures(rows)
        name, difference, allowed = compare.worst_of(rows)
        self.rows.append((what, not bad, f"{difference:.1e} of {allowed:.1e} allowed ({name})"
                          + (f"; {len(bad)} of {len(rows)} differ" if bad else "")))

    def good(self, what, text=""):
        self.rows.append((what, True, text))

    def bad(self, what, text):
        self.rows.append((what, False, text))


def compare_run(checks, case, reference, bundle, folder, steps):
    data = data_options(reference)
    state, metrics, _ = run_bundle(bundle, case.ranks, 1, data, folder, "one")
    exact = compare.load(reference / "f64", "losses")
    ours = compare.read_losses(metrics)
    checks.compare("loss", compare.loss_rows(exact[:1], ours[:1], compare.LOSS["f32"]))
    checks.compare("gradients", compare.gradient_rows(reference, state, "f32"))
    after = min(PARAMETERS_AFTER, steps)
    state, metrics, report = run_bundle(bundle, case.ranks, after, data, folder, "three")
    checks.compare(f"parameters after {after}", compare.parameter_rows(reference, state))
    if steps > after:
        _, metrics, report = run_bundle(bundle, case.ranks, steps, data, folder, "many")
    for rank in report["ranks"]:
        reserved = sum(rank[f"{part}_bytes"] for part in ("arena", "window", "staging", "scratch"))
        if reserved != rank["predicted_peak_bytes"]:
            checks.bad("memory", f"a rank reserves {reserved} bytes, {rank['predicted_peak_bytes']} were predicted")
    checks.compare(f"loss of {steps} steps", compare.curve_rows(reference, metrics, 1e-4, steps))
    return report


def run_case(case, work, steps):
    """A dictionary: name, plan, seconds, checks [(what, good, text)], and times of the run. Processes
    that want the same case wait for each other: its folder is one."""
    (work / "cases").mkdir(parents=True, exist_ok=True)
    with open(work / "cases" / f"{case.name.replace('/', '_')}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return run_locked(case, work, steps)


def run_locked(case, work, steps):
    begin = time.time()
    checks, result = Checks(), {"name": case.name, "plan": "", "ranks": case.ranks, "pins": case.pins}
    folder = work / "cases" / case.name.replace("/", "_")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    step = "reference"
    try:
        reference = reference_of(case.model, work, steps)
        step, started = "compile", time.time()
        manifest = (compile_within(case, reference, folder, work, checks) if case.within
                    else compile_case(case, reference, folder, work))
        result["compile_seconds"] = time.time() - started
        bundle = folder / "model.colossal"
        result["plan"] = check_plan(case, manifest, bundle)
        checks.good("compile", result["plan"])
        step = "verify"
        try:
            text = execute([tool("colossal-verify"), bundle, "--kernels"], folder / "verify.log")
            checks.good("verify", text.strip().splitlines()[-1] if text.strip() else "")
        except Failure as failure:
            checks.bad("verify", str(failure))
        step = "run"
        report = compare_run(checks, case, reference, bundle, folder, steps)
        result["measured_step_seconds"] = report.get("measured_step_seconds_median")
        result["predicted_step_seconds"] = report.get("predicted_step_seconds")
    except (Failure, SystemExit, OSError, KeyError, ValueError) as failure:
        checks.bad(step, f"{type(failure).__name__}: {failure}" if not isinstance(failure, (Failure, SystemExit))
                   else str(failure))
    result["checks"] = checks.rows
    result["good"] = bool(checks.rows) and all(good for _, good, _ in checks.rows)
    result["seconds"] = time.time() - begin
    if result["good"]:
        shutil.rmtree(folder / "model.colossal", ignore_errors=True)
    return result


def print_result(result):
    print(f"{result['name']}: {result['plan'] or 'no plan'} ({result['seconds']:.1f} s)")
    for what, good, text in result["checks"]:
        print(f"  {what}: {text} {'ok' if good else 'FAIL'}")
    sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--subject", action="append", choices=sorted(SUBJECTS), default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "work")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the results, also of failed cases")
    options = parser.parse_args()
    if options.list:
        print("\n".join(CASES))
        return 0
    names = list(options.cases) + [case.name for subject in options.subject for case in SUBJECTS[subject]]
    unknown = [name for name in names if name not in CASES]
    if unknown or not names:
        parser.error(f"no case '{unknown[0]}': see --list" if unknown else "expected a case or --subject")
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    results = []
    for name in names:
        results.append(run_case(CASES[name], options.work, options.steps))
        print_result(results[-1])
        if options.json:
            options.json.write_text(json.dumps(results, indent=1))
    bad = [result["name"] for result in results if not result["good"]]
    print(f"{len(results) - len(bad)} of {len(results)} cases agree" + (f"; not: {' '.join(bad)}" if bad else ""))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
