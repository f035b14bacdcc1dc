"""Ordinary networks under plans of every kind: blocks that share, freeze, recur, cross stages."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, Language, generator, samples, tokens
from modules.table import module

ADAMW = "adamw:lr=1e-3,weight-decay=0.1,no-decay=rank<2"


@module("4 data=2,pipeline=2,zero=1,microbatches=2", "6 data=2,tensor=3,zero=1", "7",
        "8 data=2,tensor=2,pipeline=2,zero=1,microbatches=2", optimizer=ADAMW, clip_norm=0.05)
def tied_and_clipped():
    return Language(), tokens(batch=8)


class Path(nn.Module):
    """One weight at several places of a path, also transposed."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(6, 6, generator=generator()) * 0.4)
        self.l, self.o = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x, y):
        h = x @ self.w @ self.w
        for _ in range(3):
            h = h + F.silu(self.l(h))
        return F.cross_entropy(self.o(h @ self.w.t()), y)


@module("2 tensor=2", "4 pipeline=4,microbatches=4", "4 data=2,pipeline=2,zero=1,microbatches=2", clip_norm=0.3)
def weight_shared_along_a_path():
    return Path(), samples()


class Adapted(nn.Module):
    """A frozen base with low-rank adapters in its second half only."""

    def __init__(self):
        super().__init__()
        self.e = nn.Embedding(11, 8)
        self.base = nn.ModuleList(nn.Linear(8, 8) for _ in range(4))
        self.o = nn.Linear(8, 11)
        for parameter in self.parameters():
            parameter.requires_grad_(False)
        self.down, self.up = (nn.ModuleList(nn.Linear(*size, bias=False) for _ in range(2)) for size in ((8, 2), (2, 8)))
        for layer in self.up:
            nn.init.zeros_(layer.weight)

    def forward(self, ids, labels):
        h = self.e(ids)
        for i, layer in enumerate(self.base):
            update = layer(h)
            if i >= 2:
                update = update + 2.0 * self.up[i - 2](self.down[i - 2](h))
            h = h + F.gelu(update)
        return F.cross_entropy(self.o(h).flatten(0, 1), labels.flatten())


@module("1", "2 tensor=2", "2 pipeline=2,microbatches=2", clip_norm=0.1, states=True)
def adapters_on_a_frozen_base():
    return Adapted(), tokens(vocabulary=11)


@module("2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2")
def rows_of_attention_without_keys():
    def loss(m, batch, y):
        x, keep = batch[..., :6], batch[..., 6:] > 0
        b, t, _ = x.shape
        q, k, v = (part.view(b, t, 2, 4).transpose(1, 2) for part in m.a(x).chunk(3, -1))
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=keep[:, None])
        return F.cross_entropy(m.o(h.transpose(1, 2).reshape(b * t, 8)), y.view(-1))
    g = generator()
    batch = torch.randn(4, 5, 11, generator=g)
    batch[0, 1, 6:] = batch[2, :, 6:] = -1
    model = Head(loss, hidden=24)
    model.o = nn.Linear(8, 4)
    return model, {"x": batch, "y": torch.randint(0, 4, (4, 5), generator=g)}


@module("1", "2 tensor=2", "5 tensor=5", "4 data=2,tensor=2", "2 pipeline=2")
def reductions_over_a_cut_dimension():
    def loss(m, x, y):
        h = m.a(x)
        u = F.relu(h)
        g = h.softmax(-1) * 3 + u - u.amax(-1, keepdim=True) + torch.cumsum(h, 1) * 0.1
        z = h.logsumexp(-1, keepdim=True)
        return F.cross_entropy(m.o(F.log_softmax(g, -1)), y) + 1e-2 * z.square().mean()
    model = Head(loss, hidden=13)
    with torch.no_grad():
        model.a.bias -= 1.5
    return model, samples(batch=7)


class Rms(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Llama(nn.Module):
    """Grouped queries, rotary positions of halves, RMS norm, a gated feed-forward."""

    def __init__(self, layers, width=24, heads=6, groups=3, vocabulary=23):
        super().__init__()
        self.heads, self.groups, self.depth = heads, groups, width // heads
        self.e, self.norm = nn.Embedding(vocabulary, width), Rms(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        linear = lambda i, o: nn.Linear(i, o, bias=False)
        self.layers = nn.ModuleList(nn.ModuleDict({
            "n1": Rms(width), "n2": Rms(width), "q": linear(width, width), "k": linear(width, groups * self.depth),
            "v": linear(width, groups * self.depth), "o": linear(width, width), "gate": linear(width, 20),
            "up": linear(width, 20), "down": linear(20, width)}) for _ in range(layers))
        self.register_buffer("rates", 1.0 / 100 ** (torch.arange(0, self.depth, 2) / self.depth), persistent=False)

    def rotate(self, x, cos, sin):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat((-b, a), -1) * sin

    def attend(self, layer, x, cos, sin):
        b, t, w = x.shape
        q, k, v = (layer[name](x).view(b, t, -1, self.depth).transpose(1, 2) for name in "qkv")
        q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
        n = self.heads // self.groups
        k, v = (part[:, :, None].expand(b, self.groups, n, t, self.depth).reshape(b, self.heads, t, self.depth)
                for part in (k, v))
        h = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return layer["o"](h.transpose(1, 2).contiguous().view(b, t, w))

    def forward(self, ids, labels):
        angle = torch.arange(ids.size(1))[:, None].to(self.rates.dtype) * self.rates
        angle = torch.cat((angle, angle), -1)
        cos, sin = angle.cos(), angle.sin()
        x = self.e(ids)
        for layer in self.layers:
            x = x + self.attend(layer, layer["n1"](x), cos, sin)
            h = layer["n2"](x)
            x = x + layer["down"](F.silu(layer["gate"](h)) * layer["up"](h))
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


@module("1", "2 tensor=2", "3 tensor=3", "2 pipeline=2,microbatches=2", "6 tensor=2,pipeline=3,microbatches=2")
def llama_of_three_layers():
    return Llama(3), tokens(vocabulary=23)


@module("2 pipeline=2,microbatches=4,schedule=gpipe", "4 data=2,pipeline=2")
def llama_of_two_layers():
    return Llama(2), tokens(vocabulary=23)


class Recurrence(nn.Module):
    """A numerically safe weighted mean over time, unrolled; its decay is a parameter behind exp."""

    def __init__(self):
        super().__init__()
        self.decay, self.o = nn.Parameter(torch.zeros(8)), nn.Linear(8, 4)

    def forward(self, x, y):
        w = -torch.exp(self.decay)
        top = torch.zeros_like(x[:, 0])
        total = weight = top
        for t in range(x.size(1)):
            k = x[:, t]
            new = torch.maximum(top + w, k)
            a, b = torch.exp(top + w - new), torch.exp(k - new)
            total, weight, top = a * total + b * k, a * weight + b, new
        return F.cross_entropy(self.o(total / weight), y)


@module("1", "2 data=2")
def unrolled_recurrence():
    g = generator()
    return Recurrence(), {"x": torch.randn(2, 16, 8, generator=g), "y": torch.randint(0, 4, (2,), generator=g)}


class Types(nn.Module):
    """A row of an embedding that does not depend on the batch, expanded over it (BERT's token types)."""

    def __init__(self):
        super().__init__()
        self.e, self.p, self.t, self.o = (nn.Embedding(20, 8), nn.Embedding(6, 8), nn.Embedding(2, 8), nn.Linear(8, 4))

    def forward(self, ids, y):
        types = torch.zeros_like(ids[:1]).expand(ids.shape[0], ids.shape[1])
        h = self.e(ids) + self.t(types) + self.p(torch.arange(ids.shape[1])[None])
        return F.cross_entropy(self.o(h).mean(1), y)


@module("1 microbatches=2", "2 data=2,microbatches=2", "2 tensor=2")
def embedding_expanded_over_the_batch():
    g = generator()
    return Types(), {"ids": torch.randint(0, 20, (4, 6), generator=g), "y": torch.randint(0, 4, (4,), generator=g)}
