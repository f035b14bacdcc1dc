#!/usr/bin/env python3
"""Trains the models of a zoo under plans, against PyTorch, and writes the table of docs/Models.md.

    scripts/models.py --zoo DIR run [NAME ...] [--plan "2 data=2"] [--again]   # in parts, results are kept
    scripts/models.py report [-o docs/Models.md]

DIR holds zoo.py, which has ZOO (a table of names) and build(name, train) (a module that gives a scalar loss, and its
example inputs). The models are traced in training with every dropout at 0; test/Execution/
run_modules.py does the rest: compile, verify, run over MPI, compare losses, gradients and parameters of three steps
with PyTorch by the 4-times rule. Results are kept in out/models, a file for each model.

The interpreter that runs this needs what the zoo imports (timm, torchvision).
"""
import argparse
import contextlib
import importlib.util
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "Execution"), str(ROOT / "test" / "Python")]
RESULTS = ROOT / "out" / "models"
PLANS = ("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2", "2", "4")


def zoo_of(folder):
    spec = importlib.util.spec_from_file_location("zoo", Path(folder) / "zoo.py")
    zoo = importlib.util.module_from_spec(spec)
    sys.modules["zoo"] = zoo
    spec.loader.exec_module(zoo)
    return zoo


@contextlib.contextmanager
def calls_without_chance():
    """Functions of torch.nn.functional drop nothing, whatever probability a model writes into a call."""
    import torch.nn.functional as F
    places = {name: ("p", 1) for name in dir(F) if re.fullmatch(r"(alpha_|feature_alpha_)?dropout[123]?d?", name)}
    places["scaled_dot_product_attention"] = ("dropout_p", 4)
    kept = {name: getattr(F, name) for name in places}

    def replacement(name):
        function, (argument, place) = kept[name], places[name]

        def never(*arguments, **named):
            if len(arguments) > place:
                arguments = (*arguments[:place], 0.0, *arguments[place + 1:])
            else:
                named[argument] = 0.0
            return function(*arguments, **named)
        return never
    for name in places:
        setattr(F, name, replacement(name))
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(F, name, function)


def without_chance(model):
    """The model in training, with every probability of dropping 0."""
    for module in model.modules():
        holders = [module] + ([module.config] if hasattr(module, "config") else [])
        for holder in holders:
            for name, value in list(getattr(holder, "__dict__", {}).items()):
                if isinstance(value, float) and ("drop" in name or name == "p"):
                    setattr(holder, name, 0.0)
    return model


def names_of(model, inputs):
    """Names of the inputs, as the importer gives them."""
    import torch
    from run_case import tool
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        archive = Path(folder) / "model.pt"
        torch.jit.trace(model, tuple(x.clone() for x in inputs), check_trace=False).save(str(archive))
        run = subprocess.run([tool("colossal-translate"), "--import-torchscript", str(archive), "-o", "-"],
                             capture_output=True, text=True)
        if run.returncode:
            raise ValueError(run.stderr.strip().split("error: ")[-1])
        text = run.stdout
    head = text[:text.find("\n", text.find("func.func"))]
    names = [re.search(r'colossal\.name = "([^"]*)"', argument).group(1)
             for argument in re.findall(r"\{[^{}]*\}", head) if "role<batch>" in argument]
    if len(names) != len(inputs):
        raise ValueError(f"the importer names {len(names)} inputs, expected {len(inputs)}")
    return names


def run_one(zoo, name, plans):
    """Adds the results of `plans` to those of the model."""
    import run_modules
    from modules.table import Case
    file = RESULTS / f"{name}.json"
    result = json.loads(file.read_text()) if file.exists() else {"name": name, "plans": {}}
    try:
        model, inputs = zoo.build(name, True)
        model = without_chance(model)
        inputs = dict(zip(names_of(model, inputs), inputs))
    except Exception as error:
        result["builds"] = str(error)
        print(f"{name}: FAIL {error}", flush=True)
        file.write_text(json.dumps(result, indent=1))
        return result
    sizes = [tensor.shape[0] for tensor in inputs.values() if tensor.ndim]
    batch = max(set(sizes), key=sizes.count) if sizes else 0
    options = [] if set(sizes) == {batch} else \
        [f"--batch={n}" for n, tensor in inputs.items() if tensor.ndim and tensor.shape[0] == batch]
    case = Case(name, lambda: (model, inputs), list(plans), optimizer="sgd:lr=1e-3", steps=3, compile=tuple(options))
    # One trace and one run of PyTorch for all plans.
    runs, reason = run_modules.run_module(case, RESULTS / "work" / name, plans), ""
    for plan in plans:
        begin, text, good = time.time(), io.StringIO(), False
        try:
            with contextlib.redirect_stdout(text):
                _, good = next(runs)
        except Exception:
            reason = reason or traceback.format_exc()[-600:]
            text.write(reason)
        lines = text.getvalue().strip().split("\n")
        result["plans"][plan] = {"good": good, "seconds": round(time.time() - begin, 1), "text": "\n".join(lines[1:] if good else lines)}
        print(f"{name} [{plan}] {time.time() - begin:.1f} s: {'ok' if good else 'FAIL ' + ' '.join(lines)[:300]}", flush=True)
        file.write_text(json.dumps(result, indent=1))
    shutil.rmtree(RESULTS / "work" / name, ignore_errors=True)
    return result


def report(path):
    results = [json.loads(file.read_text()) for file in sorted(RESULTS.glob("*.json"))]
    plans = [plan for plan in PLANS if any(plan in result["plans"] for result in results)]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout.strip()
    lines = ["# Models", "",
             f"Written by `scripts/models.py report` after {commit}, from results of `scripts/models.py run` in parts. Each model is compiled, proved",
             "(`colossal-verify`), run over MPI for three steps and compared with PyTorch: losses, gradients and parameters within 4 times PyTorch's",
             "own f32-to-f64 difference. Seconds are those of all that, PyTorch's part included, on a machine that did other work too. A model that is",
             "not in the table was not tried.", ""]
    for plan in plans:
        tried = [result["plans"][plan]["good"] for result in results if plan in result["plans"]]
        lines.append(f"- {plan}: {sum(tried)} of {len(tried)}")
    lines += ["", "| model | " + " | ".join(plans) + " | why not |", "|" + "---|" * (len(plans) + 2)]
    for result in results:
        cells, why = [], result.get("builds", "")
        for plan in plans:
            one = result["plans"].get(plan)
            cells.append("" if one is None else f"{one['seconds']:.0f} s" if one["good"] else "no")
            if one and not one["good"] and not why:
                why = " ".join(one["text"].split("\n")[1:]).replace("|", "\\|").strip()
        why = re.sub(r"'?/\S*/", "", why)[:200]  # no folders of this machine
        lines.append(f"| {result['name']} | " + " | ".join(cells) + f" | {why} |")
    Path(path).write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--zoo", metavar="DIR")
    parts = parser.add_subparsers(dest="part", required=True)
    run = parts.add_parser("run")
    run.add_argument("names", nargs="*", metavar="NAME")
    run.add_argument("--plan", action="append", help=f"RANKS PINS; default: {', '.join(PLANS)}")
    run.add_argument("--again", action="store_true", help="also what has a result")
    table = parts.add_parser("report")
    table.add_argument("-o", default=str(ROOT / "docs" / "Models.md"))
    options = parser.parse_args()
    if options.part == "report":
        return report(options.o)
    if not options.zoo:
        parser.error("run needs --zoo DIR")
    RESULTS.mkdir(parents=True, exist_ok=True)
    zoo = zoo_of(options.zoo)
    import torch
    torch.set_num_threads(1)
    if hasattr(zoo, "load_torchvision"):
        zoo.load_torchvision()
    for name in options.names or zoo.ZOO:
        file = RESULTS / f"{name}.json"
        known = json.loads(file.read_text())["plans"] if file.exists() and not options.again else {}
        plans = [plan for plan in options.plan or PLANS if plan not in known]
        if plans:
            with calls_without_chance():
                run_one(zoo, name, plans)


if __name__ == "__main__":
    sys.exit(main())
