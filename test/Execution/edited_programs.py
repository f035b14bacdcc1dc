#!/usr/bin/env python3
"""Changes the rank programs of bundles; what changes a result must be found by colossal-verify.

    edited_programs.py [--work DIR] [--only TEXT] [--list]

Every kind of change is made to as many ops as there are, spread over the program, of two small bundles: a
GPT-2 in two stages under data parallelism with ZeRO 1 and 4 microbatches, and one under tensor parallelism.
A change is found if colossal-verify ends with exit code 1 and one line that names the op. One that is not
found must do no harm: colossal-run then trains bit by bit as without it.
"""
import argparse
import copy
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cases import Case
from run_case import ROOT, compile_case, data_options, reference_of, tool

CASES = [Case("gpt2-eager-ignored", 4, "data=2,pipeline=2,chunks=1,microbatches=2,zero=1"),
         Case("gpt2-eager-ignored", 2, "tensor=2")]
PER_KIND = 3  # ops that a kind of change is made to, per bundle
COLLECTIVES = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")


def inputs_of(op):
    return len(op.get("operands", [])) - op.get("numOutputs", 1)


# A change takes the ops of a segment and a position; it returns the name of what is wrong then, or None
# where it cannot be made there.
CHANGES = {}


def change(name):
    def add(function):
        CHANGES[name] = function
        return function
    return add


@change("collective dropped")
def _(ops, at, program):
    return ops.pop(at)["name"] if ops[at]["kind"] in COLLECTIVES else None


@change("op dropped")
def _(ops, at, program):
    return ops.pop(at)["name"] if ops[at]["kind"] in ("kernel", "gemm", "library") else None


@change("fill or copy dropped")
def _(ops, at, program):
    if ops[at]["kind"] not in ("fill", "copy"):
        return None
    ops.pop(at)
    return ""  # who reads what is missing then


@change("collective doubled")
def _(ops, at, program):
    if ops[at]["kind"] not in COLLECTIVES:
        return None
    ops.insert(at, copy.deepcopy(ops[at]))
    return ops[at]["name"]


@change("kernel doubled")
def _(ops, at, program):
    if ops[at]["kind"] != "kernel":
        return None
    ops.insert(at, copy.deepcopy(ops[at]))
    return ops[at]["name"]


@change("k halved")
def _(ops, at, program):
    if ops[at]["kind"] != "gemm" or ops[at]["gemm"].get("k", 1) < 2:
        return None
    ops[at]["gemm"]["k"] //= 2
    return ops[at]["name"]


@change("stride zeroed")
def _(ops, at, program):
    gemm = ops[at].get("gemm", {})
    strides = [name for name in ("aM", "bN", "aK", "cM") if gemm.get(name)]
    if not strides:
        return None
    gemm[strides[at % len(strides)]] = 0
    return ops[at]["name"]


@change("batch stride zeroed")
def _(ops, at, program):
    gemm = ops[at].get("gemm", {})
    for name in ("aBatch", "bBatch"):
        if any(gemm.get(name, [])):
            gemm[name] = [0] * len(gemm[name])
            return ops[at]["name"]
    return None


@change("accumulation turned")
def _(ops, at, program):
    if ops[at]["kind"] != "gemm":
        return None
    ops[at]["gemm"]["accumulate"] = not ops[at]["gemm"].get("accumulate", False)
    return ops[at].get("name")


@change("operands swapped")
def _(ops, at, program):
    op = ops[at]
    if inputs_of(op) < 2 or op["kind"] in COLLECTIVES or op["operands"][0] == op["operands"][1]:
        return None
    op["operands"][0], op["operands"][1] = op["operands"][1], op["operands"][0]
    return op["name"]


@change("operand of the op before")
def _(ops, at, program):
    if at == 0 or not inputs_of(ops[at]) or not ops[at - 1].get("operands") or ops[at]["kind"] == "copy":
        return None
    other = ops[at - 1]["operands"][0]
    if ops[at]["operands"][0] == other:
        return None
    ops[at]["operands"][0] = other
    return ops[at].get("name")


@change("kernels swapped")
def _(ops, at, program):
    if ops[at]["kind"] != "kernel":
        return None
    for other in ops[at + 1:]:
        if other["kind"] == "kernel" and other["symbol"] != ops[at]["symbol"]:
            other["symbol"], ops[at]["symbol"] = ops[at]["symbol"], other["symbol"]
            return ops[at]["name"]
    return None


@change("ops exchanged")
def _(ops, at, program):
    if at + 1 == len(ops) or "fill" in (ops[at]["kind"], ops[at + 1]["kind"]):
        return None
    ops[at], ops[at + 1] = ops[at + 1], ops[at]
    return ""  # either may be named


@change("range shortened")
def _(ops, at, program):
    if ops[at].get("range", 1) < 2:
        return None
    ops[at]["range"] -= 1
    return ops[at]["name"]


@change("index moved")
def _(ops, at, program):
    if not ops[at].get("indices"):
        return None
    index = ops[at]["indices"][0]
    index["constant"] = index.get("constant", 0) + 1
    return ops[at]["name"]


@change("library parameter changed")
def _(ops, at, program):
    library = ops[at].get("library", {})
    for name in sorted(library.get("integers", {})):
        library["integers"][name] += 1
        return ops[at]["name"]
    return None


@change("axes of a collective")
def _(ops, at, program):
    if ops[at]["kind"] not in COLLECTIVES:
        return None
    ops[at]["collective"]["axes"] = []
    return ops[at]["name"]


@change("combiner of a collective")
def _(ops, at, program):
    if ops[at]["kind"] not in ("all_reduce", "reduce_scatter"):
        return None
    collective = ops[at]["collective"]
    collective["combiner"] = "min" if collective.get("combiner", "sum") == "sum" else "sum"
    return ops[at]["name"]


@change("wait dropped")
def _(ops, at, program):
    return f"token {ops.pop(at)['token']}" if ops[at]["kind"] == "wait" else None


@change("wait for another token")
def _(ops, at, program):
    if ops[at]["kind"] != "wait":
        return None
    ops[at]["token"] += 1
    return "token "  # its own, which nobody waits for, or the other, which is waited for twice


@change("wait moved behind what needs it")
def _(ops, at, program):
    if ops[at]["kind"] != "wait" or at + 1 == len(ops):
        return None
    end = next((i for i in range(at + 1, len(ops)) if ops[i]["kind"] == "wait"), len(ops) - 1)
    ops.insert(end, ops.pop(at))
    return ""  # the token, or an op that comes too early for another


@change("wait before the start")
def _(ops, at, program):
    if ops[at]["kind"] != "wait":
        return None
    start = next((i for i in range(at) if ops[i].get("token") == ops[at]["token"]), None)
    if start is None:
        return None
    token = ops[at]["token"]
    ops.insert(start, ops.pop(at))
    return f"token {token}"


@change("put on a queue")
def _(ops, at, program):
    if ops[at]["kind"] not in COLLECTIVES or ops[at].get("queue"):
        return None
    ops[at]["queue"], ops[at]["token"] = 1, 1000
    return "token 1000"


@change("taken off its queue")
def _(ops, at, program):
    if not ops[at].get("queue"):
        return None
    token = ops[at].pop("token")
    del ops[at]["queue"]
    return f"token {token}"


@change("token of another bucket")
def _(ops, at, program):
    if not ops[at].get("queue"):
        return None
    other = next((op for op in ops if op.get("queue") and op["token"] != ops[at]["token"]), None)
    if other is None:
        return None
    ops[at]["token"] = other["token"]
    return ""  # one token has no start, or the other's wait comes too late or too early


@change("queue of an op that is no collective")
def _(ops, at, program):
    if ops[at]["kind"] not in ("kernel", "gemm"):
        return None
    ops[at]["queue"], ops[at]["token"] = 1, 1001
    return ops[at].get("name")


@change("value of a fill")
def _(ops, at, program):
    if ops[at]["kind"] != "fill":
        return None
    ops[at]["value"] = 1.0
    return ""


@change("place of a buffer")
def _(ops, at, program):
    """A result that others read lies where another buffer is."""
    if ops[at]["kind"] not in ("kernel", "gemm") or not ops[at].get("numOutputs", 1):
        return None
    buffers = program["buffers"]
    moved = buffers[ops[at]["operands"][-1].get("buffer", 0)]
    others = [buffer for buffer in buffers[len(program["states"]):]
              if buffer["bytes"] >= moved["bytes"] and buffer.get("offset", 0) != moved.get("offset", 0)]
    if not others or moved.get("slots", 1) != 1:
        return None
    moved["offset"] = others[at % len(others)].get("offset", 0)
    return ""


def spread(places, count):
    """`count` of them, at equal distances."""
    return places if len(places) <= count else [places[i * len(places) // count] for i in range(count)]


def edits_of(programs):
    """(name of the change, group, program, name that must be in the message)."""
    for name, function in CHANGES.items():
        made = []
        for group, program in enumerate(programs):
            for part, segment in enumerate(program["segments"]):
                for at in range(len(segment["ops"])):
                    edited = copy.deepcopy(program)
                    place = function(edited["segments"][part]["ops"], at, edited)
                    if place is not None:
                        made.append((f"{name}: group {group} {segment['name']}[{at}]", group, edited, place))
        yield from spread(made, PER_KIND)


class Bundle:
    """A bundle of a case, and copies of it with other programs."""

    def __init__(self, case, work, subject="edited"):
        self.case = case
        self.folder = work / subject / case.name.replace("/", "-")
        self.folder.mkdir(parents=True, exist_ok=True)
        self.reference = reference_of(case.model, work, 20)
        compile_case(case, self.reference, self.folder, work)
        self.path = self.folder / "model.colossal"
        self.unchanged = None  # metrics of the bundle as it is
        self.programs = [json.loads(file.read_text()) for file in sorted(self.path.glob("train/group-*.json"))]

    def edited(self, number, group, program):
        copied = self.folder / f"edited-{number}.colossal"
        shutil.rmtree(copied, ignore_errors=True)
        shutil.copytree(self.path, copied, copy_function=os.link)
        file = copied / f"train/group-{group}.json"
        file.unlink()
        file.write_text(json.dumps(program))
        return copied

    def losses(self, bundle):
        metrics = bundle.with_suffix(".jsonl")
        metrics.unlink(missing_ok=True)
        done = subprocess.run([str(part) for part in (
            tool("colossal-run"), "-n", self.case.ranks, bundle, *data_options(self.reference), "--quiet", "--timeout", "20",
            "--allow-edited", "--metrics", metrics)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
        if done.returncode:
            return f"exit code {done.returncode}: {done.stdout[-300:]}"
        lines = [json.loads(line) for line in metrics.read_text().splitlines()]
        return [{key: value for key, value in line.items() if "second" not in key and "time" not in key} for line in lines]

    def check(self, number, edit):
        """What colossal-verify says of one change, and whether that is right."""
        name, group, program, place = edit
        copied = self.edited(number, group, program)
        done = subprocess.run([tool("colossal-verify"), copied, "--allow-edited"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
        errors = [line for line in done.stdout.splitlines() if "error:" in line]
        if done.returncode == 1 and len(errors) == 1 and place in errors[0]:
            verdict, good = "found", True
        elif done.returncode != 0:
            verdict, good = f"exit code {done.returncode}, {len(errors)} errors, '{place}' expected", False
        else:
            same = self.losses(copied) == self.unchanged
            verdict, good = ("harmless" if same else "not found"), same
        shutil.rmtree(copied, ignore_errors=True)
        return name, verdict, good, errors[0] if errors else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "work")
    parser.add_argument("--only", default="", help="changes whose name has this text")
    parser.add_argument("--list", action="store_true", help="print every message")
    options = parser.parse_args()
    counts = {}
    bad = 0
    for case in CASES:
        bundle = Bundle(case, options.work.resolve())
        bundle.unchanged = bundle.losses(bundle.path)
        edits = [edit for edit in edits_of(bundle.programs) if options.only in edit[0]]
        with ThreadPoolExecutor(2) as pool:
            for name, verdict, good, message in pool.map(lambda pair: bundle.check(*pair), enumerate(edits)):
                counts[verdict if good else "bad"] = counts.get(verdict if good else "bad", 0) + 1
                bad += not good
                if options.list or not good or verdict == "harmless":
                    print(f"{case.name}: {name}: {verdict if good else 'FAIL: ' + verdict}"
                          + (f"\n    {message[:400]}" if message else ""), flush=True)
    total = sum(counts.values())
    print(f"{total} changes: {counts.get('found', 0)} found, {counts.get('harmless', 0)} harmless, {bad} wrong")
    return 1 if bad or not total else 0


if __name__ == "__main__":
    sys.exit(main())
