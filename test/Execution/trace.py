#!/usr/bin/env python3
"""Runs a pipeline with --trace and reads the file back: the timeline of a step, predicted and measured.

    trace.py [--work DIR]

Each rank has two processes. Measured: every entry of the schedule, in its order, one after the other, with
exactly the ops of its segment inside; collectives that were started and done in the background, between their
start and the end of their wait, in the order of their starts. Predicted: the entries of the plan; the last ends where the plan says
that the step does, but for what a step costs besides.
"""
import argparse
import json
import sys
from pathlib import Path

from cases import Case
from run_case import ROOT, compile_case, data_options, execute, reference_of, tool

CASE = Case("gpt2", 4, "data=2,pipeline=2,chunks=1,microbatches=4,zero=1")
STEPS, TRACED = 4, 3
TOLERANCE = 1e-3  # us: what is printed of a time


def check(condition, text):
    if not condition:
        raise SystemExit(f"trace: FAIL: {text}")


def entry_name(step):
    microbatch = step.get("microbatch", -1)
    return step["segment"] if microbatch < 0 else f"{step['segment']}[{microbatch}]"


def check_measured(events, program):
    """Entries in the order of the schedule, each with the ops of its segment; the number of background ops."""
    background = [event for event in events if event["tid"] != 0]
    events = [event for event in events if event["tid"] == 0]
    ops = {segment["name"]: segment["ops"] for segment in program["segments"]}
    entries = [event for event in events if event["cat"] == "schedule"]
    expected = [entry_name(step) for step in program["schedule"] if ops[step["segment"]]]
    check([event["name"] for event in entries] == expected, "the entries are not those of the schedule")
    inside = iter([event for event in events if event["cat"] != "schedule"])
    end = 0.0
    for entry, step in zip(entries, (step for step in program["schedule"] if ops[step["segment"]])):
        check(entry["ts"] >= end - TOLERANCE, f"{entry['name']} begins before the entry before it ends")
        end = entry["ts"] + entry["dur"]
        for op in ops[step["segment"]]:
            event = next(inside)
            check(event["name"] == op.get("name") or op["kind"] == "fill", f"found {event['name']}, expected {op.get('name')}")
            check(event["args"]["kind"] == op["kind"], f"{event['name']} is of another kind")
            check(event["dur"] >= 0 and entry["ts"] - TOLERANCE <= event["ts"]
                  and event["ts"] + event["dur"] <= end + TOLERANCE, f"{event['name']} is outside of {entry['name']}")
            moves = op["kind"] in ("send", "recv", "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "wait")
            check((event["cat"] == "communication") == moves, f"{event['name']} has category {event['cat']}")
    check(next(inside, None) is None, "there are more ops than the schedule has")
    waits = {event["args"]["token"]: event for event in events if event.get("args", {}).get("kind") == "wait"}
    starts = [event for event in events if "token" in event.get("args", {}) and event["args"]["kind"] != "wait"]
    check(len(waits) == len({event["args"]["token"] for event in starts}), "tokens are not waited for once each")
    moved = sorted(background, key=lambda event: event["ts"])
    last = None
    for start in starts:
        wait = waits[start["args"]["token"]]
        check(moved and moved[0]["name"] == start["name"], f"{start['name']} is not done in the order of the starts")
        # Where ranks read each other's memory an all_reduce is two: its own slice reduced, the others' fetched.
        parts = 2 if start["args"]["kind"] == "all_reduce" and moved[1:] and moved[1]["name"] == start["name"] else 1
        for event in moved[:parts]:
            check(start["ts"] - TOLERANCE <= event["ts"] and event["ts"] + event["dur"] <= wait["ts"] + wait["dur"] + TOLERANCE,
                  f"{start['name']} is done before its start or after its wait")
            check(last is None or last["ts"] + last["dur"] <= event["ts"] + TOLERANCE, "two are done at one time")
            last = event
        moved = moved[parts:]
    check(not moved, "more is done in the background than was started")
    return len(background)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "work")
    options = parser.parse_args()
    work = options.work.resolve()
    folder = work / "trace"
    folder.mkdir(parents=True, exist_ok=True)
    reference = reference_of(CASE.model, work, 20)
    compile_case(CASE, reference, folder, work)
    bundle, file = folder / "model.colossal", folder / "trace.json"
    metrics = [folder / "traced.jsonl", folder / "untraced.jsonl"]
    for path, extra in zip(metrics, (("--trace", file), ())):
        execute([tool("colossal-run"), "-n", CASE.ranks, bundle, *data_options(reference), "--steps", STEPS, "--quiet",
                 "--metrics", path, *extra], folder / "run.log")
    losses = [[json.loads(line)["loss"] for line in path.read_text().splitlines()] for path in metrics]
    check(losses[0] == losses[1] and len(losses[0]) == STEPS, "a traced run trains otherwise")

    trace = json.loads(file.read_text())
    manifest = json.loads((bundle / "manifest.json").read_text())
    check(trace["otherData"]["step"] == TRACED, f"step {trace['otherData']['step']} was traced, expected {TRACED}")
    names = {event["pid"]: event["args"]["name"] for event in trace["traceEvents"] if event["name"] == "process_name"}
    check(len(names) == 2 * CASE.ranks, f"found {len(names)} processes")
    slices = {pid: [event for event in trace["traceEvents"] if event["ph"] == "X" and event["pid"] == pid] for pid in names}
    predicted_end, background = 0.0, 0
    for pid, name in names.items():
        rank, kind = int(name.split()[1]), name.rpartition(": ")[2]
        group = rank * manifest["groups"] // CASE.ranks
        check(f"device group {group}" in name, f"'{name}' is in another device group")
        program = json.loads((bundle / f"train/group-{group}.json").read_text())
        if kind == "measured":
            background += check_measured(slices[pid], program)
            continue
        known = {entry_name(step) for step in program["schedule"]}
        check(slices[pid] and all(event["name"] in known for event in slices[pid]), f"{name}: entries of no schedule")
        predicted_end = max(predicted_end, max(event["ts"] + event["dur"] for event in slices[pid]))
    check(background > 0, "nothing was done in the background")
    whole = manifest["programs"][0]["predictedStepSeconds"] * 1e6
    check(0.5 * whole < predicted_end <= whole + TOLERANCE, f"the plan ends at {predicted_end} us, the step at {whole} us")
    print(f"trace: {sum(len(events) for events in slices.values())} slices of {CASE.ranks} ranks, {background} in the background, "
          f"predicted end {predicted_end / 1e3:.3f} ms: ok")


if __name__ == "__main__":
    sys.exit(main())
