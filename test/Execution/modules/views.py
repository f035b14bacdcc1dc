"""Views, parts and writes whose pieces do not nest."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, Language, generator, samples, tokens
from modules.table import module


@module("1", "2 data=2", "2 tensor=2", "4")
def rows_regrouped():
    """12 x 8 as 16 x 6."""
    class Regrouped(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(5, 8), nn.Linear(6, 3)

        def forward(self, x):
            return self.b(self.a(x).view(16, 6)).square().mean()
    return Regrouped(), {"x": torch.randn(12, 5, generator=generator())}


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=1")
def writes_through_views():
    def loss(m, x, y):
        h = m.a(x)
        before = h.mean()
        z = torch.zeros(x.size(0), 8)
        z[:, 2:6] = h[:, :4] * 2
        z[:, 1:5] += torch.sigmoid(h[:, 4:])
        z[1:3].mul_(0.5)
        z.view(-1, 2, 4)[:, 1].add_(h[:, :4])
        z.t()[0].fill_(0.25)
        w = h.clone()
        w[:, 3] = z[:, 0] + h[:, 2]
        w.add_(z).mul_(2.0).clamp_(-2.0, 2.0)
        return F.cross_entropy(m.o(w), y) + 0.01 * before
    return Head(loss), samples()


# A small step: with a larger one the third gradient shows how far f32 runs have parted, not how they are rounded.
@module("1", "2 tensor=2", "3 tensor=3", "4 data=2,tensor=2,microbatches=2", optimizer="sgd:lr=0.02,momentum=0.9")
def grouped_queries_from_one_product():
    return Language(vocabulary=17, width=30, heads=6, groups=2), tokens(vocabulary=17)


@module("1", "2 data=2", "2 tensor=2")
def slices_with_a_step():
    def loss(m, x, y):
        h = m.a(x)
        z = torch.zeros_like(h)
        z[:, :10:2] = h[:, 1::2] * 2
        z[:, 1::2] = h[:, ::2][:, 1:] + 1
        z[:, 1:11:3] += h[:, ::3]
        return F.cross_entropy(m.o(z) + h[:, ::3][:, :3].mean() + h[:, -4:], y) + h[:, 1::5].square().mean()
    return Head(loss, hidden=11), samples()


@module("1", "2 data=2")
def part_of_a_product():
    def loss(m, x, y):
        return (m.o(m.a(x)) * m.scale)[:, 1:].mean()
    model = Head(loss)
    model.scale = nn.Parameter(torch.randn(4, generator=generator()))
    return model, samples()


class Heads(nn.Module):
    """Rotary positions on the first `rotated` of 16 columns of each head; the rest (none of 16) passes."""

    def __init__(self, rotated):
        super().__init__()
        self.rotated = rotated
        self.q, self.k, self.v, self.o = (nn.Linear(32, 32) for _ in range(4))

    def rotate(self, x):
        r = x[..., :self.rotated]
        half = torch.cat((-r[..., self.rotated // 2:], r[..., :self.rotated // 2]), -1)
        return torch.cat((r * 2 + half * 3, x[..., self.rotated:]), -1)

    def forward(self, x, y):
        b, t, w = x.shape
        q, k, v = (layer(x).view(b, t, 2, 16).transpose(1, 2) for layer in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(self.rotate(q), self.rotate(k), v, is_causal=True)
        return F.cross_entropy(self.o(h.transpose(1, 2).reshape(b, t, w)).mean(1), y)


def sequences():
    g = generator()
    return {"x": torch.randn(2, 6, 32, generator=g), "y": torch.randint(0, 32, (2,), generator=g)}


@module("1", "2 data=2", "2 tensor=2")
def part_of_each_head_rotated():
    return Heads(4), sequences()


@module("1", "2 tensor=2")
def whole_head_rotated():
    return Heads(16), sequences()


class Patches(nn.Module):
    """A class token in front of patches that a reshape makes."""

    def __init__(self):
        super().__init__()
        self.p, self.o = nn.Linear(12, 16), nn.Linear(16, 10)
        self.token, self.places = nn.Parameter(torch.zeros(1, 1, 16)), nn.Parameter(torch.zeros(1, 17, 16))

    def forward(self, x, y):
        b = x.shape[0]
        x = self.p(x.view(b, 3, 4, 2, 4, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, 16, 12))
        x = torch.cat((self.token.expand(b, -1, -1), x), 1) + self.places
        return F.cross_entropy(self.o(x[:, 0]) + self.o(x.mean(1)), y)


@module("1", "2 data=2", "2 tensor=2")
def class_token_before_patches():
    g = generator()
    return Patches(), {"x": torch.randn(2, 3, 8, 8, generator=g), "y": torch.randint(0, 10, (2,), generator=g)}
