#!/usr/bin/env python3
"""Plants faults in the rank programs of a bundle; colossal-run must refuse each before the first step.

    plant_faults.py [--work DIR] [--json FILE]

The bundle is a GPT-2 in two stages under data parallelism with ZeRO 1 and 4 microbatches: its programs
have every kind of collective and transfers both ways. A refusal is exit code 1 within seconds (no
hang, no signal) and one line that names the op, and for a conflict of two places also the other one.
"""
import argparse
import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

from cases import Case
from run_case import ROOT, compile_case, data_options, reference_of, tool

CASE = Case("gpt2", 4, "data=2,pipeline=2,chunks=1,microbatches=4,zero=1")


def ops(program, kind, segment=None):
    """(list that holds it, position, op) of every op of a kind."""
    return [(part["ops"], i, op) for part in program["segments"] if segment in (None, part["name"])
            for i, op in enumerate(part["ops"]) if op["kind"] == kind]


def swap(program, first, second):
    (a, i, _), (b, j, _) = first, second
    assert a is b, "swapped ops are of one segment"
    a[i], a[j] = a[j], a[i]


def move(program, kind, source, target):
    """Moves the first op of a kind from one segment to the front of another."""
    where, i, op = ops(program, kind, source)[0]
    where.pop(i)
    next(part for part in program["segments"] if part["name"] == target)["ops"].insert(0, op)


def drop(program, kind, segment=None, which=0):
    where, i, op = ops(program, kind, segment)[which]
    where.pop(i)
    return op["name"]


FAULTS = {}  # name -> (function of the two programs, how many places the message must name)


def fault(name, places=1):
    def add(function):
        FAULTS[name] = (function, places)
        return function
    return add


def change(op, **fields):
    op.update(fields)
    return op["name"]


@fault("reduce-scatter dropped")
def _(a, b):
    return drop(a, "reduce_scatter")


@fault("send dropped, its receive stays", 2)
def _(a, b):
    return drop(a, "send", "forward")


@fault("receive dropped, its send stays", 2)
def _(a, b):
    return drop(b, "recv", "forward")


@fault("send of another size", 2)
def _(a, b):
    return change(ops(a, "send", "forward")[0][2], bytes=1024)


@fault("receive of another size", 2)
def _(a, b):
    return change(ops(a, "recv", "backward")[0][2], bytes=4)


@fault("send with the tag of another value", 2)
def _(a, b):
    first = ops(a, "send", "forward")[0][2]
    second = next(op for _, _, op in ops(a, "send") if op.get("tag", 0) != first.get("tag", 0))
    first["tag"], second["tag"] = second.get("tag", 0), first.get("tag", 0)
    return first["name"]


@fault("receive of another value", 2)
def _(a, b):
    return change(ops(b, "recv", "forward")[0][2], link="transformer.h.7/add.0/0->1")


@fault("send to its own device group")
def _(a, b):
    return change(ops(b, "send", "backward")[0][2], peerGroup=1)


@fault("receive into a buffer of another dtype", 2)
def _(a, b):
    op = ops(b, "recv", "forward")[0][2]
    b["buffers"][op["operands"][0].get("buffer", 0)]["dtype"] = "i32"
    return op["name"]


@fault("transfers crossed: both groups receive before they send", 2)
def _(a, b):
    # Stage 0 waits for the gradient of a microbatch before it has sent the activation.
    move(a, "recv", "backward", "forward")
    return ops(a, "recv", "forward")[0][2]["name"]


@fault("collective over an axis that the mesh does not have")
def _(a, b):
    op = ops(a, "reduce_scatter")[0][2]
    op["collective"]["axes"] = ["tensor"]
    return op["name"]


@fault("collective over no axis")
def _(a, b):
    op = ops(b, "all_reduce")[0][2]
    op["collective"]["axes"] = []
    return op["name"]


@fault("all-gather of another size")
def _(a, b):
    op = ops(a, "all_gather")[0][2]
    op["collective"]["elements"] //= 2
    return op["name"]


@fault("reduce-scatter whose parts do not cover the whole")
def _(a, b):
    op = ops(a, "reduce_scatter")[0][2]
    op["collective"]["scatter"]["bound"] //= 2
    return op["name"]


@fault("all-reduce with an unknown combiner")
def _(a, b):
    op = ops(b, "all_reduce")[0][2]
    op["collective"]["combiner"] = "mean"
    return op["name"]


@fault("collective of two dtypes")
def _(a, b):
    op = ops(a, "all_gather")[0][2]
    a["buffers"][op["operands"][0]["buffer"]]["dtype"] = "f64"
    return op["name"]


@fault("collective before the op that computes its input")
def _(a, b):
    where, i, op = ops(a, "all_gather")[0]
    where.insert(0, where.pop(i))
    return op["name"]


@fault("reduce-scatter swapped with a later all-gather")
def _(a, b):
    scatters, gathers = ops(a, "reduce_scatter"), ops(a, "all_gather")
    swap(a, scatters[0], gathers[0])
    return gathers[0][2]["name"]  # which now comes first


@fault("operand that is no buffer")
def _(a, b):
    op = ops(a, "all_gather")[0][2]
    op["operands"][0]["buffer"] = 100000
    return op["name"]


@fault("schedule without a microbatch", 2)
def _(a, b):
    a["schedule"] = [step for step in a["schedule"] if step.get("microbatch") != 3]
    return "microbatch"


@fault("schedule with two microbatches exchanged on one group", 2)
def _(a, b):
    forward = [step for step in a["schedule"] if step["segment"] == "forward"]
    forward[1]["microbatch"], forward[2]["microbatch"] = 2, 1
    return ops(b, "recv", "forward")[0][2]["name"]


def refused(code, text, place, places):
    """What is wrong with a refusal; empty if nothing."""
    lines = [line for line in text.splitlines() if "error" in line]
    if code != 1:
        return f"exit code {code}, expected 1"
    if len(lines) != 1:
        return f"{len(lines)} error lines, expected one"
    if place not in lines[0]:
        return f"'{place}' is not named"
    if places == 2 and not ("device group 0" in lines[0] and "device group 1" in lines[0]):
        return "only one place is named"
    return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "work")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = options.work.resolve() / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    reference = reference_of(CASE.model, options.work.resolve(), 20)
    compile_case(CASE, reference, folder, options.work.resolve())
    bundle = folder / "model.colossal"
    programs = [json.loads((bundle / f"train/group-{group}.json").read_text()) for group in (0, 1)]
    results = []

    def start(two):
        for group, program in enumerate(two):
            (bundle / f"train/group-{group}.json").write_text(json.dumps(program))
        command = [tool("colossal-run"), "-n", str(CASE.ranks), bundle, *data_options(reference), "--quiet",
                   "--timeout", "10", "--allow-edited"]
        try:
            done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.STDOUT, timeout=60)
            return done.returncode, done.stdout
        except subprocess.TimeoutExpired:
            return "none within 60 s", ""

    code, text = start(programs)
    if code != 0:
        raise SystemExit(f"plant_faults: the bundle without a fault ends with {code}: {text[-300:]}")
    for name, (plant, places) in FAULTS.items():
        two = copy.deepcopy(programs)
        place = plant(*two)
        code, text = start(two)
        wrong = refused(code, text, place, places)
        message = next((line for line in text.splitlines() if "error" in line), text.strip()[-200:])
        results.append({"fault": name, "good": not wrong, "wrong": wrong, "message": message})
        print(f"{name}: {'ok' if not wrong else 'FAIL: ' + wrong}\n    {message[:300]}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    bad = sum(not result["good"] for result in results)
    print(f"{len(results) - bad} of {len(results)} faults are refused")
    shutil.rmtree(bundle, ignore_errors=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
