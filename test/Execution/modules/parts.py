"""Pieces of which the modules are made."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


def generator(seed=3):
    return torch.Generator().manual_seed(seed)


def samples(batch=8, width=6, classes=4):
    g = generator()
    return {"x": torch.randn(batch, width, generator=g), "y": torch.randint(0, classes, (batch,), generator=g)}


def tokens(batch=4, length=6, vocabulary=19, ignored=False):
    """Ids and labels; `ignored`: each sample has another number of labels -100."""
    g = generator(1)
    ids, labels = (torch.randint(0, vocabulary, (batch, length), generator=g) for _ in range(2))
    if ignored:
        for i in range(batch):
            labels[i, length - i * length // batch:] = -100
    return {"ids": ids, "labels": labels}


class Block(nn.Module):
    """A transformer block, normalised before; queries, keys and values from one product."""

    def __init__(self, width, heads, groups=None):
        super().__init__()
        self.heads, self.groups, self.depth = heads, groups or heads, width // heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, (heads + 2 * self.groups) * self.depth)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        b, t, w = x.shape
        sizes = [n * self.depth for n in (self.heads, self.groups, self.groups)]
        q, k, v = (part.view(b, t, -1, self.depth).transpose(1, 2)
                   for part in self.qkv(self.first(x)).split(sizes, dim=2))
        if self.groups != self.heads:
            k, v = (part.repeat_interleave(self.heads // self.groups, dim=1) for part in (k, v))
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(h.transpose(1, 2).reshape(b, t, w))
        return x + self.down(F.gelu(self.up(self.second(x))))


class Language(nn.Module):
    """A small language model; `loss` holds further arguments of the cross entropy."""

    def __init__(self, vocabulary=19, width=16, heads=4, groups=None, layers=2, length=6, padding=None, **loss):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width, padding_idx=padding)
        self.places = nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads, groups) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.head.weight = self.words.weight
        weight = loss.pop("weight", None)
        self.loss = loss
        self.register_buffer("class_weight", weight)

    def forward(self, ids, labels):
        x = self.words(ids) + self.places(torch.arange(ids.size(1)))
        for block in self.blocks:
            x = block(x)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten(), weight=self.class_weight, **self.loss)


class Head(nn.Module):
    """Two layers and whatever is to be tried between or behind them: `function(module, x, y)`."""

    def __init__(self, function, width=6, hidden=8, classes=4):
        super().__init__()
        self.a, self.o = nn.Linear(width, hidden), nn.Linear(hidden, classes)
        self.function = function

    def forward(self, x, y):
        return self.function(self, x, y)
