"""Elements dropped at random: the same numbers under every plan.

PyTorch's generator is another one, so the eager side computes ours (include/colossal/Support/Random.h) by
itself; the trace holds PyTorch's op.
"""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import samples, tokens
from modules.table import module

WORD = 0xffffffff


def mix(x):
    x = ((x ^ (x >> 16)) * 0x7feb352d) & WORD
    x = ((x ^ (x >> 15)) * 0x846ca68b) & WORD
    return x ^ (x >> 16)


def uniform(stream, step, count, seed=0):
    """Numbers in [0, 1) of elements 0 to `count`."""
    key = 0xcbf29ce484222325
    for byte in stream.encode():
        key = ((key ^ byte) * 0x100000001b3) & 0xffffffffffffffff
    word = lambda number: torch.tensor(number & WORD)
    first = mix(mix(mix(word(key)) ^ seed) ^ step)
    second = mix((mix((mix(word(key >> 32) ^ 0x9e3779b9) + seed) & WORD) + step) & WORD)
    bits = mix(mix((torch.arange(count) + first) & WORD) ^ second)
    return (bits >> 8).double() * 2.0 ** -24


class Drop(nn.Module):
    """`traced` is PyTorch's function; `stream` the op's name in the archive; shape: of what has a fate."""

    def __init__(self, p, path, traced=F.dropout, name="dropout"):
        super().__init__()
        self.p, self.stream, self.traced, self.step = p, f"{path}/{name}.0", traced, 0

    def kept(self, x, shape=None):
        self.step += 1
        shape = shape or x.shape
        numbers = uniform(self.stream, self.step, shape.numel()).reshape(shape)
        return (numbers >= torch.tensor(self.p, dtype=torch.float32).double()).reshape(
            list(shape) + [1] * (x.dim() - len(shape)))

    def forward(self, x):
        if torch.jit.is_tracing():
            return self.traced(x, self.p, True)
        scale = 1 / (1 - self.p) if self.p < 1 else 0.0
        return torch.where(self.kept(x), x * scale, torch.zeros_like(x))


class DropFeatures(Drop):
    def __init__(self, p, path):
        super().__init__(p, path, torch.feature_dropout, "feature_dropout")

    def forward(self, x):
        if torch.jit.is_tracing():
            return self.traced(x, self.p, True)
        return torch.where(self.kept(x, x.shape[:2]), x / (1 - self.p), torch.zeros_like(x))


class DropAlpha(Drop):
    def __init__(self, p, path):
        super().__init__(p, path, torch.alpha_dropout, "alpha_dropout")

    def forward(self, x):
        if torch.jit.is_tracing():
            return self.traced(x, self.p, True)
        alpha = 1.7580993408473766
        a = ((alpha * alpha * self.p + 1) * (1 - self.p)) ** -0.5
        kept = self.kept(x)
        return torch.where(kept, x * a, torch.full_like(x, -alpha * a)) + alpha * a * self.p


class Perceptron(nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.a, self.b, self.o = nn.Linear(6, 9), nn.Linear(9, 8), nn.Linear(8, 4)
        self.first, self.second = first, second

    def forward(self, x, y):
        h = self.first(torch.tanh(self.a(x)))
        h = self.second(F.relu(self.b(h)))
        return F.cross_entropy(self.o(h), y)


PLANS = ("1", "1 microbatches=2", "2 data=2", "2 tensor=2", "3 data=3", "2 pipeline=2,microbatches=2",
         "4 data=2,tensor=2,microbatches=2")


@module(*PLANS)
def two_layers():
    return Perceptron(Drop(0.3, "first"), Drop(0.5, "second")), samples(batch=12)


@module("1", "2 data=2", "2 tensor=2")
def nothing_and_everything():
    return Perceptron(Drop(0.0, "first"), Drop(1.0, "second")), samples()


@module("1", "2 tensor=2")
def alpha():
    return Perceptron(DropAlpha(0.2, "first"), DropAlpha(0.4, "second")), samples()


class Channels(nn.Module):
    def __init__(self):
        super().__init__()
        self.drop, self.a, self.o = DropFeatures(0.4, "drop"), nn.Linear(5, 5), nn.Linear(5, 4)

    def forward(self, x, y):
        h = self.drop(self.a(x).transpose(1, 2)).mean(2)
        return F.cross_entropy(self.o(h), y)


@module("1", "2 data=2", "2 tensor=2")
def channels():
    batch = samples(batch=6)
    return Channels(), {"x": torch.randn(6, 3, 5, generator=torch.Generator().manual_seed(2)), "y": batch["y"]}


class Weights(Drop):
    """Attention whose weights are dropped."""

    def __init__(self, p, path, causal):
        super().__init__(p, path, name="scaled_dot_product_attention")
        self.causal = causal

    def forward(self, q, k, v):
        if torch.jit.is_tracing():
            return F.scaled_dot_product_attention(q, k, v, dropout_p=self.p, is_causal=self.causal)
        scores = q @ k.transpose(-1, -2) / q.size(-1) ** 0.5
        if self.causal:
            visible = torch.ones(q.size(-2), k.size(-2), dtype=torch.bool).tril()
            scores = scores.masked_fill(~visible, float("-inf"))
        weights = scores.softmax(-1)
        return torch.where(self.kept(weights), weights / (1 - self.p), torch.zeros_like(weights)) @ v


class Attention(nn.Module):
    def __init__(self, causal):
        super().__init__()
        self.words = nn.Embedding(19, 8)
        self.qkv, self.out, self.head = nn.Linear(8, 24), nn.Linear(8, 8), nn.Linear(8, 19)
        self.weights, self.drop = Weights(0.25, "weights", causal), Drop(0.1, "drop")

    def forward(self, ids, labels):
        x = self.words(ids)
        b, t, w = x.shape
        q, k, v = (part.view(b, t, 2, 4).transpose(1, 2) for part in self.qkv(x).split(8, dim=2))
        x = x + self.drop(self.out(self.weights(q, k, v).transpose(1, 2).reshape(b, t, w)))
        return F.cross_entropy(self.head(x).flatten(0, 1), labels.flatten())


@module("1", "2 data=2", "2 tensor=2", "4 data=2,pipeline=2,microbatches=2")
def attention_weights():
    return Attention(causal=False), tokens()


@module("1", "2")
def causal_attention_weights():
    return Attention(causal=True), tokens()
