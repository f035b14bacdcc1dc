"""Corners of indexing, writing, types, reductions and losses, each as people write it."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, generator, samples, tokens
from modules.table import module

PLANS = ("1", "2 data=2", "2 tensor=2")


@module(*PLANS)
def tensors_and_slices_between():
    """Index tensors with slices, None, an ellipsis and a number between them."""
    def loss(m, x, y):
        h = m.a(x).view(8, 2, 4)
        rows, columns = torch.tensor([[0, 1], [7, 2], [3, 3]]), torch.tensor([1, 3])
        apart = h[rows, :, columns]  # index dimensions come first
        together = h[:, torch.tensor([1, 0, 1]), torch.tensor([2, 2, -1])]
        more = h[..., None, torch.tensor([0, -1])] * h[2, :, None, torch.tensor([1])].mean()
        own = h[torch.arange(8), y % 2]
        put = h.detach().clone()
        put[torch.tensor([0, 5]), :, torch.tensor([1, 2])] = h[2:4, 0, :2]
        return (F.cross_entropy(m.o(h.flatten(1)), y) + apart.square().mean() + together.tanh().sum() * 0.1
                + more.square().mean() + own.logsumexp(-1).mean() + put.exp().mean())
    return Head(loss), samples()


@module(*PLANS)
def writes_through_views_of_views():
    """A transposed slice of a view is written in place, then added to, then masked."""
    def loss(m, x, y):
        h = m.a(x)
        v = h.view(4, 2, 2, 4)
        v[:, 0].transpose(1, 2)[:, 1:3] *= 2
        v[1:, :, 1, ::2].add_(m.extra.view(2, 1), alpha=0.5)
        h[:, -1] = h[:, 0] - h[:, 1].detach()
        h.t()[2].clamp_(-0.5, 0.5)
        h[3:5][:, 1:2].zero_()
        return F.cross_entropy(m.o(h), y)
    model = Head(loss)
    model.extra = nn.Parameter(torch.tensor([0.3, -0.2]))
    return model, samples()


@module(*PLANS)
def integers_and_truth_in_arithmetic():
    """Integer division, remainders, comparisons and masks as numbers beside floats."""
    def loss(m, x, y):
        h = m.o(m.a(x).relu())
        weight = 1 + (y // 2) + (y % 3 == 1) - (y > 2).int() * 2 // 3
        parity = (y & 1).bool() ^ (x[:, 0] > 0)
        score = h.gather(1, y[:, None]).squeeze(1) * weight + parity * h[:, 0] - (~parity) * h[:, 1]
        steps = torch.arange(4, dtype=torch.int32) * 3 // 2 - 1
        return (h.logsumexp(1) * weight - score).sum() / weight.sum() + (h * steps).mean() + 2 ** steps.float().mean() * h.mean()
    return Head(loss), samples()


@module(*PLANS)
def broadcast_of_ones():
    """Dimensions of size 1 on both sides, of a 0-d parameter, and of what has no rows."""
    def loss(m, x, y):
        h = m.a(x)
        outer = h[:, None, :1] * m.row + m.column * h.unsqueeze(0)[:, :1]
        scaled = (outer * m.scale).expand(8, 3, -1).contiguous() - m.column
        nothing = h[:0].sum() + h[:, :0].prod(1).mean() + torch.cat([h[:0], h]).mean()
        return F.cross_entropy(m.o(h), y) + scaled.square().mean() + nothing
    model = Head(loss)
    model.row, model.column = nn.Parameter(torch.linspace(-1, 1, 8).view(1, 1, 8)), nn.Parameter(torch.ones(3, 1))
    model.scale = nn.Parameter(torch.tensor(0.7))
    return model, samples()


@module(*PLANS)
def extremes_with_ties_and_infinities():
    """Maxima over rectified features (many zeros), masked softmax with a row of one, running maxima."""
    def loss(m, x, y):
        h = m.a(x).relu().view(8, 2, 4)
        mask = torch.arange(4) <= (y[:, None, None] % 4)
        attention = h.masked_fill(~mask, -math.inf).softmax(-1)
        best, place = h.flatten(1).max(1)
        top = h.amax((1, 2)) + h.cummax(2)[0].mean((1, 2)) + h.flatten(1).kthvalue(6, 1)[0]
        return F.cross_entropy(m.o((attention * h).flatten(1)), y) + (best * (place + 1)).mean() + top.mean() + h.median()
    return Head(loss), samples()


class Counting(nn.Module):
    """Buffers of several types that a step reads before and after it writes them."""

    def __init__(self):
        super().__init__()
        self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 4)
        self.register_buffer("seen", torch.zeros(4, dtype=torch.int64))
        self.register_buffer("greatest", torch.full((8,), -math.inf))
        self.register_buffer("ring", torch.zeros(3, 8))
        self.register_buffer("started", torch.tensor(False))

    def forward(self, x, y):
        h = torch.tanh(self.a(x))
        self.seen += F.one_hot(y, 4).sum(0)
        rare = 1.0 / (self.seen + 1).float()
        self.greatest.copy_(torch.maximum(self.greatest, h.detach().amax(0)))
        drift = (h.mean(0) - torch.where(self.started, self.ring[-1], h.mean(0).detach())).square().sum()
        self.ring.copy_(torch.cat([self.ring[1:], h.detach().mean(0, keepdim=True)]))
        self.started |= torch.ones((), dtype=torch.bool)
        return F.cross_entropy(self.o(h / (self.greatest.abs() + 1)), y, weight=rare) + drift


@module("1", "2 data=2", "2 pipeline=2", written=("seen", "greatest", "ring", "started"))
def counters_and_a_ring():
    return Counting(), samples()


@module(*PLANS)
def odd_reshapes():
    """Sizes that share no factors, pixel shuffles of what was flattened, a permutation written as strides."""
    def loss(m, x, y):
        h = m.a(x)  # [8, 8]
        odd = F.pad(h, (1, 1, 0, 1)).reshape(-1)[:84].view(12, 7)
        turned = odd.view(3, 4, 7).permute(2, 0, 1).reshape(6, 14).unfold(1, 5, 3).flip(0)
        picture = F.pixel_shuffle(h.view(2, 16, 2, 1), 2).flatten(2).roll((1, 2), (0, 2))
        strided = h.as_strided((4, 3, 2), (16, 2, 9))
        return (F.cross_entropy(m.o(h.T.reshape(8, 8) + h), y) + turned.square().mean()
                + (picture * torch.linspace(0, 1, 8)).sum() + strided.tanh().mean())
    return Head(loss), samples()


class Tied(nn.Module):
    """One weight as embedding, as a transposed projection, in part, and as its own regulariser."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(12, 6)
        self.mix = nn.Linear(6, 6, bias=False)
        self.back = nn.Linear(6, 12, bias=False)
        self.back.weight = self.words.weight
        self.again = self.mix

    def forward(self, ids, labels):
        h = self.words(ids)
        h = h + self.again(torch.tanh(self.mix(h))) @ self.mix.weight[:, :6].t()
        scores = self.back(h) + F.linear(h, self.words.weight.flip(0)[2:8]).sum(-1, keepdim=True)
        loss = F.cross_entropy(scores.flatten(0, 1), labels.flatten())
        return loss + 0.01 * (self.words.weight.norm(dim=1) - 1).square().sum() + 0.1 * self.mix.weight.diagonal().sum()


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2", "2 data=2,zero=1")
def one_weight_in_four_places():
    return Tied(), tokens(vocabulary=12)


@module(*PLANS)
def losses_of_masks():
    """Means over masks that may be empty for a sample, contrast of pairs, label smoothing by hand, focal weights."""
    def loss(m, ids, labels):
        h = torch.tanh(m.l(m.e(ids)))
        scores = m.o(h)
        mask = labels >= 0
        count = mask.sum(-1).clamp(min=1)
        pooled = (h * mask.unsqueeze(-1)).sum(1) / count.unsqueeze(-1)
        each = F.cross_entropy(scores.transpose(1, 2), labels.clamp(min=0), reduction="none")
        chance = torch.exp(-each)
        focal = ((1 - chance) ** 2 * each * mask).sum() / mask.sum()
        smooth = -(scores.log_softmax(-1).mean(-1) * mask).sum(1).div(count).mean()
        near = F.normalize(pooled, dim=-1) @ F.normalize(pooled, dim=-1).t() / 0.5
        near = near.masked_fill(torch.eye(4, dtype=torch.bool), -1e9)
        return focal + 0.1 * smooth + F.cross_entropy(near, torch.arange(4).flip(0))

    class Masked(nn.Module):
        def __init__(self):
            super().__init__()
            self.e, self.l, self.o = nn.Embedding(19, 8), nn.Linear(8, 8), nn.Linear(8, 5)

        def forward(self, ids, labels):
            return loss(self, ids, labels)
    batch = tokens(ignored=True)
    batch["labels"] = torch.where(batch["labels"] < 0, -100, batch["labels"] % 5)
    batch["labels"][2] = -100
    return Masked(), batch


@module(*PLANS)
def sampled_along_learned_grids():
    """A spatial transformer: the grid is learned, points leave the image, and an image is warped by a flow."""
    class Warped(nn.Module):
        def __init__(self):
            super().__init__()
            self.where, self.out = nn.Linear(30, 6), nn.Linear(30, 4)
            self.flow = nn.Parameter(0.3 * torch.randn(5, 6, 2, generator=generator(2)))

        def forward(self, x, y):
            theta = self.where(x.flatten(1)).view(-1, 2, 3) * 0.3 + torch.eye(2, 3)
            grid = F.affine_grid(theta, list(x.shape), align_corners=False)
            z = F.grid_sample(x, grid + self.flow, padding_mode="border", align_corners=False)
            z = z + F.grid_sample(z.tanh(), grid, padding_mode="reflection", align_corners=True)
            return F.cross_entropy(self.out(z.flatten(1)), y)
    g = generator(5)
    return Warped(), {"x": torch.randn(4, 1, 5, 6, generator=g), "y": torch.randint(0, 4, (4,), generator=g)}


@module(*PLANS)
def messages_on_a_graph():
    """Edges by number: messages are added, averaged and maximised at their targets, degrees normalise."""
    class Graph(nn.Module):
        def __init__(self):
            super().__init__()
            self.up, self.edge, self.out = nn.Linear(6, 8), nn.Linear(16, 8), nn.Linear(16, 4)

        def forward(self, x, y, source, target):
            h, source, target = self.up(x), source.flatten(), target.flatten()
            message = torch.relu(self.edge(torch.cat([h[source], h[target]], -1)))
            index = target[:, None].expand_as(message)
            degree = torch.zeros(8).index_add(0, target, torch.ones(target.shape[0]))
            mean = torch.zeros_like(h).scatter_reduce(0, index, message, "mean", include_self=False)
            most = h.scatter_reduce(0, index, message, "amax")
            total = torch.zeros_like(h).scatter_add(0, index, message) / degree.clamp(min=1).sqrt()[:, None]
            return F.cross_entropy(self.out(torch.cat([mean + total, most], -1)), y)
    g = generator(6)
    return Graph(), {**samples(), "source": torch.randint(0, 8, (8, 3), generator=g), "target": torch.randint(0, 6, (8, 3), generator=g)}


@module(*PLANS)
def angles_and_quantiles():
    """Rotations from learned angles, geodesic distances, and a loss of the quantile of errors."""
    def loss(m, x, y):
        h = m.a(x)
        angle = torch.atan2(h[:, 0], h[:, 1]) + torch.asin(torch.tanh(h[:, 2]) * 0.9)
        rotated = torch.stack([h[:, 3] * angle.cos() - h[:, 4] * angle.sin(), h[:, 3] * angle.sin() + h[:, 4] * angle.cos()], -1)
        away = torch.acos((F.normalize(h[:, :3], dim=-1) * F.normalize(h[:, 3:6], dim=-1)).sum(-1).clamp(-0.999, 0.999))
        each = F.cross_entropy(m.o(torch.asinh(h)), y, reduction="none")
        return each.mean() + 0.1 * torch.quantile(each, 0.75) + rotated.square().mean() + away.mean() + each.median()
    return Head(loss), samples()


@module(*PLANS)
def half_precision_tables():
    """Buffers and constants of 16 bits, read into floats."""
    class Halves(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 4)
            self.register_buffer("scale", torch.linspace(0.5, 1.5, 8).to(torch.bfloat16))
            self.register_buffer("shift", torch.linspace(-1, 1, 8).to(torch.float16))

        def forward(self, x, y):
            h = self.a(x) * self.scale.float() + self.shift.to(x.dtype)
            return F.cross_entropy(self.o(h * torch.tensor([1.5, 0.25], dtype=torch.bfloat16).float().repeat(4)), y)
    return Halves(), samples()


@module(*PLANS)
def rotary_by_complex_numbers():
    """Rotary embeddings as products of complex numbers, and constants with an imaginary part."""
    def loss(m, x, y):
        h = m.a(x).view(8, 4, 2)
        turn = torch.polar(torch.ones(4), torch.arange(4) * 0.3)
        z = torch.view_as_complex(h) * turn
        z = z * 1j + (0.5 - 2j) * z.conj()
        return F.cross_entropy(m.o(torch.view_as_real(z).flatten(1)), y) + z.abs().mean()
    return Head(loss), samples()


@module(*PLANS)
def sequences_of_several_sizes():
    """Cumulative sums for positions, reversal inside of lengths, last states by length, segments by number."""
    class Lengths(nn.Module):
        def __init__(self):
            super().__init__()
            self.e, self.o = nn.Embedding(19, 8), nn.Linear(24, 4)
            self.places = nn.Embedding(7, 8)

        def forward(self, ids, labels):
            there = ids > 6
            positions = (there.cumsum(1) * there).long()
            h = torch.tanh(self.e(ids) + self.places(positions))
            size = there.sum(1)
            last = h[torch.arange(4), (size - 1).clamp(min=0)]
            order = torch.where(torch.arange(6) < size[:, None], size[:, None] - 1 - torch.arange(6), torch.arange(6))
            reverse = h.gather(1, order[..., None].expand(-1, -1, 8)).cumsum(1)[:, 2]
            segments = torch.zeros(4, 3, 8).scatter_add(1, (ids % 3)[..., None].expand_as(h), h)[:, 1]
            return F.cross_entropy(self.o(torch.cat([last, reverse, segments], -1)), labels[:, 0] % 4)
    return Lengths(), tokens()
