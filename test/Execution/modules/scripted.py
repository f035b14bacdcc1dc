"""Scripted functions inside of traced modules: their ifs and loops follow from sizes, types, flags and None."""
from typing import List, Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, samples
from modules.table import module


@torch.jit.script
def halves(x: torch.Tensor):
    if x.size(-1) % 2 == 0:
        return x[:, : x.size(-1) // 2] + x[:, x.size(-1) // 2:]
    return x


@torch.jit.script
def in_float(x: torch.Tensor):
    if x.dtype == torch.float16 or x.dtype == torch.bfloat16:
        return x.float() * 100
    if x.is_cuda:
        return x * 7
    if x.device == torch.device("cuda"):
        return x * 9
    return x if x.is_floating_point() else x.to(torch.float32)


@torch.jit.script
def scaled(x: torch.Tensor, double: bool, scale: Optional[torch.Tensor] = None):
    if scale is not None:
        x = x * scale
    else:
        x = x * 0.5
    if double and x.dim() == 2:
        x = x * 2
    return x


@torch.jit.script
def nested(x: torch.Tensor, rounds: int):
    assert x.dim() == 2, "expected a matrix"
    y = halves(in_float(x))
    for i in range(rounds):
        for j in range(i):
            y = y + torch.tanh(y) * (i + j) / 10
        if i == 1:
            y = y * 1.25
    return y


@torch.jit.script
def pieces(x: torch.Tensor, n: int) -> Tuple[torch.Tensor, List[torch.Tensor]]:
    parts: List[torch.Tensor] = []
    width = x.size(1) // n
    at = 0
    while at + width <= x.size(1):
        parts.append(x[:, at: at + width])
        at += width
    shape = [x.size(0), -1] + [1] * 2
    flat = torch.cat(parts, dim=0).view(shape[:2])
    return flat.reshape(x.size(0), -1), parts[1:]


@torch.jit.script
def first_of(x: torch.Tensor, limit: int):
    for i in range(x.size(1)):
        if i == limit:
            return x[:, i]
        if i > 5:
            break
    return x.sum(1)


@torch.jit.script
def buckets(positions: torch.Tensor, size: int, limit: int):
    sign = torch.sign(positions)
    middle = size // 2
    near = torch.where((positions < middle) & (positions > -middle), torch.tensor(middle - 1).type_as(positions),
                       torch.abs(positions))
    far = torch.ceil(torch.log(near / middle) / torch.log(torch.tensor((limit - 1) / middle)) * (middle - 1)) + middle
    return torch.where(near <= middle, positions.type_as(far), far * sign)


@module("1", "2 data=2")
def branches_by_size_and_type():
    def loss(m, x, y):
        h = torch.cat([halves(in_float(m.a(x))), x[:, :4]], dim=1)
        return F.cross_entropy(m.o(h), y)
    return Head(loss), samples()


@module("1")
def branches_by_flag_and_none():
    def loss(m, x, y):
        h = m.a(x)
        h = scaled(h, True, m.scale) + scaled(h, False)
        return F.cross_entropy(m.o(h), y)
    model = Head(loss)
    model.scale = nn.Parameter(torch.linspace(0.5, 1.5, 8))
    return model, samples()


@module("1", "2 data=2")
def loops_in_loops():
    def loss(m, x, y):
        h = nested(m.a(x), 3)
        return F.cross_entropy(m.o(torch.cat([h, h], dim=1)), y)
    return Head(loss), samples()


@module("1")
def lists_and_tuples():
    def loss(m, x, y):
        flat, rest = pieces(m.a(x), 4)
        return F.cross_entropy(m.o(flat), y) + sum(part.square().mean() for part in rest)
    return Head(loss), samples()


@module("1")
def returns_from_loops():
    def loss(m, x, y):
        h = m.a(x)
        return F.cross_entropy(m.o(h) + (first_of(h, 3) + first_of(h, 100))[:, None], y)
    return Head(loss), samples()


@module("1")
def positions_in_buckets():
    def loss(m, x, y):
        ids = torch.arange(x.size(0))
        distance = buckets(ids[:, None] - ids[None, :], 4, 16).long()
        scores = m.a(x) @ m.a(x).t() + m.table[distance.clamp(-4, 4) + 4]
        return F.cross_entropy(m.o(scores.softmax(-1) @ m.a(x)), y)
    model = Head(loss)
    model.table = nn.Parameter(torch.linspace(-0.5, 0.5, 9))
    return model, samples()


class ByData(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 4)

    def forward(self, x, y):
        return F.cross_entropy(limited(self.a(x)), y)


@torch.jit.script
def limited(x: torch.Tensor):
    if x.sum() > 0:
        return x * 2
    return x


@module(refused={"1": "prim::If' in the root module .*scripted.py:.*the condition depends on data.*torch.where"})
def branch_by_data():
    return ByData(), samples()
