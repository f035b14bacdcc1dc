"""What people reported of compilers and importers, each kind once: views and writes, types, sizes of 0 and 1, losses, attention."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, generator, samples, tokens
from modules.table import module


@module("1", "2 data=2")
def parts_chosen_by_data():
    """A row whose number is computed, rows counted by number, a column of the greatest mean."""
    def loss(m, x, y):
        h = m.a(x)
        best = h[h.norm(dim=1).argmax()]
        counts = torch.bincount(y, minlength=4).clamp(min=1)
        prototypes = torch.zeros(4, 8).index_add(0, y, h) / counts[:, None]
        column = h[:, h.mean(0).argmin()]
        return F.cross_entropy(-torch.cdist(h, prototypes).pow(2), y) + best.square().mean() + column.tanh().sum() * 0.1
    return Head(loss), samples()


@module("1", "2 tensor=2")
def fewer_heads_and_masked_rows():
    """Grouped queries, a scale, a row of attention that sees nothing, a mask of padding."""
    def loss(m, x, y):
        q = m.a(x).view(2, 4, 2, 4).transpose(1, 2)
        attend, mask = F.scaled_dot_product_attention, torch.ones(4, 4, dtype=torch.bool).tril()
        mask[0] = False
        o = attend(q, q.flip(2)[:, :1], q[:, 1:], enable_gqa=True) + attend(q, q, q, is_causal=True, scale=0.2)
        o = o + attend(q, q, q, attn_mask=mask) + attend(q, q, q, attn_mask=torch.zeros(2, 1, 1, 4).masked_fill(y.view(2, 1, 1, 4) == 0, -1e9))
        return F.cross_entropy(m.o(o.transpose(1, 2).reshape(8, 8)), y)
    return Head(loss), samples()


class Remembers(nn.Module):
    """Running values that are written under no_grad, which leaves no mark in a trace, and read afterwards."""

    def __init__(self):
        super().__init__()
        self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 4)
        self.register_buffer("mean", torch.zeros(8))
        self.register_buffer("rows", torch.zeros(4, 8))

    def forward(self, x, y):
        h = self.a(x)
        with torch.no_grad():
            self.mean.lerp_(h.mean(0), 0.1)
            self.rows[0] = h.sum(0)
            self.rows[1:] *= 0.9
        return F.cross_entropy(self.o((h - self.mean) / (self.rows.abs().sum(0) + 1)), y)


@module("1", "2 data=2", written=("mean", "rows"))
def buffers_written_without_a_gradient():
    return Remembers(), samples()


@module("1", "2 data=2")
def weighted_and_smoothed_losses():
    """Probabilities with class weights, margins, everything ignored, divergences of logarithms, kinks."""
    def loss(m, x, y):
        h = m.o(m.a(x))
        weight = torch.tensor([1.0, 0.5, 2.0, 0.0])
        soft = h.detach().flip(0)
        return (F.cross_entropy(h, soft.softmax(1), weight, label_smoothing=0.2) + F.multi_margin_loss(h, y, weight=weight)
                + F.cross_entropy(h, torch.full_like(y, -100), reduction="sum")
                + F.cross_entropy(h, y.masked_fill(y == 1, 7), weight, ignore_index=7, label_smoothing=0.1)
                + F.kl_div(h.log_softmax(1), soft.log_softmax(1), log_target=True, reduction="batchmean")
                + F.smooth_l1_loss(h, soft, beta=0.1) + F.huber_loss(h, torch.zeros(()).expand(8, 4), delta=0.3))
    return Head(loss), samples()


@module("1", "2 data=2")
def integers_and_their_signs():
    """Floors and remainders of negative numbers, bits, powers of integers by data, tables by frequency."""
    class Digits(nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.out = nn.Embedding(19, 8, scale_grad_by_freq=True), nn.Linear(8, 5)

        def forward(self, ids, labels):
            folded, down = (ids * 7 - 40) % 19, torch.div(-ids, 4, rounding_mode="floor") % 19
            bits = ((ids[..., None] >> torch.arange(4)) & 1).float()
            small = 2 ** (ids % 3) + (ids % 3) ** (ids % 2)
            h = self.table(folded) * (7 % (small + 1))[..., None] / 2 + self.table(down) + F.pad(bits, (0, 4))
            return F.cross_entropy(self.out(h).flatten(0, 1), labels.flatten() % 5)
    return Digits(), tokens()


@module("1", "2 tensor=2")
def expanded_and_written():
    """Copies of expanded rows, shapes in place, negative steps, windows with negative padding, sizes of 0 and 1."""
    def loss(m, x, y):
        h = m.a(x)
        e = h[:1].expand(8, -1).clone()
        e[2:5] += h[2:5]
        e.unsqueeze_(0).transpose_(1, 2).squeeze_(0)
        z = torch.zeros(8, 8).copy_(h[0])
        z[::2] -= h.flip(-1)[::2].roll(-3, -1)
        p = F.pad(h.view(2, 1, 4, 8), (-1, 2, 0, -1)).unfold(3, 3, 2).amax(-1)
        nothing = torch.cat([h[:0], h[:, :0].sum(1, keepdim=True).expand(8, 8) * h])
        return F.cross_entropy(m.o(e.t() * z + nothing), y) + p.square().mean() + h[:, :1].std(1, correction=0).sum()
    return Head(loss), samples()


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.words, self.layer, self.out = nn.Embedding(19, 6), nn.LSTM(6, 5, proj_size=3, batch_first=True, bidirectional=True), nn.Linear(6, 5)

    def forward(self, ids, labels):
        h, (state, _) = self.layer(self.words(ids))
        return F.cross_entropy(self.out(h).flatten(0, 1), labels.flatten() % 5) + state.square().mean()


@module("1", "2 data=2")
def projected_states():
    return Recurrent(), tokens(length=3)


@module("1", "2 data=2", "2 tensor=2")
def written_where_data_say():
    def loss(m, x, y):
        h = m.a(x) * 1
        row = h[:, 0].argmax()
        h[row] = 0
        h[-1 - row, 2:] *= m.a(x)[0, 2:]
        return F.cross_entropy(m.o(h), y)
    return Head(loss), samples()


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2")
def gaussian_of_a_covariance():
    """A likelihood with a covariance that is learned, and one for each sample: factors, solutions, determinants, inverses."""
    def loss(m, x, y):
        h = m.a(x)
        factor = torch.linalg.cholesky(m.o.weight @ m.o.weight.mT + torch.eye(4))
        rest = torch.linalg.solve_triangular(factor, m.o(h).mT, upper=False)
        each = h[:, :4, None] * h[:, None, :4] + 2 * torch.eye(4)
        return (rest.square().mean() + factor.diagonal().log().sum() + torch.logdet(each).mean() + F.cross_entropy(m.o(h), y)
                + torch.linalg.solve(each, h[:, :4]).square().mean() + torch.linalg.inv(each).square().mean()
                + torch.matrix_exp(each * 0.1).mean())
    return Head(loss), samples()


@module("1", "2 data=2", "2 tensor=2")
def overlapping_chunks_by_strides():
    """Chunks as Longformer makes them: strides of what a reshape made of a transposed tensor; writes through reshapes and windows."""
    class Chunks(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.q, self.o = nn.Embedding(19, 8), nn.Linear(8, 8), nn.Linear(8, 5)

        def forward(self, ids, labels):
            batch, length = ids.shape
            q = self.q(self.words(ids).transpose(0, 1)).view(length, batch, 2, 4).permute(1, 2, 0, 3).reshape(2 * batch, length, 4)
            size, stride = [2 * batch, length // 2 - 1, 4, 4], list(q.stride())
            chunks = q.as_strided(size, [stride[0], 2 * stride[1], stride[1], stride[2]])
            h = torch.cat([chunks.sum(1), q[:, 4:]], 1).view(batch, 2, length, 4).transpose(1, 2)
            h = h.reshape(batch, length, 8) * 1
            h[:, :4].reshape(batch, 2, 2, 8)[:, 1].mul_(0.5)
            h.unfold(1, 2, 3)[:, 0].add_(1)
            return F.cross_entropy(self.o(h).flatten(0, 1), labels.flatten() % 5)
    return Chunks(), tokens(length=6)
