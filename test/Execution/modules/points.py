"""Training that starts or stays at a special point of a function."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, generator, samples
from modules.table import module


def zero(layer):
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


@module("1", "2 data=2", "2 pipeline=2,microbatches=2", optimizer="sgd:lr=0.5")
def logits_that_start_at_zero():
    def loss(m, x, y):
        logits = m.o(torch.tanh(m.a(x)))
        return F.binary_cross_entropy_with_logits(logits, y) - F.logsigmoid(logits).mean()
    model = Head(loss, classes=3)
    zero(model.o)
    g = generator()
    return model, {"x": torch.randn(8, 6, generator=g), "y": (torch.rand(8, 3, generator=g) > 0.3).float()}


@module("1", "2 tensor=2", optimizer="sgd:lr=0.5")
def gate_at_the_bound_of_clamp():
    def loss(m, x, y):
        h = m.a(x)
        return F.cross_entropy(m.o(h) * m.gate(x).clamp(0.0, 1.0) + m.o(h), y)
    model = Head(loss)
    model.gate = nn.Linear(6, 4)
    zero(model.gate)
    return model, samples()


@module("1", "2 data=2", optimizer="sgd:lr=0.01")
def saturated_gates():
    def loss(m, x, y):
        h = m.a(x)
        gates = torch.sigmoid(h * 300) + F.silu(h - 90) + F.softplus(h * 400) * 1e-3 + F.elu(h * 500) * 1e-3 + \
            F.selu(h * 400) * 1e-3 + F.mish(h * 300) * 1e-3 + F.gelu(h * 200) * 1e-3
        return F.cross_entropy(m.o(gates + h), y)
    return Head(loss), samples()


@module("1", optimizer="sgd:lr=0.05")
def trained_exponents():
    def loss(m, x, y):
        base = F.relu(m.a(x))  # zeros among them
        return F.cross_entropy(m.o(base ** m.power), y)
    model = Head(loss)
    model.power = nn.Parameter(torch.linspace(0.5, 2.5, 8))
    return model, samples()
