#!/usr/bin/env python3
"""PyTorch's answer for a model: loss, every gradient, and a few optimizer steps, in f64 and in f32.

    reference.py gpt2 --layers 1 --width 16 --heads 4 --vocab 19 --context 8 --batch 4 -o DIR
    reference.py mlp --sizes 8,16,5 --batch 4 -o DIR --optimizer adamw:lr=3e-4,weight-decay=0.1 --steps 20

Writes
    DIR/model.pt                the archive, from the f32 weights
    DIR/data/INPUT.npy          the batches, one after the other
    DIR/f64/, DIR/f32/          loss.npy, and PARAMETER.npy: its gradient, on the first batch;
                                losses.npy: the loss before each optimizer step;
                                parameters/PARAMETER.npy: parameters after the last step, or after
                                the step that --parameters-after names

The f64 reference is truly f64: the eager module in double, with float64 as the default type and
Tensor.float patched to double (transformers cast to float32 inside their losses). Its weights are the
f32 values. With --batches 1 (the default) every step sees the same samples, so that the loss curve
does not depend on how a run shuffles.
"""
import argparse
import copy
import os
import sys
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import numpy as np
import torch

import export_gpt2
import export_mlp
import optimizers
import pipeline_models
from doubles import everything_double

MODELS = {"gpt2": export_gpt2, "mlp": export_mlp, "pipelined": pipeline_models}


def save(folder, name, tensor):
    np.save(folder / f"{name}.npy", tensor.detach().numpy())


def run(model, batches, options, folder):
    (folder / "parameters").mkdir(parents=True, exist_ok=True)
    optimizer = optimizers.make(model, options.optimizer)
    losses = []
    for step in range(max(options.steps, 1)):
        optimizer.zero_grad()
        loss = model(*batches[step % len(batches)])
        loss.backward()
        losses.append(loss.item())
        if step == 0:
            save(folder, "loss", loss)
            for name, parameter in model.named_parameters():
                if parameter.requires_grad and parameter.grad is not None:
                    save(folder, name, parameter.grad)
        if step < options.steps:
            if options.clip_norm:
                torch.nn.utils.clip_grad_norm_(model.parameters(), options.clip_norm)
            optimizer.step()
        if step + 1 == (options.parameters_after or max(options.steps, 1)):
            for name, parameter in model.named_parameters():
                save(folder / "parameters", name, parameter)
    np.save(folder / "losses.npy", np.array(losses))


def ignore_labels(labels):
    """Sample i loses its last i * length / (samples + 1) labels: each another number of them."""
    labels = labels.clone()
    samples, length = labels.shape
    for i in range(samples):
        labels[i, length - i * length // (samples + 1):] = -100
    return labels


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    models = parser.add_subparsers(dest="model", required=True)
    for name, module in MODELS.items():
        sub = models.add_parser(name)
        module.add_options(sub)
        sub.add_argument("-o", "--output", type=Path, required=True)
        sub.add_argument("--optimizer", default="adamw:lr=3e-4,weight-decay=0.1,no-decay=rank<2")
        sub.add_argument("--clip-norm", type=float, default=0)
        sub.add_argument("--steps", type=int, default=20)
        sub.add_argument("--parameters-after", type=int, default=0, metavar="STEP")
        sub.add_argument("--batches", type=int, default=1)
        if name == "gpt2":
            sub.add_argument("--ignored", action="store_true",
                             help="labels with a different number of ignored positions per sample")
    options = parser.parse_args()
    if options.parameters_after > options.steps:
        parser.error(f"--parameters-after {options.parameters_after} is beyond --steps {options.steps}")

    torch.set_num_threads(1)
    model, first = MODELS[options.model].from_options(options)
    generator = torch.Generator().manual_seed(options.seed + 17)
    batches = [first]
    for _ in range(options.batches - 1):
        batches.append({name: torch.randn(t.shape, generator=generator) if t.is_floating_point()
                        else torch.randint(0, int(t.max()) + 1, t.shape, generator=generator)
                        for name, t in first.items()})
    if getattr(options, "ignored", False):
        for batch in batches:
            batch["labels"] = ignore_labels(batch["labels"])

    out = options.output
    (out / "data").mkdir(parents=True, exist_ok=True)
    export_gpt2.trace(model, tuple(first.values())).save(out / "model.pt")
    for name in first:
        np.save(out / "data" / f"{name}.npy", torch.cat([batch[name] for batch in batches]).numpy())

    tuples = [tuple(batch.values()) for batch in batches]
    run(copy.deepcopy(model), tuples, options, out / "f32")
    with everything_double():
        doubles = [tuple(t.double() if t.is_floating_point() else t for t in batch) for batch in tuples]
        run(copy.deepcopy(model).double(), doubles, options, out / "f64")
    print(f"{out}: loss {np.load(out / 'f64' / 'loss.npy').item():.12f}")


if __name__ == "__main__":
    main()
