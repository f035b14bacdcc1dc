#!/usr/bin/env python3
"""Trains a few steps with evaluations between them, and compares every evaluation with PyTorch's.

    evaluate.py [MODEL ...] [--work DIR] [--plan "2 data=2"]

The archive in training mode and the one in evaluation mode of one model share a bundle. PyTorch evaluates
the parameters and buffers that the run ends with (--dump-state), on a data set whose size nothing divides:
outputs of every sample, in order, and the mean loss over the same parts (lib/Run/Evaluation.h). Both may
differ from PyTorch's f64 by 4 times what PyTorch's f32 does.
"""
import argparse
import copy
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "test" / "Python")]

from run_case import imported

BATCH, SAMPLES, STEPS = 8, 29, 3


class Norms(torch.nn.Module):
    """Batch norm whose running statistics training writes and evaluation reads; dropout; several outputs."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(12, 16)
        self.inner = torch.nn.Linear(16, 32)
        self.norm = torch.nn.BatchNorm1d(32)
        self.drop = torch.nn.Dropout(0.2)
        self.outer = torch.nn.Linear(32, 12)

    def forward(self, ids, labels):
        hidden = torch.relu(self.inner(self.embedding(ids)))
        hidden = self.norm(hidden.transpose(1, 2)).transpose(1, 2)
        scores = self.outer(self.drop(hidden))
        loss = torch.nn.functional.cross_entropy(scores.reshape(-1, 12), labels.reshape(-1))
        return loss, {"scores": scores, "best": scores.argmax(-1), "turned": hidden.transpose(0, 1), "ids": ids,
                      "flat": scores.reshape(-1, 12), "weight": self.outer.weight.mean(), "sum": scores.sum(0), "codes": (scores.argmax(-1) * 30).byte()}


class Decoder(torch.nn.Module):
    """A decoder with tied embeddings: in a pipeline another stage needs what it does not own."""

    def __init__(self):
        super().__init__()
        from transformers import GPT2Config, GPT2LMHeadModel
        self.model = GPT2LMHeadModel(GPT2Config(n_layer=4, n_embd=32, n_head=4, vocab_size=60, n_positions=16,
                                                use_cache=False))

    def forward(self, ids, labels):
        result = self.model(input_ids=ids, labels=labels)
        return {"loss": result.loss, "logits": result.logits}


class Images(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3, padding=1, bias=False), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
            torch.nn.MaxPool2d(2), torch.nn.Conv2d(8, 8, 3, padding=1, bias=False), torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(8, 10))

    def forward(self, images, labels):
        scores = self.body(images.to(self.body[0].weight.dtype) / 255 - 0.5)
        return torch.nn.functional.cross_entropy(scores, labels), scores


def integers(*shape, most):
    return lambda n, random: random.integers(0, most, (n, *shape))


MODELS = {
    "norms": (Norms, {"ids": integers(6, most=12), "labels": integers(6, most=12)}),
    "decoder": (Decoder, {"ids": integers(16, most=60), "labels": integers(16, most=60)}),
    "images": (Images, {"images": lambda n, random: random.integers(0, 256, (n, 3, 8, 8), np.uint8),
                        "labels": integers(most=10)}),
}
PLANS = {"norms": ["1", "2 data=2", "2 tensor=2", "2"],
         "decoder": ["1", "2 data=2,zero=1", "2 tensor=2", "2 pipeline=2,chunks=1", "2 pipeline=2,chunks=2", "4 data=2,pipeline=2,microbatches=2",
                     "2 data=2,zero=2", "2 data=2,zero=3", "4 data=2,pipeline=2,microbatches=2,zero=3"],
         "images": ["1", "2 data=2"]}


def execute(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def tool(name):
    return shutil.which(name) or ROOT / "build" / "bin" / name


def export(name, folder):
    make, inputs = MODELS[name]
    torch.manual_seed(1)
    model = make()
    random = np.random.default_rng(1)
    batch = [torch.from_numpy(make_input(BATCH, random)) for make_input in inputs.values()]
    for mode, archive in [(True, "train.pt"), (False, "evaluate.pt")]:
        torch.jit.trace(model.train(mode), tuple(batch), strict=False, check_trace=False).save(folder / archive)
        imported(folder / archive)
    for kind, samples in [("train", 4 * BATCH), ("evaluate", SAMPLES)]:
        for key, make_input in inputs.items():
            np.save(folder / f"{kind}-{key}.npy", make_input(samples, random))
    return model


def flatten(result):
    """The outputs by the names that the compiler gives them; the loss apart."""
    outputs = {}

    def collect(value, path):
        if isinstance(value, torch.Tensor):
            outputs[path] = value
        else:
            for key, element in value.items() if isinstance(value, dict) else enumerate(value):
                collect(element, f"{path}.{key}" if path else str(key))
    collect(result, "")
    loss = outputs.pop(next(iter(outputs)))
    return float(loss), outputs


def parts():
    first, count = 0, BATCH
    while first < SAMPLES:
        while count > SAMPLES - first or BATCH % count:
            count -= 1
        yield first, count
        first += count


def join(name, pieces):
    """Along the samples where a sample has its own entries; one row for each batch otherwise."""
    if name == "turned":
        return np.concatenate(pieces, 1)
    return np.stack(pieces) if name in ("weight", "sum") else np.concatenate(pieces)


def evaluated(model, name, folder, dtype):
    """(loss, outputs) of PyTorch over the data set."""
    model = model.to(dtype).eval()
    data = [torch.from_numpy(np.load(folder / f"evaluate-{key}.npy")) for key in MODELS[name][1]]
    data = [value.to(dtype) if value.is_floating_point() else value for value in data]
    total, pieces = 0.0, {}
    with torch.no_grad():
        for first, count in parts():
            rows = torch.arange(BATCH) % count + first
            loss, outputs = flatten(model(*[value[rows] for value in data]))
            total += loss * count
            for key, value in outputs.items():
                value = value.double().numpy() if value.is_floating_point() else value.numpy()
                last = key.rsplit(".", 1)[-1]
                if last == "turned":
                    value = value[:, :count]
                elif last not in ("weight", "sum"):
                    value = value[:count * (len(value) // BATCH)]
                pieces.setdefault(key, []).append(value)
    return total / SAMPLES, {key: join(key.rsplit(".", 1)[-1], value) for key, value in pieces.items()}


def check(label, found, single, double):
    """Whether found is as near to double as 4 times single is."""
    found, single, double = (np.asarray(value, np.float64) for value in (found, single, double))
    if found.shape != double.shape:
        print(f"{label}: shape {found.shape}, expected {double.shape} FAIL")
        return False
    norm = np.linalg.norm
    allowed = max(4 * norm(single - double), 1e-6 * norm(double))
    good = norm(found - double) <= allowed
    print(f"{label}: {norm(found - double):.1e} of {allowed:.1e} allowed {'ok' if good else 'FAIL'}")
    return good


def run(name, plan, model, folder):
    for old in ("outputs", "state", "once", "twice"):
        shutil.rmtree(folder / old, ignore_errors=True)
    ranks, _, pins = plan.partition(" ")
    options = ["--pin", pins] if pins else []
    execute(tool("colossal-compile"), folder / "train.mlir", "--evaluate", folder / "evaluate.mlir", "--cluster",
            f"local:{ranks}", *options, "--quiet", "-o", folder / "b.colossal")
    proof = execute(tool("colossal-verify"), folder / "b.colossal")
    good = proof.count("sharded equals unsharded") == 2
    print(f"{name} on {plan}: both programs proved {'ok' if good else 'FAIL'}")
    data = [option for key in MODELS[name][1] for option in
            ("--data", f"{key}={folder}/train-{key}.npy", "--evaluate-data", f"{key}={folder}/evaluate-{key}.npy")]
    execute(tool("colossal-run"), folder / "b.colossal", *data, "--steps", STEPS, "--evaluate-every", 2, "--outputs",
            folder / "outputs", "--dump-state", folder / "state", "--metrics", folder / "metrics.jsonl", "--quiet")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    order = [("evaluation" in line, line["step"]) for line in lines]
    if order != [(False, 1), (False, 2), (True, 2), (False, 3), (True, 3)]:
        print(f"{name} on {plan}: found lines {order} FAIL")
        good = False
    state = {file.stem: torch.from_numpy(np.load(file)) for file in (folder / "state").glob("*.npy")
             if "#" not in file.stem}
    model.load_state_dict(state, strict=False)
    single, double = evaluated(model, name, folder, torch.float32), evaluated(model, name, folder, torch.float64)
    good &= check(f"{name} on {plan}: loss", lines[-1]["evaluation"]["loss"], single[0], double[0])
    for key, expected in double[1].items():
        found = np.load(folder / "outputs" / f"{key}.npy")
        good &= check(f"{name} on {plan}: {key}", found, single[1][key], expected)
    # Alone, on the state that the bundle begins with, twice the same.
    alone = []
    for place in ("once", "twice"):
        execute(tool("colossal-run"), folder / "b.colossal", "--evaluate", *[o.replace("train-", "evaluate-") for o in data
                if o != "--evaluate-data" and "evaluate-" not in o], "--outputs", folder / place, "--quiet")
        alone.append({file.name: np.load(file) for file in (folder / place).glob("*.npy")})
    same = all(np.array_equal(value, alone[1][key], equal_nan=True) for key, value in alone[0].items())
    print(f"{name} on {plan}: alone, twice the same {'ok' if same and alone[0] else 'FAIL'}")
    return good and same and bool(alone[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join(MODELS))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--plan", help="one plan alone: ranks and pins")
    options = parser.parse_args()
    bad = 0
    for name in options.models or MODELS:
        folder = options.work.resolve() / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        model = export(name, folder)
        for plan in [options.plan] if options.plan else PLANS[name]:
            bad += not run(name, plan, copy.deepcopy(model), folder)
    print(f"{bad} FAILED" if bad else "all agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
