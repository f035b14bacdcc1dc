"""Models whose stages share more than one value: what crosses a cut, and comes back as gradients.

    decoder   an encoder's result and a mask of the batch, read by every block of the decoder; norms written
              out; a table computed from a buffer; one embedding for both sides
    skips     a U-Net of linear layers: gated skips across all stages, a loss after every layer of the way
              up, and a scale that all layers share
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

WIDTH, VOCAB, LENGTH = 16, 19, 6


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(1 + 0.1 * torch.randn(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Attention(nn.Module):
    def __init__(self, width, heads=2):
        super().__init__()
        self.heads, self.depth = heads, width // heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x, memory, mask):
        def split(y):
            return y.view(y.shape[0], y.shape[1], self.heads, self.depth).transpose(1, 2)
        scores = split(self.query(x)) @ split(self.key(memory)).transpose(2, 3) / math.sqrt(self.depth)
        mixed = (scores + mask).softmax(-1) @ split(self.value(memory))
        return self.out(mixed.transpose(1, 2).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, width, crosses):
        super().__init__()
        self.norms = nn.ModuleList(Norm(width) for _ in range(2 + crosses))
        self.own = Attention(width)
        self.cross = Attention(width) if crosses else None
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x, mask, memory=None, memory_mask=None):
        h = self.norms[0](x)
        x = x + self.own(h, h, mask)
        if memory is not None:
            x = x + self.cross(self.norms[2](x), memory, memory_mask)
        return x + self.down(F.gelu(self.up(self.norms[1](x))))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, WIDTH)
        self.register_buffer("frequency", torch.rand(WIDTH))
        self.encoder = nn.ModuleList(Block(WIDTH, False) for _ in range(2))
        self.decoder = nn.ModuleList(Block(WIDTH, True) for _ in range(2))
        self.head = nn.Linear(WIDTH, VOCAB, bias=False)

    def forward(self, ids, present, labels):
        here = (1 - present[:, None, None, :].to(self.frequency.dtype)) * -30
        causal = torch.full((LENGTH, LENGTH), -30.0).to(here.dtype).triu(1)
        table = torch.sin(torch.arange(LENGTH)[:, None] * self.frequency)
        memory = x = self.embedding(ids) + table
        for block in self.encoder:
            memory = block(memory, here)
        for block in self.decoder:
            x = block(x, causal, memory, here) * (1 + 0.1 * table)
        return F.cross_entropy(self.head(x).flatten(0, 1), labels.flatten())


class Skips(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.start = nn.Linear(8, WIDTH)
        self.down = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(depth))
        self.up = nn.ModuleList(nn.Linear(2 * WIDTH, WIDTH) for _ in range(depth))
        self.gates = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(depth))
        self.heads = nn.ModuleList(nn.Linear(WIDTH, 5) for _ in range(depth))
        self.scale = nn.Parameter(1 + 0.1 * torch.randn(WIDTH))

    def forward(self, features, labels):
        x = self.start(features)
        skips, loss = [], 0
        for layer in self.down:
            skips.append(x)
            x = F.silu(layer(x) * self.scale)
        for layer, gate, head in zip(self.up, self.gates, self.heads):
            skip = skips.pop() * torch.sigmoid(gate(x))
            x = F.gelu(layer(torch.cat((x, skip), -1))) * self.scale
            loss = loss + F.cross_entropy(head(x), labels)
        return loss


def add_options(parser):
    parser.add_argument("--kind", choices=("decoder", "skips"), required=True)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)


def from_options(options):
    torch.manual_seed(options.seed)
    model = (Decoder() if options.kind == "decoder" else Skips()).train()
    generator = torch.Generator().manual_seed(options.seed + 1)
    integers = lambda high, *shape: torch.randint(0, high, shape, generator=generator)
    if options.kind == "skips":
        return model, {"features": torch.randn(options.batch, 8, generator=generator),
                       "labels": integers(5, options.batch)}
    present = torch.ones(options.batch, LENGTH, dtype=torch.long)
    present[0, 4:] = 0
    present[1, 2:] = 0
    return model, {"ids": integers(VOCAB, options.batch, LENGTH), "present": present,
                   "labels": integers(VOCAB, options.batch, LENGTH)}
