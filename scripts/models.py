#!/usr/bin/env python3
"""Trains the models of a zoo under plans, against PyTorch, and writes the table of docs/Models.md.

    scripts/models.py --zoo DIR run [NAME ...] [--plan "2 data=2"] [--steps 3] [--again] [--limit 300]
    scripts/models.py --zoo DIR chance [NAME ...] [--plan ...] [--again] [--limit 300]
    scripts/models.py --zoo DIR evaluate [NAME ...] [--again] [--limit 300]
    scripts/models.py --zoo DIR exact [NAME ...] [--again] [--limit 300]
    scripts/models.py --zoo DIR outputs [NAME ...] [--plan ...] [--again] [--limit 300] [--memory 12]
    scripts/models.py --zoo DIR bf16 [NAME ...] [--plan ...] [--again] [--limit 300] [--memory 12]
    scripts/models.py report [-o docs/Models.md]

DIR holds zoo.py, which has ZOO (a table of names) and build(name, train) (a module that gives a scalar loss, and its
example inputs).

`run` traces the models in training with every dropout at 0; test/Execution/run_modules.py does the rest: compile,
verify, run over MPI, compare losses, gradients and parameters of three steps with PyTorch by the 4-times rule: within
4 times what PyTorch's own f32 differs from its f64, at most, in eight draws of its rounding, of which seven are made
only where the first does not do (test/Execution/rounding.py). With
--steps 20 each of 20 losses, and gradients, parameters and buffers after the 20th step, are within 4 times what
PyTorch's own f32 run of 20 steps differs there from its f64 run: errors of ours grow with the steps as PyTorch's do.
`chance` leaves dropout as the model has it. PyTorch draws other numbers, so plans are compared with one rank: each is
compiled and verified, and the losses of its three steps are within 1e-5 of those of one rank, or within 4 times what
PyTorch's f32 differs from its f64 when nothing is dropped.

`evaluate` traces the graph of predictions (the model after eval(), without a loss), sends it through Import and
Normalize and interprets the result in f64: it is within 1e-10, by norm, of what the module gives in f64.

`exact` takes the training graph through Import, Normalize and Differentiate and interprets it in f64: loss and gradients
are within 1e-10, by norm, of PyTorch's f64.

`outputs` compiles the model after eval() as the second program of a bundle (--evaluate), runs it alone and compares the
loss and the predictions with PyTorch's by the 4-times rule, on the state that the trace of training leaves.

`bf16` trains in mixed precision (--precision bf16, AdamW): the gradients of the first step and the losses of eight are
no farther from f32 than twice what PyTorch's autocast is (scripts/model_precision.py). It says where autocast cannot.

A report keeps what the page has of models, and of columns, that have no results here.

All work in parts: results are kept in out/models, a file for each model, and what has one is passed over. A plan that
takes over --limit seconds is stopped, and so are the model's later ones. No process may have more than --memory GiB.

The interpreter that runs this needs what the zoo imports (timm, torchvision).
"""
import argparse
import contextlib
import dataclasses
import importlib.util
import io
import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "Execution"), str(ROOT / "test" / "Python"), str(ROOT / "scripts")]

import model_evaluation  # noqa: E402
import model_gradients  # noqa: E402
import model_precision  # noqa: E402
import model_report  # noqa: E402

RESULTS = ROOT / "out" / "models"
PLANS = ("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2", "2 pipeline=2", "2", "4")
CHANCE = ("1", "2 data=2", "2 tensor=2")
ONE = ("1",)
EVALUATE = ("normalizes", "agrees")
EXACT = model_gradients.STEPS
DEFAULT = {"plans": PLANS, "chance": CHANCE, "evaluate": EVALUATE, "exact": EXACT, "outputs": ONE, "bf16": ONE}
STEPS, BF16_STEPS = 3, 8
NORMALIZE = ("--colossal-normalize", "--colossal-fuse-elementwise", "--colossal-channels-last", "--colossal-refine-factors")


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


def set_probabilities(model, chosen):
    """Sets the probabilities of dropping, of modules and of their configurations, whose names are `chosen`, to 0."""
    for module in model.modules():
        holders = [module] + ([module.config] if hasattr(module, "config") else [])
        for holder in holders:
            for name, value in list(getattr(holder, "__dict__", {}).items()):
                if isinstance(value, float) and chosen(name):
                    setattr(holder, name, 0.0)
    return model


@contextlib.contextmanager
def without_chance(model):
    """The model in training, with nothing dropped: also where a call names the probability itself."""
    with calls_without_chance():
        yield set_probabilities(model, lambda name: "drop" in name or name == "p")


@contextlib.contextmanager
def with_chance(model):
    """Layers that a coin of Python's leaves out are not in a trace: none is."""
    yield set_probabilities(model, lambda name: "layerdrop" in name)


def save_trace(model, inputs, archive):
    import torch
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(model, tuple(x.clone() for x in inputs), check_trace=False).save(str(archive))


def output_of(name, *options, output="-"):
    """What a tool writes to its standard output, or nothing with another `output`."""
    from run_case import tool
    run = subprocess.run([tool(name), *map(str, options), "-o", str(output)], capture_output=True, text=True)
    if run.returncode:
        raise ValueError((run.stderr.strip() or f"exit code {run.returncode}").split("error: ")[-1])
    return run.stdout


def names_of(model, inputs):
    """Names of the inputs, as the importer gives them."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "model.pt"
        save_trace(model, inputs, archive)
        text = output_of("colossal-translate", "--import-torchscript", archive)
    head = text[:text.find("\n", text.find("func.func"))]
    names = [re.search(r'colossal\.name = "([^"]*)"', argument).group(1)
             for argument in re.findall(r"\{[^{}]*\}", head) if "role<batch>" in argument]
    if len(names) != len(inputs):
        raise ValueError(f"the importer names {len(names)} inputs, expected {len(inputs)}")
    return names


def case_of(name, model, inputs, plans, steps=STEPS):
    from modules.table import Case
    inputs = dict(zip(names_of(model, inputs), inputs))
    sizes = [tensor.shape[0] for tensor in inputs.values() if tensor.ndim]
    batch = max(set(sizes), key=sizes.count) if sizes else 0
    options = [] if set(sizes) == {batch} else \
        [f"--batch={n}" for n, tensor in inputs.items() if tensor.ndim and tensor.shape[0] == batch]
    return Case(name, lambda: (model, inputs), list(plans), optimizer="sgd:lr=1e-3", steps=steps, compile=tuple(options))


@contextlib.contextmanager
def limited(seconds):
    """Ends what it holds, and the process that it waits for, after so many seconds."""
    from run_case import Failure

    def stop(*_):
        raise Failure(f"not done within {seconds} s")
    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def against_pytorch(case, plans, folder):
    """What compares the next of `plans` with PyTorch: () -> (good, text)."""
    import run_modules
    runs = run_modules.run_module(case, folder, plans)  # one trace and one run of PyTorch for all plans

    def one(_):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            _, good = next(runs)
        return good, text.getvalue().strip().partition("\n")[2].strip()
    return one


def against_one_rank(case, folder, exact, draws):
    """What compares the losses of a plan with those of the first plan asked for: plan -> (good, text). `exact` and
    `draws`: PyTorch's f64 and f32, of which the losses tell the rounding of each step."""
    import numpy as np
    import run_case
    import run_modules
    case, archive, data = run_modules.trace_module(case, folder, *case.build())
    first = []

    def one(plan):
        work = folder / re.sub(r"\W+", "_", plan)
        work.mkdir()
        bundle, _ = run_modules.compile_module(case, plan, archive, work)
        run_case.execute([run_case.tool("colossal-verify"), bundle], work / "verify.log")
        if not any("colossal.random" in file.read_text() for file in (bundle / "ir").rglob("*.mlir")):
            return True, model_report.NOTHING[0]
        _, metrics, _ = run_case.run_bundle(bundle, plan.split()[0], case.steps, data, work, "run")
        losses = list(run_modules.compare.read_losses(metrics))
        first[:] = first or losses

        def rows_of(singles):
            noise = np.max([abs(one["losses"] - exact["losses"]) for one in singles], axis=0)
            return [(f"step {step}: {loss:.8g}, on one rank {expected:.8g}", abs(loss - expected),
                     max(1e-5 * abs(expected), 4 * noise[step])) for step, (loss, expected) in enumerate(zip(losses, first))]
        bad = run_modules.compare.failures(draws.rows(rows_of))
        return not bad, f"{bad[0][0]}, {bad[0][2]:.1e} allowed" if bad else "losses " + ", ".join(f"{loss:.6g}" for loss in losses)
    return one


def predictions(model, inputs, folder):
    """What imports and normalizes the graph of a model's predictions, and what then interprets it: part -> (good, text)."""
    import numpy as np
    import torch
    import compare
    import run_modules
    from doubles import casts_to_double, everything_double
    folder.mkdir(parents=True, exist_ok=True)
    archive, imported, normal, found = (folder / name for name in ("model.pt", "model.mlir", "normal.mlir", "found"))

    def normalizes():
        try:
            save_trace(model, inputs, archive)
        except Exception as error:  # some need labels
            return True, f"{model_report.NOTHING[1]}: {error}"
        imported.write_text(output_of("colossal-translate", "--import-torchscript", archive))
        normal.write_text(output_of("colossal-opt", imported, *NORMALIZE))
        return True, f"{normal.read_text().count(chr(10) + '    %')} ops"

    def agrees():
        if not normal.exists():
            return True, model_report.NOTHING[1]
        data, text = [], normal.read_text()
        for name, tensor in zip(names_of(model, inputs), inputs):
            if f'colossal.name = "{name}"' not in text:
                continue  # no prediction depends on it
            np.save(folder / f"{name}.npy", tensor.numpy())
            data += [f"--input={name}={folder / name}.npy"]
        output_of("colossal-verify", "--evaluate", normal, *data, output=found)
        with everything_double(), casts_to_double(), torch.no_grad():
            expected = model.double()(*[x.double() if x.is_floating_point() else x for x in inputs]).double().numpy()
        ours = np.load(found / "result0.npy").astype(np.float64)
        compare.same_shape("the prediction", expected, ours)
        if not run_modules.same_special(ours, expected, expected):
            return False, "NaN or infinities elsewhere"
        good = np.isfinite(expected)
        differs, size = compare.norm((ours - expected)[good]), compare.norm(expected[good])
        return bool(differs <= compare.LOSS["f64"] * size), f"{differs:.1e} of {size:.1e}"
    return lambda part: {"normalizes": normalizes, "agrees": agrees}[part]()


def known_of(name):
    """The model's results so far."""
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {"name": name}


def keep(name, **parts):
    """Adds to the model's results; another run may add to them meanwhile."""
    result = known_of(name)
    result.pop("builds", None)
    for part, found in parts.items():
        result[part] = {**result.get(part, {}), **found} if isinstance(found, dict) else found
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1))


def fill(name, part, plans, run, limit):
    """Puts the result of each plan into a part of the model's results."""
    from run_case import Failure
    for plan in plans:
        begin = time.time()
        try:
            with limited(limit):
                good, text = run(plan)
        except StopIteration:  # PyTorch's own part failed
            return
        except (Failure, RuntimeError, ValueError, OSError) as error:
            good, text = False, f"stops: {type(error).__name__}: {error}"
        kind, seconds = model_report.kind_of(good, text), round(time.time() - begin, 1)
        keep(name, **{part: {plan: {"kind": kind, "seconds": seconds, "text": text}}})
        print(f"{name} {part} [{plan}] {seconds} s: {kind} {' '.join(text.split())[:400]}", flush=True)
        if kind == "late" or (part == "exact" and kind != "ok"):  # a step needs those before it
            return


def when_asked(make):
    """What `make` gives, made within the time of the first plan."""
    made = []

    def one(plan):
        made[:] = made or [make()]
        return made[0](plan)
    return one


def prediction_of(zoo, name):
    """(module, inputs) of the graph of predictions; (None, ()) of a model without."""
    try:
        return zoo.build(name, False)
    except Exception:  # some have no such form
        return None, ()


def run_part(zoo, name, part, plans, steps, limit, folder):
    import run_modules
    if part == "evaluate":
        model, inputs = zoo.build(name, False)
        return fill(name, part, EVALUATE, predictions(model.eval(), inputs, folder), limit)
    tools = sys.modules[__name__]
    model, inputs = zoo.build(name, True)
    with without_chance(model):
        if part == "exact":
            return fill(name, part, EXACT, model_gradients.steps_of(tools, model, inputs, folder), limit)
        case = case_of(name, model, inputs, plans, steps)
        if part == "outputs":
            prediction, fewer = prediction_of(zoo, name)
            run = when_asked(lambda: model_evaluation.evaluations(tools, case, model, prediction, fewer, folder))
            return fill(name, part, plans, run, limit)
        if part == "bf16":
            return fill(name, part, plans, when_asked(lambda: model_precision.trainings(case, folder)), limit)
        if part != "chance":
            return fill(name, part, plans, against_pytorch(case, plans, folder), limit)
        exact, draws = run_modules.references(model, inputs, case)
        draws.all()  # while nothing is dropped
    model, inputs = zoo.build(name, True)
    with with_chance(model):
        case = case_of(name, model, inputs, plans)
        fill(name, part, plans, against_one_rank(case, folder, exact, draws), limit)


def run_one(zoo, name, part, plans, steps, limit):
    """Adds the results of `plans` to the model's part: `plans` (against PyTorch), `chance` (with dropout), `evaluate`."""
    folder = RESULTS / "work" / part / name
    try:
        run_part(zoo, name, part, plans, steps, limit, folder)
    except Exception as error:
        print(f"{name}: {error}", flush=True)
        keep(name, builds=str(error))
    shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--zoo", metavar="DIR")
    parts = parser.add_subparsers(dest="part", required=True)
    for part, plans, text in (("run", PLANS, "against PyTorch, nothing dropped"), ("chance", CHANCE, "with dropout"),
                              ("evaluate", None, "the graph of predictions, normalized and interpreted"),
                              ("exact", None, "loss and gradients, interpreted in f64"),
                              ("outputs", ONE, "evaluation by a bundle, against PyTorch"),
                              ("bf16", ONE, "in mixed precision, against PyTorch's autocast")):
        run = parts.add_parser(part, help=text)
        run.add_argument("names", nargs="*", metavar="NAME")
        if plans:
            run.add_argument("--plan", action="append", help=f"RANKS PINS; default: {', '.join(plans)}")
        if part == "run":
            run.add_argument("--steps", type=int, default=STEPS, help=f"default: {STEPS}")
        run.add_argument("--again", action="store_true", help="also what has a result")
        run.add_argument("--memory", type=float, default=12, metavar="GIB", help="of each process")
        run.add_argument("--limit", type=int, default=300, metavar="SECONDS", help="for each plan")
    table = parts.add_parser("report")
    table.add_argument("-o", default=str(ROOT / "docs" / "Models.md"))
    options = parser.parse_args()
    if options.part == "report":
        return model_report.report(options.o, RESULTS, DEFAULT)
    if not options.zoo:
        parser.error(f"{options.part} needs --zoo DIR")
    RESULTS.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_AS, (int(options.memory * 2**30),) * 2)
    zoo = zoo_of(options.zoo)
    import run_case
    import torch
    torch.set_num_threads(1)
    run_case.TIMEOUT = options.limit
    if unknown := [name for name in options.names if name not in zoo.ZOO]:
        parser.error(f"found no model '{unknown[0]}' in {options.zoo}/zoo.py")
    if hasattr(zoo, "load_torchvision"):
        zoo.load_torchvision()
    steps = getattr(options, "steps", BF16_STEPS if options.part == "bf16" else STEPS)
    default = DEFAULT["plans" if options.part == "run" else options.part]
    part = options.part if options.part != "run" else "plans" if steps == STEPS else f"plans-{steps}"
    for name in options.names or zoo.ZOO:
        known = {} if options.again else known_of(name).get(part, {})
        plans = [plan for plan in getattr(options, "plan", None) or default if plan not in known]
        if part == "chance" and plans and plans[0] != default[0]:
            plans.insert(0, default[0])  # what the others are compared with
        if plans:
            run_one(zoo, name, part, plans, steps, options.limit)


if __name__ == "__main__":
    sys.exit(main())
