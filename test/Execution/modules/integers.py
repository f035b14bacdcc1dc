"""Integers of one and two bytes: images, codes, masks, quantised tables, counters that wrap around."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import generator
from modules.table import module


def numbers(dtype, *shape):
    """Of the whole range."""
    limits = torch.iinfo(dtype)
    return torch.randint(limits.min, limits.max + 1, shape, generator=generator(), dtype=dtype)


class Images(nn.Module):
    """Pixels, shifted and cut off; what a step keeps of them are bytes too."""

    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 8, 3), nn.Linear(8, 4)
        self.register_buffer("dark", torch.tensor([0, 90, 200], dtype=torch.uint8).view(3, 1, 1))
        self.register_buffer("steps", torch.tensor(254, dtype=torch.uint8))
        self.register_buffer("brightest", torch.zeros(3, dtype=torch.uint8))
        self.register_buffer("darkest", torch.full((3,), 255, dtype=torch.uint8))
        self.register_buffer("total", torch.zeros(3, dtype=torch.int16))

    def forward(self, x, shift, y):
        self.steps += 1
        self.brightest.copy_(torch.maximum(self.brightest, x.amax((0, 2, 3))))
        self.darkest.copy_(torch.minimum(self.darkest, x.amin((0, 2, 3))))
        self.total += x.sum((0, 2, 3), dtype=torch.int16)
        moved = (x + shift[:, None, None, None]).clamp(0, 255).to(torch.uint8)
        mirrored = torch.cat([moved, 255 - x], 3)[..., ::2]
        h = self.conv(torch.where(mirrored > self.dark, mirrored, x // 3).float() / 255 - 0.5)
        return F.cross_entropy(self.out(F.gelu(h).mean((2, 3))), y.long())


@module("1", "2 data=2", "2 tensor=2", "4 data=2,tensor=2", "2 pipeline=2,microbatches=1",
        written=("steps", "brightest", "darkest", "total"))
def images_of_bytes():
    return Images(), {"x": numbers(torch.uint8, 8, 3, 8, 8), "shift": numbers(torch.int8, 8),
                      "y": torch.randint(0, 4, (8,), generator=generator(), dtype=torch.uint8)}


class Codes(nn.Module):
    """Short ids, a table of one byte an element with a scale, masks of bytes."""

    def __init__(self):
        super().__init__()
        self.words, self.up, self.out = nn.Embedding(40, 8), nn.Linear(16, 12), nn.Linear(12, 6)
        self.table = nn.Parameter(numbers(torch.int8, 40, 8), requires_grad=False)
        self.scale = nn.Parameter(torch.ones(8))
        self.register_buffer("order", torch.randperm(40, generator=generator()).to(torch.int16))

    def forward(self, ids, levels, mask, y):
        places = self.order[ids.long()].long()
        h = torch.cat([self.words(ids.int()), self.table[places] / 128 * self.scale], -1)
        h = torch.tanh(self.up(h)) * (levels.float() / 32768)[..., None]
        h = torch.where((mask & 4).bool()[..., None], h, h * 0.5) * (mask >> 6)[..., None]
        scores = self.out(h.mean(1)) + (levels // -1000).max(1, keepdim=True).values
        return F.cross_entropy(scores, y.long(), ignore_index=-100)


@module("1", "2 data=2", "2 tensor=2", "2 data=2,microbatches=2", "2 pipeline=2", "4 data=2,tensor=2")
def codes_of_shorts_and_a_table_of_bytes():
    labels = torch.randint(0, 6, (8,), generator=generator(), dtype=torch.int16)
    labels[3] = -100
    return Codes(), {"ids": torch.randint(0, 40, (8, 6), generator=generator(), dtype=torch.int8),
                     "levels": numbers(torch.int16, 8, 6), "mask": numbers(torch.uint8, 8, 6), "y": labels}
