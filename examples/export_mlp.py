#!/usr/bin/env python3
"""Exports a multilayer perceptron with cross entropy inside as a TorchScript archive.

    export_mlp.py -o mlp.pt --sizes 64,128,10 --batch 16

The archive's forward takes (features, labels): [batch, first size] of float32 and [batch] of int64.
"""
import argparse

import torch
import torch.nn as nn
import torch.nn.functional as F


class MLP(nn.Module):
    def __init__(self, sizes, activation="relu"):
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.activation = getattr(torch, activation) if activation != "gelu" else F.gelu

    def forward(self, features, labels):
        hidden = features
        for layer in self.layers[:-1]:
            hidden = self.activation(layer(hidden))
        return F.cross_entropy(self.layers[-1](hidden), labels)


def build_mlp(sizes=(64, 128, 10), activation="relu", seed=0):
    torch.manual_seed(seed)
    return MLP(list(sizes), activation).train()


def example_batch(batch, sizes, seed=1):
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(batch, sizes[0], generator=generator)
    return features, torch.randint(0, sizes[-1], (batch,), generator=generator)


def add_options(parser):
    parser.add_argument("--sizes", default="64,128,10", help="features, hidden..., classes")
    parser.add_argument("--activation", choices=("relu", "tanh", "gelu", "sigmoid"), default="relu")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)


def from_options(options):
    """The module and example inputs by name."""
    sizes = [int(size) for size in options.sizes.split(",")]
    if len(sizes) < 2:
        raise SystemExit("--sizes needs at least two numbers: features and classes")
    features, labels = example_batch(options.batch, sizes)
    return build_mlp(sizes, options.activation, options.seed), {"features": features, "labels": labels}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_options(parser)
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    model, inputs = from_options(options)
    torch.jit.trace(model, tuple(inputs.values()), check_trace=False).save(options.output)
    count = sum(p.numel() for p in model.parameters())
    print(f"{options.output}: {count:,} parameters, inputs {' x '.join(map(str, inputs['features'].shape))}")


if __name__ == "__main__":
    main()
