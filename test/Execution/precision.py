#!/usr/bin/env python3
"""Trains models in mixed precision under several plans and compares with PyTorch's autocast.

    precision.py [CASE ...] [--precision bf16|f16] [--work DIR] [--steps 20] [--list]

Both sides are measured by their distance from PyTorch in f32, which is not theirs to hit: bf16 has eight bits, f16 eleven. Ours
may be as far from it as torch.autocast is, up to a factor of 2: each is one draw of roundings. In f16 both have a loss
scale that fits. Per case:
  1. colossal-compile --precision under the case's pins, and colossal-verify;
  2. parameters, optimizer state and gradients of the bundle are f32, some product is of 16 bits;
  3. gradients of step 1: the root of the mean of the squared relative distances of all parameters, and the largest;
  4. the losses of all steps: the root of the mean of the squared distances.
Every line printed ends in 'ok' or 'FAIL'; the exit code is 1 when a check fails.
"""
import argparse
import copy
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(ROOT / "test" / "Python"), str(ROOT / "examples")]

import numpy as np
import torch

import compare
import export_gpt2
import export_mlp
import optimizers
from run_case import Failure, cluster_of, execute, imported, run_bundle, tool

DRAWS = 2
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}
SCALE = 1024.0  # of f16
OPTIMIZER = "adamw:lr=1e-3,weight-decay=0.1,no-decay=rank<2"


class ConvNet(torch.nn.Module):
    """Convolutions, a batch norm, a pool, a linear layer: with channels enough to be last."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(16)
        self.second = torch.nn.Conv2d(16, 32, 3, stride=2, padding=1)
        self.head = torch.nn.Linear(32 * 9, 10)

    def forward(self, x, labels):
        x = torch.nn.functional.relu(self.norm(self.first(x)))
        x = torch.nn.functional.max_pool2d(torch.nn.functional.relu(self.second(x)), 2)
        return torch.nn.functional.cross_entropy(self.head(x.flatten(1)), labels)


def exported(module, text):
    parser = argparse.ArgumentParser()
    module.add_options(parser)
    return module.from_options(parser.parse_args(shlex.split(text)))


def convnet():
    torch.manual_seed(0)
    module = ConvNet()
    return module, {"x": torch.randn(8, 3, 12, 12), "labels": torch.randint(0, 10, (8,))}


MODELS = {
    "mlp": lambda: exported(export_mlp, "--sizes 24,48,32,10 --batch 16"),
    "gpt2": lambda: exported(export_gpt2, "--layers 2 --width 32 --heads 4 --vocab 60 --context 16 --batch 8"),
    "gpt2-eager": lambda: exported(export_gpt2, "--layers 2 --width 32 --heads 4 --vocab 60 --context 16 --batch 8 "
                                                "--attention eager --untied"),
    "convnet": convnet,
}
PLANS = {"": 1, "data=2": 2, "tensor=2": 2, "pipeline=2,microbatches=4": 2, "data=2,zero=2,microbatches=2": 2, "data=2,zero=3": 2}
# Statistics of a batch norm are those of the whole batch.
CASES = {f"{model}/{pins or 'one'}": (model, pins) for model in MODELS for pins in PLANS
         if not (model == "convnet" and "microbatches" in pins)}


def train(module, inputs, steps, type):
    """Losses before each step, and the gradients of the first."""
    module = copy.deepcopy(module)
    optimizer = optimizers.make(module, OPTIMIZER)
    scaler = torch.amp.GradScaler("cpu", SCALE, enabled=type is torch.float16)
    losses, gradients = [], {}
    for step in range(steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", type, enabled=type is not torch.float32):
            loss = module(*inputs.values())
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        losses.append(loss.item())
        if step == 0:
            gradients = {name: p.grad.numpy().copy() for name, p in module.named_parameters() if p.grad is not None}
        scaler.step(optimizer)
        scaler.update()
    return np.array(losses), gradients


class Reference:
    """Both of PyTorch's answers, the imported archive and the data, made once for a model."""

    def __init__(self, name, work, steps, type):
        torch.set_num_threads(1)
        module, inputs = MODELS[name]()
        self.folder = work / "models" / name
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.losses, self.gradients = train(module, inputs, steps, torch.float32)
        self.autocast, self.autocast_gradients = train(module, inputs, steps, type)
        export_gpt2.trace(copy.deepcopy(module), tuple(inputs.values())).save(self.folder / "model.pt")
        self.program = imported(self.folder / "model.pt")
        for key, value in inputs.items():
            np.save(self.folder / "data" / f"{key}.npy", value.numpy())
        self.data = [part for key in inputs for part in ("--data", f"{key}={self.folder / 'data' / key}.npy")]

    def distances(self, gradients):
        """Relative to the gradient of each parameter; of those that are not zero."""
        return {name: float(np.linalg.norm(gradients[name] - exact) / np.linalg.norm(exact))
                for name, exact in self.gradients.items() if np.linalg.norm(exact) > 1e-6}


def rms(values):
    return float(np.sqrt(np.mean(np.square(list(values)))))


def check_types(bundle, precision):
    """What is f32, and that the type is used at all."""
    number = list(TYPES).index(precision) + 1
    manifest = json.loads((bundle / "manifest.json").read_text())
    products = 0
    for file in manifest["programs"][0]["files"]:
        program = json.loads((bundle / file).read_text())
        buffers = {buffer.get("id", 0): buffer for buffer in program["buffers"]}
        for state in program["states"]:
            if buffers[state.get("buffer", 0)].get("dtype", "f32") in TYPES:
                raise Failure(f"the state '{state['name']}' is of 16 bits, expected f32")
        for segment in program["segments"]:
            for op in segment.get("ops", []):
                products += op.get("gemm", {}).get("dtype") == precision
                products += op.get("library", {}).get("integers", {}).get("narrow", 0) == number
                if segment["name"] == "update" and op.get("collective", {}).get("dtype") in TYPES:
                    raise Failure(f"'{op['name']}' reduces gradients in 16 bits, expected f32")
    return products


def run_case(name, reference, work, steps, precision):
    model, pins = CASES[name]
    ranks = PLANS[pins]
    folder = work / "cases" / re.sub(r"\W+", "_", name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    bundle = folder / "model.colossal"
    command = [tool("colossal-compile"), reference.program, "--cluster", cluster_of(ranks, work),
               "--precision", precision, "--optimizer", OPTIMIZER, "--keep-gradients", "-o", bundle,
               *["--loss-scale", f"dynamic:init={SCALE}"] * (precision == "f16")]
    execute([*command, "--pin", pins] if pins else command, folder / "compile.log")
    results = []
    try:
        execute([tool("colossal-verify"), bundle], folder / "verify.log")
        results.append(("verify", True, ""))
    except Failure as failure:
        results.append(("verify", False, str(failure)))
    products = check_types(bundle, precision)
    results.append((f"products of {precision}", products > 0, str(products)))
    state, _, _ = run_bundle(bundle, ranks, 1, reference.data, folder, "one")
    ours = reference.distances({key: np.load(state / f"{key}#grad.npy") for key in reference.gradients})
    theirs = reference.distances(reference.autocast_gradients)

    def judge(what, own, autocast, text=""):
        results.append((what, own <= DRAWS * autocast, f"{own:.1e} from f32{text}, autocast {autocast:.1e}"))

    judge("gradients", rms(ours.values()), rms(theirs.values()))
    worst = max(ours, key=ours.get)
    judge("worst gradient", ours[worst], max(theirs.values()), f" ({worst})")
    _, metrics, _ = run_bundle(bundle, ranks, steps, reference.data, folder, "many")
    curve = np.array(compare.read_losses(metrics))
    judge(f"loss of {steps} steps", rms(curve - reference.losses), rms(reference.autocast - reference.losses))
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--precision", default="bf16", choices=TYPES)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "precision")
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    if options.list:
        print("\n".join(CASES))
        return 0
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    references, bad = {}, 0
    for name in options.cases or CASES:
        model, _ = CASES[name]
        try:
            if model not in references:
                references[model] = Reference(model, options.work, options.steps, TYPES[options.precision])
            results = run_case(name, references[model], options.work, options.steps, options.precision)
        except Failure as failure:
            results = [("case", False, str(failure))]
        print(name)
        for what, good, text in results:
            print(f"  {what}: {text} {'ok' if good else 'FAIL'}")
            bad += not good
        sys.stdout.flush()
    print("all agree" if not bad else f"{bad} checks failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
