"""Networks of other families, small: recurrent, routed, over graphs and sets, between resolutions."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import generator, samples, tokens
from modules.table import module


class Recurrent(nn.Module):
    """A language model of recurrent layers."""

    def __init__(self, kind, vocabulary=19, width=6, **options):
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.layers = getattr(nn, kind)(width, 8, batch_first=True, **options)
        self.head = nn.Linear(16 if self.layers.bidirectional else 8, vocabulary)

    def forward(self, ids, labels):
        h, _ = self.layers(self.words(ids))
        return F.cross_entropy(self.head(h).flatten(0, 1), labels.flatten())


@module("1", "1 microbatches=2", "2 data=2", "2 tensor=2")
def lstm():
    return Recurrent("LSTM", num_layers=2), tokens(length=4)


@module("1", "2 data=2")
def gru_both_ways():
    return Recurrent("GRU", bidirectional=True), tokens(length=4)


class Experts(nn.Module):
    """The two best of five experts for each sample, mixed by the softmax of their scores."""

    def __init__(self):
        super().__init__()
        self.gate, self.o = nn.Linear(6, 5), nn.Linear(7, 4)
        self.w = nn.Parameter(torch.randn(5, 6, 7, generator=generator()) * 0.4)

    def forward(self, x, y):
        scores, chosen = self.gate(x).topk(2, dim=-1)
        shares = torch.zeros(x.shape[0], 5, dtype=x.dtype).scatter(1, chosen, scores.softmax(-1))
        h = torch.einsum("bi,eij->bej", x, self.w).relu()
        return F.cross_entropy(self.o(torch.einsum("be,bej->bj", shares, h)), y)


@module("1", "1 microbatches=2", "2 data=2", "2 tensor=2")
def experts():
    return Experts(), samples()


class Graph(nn.Module):
    """Two rounds of messages along the edges of each graph, divided by degrees."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 8), nn.Linear(8, 4)

    def spread(self, h, source, target):
        shape = target.shape + h.shape[2:]
        rows, target = source[..., None].expand(shape), target[..., None].expand(shape)
        degree = torch.zeros_like(h).scatter_add(1, target, torch.ones(shape, dtype=h.dtype))
        received = torch.zeros_like(h).scatter_add(1, target, h.gather(1, rows))
        return h + received / degree.clamp(min=1)

    def forward(self, x, source, target, y):
        h = self.spread(self.a(x), source, target).relu()
        return F.cross_entropy(self.spread(self.b(h), source, target).flatten(0, 1), y.flatten())


@module("1", "2 data=2", "2 tensor=2")
def graphs():
    g = generator(5)
    edges = [torch.randint(0, 10, (4, 24), generator=g) for _ in range(2)]
    return Graph(), {"x": torch.randn(4, 10, 6, generator=g), "source": edges[0], "target": edges[1],
                     "y": torch.randint(0, 4, (4, 10), generator=g)}


class Resolutions(nn.Module):
    """Down and up again, with a way around; borders by reflection."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 8, 3, stride=2), nn.Conv2d(14, 3, 3)
        self.n = nn.GroupNorm(2, 8)

    def forward(self, x, y):
        h = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), self.a.weight, self.a.bias).relu()
        g = F.silu(self.n(self.b(F.pad(h, (1, 1, 1, 1), mode="replicate"))))
        up = F.interpolate(g, size=h.shape[-2:], mode="bilinear") + F.interpolate(g, scale_factor=2.0, mode="nearest")
        out = self.c(F.pad(torch.cat([h, up], 1), (1, 1, 1, 1), mode="circular"))
        return F.mse_loss(F.interpolate(out, scale_factor=0.5, mode="bicubic"), y)


@module("1", "1 microbatches=2", "2 data=2", "2 tensor=2")
def resolutions():
    g = generator(4)
    return Resolutions(), {"x": torch.randn(4, 3, 8, 8, generator=g), "y": torch.randn(4, 3, 4, 4, generator=g)}


class Windows(nn.Module):
    """A small image in the corner of a larger one, cut into windows."""

    def __init__(self):
        super().__init__()
        self.a, self.o = nn.Linear(6, 4 * 4 * 2), nn.Linear(16, 3)

    def forward(self, x, y):
        image = F.pad(self.a(x).view(-1, 4, 4, 2), (0, 0, 0, 4, 0, 4))
        windows = image.view(-1, 2, 4, 2, 4, 2).permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, 2)
        scores = self.o(windows.softmax(-1).sum(-1) * windows.mean(-1))
        return F.cross_entropy(scores.view(x.shape[0], 4, 3).mean(1), y % 3)


@module("1", "2 data=2", "2 tensor=2")
def windows():
    return Windows(), samples()


class Ranked(nn.Module):
    """The mean of the three greatest scores, and their order: a loss over sorted values."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(6, 9), nn.Linear(9, 7)

    def forward(self, x, y):
        h = self.b(torch.tanh(self.a(x)))
        ordered = h.sort(dim=-1, descending=True)[0]
        weights = torch.arange(7, dtype=x.dtype) / 7
        return (ordered * weights).sum(-1).mean() + F.cross_entropy(h[:, :4], y) + h.topk(3)[0].mean()


@module("1", "2 data=2", "2 tensor=2")
def ranked():
    return Ranked(), samples()


class Sparse(nn.Module):
    """Each expert computes the samples that chose it, as Hugging Face writes it: numbers of rows that depend on data."""

    def __init__(self):
        super().__init__()
        self.gate, self.o = nn.Linear(6, 3), nn.Linear(6, 4)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(6, 8), nn.SiLU(), nn.Linear(8, 6)) for _ in range(3))

    def forward(self, x, y):
        weights, chosen = torch.topk(self.gate(x).softmax(-1), 2, dim=-1)
        mask = F.one_hot(chosen, num_classes=3).permute(2, 1, 0)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            place, row = torch.where(mask[number])
            out.index_add_(0, row, expert(x[None, row].reshape(-1, 6)) * weights[row, place, None])
        return F.cross_entropy(self.o(out), y)


@module("1", "2 data=2", "2 tensor=2")
def sparse_experts():
    return Sparse(), samples()
