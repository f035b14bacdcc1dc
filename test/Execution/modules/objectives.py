"""What is learnt, by losses that compare vectors, sets, images and teachers."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, generator, samples
from modules.table import module

PLANS = ("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2", "4 data=2,tensor=2")


def normal(*shape, seed=4):
    return torch.randn(*shape, generator=generator(seed))


class Triplets(nn.Module):
    """One encoder of three inputs: near and far by distance and by angle."""

    def __init__(self):
        super().__init__()
        self.a, self.o, self.act = nn.Linear(6, 8), nn.Linear(8, 5), nn.PReLU(8)

    def forward(self, anchor, near, far):
        encode = lambda x: self.o(self.act(self.a(x)))
        a, p, n = map(encode, (anchor, near, far))
        other = -torch.ones(a.shape[0])
        angles = F.cosine_similarity(a, p) - F.cosine_similarity(a, n, eps=1e-3)
        return (F.triplet_margin_loss(a, p, n, margin=0.5, swap=True) + F.cosine_embedding_loss(a, n, other, 0.1)
                + F.margin_ranking_loss(a[:, 0], n[:, 0], other, 0.3) - angles.mean())


@module(*PLANS)
def triplets():
    return Triplets(), {name: normal(4, 6, seed=seed) for seed, name in enumerate(("anchor", "near", "far"))}


class Sets(nn.Module):
    """Boxes from learnt queries, each near one of those wanted."""

    def __init__(self):
        super().__init__()
        self.q, self.i, self.n = nn.Embedding(3, 8), nn.Linear(6, 8), nn.LayerNorm(8)
        self.att, self.c, self.b = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x, boxes, y):
        memory = self.i(x)
        q = torch.tile(self.q.weight, (x.shape[0], 1, 1))
        h = self.n(q + self.att(q, memory, memory)[0])
        found = self.b(h).sigmoid()
        cost = torch.cdist(found, boxes, p=1.0) + torch.cdist(found, boxes)
        return F.cross_entropy(self.c(h).movedim(-1, 1), y) + cost.amin(2).mean() + F.huber_loss(found, boxes, delta=0.2)


@module(*PLANS)
def sets():
    return Sets(), {"x": normal(4, 5, 6), "boxes": torch.rand(4, 3, 4, generator=generator()),
                    "y": torch.randint(0, 4, (4, 3), generator=generator(5))}


class Student(nn.Module):
    """A frozen teacher's distribution, and the labels."""

    def __init__(self):
        super().__init__()
        self.t, self.a, self.o = nn.Linear(6, 4), nn.Linear(6, 10), nn.Bilinear(5, 6, 4)
        self.t.requires_grad_(False)

    def forward(self, x, y):
        wanted = F.softmax(self.t(x) / 2, 1)
        found = self.o(F.glu(self.a(x)), x)
        return (4 * F.kl_div(F.log_softmax(found / 2, 1), wanted, reduction="batchmean") + F.cross_entropy(found, y)
                + F.binary_cross_entropy(found.sigmoid(), wanted))


@module(*PLANS)
def student():
    return Student(), samples(batch=4)


class Images(nn.Module):
    """Other resolutions by moving pixels into channels and back."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1)

    def forward(self, x):
        h = F.celu(self.a(F.pixel_unshuffle(x, 2)))
        return F.poisson_nll_loss(F.pixel_shuffle(self.b(F.channel_shuffle(h, 2)), 2), x.abs())


@module(*PLANS)
def images():
    return Images(), {"x": normal(4, 2, 6, 4)}


# Correlations of features are of all samples.
@module("1", "2 data=2", "2 tensor=2", refused={"2 microbatches=2": "would change the result: .*; pin microbatches=1"})
def independent_features():
    def loss(m, x, y):
        z, other = m.a(x), m.a(x.flip(1))
        c = torch.einsum("ni,nj", z, other) / x.shape[0]
        rest = c.square().sum() - torch.einsum("ii->i", c).square().sum()
        return torch.diagonal(c.clone()).add_(-1).pow_(2).sum() + 0.1 * rest + F.soft_margin_loss(m.o(z)[:, 0], 1.0 - 2 * (y % 2))
    return Head(loss), samples()


class Decoder(nn.Module):
    """A cell, step by step, that attends to the states of another."""

    def __init__(self):
        super().__init__()
        self.e, self.encoder, self.cell = nn.Embedding(11, 4), nn.RNN(4, 6, batch_first=True), nn.GRUCell(10, 6)
        self.k, self.q, self.v, self.o = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 1), nn.Linear(6, 11)

    def forward(self, source, ids, labels):
        keys, h = self.encoder(self.e(source))
        h, loss = h[0], 0.0
        for t in range(ids.shape[1]):
            score = self.v(torch.tanh(self.k(keys) + self.q(h)[:, None])).squeeze(2)
            seen = torch.einsum("bs,bs...->b...", score.softmax(1), keys)
            h = self.cell(torch.cat([self.e(ids[:, t]), seen], 1), h)
            loss = loss + F.cross_entropy(self.o(h), labels[:, t])
        return loss


@module("1", "2 data=2", "2 pipeline=2,microbatches=2")
def decoder():
    g = generator()
    return Decoder(), {name: torch.randint(0, 11, (4, 2), generator=g) for name in ("source", "ids", "labels")}
