"""Random tensors that a model draws itself: the same numbers under every plan (see dropout.py)."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.dropout import uniform
from modules.parts import samples
from modules.table import module


class Drawn(nn.Module):
    """A module that counts its steps and knows what the compiled op of its trace draws."""

    def __init__(self, path):
        super().__init__()
        self.path, self.step = path, 0

    def draws(self, op, shape, number=0):
        self.step += number == 0
        stream = f"{self.path}/{op}.0" + (f".{number}" if number else "")
        return uniform(stream, self.step, math.prod(shape)).reshape(shape)


class PathByFloor(Drawn):
    """Stochastic depth as Hugging Face writes it."""

    def forward(self, x):
        shape = (x.shape[0],) + (1,) * (x.ndim - 1)
        numbers = torch.rand(shape, dtype=x.dtype) if torch.jit.is_tracing() else self.draws("rand", shape).to(x.dtype)
        return x.div(0.7) * (0.7 + numbers).floor_()


class PathByCoin(Drawn):
    """Stochastic depth as torchvision writes it."""

    def forward(self, x):
        shape = [x.shape[0]] + [1] * (x.ndim - 1)
        if torch.jit.is_tracing():
            noise = torch.empty(shape, dtype=x.dtype).bernoulli_(0.6).div_(0.6)
        else:
            noise = (self.draws("bernoulli_", shape) < torch.tensor(0.6).double()).to(x.dtype) / 0.6
        return x * noise


class Sample(Drawn):
    """A normal variable with a mean and a deviation that are learned."""

    def forward(self, mean, deviation):
        if torch.jit.is_tracing():
            noise = torch.randn_like(mean)
        else:
            u, v = (self.draws("randn_like", mean.shape, number) for number in range(2))
            noise = ((-2 * torch.log(1 - u)).sqrt() * torch.cos(2 * math.pi * v)).to(mean.dtype)
        return mean + deviation * noise


class Gumbel(Drawn):
    """Soft choices: logits with the noise of Gumbel."""

    def forward(self, logits):
        if torch.jit.is_tracing():
            noise = -torch.empty_like(logits).exponential_().log()
        else:
            noise = -torch.log(-torch.log(1 - self.draws("exponential_", logits.shape))).to(logits.dtype)
        return ((logits + noise) / 0.8).softmax(-1)


class Coins(Drawn):
    """A coin for each element, by a probability that is computed."""

    def forward(self, p):
        if torch.jit.is_tracing():
            return torch.bernoulli(p)
        return (self.draws("bernoulli", p.shape) < p.double()).to(p.dtype)


class Between(Drawn):
    def forward(self, x):
        if torch.jit.is_tracing():
            return x * torch.empty_like(x).uniform_(0.5, 1.5)
        return x * (self.draws("uniform_", x.shape) + 0.5).to(x.dtype)


class Around(Drawn):
    """torch.normal, as torch.distributions draws: without a derivative."""

    def forward(self, mean, deviation):
        mean, deviation = mean.detach(), deviation.detach()
        if torch.jit.is_tracing():
            return torch.normal(mean, deviation)
        u, v = (self.draws("normal", mean.shape, number) for number in range(2))
        return ((-2 * torch.log(1 - u)).sqrt() * torch.cos(2 * math.pi * v)).to(mean.dtype) * deviation + mean


class Choice(Drawn):
    """One row of a table for each sample."""

    def forward(self, x, table):
        shape = (x.shape[0],)
        if torch.jit.is_tracing():
            rows = torch.randint(0, table.shape[0], shape)
        else:
            rows = (self.draws("randint", shape) * table.shape[0]).long()
        return x + table[rows]


class Few(Drawn):
    """Rows of a table by chances: several without replacement, or with it."""

    def __init__(self, path, replaces):
        super().__init__(path)
        self.replaces = replaces

    def forward(self, chances, table, count=3):
        if torch.jit.is_tracing():
            rows = torch.multinomial(chances, count, self.replaces)
        else:
            p = chances.detach()
            p = p[:, None].expand(-1, count, -1) if self.replaces else p
            scores = p / -torch.log(1 - self.draws("multinomial", p.shape)).to(p.dtype)
            rows = scores.argmax(-1) if self.replaces else scores.argsort(dim=-1, descending=True, stable=True)[:, :count]
        return table[rows].mean(1)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.mean, self.deviation = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.choice, self.o = nn.Linear(8, 5), nn.Linear(5, 4)
        self.first, self.second = PathByFloor("first"), PathByCoin("second")
        self.sample, self.gumbel, self.between = Sample("sample"), Gumbel("gumbel"), Between("between")

    def forward(self, x, y):
        h = torch.tanh(self.a(x))
        h = h + self.first(F.relu(self.b(h)))
        h = h + self.second(h * h)
        h = self.sample(self.mean(h), F.softplus(self.deviation(h)))
        return F.cross_entropy(self.o(self.gumbel(self.choice(self.between(h)))), y)


@module("1", "1 microbatches=2", "2 data=2", "2 tensor=2", "3 data=3", "2 pipeline=2,microbatches=2")
def many():
    return Network(), samples(batch=12)


class Masks(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.o, self.coins = nn.Linear(6, 8), nn.Linear(8, 4), Coins("coins")

    def forward(self, x, y):
        mask = self.coins(torch.full((x.shape[0], 8), 0.5))
        return F.cross_entropy(self.o(torch.tanh(self.a(x)) * mask), y)


@module("1", "2 data=2", "2 tensor=2")
def coins():
    return Masks(), samples(batch=6)


class Guesses(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.o, self.table = nn.Linear(6, 8), nn.Linear(8, 4), nn.Parameter(torch.randn(5, 8))
        self.around, self.choice = Around("around"), Choice("choice")

    def forward(self, x, y):
        h = torch.tanh(self.choice(self.a(x), self.table))
        return F.cross_entropy(self.o(h + 0.1 * self.around(h, h.abs() + 0.1)), y)


@module("1 microbatches=2", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2")
def guesses():
    return Guesses(), samples(batch=8)


class Lots(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.o, self.table = nn.Linear(6, 8), nn.Linear(8, 4), nn.Parameter(torch.randn(8, 8))
        self.few, self.many = Few("few", False), Few("many", True)

    def forward(self, x, y):
        h = self.a(x)
        return F.cross_entropy(self.o(h + self.few(h.softmax(1), self.table) - self.many(h.sigmoid(), self.table)), y)


@module("1", "1 microbatches=2", "2 data=2", "2 tensor=2")
def lots():
    return Lots(), samples(batch=8)
