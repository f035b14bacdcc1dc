#!/usr/bin/env python3
"""Step times of one model as a pipeline of two device groups, under each schedule and number of stages on a group.

    benchmarks/pipelines.py [--microbatches 2] [--layers 8] [--width 256] [--chunks 1,2,4]

One core a rank. All bundles run in alternating rounds; the best step of each counts. Printed: measured and predicted time, each
also as a part of plain 1F1B's, and the time in which such a pipeline would fill: M V (f + b) + (G - 1)(f + b).
"""
import argparse

import common
from common import BIN, ROOT


def compiled(options, archive, name, pins):
    bundle = options.work / f"{name}.colossal"
    common.execute([BIN / "colossal-compile", archive, "--cluster", "local:2", "--optimizer", "adamw:lr=1e-4",
                    "--pin", f"pipeline=2,microbatches={options.microbatches},{pins}", "--quiet", "-o", bundle])
    return bundle


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    common.add_options(parser, steps=6, threads=1)
    parser.add_argument("--microbatches", type=int, default=2)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--chunks", default="1,2,4", help="numbers of stages on a group")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    archive = options.work / "pipelines.pt"
    common.execute([ROOT / ".venv" / "bin" / "python", ROOT / "examples" / "export.py", "hf:gpt2", "-o", archive, "--config",
                    f"n_layer={options.layers}", f"n_embd={options.width}", "n_head=4", "vocab_size=1000",
                    "--batch", 8, "--sequence", 128])
    pins = {"gpipe": "schedule=gpipe,chunks=1"}
    for chunks in options.chunks.split(","):
        pins[f"1f1b x {chunks}"] = f"schedule=1f1b,chunks={chunks}"
    bundles = {name: compiled(options, archive, name.replace(" ", ""), text) for name, text in pins.items()}
    files = {file.stem: file for file in sorted((options.work / "pipelines-data").glob("*.npy"))}
    runs = common.alternate({name: lambda bundle=bundle: common.run_bundle(options, bundle, files)
                             for name, bundle in bundles.items()}, options.rounds)
    plain = runs.get("1f1b x 1", next(iter(runs.values())))
    rows = [["schedule", "ms", "of 1F1B", "predicted ms", "of 1F1B", "ideal", "loss"]]
    for name, run in runs.items():
        best, predicted = min(run["seconds"]), run["predicted_seconds"]
        chunks = int(name.split()[-1]) if " x " in name else 1
        ideal = 1 + 1 / (chunks * options.microbatches)
        rows.append([name, f"{1e3 * best:.2f}", f"{best / min(plain['seconds']):.3f}", f"{1e3 * predicted:.2f}",
                     f"{predicted / plain['predicted_seconds']:.3f}", f"{ideal / (1 + 1 / options.microbatches):.3f}",
                     f"{run['losses'][-1]:.6f}"])
    common.print_table(rows)


if __name__ == "__main__":
    main()
