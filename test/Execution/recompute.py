#!/usr/bin/env python3
"""Plans that compute activations again: the same bits as plans that keep them, in the memory that was foretold.

    recompute.py FOLDER [MODEL[:RANKS PINS] ...] [--budgets N]

For each model (from the libraries, small, dropout on) the leanest and the fastest plan without recomputation are
asked for, then the leanest plan with it, then N budgets between (5). Each plan
  - needs at most its budget, to the byte of the bundle's arena, and says what it needs;
  - ends with the state and the losses of the same plan without recomputation, bit by bit, after three steps.
One line per plan; the exit code is 1 when a check fails.
"""
import argparse
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "test" / "Python")]

from run_case import Failure, cluster_of, execute, imported, tool

EXPORTS = {
    "gpt2": "hf:gpt2 --config n_layer=4 n_embd=64 n_head=4 vocab_size=97 --batch 8 --sequence 64 --dropout",
    "llama": "hf:llama --config num_hidden_layers=4 hidden_size=64 intermediate_size=172 num_attention_heads=4 "
             "num_key_value_heads=2 vocab_size=97 --batch 8 --sequence 64",
    "vit": "hf:ViTForImageClassification --config num_hidden_layers=4 hidden_size=64 intermediate_size=256 "
           "num_attention_heads=4 image_size=64 patch_size=8 --batch 8 --dropout",
    "resnet18": "hf:ResNetForImageClassification --config depths=[2,2,2,2] embedding_size=16 hidden_sizes=[16,32,64,128] "
                "layer_type=basic --batch 32 --image 64",
}
DEFAULT = ["gpt2:1 microbatches=1", "llama:1 microbatches=1", "vit:1 microbatches=1", "resnet18:1 microbatches=1",
           "gpt2:2 data=2,zero=1,microbatches=2", "gpt2:2 tensor=2,microbatches=1",
           "gpt2:2 pipeline=2,microbatches=4"]


def exported(model, work):
    """The imported archive of a model, for all its rows."""
    archive = work / f"{model}.pt"
    if not archive.exists():
        execute([ROOT / ".venv" / "bin" / "python", ROOT / "examples" / "export.py", *EXPORTS[model].split(), "-o",
                 archive], work / f"{model}-export.log")
    return imported(archive)


class Plans:
    """Plans of one model under pins."""

    def __init__(self, model, ranks, pins, work):
        self.program, self.ranks, self.pins, self.work = exported(model, work.parent), ranks, pins, work
        self.kept = {}  # plan -> what a run gives
        self.data = [option for file in sorted((work.parent / f"{model}-data").glob("*.npy"))
                     for option in ("--data", f"{file.stem}={file}")]

    def compile(self, name, recompute=None, memory=None, plan=None):
        """(bundle, bytes of the fullest rank), or None and the bytes that the refusal names."""
        bundle = self.work / f"{name}.colossal"
        pins = self.pins + (f",recompute={recompute}" if recompute else "")
        command = [tool("colossal-compile"), self.program, "--cluster", cluster_of(self.ranks, self.work), "--quiet", "-o",
                   bundle, *(["--plan", plan] if plan else ["--pin", pins])]
        if memory:
            command += ["--memory", str(memory)]
        try:
            execute(command, self.work / f"{name}.log")
        except Failure:
            text = (self.work / f"{name}.log").read_text()
            if "no plan fits" not in text:
                raise
            return None, int(text.split("give --memory ")[1].split()[0])
        manifest = json.loads((bundle / "manifest.json").read_text())
        return bundle, max(manifest["predictedPeakBytes"])

    def run_without(self, bundle):
        """What a run of the same plan that keeps everything gives; budgets may differ in what is computed again alone."""
        plan = json.loads((bundle / "ir" / "train" / "plan.json").read_text())
        plan.pop("recomputed", None)
        key = json.dumps({name: value for name, value in plan.items() if name != "predicted"})
        if key not in self.kept:
            file = bundle.with_suffix(".plan.json")
            file.write_text(json.dumps(plan))
            self.kept[key] = self.run(self.compile(bundle.stem + "-kept", plan=file)[0])
        return self.kept[key]

    def run(self, bundle):
        """Losses and state after three steps."""
        state = bundle.with_suffix(".state")
        execute([tool("colossal-run"), "-n", str(self.ranks), bundle, *self.data, "--steps", "3", "--quiet", "--metrics",
                 bundle.with_suffix(".jsonl"), "--dump-state", state], bundle.with_suffix(".run"))
        losses = [json.loads(line)["loss"] for line in bundle.with_suffix(".jsonl").read_text().splitlines()]
        return losses, {file.name: file.read_bytes() for file in sorted(state.glob("*.npy"))}


def again(bundle):
    """How many ops of backward compute something of forward again."""
    text = next(iter(bundle.glob("ir/train/*plan*.mlir"))).read_text()
    return text.count('/recompute" [') + text.count('/recompute" (')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("rows", nargs="*", default=DEFAULT)
    parser.add_argument("--budgets", type=int, default=5)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    good = True

    def report(row, label, bytes, passed, text):
        nonlocal good
        good &= passed
        print(f"{row}: {label}: {bytes} bytes, {text}: {'ok' if passed else 'FAIL'}", flush=True)

    for row in arguments.rows:
        model, _, plan = row.partition(":")
        ranks, _, pins = (plan or "1 microbatches=1").partition(" ")
        work = arguments.folder / row.replace(":", "-").replace(" ", "-").replace(",", "-").replace("=", "")
        work.mkdir(exist_ok=True)
        plans = Plans(model, int(ranks), pins, work)
        _, most = plans.compile("none", "none")
        # Without recomputation nothing fits into less than this, and with it nothing into less than that.
        _, lean = plans.compile("lean-none", "none", memory=1)
        _, least = plans.compile("lean", memory=1)
        report(row, "leanest", least, least < lean, f"{100 - 100 * least // lean} % below {lean} without recomputation")
        for number in range(arguments.budgets):
            budget = least + (most - least) * number // arguments.budgets
            bundle, bytes = plans.compile(f"budget{number}", memory=budget)
            passed = bundle is not None and bytes <= budget and plans.run(bundle) == plans.run_without(bundle)
            report(row, f"budget {budget}", bytes, passed,
                   f"{again(bundle) if bundle else 'no'} ops computed again, the same bits")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
