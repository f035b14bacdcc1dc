#!/usr/bin/env python3
"""What data parallelism costs over the same work without exchange: GPT-2 on 2 ranks, one thread each.

    benchmarks/exchange.py [--layers 12] [--width 768] [--batch 4] [--sequence 256] [--zero 0]

Beside a run of two ranks, which reduce their gradients, stand two runs of one rank at the same time, each on one core with the
samples of one rank: the same kernels, no exchange. In alternating rounds; the best step counts, of the two single runs the
slower one. Printed: seconds, and what the exchange adds to a step; and of a step that is traced, how long each rank
is in collectives or waits for them. The rank that waits least is the one that the others wait for: what the
exchange itself costs is its time.
"""
import argparse
import json
from concurrent.futures import ThreadPoolExecutor

import common
from common import BIN, ROOT


def export(options, batch):
    archive = options.work / f"exchange-{batch}.pt"
    common.execute([ROOT / ".venv" / "bin" / "python", ROOT / "examples" / "export.py", "hf:gpt2", "-o", archive, "--config",
                    f"n_layer={options.layers}", f"n_embd={options.width}",
                    f"n_head={options.width // 64}", "--batch", batch, "--sequence", options.sequence])
    return archive


def compiled(options, archive, name, ranks, pins):
    bundle = options.work / f"exchange-{name}.colossal"
    common.execute([BIN / "colossal-compile", archive, "--cluster", f"local:{ranks}", "--optimizer", "adamw:lr=1e-4",
                    "--pin", pins, "--quiet", "-o", bundle])
    return bundle


def data_of(archive):
    return {file.stem: file for file in sorted((archive.parent / f"{archive.stem}-data").glob("*.npy"))}


def in_communication(trace):
    """[(seconds in communication, seconds of the step)] of each rank: the union of its slices, also of those in the background."""
    ranks = {}
    for event in json.loads(trace.read_text())["traceEvents"]:
        if event["ph"] == "X":
            ranks.setdefault(event["pid"], []).append(event)
    result = []
    for _, events in sorted(ranks.items()):
        slices = sorted((event["ts"], event["ts"] + event["dur"]) for event in events if event["cat"] == "communication")
        if not slices:
            continue  # predicted
        total, end = 0.0, 0.0
        for first, last in slices:
            total += max(0.0, last - max(first, end))
            end = max(end, last)
        result.append((total * 1e-6, max(event["ts"] + event["dur"] for event in events) * 1e-6))
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_options(parser, steps=3, threads=1)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--batch", type=int, default=4, help="samples of a rank")
    parser.add_argument("--sequence", type=int, default=256)
    parser.add_argument("--zero", type=int, default=0)
    parser.add_argument("--transport", default="auto", help="auto, direct, window or p2p")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    whole, part = export(options, 2 * options.batch), export(options, options.batch)
    pair = compiled(options, whole, "pair", 2, f"data=2,microbatches=1,zero={options.zero}")
    alone = compiled(options, part, "alone", 1, "microbatches=1")

    def side_by_side():
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda i: common.run_bundle(options, alone, data_of(part), "--threads", 1, name=f"alone-{i}"), range(2)))
        return max(runs, key=lambda run: min(run["seconds"]))

    trace = options.work / "exchange-trace.json"

    def together():
        return common.run_bundle(options, pair, data_of(whole), "--threads", 1, "--transport", options.transport, "--trace", trace)

    runs = common.alternate({"with exchange": together,
                             "without": side_by_side}, options.rounds)
    with_it, without = (runs[name] for name in ("with exchange", "without"))
    common.print_table([["", "s a step"]] + [[name, f"{min(run['seconds']):.4f}"] for name, run in runs.items()])
    waits = in_communication(trace)
    for rank, (seconds, step) in enumerate(waits):
        print(f"rank {rank}: {seconds:.3f} s of the {step:.3f} s of a step in collectives and waits, {100 * seconds / step:.1f} %")
    print(f"the exchange adds {100 * (min(with_it['seconds']) / min(without['seconds']) - 1):.1f} %")
    common.write_json(options, {"runs": runs, "communication": waits})


if __name__ == "__main__":
    main()
