"""Rows that a mask selects: losses, means and writes, as people write them."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, generator, samples, tokens
from modules.table import module


class Tokens(nn.Module):
    """Hidden states and scores of tokens; `loss` gets both, and the inputs."""

    def __init__(self, loss, classes=5):
        super().__init__()
        self.e, self.l, self.o = nn.Embedding(19, 8), nn.Linear(8, 8), nn.Linear(8, classes)
        self.loss = loss

    def forward(self, ids, labels):
        h = torch.tanh(self.l(self.e(ids)))
        return self.loss(self, h, self.o(h), labels)


def labelled():
    batch = tokens(ignored=True)
    batch["labels"] = torch.where(batch["labels"] < 0, -100, batch["labels"] % 5)
    return batch


@module("1", "2 data=2", "2 tensor=2", "2 data=2,microbatches=2")
def cross_entropy_of_selected_tokens():
    return Tokens(lambda m, h, s, y: F.cross_entropy(s[y != -100], y[y != -100])), labelled()


@module("1", "2 data=2", "2 tensor=2")
def binary_loss_of_selected_tokens():
    def loss(m, h, s, y):
        active = y.view(-1, y.shape[1]) >= 0
        return F.binary_cross_entropy_with_logits(s[..., 0].view(-1, y.shape[1])[active], (y[active] > 2).float())
    return Tokens(loss), labelled()


@module("1", "2 data=2")
def mean_of_selected_states():
    def loss(m, h, s, y):
        chosen = h[y >= 0]
        return m.o(chosen).logsumexp(-1).mean() + chosen.square().sum() / chosen.shape[0] + chosen.amax()
    return Tokens(loss), labelled()


@module("1", "2 data=2")
def rows_by_nonzero():
    def loss(m, x, y):
        rows = torch.where(y > 1)[0]
        h = m.a(x)
        return F.cross_entropy(m.o(h[rows]), y[rows]) + h[(y == 0).nonzero().squeeze(1)].sum() * 0.01
    return Head(loss), samples()


@module("1", "2 data=2", "2 tensor=2")
def writes_where_a_mask_is_true():
    def loss(m, x, y):
        h = m.a(x)
        g = h.clone()
        g[h > 0.5] = 0.25
        g[h < -0.5] *= 0.5
        g[y < 2] += m.extra
        g[y > 2] = torch.zeros(8)
        return F.cross_entropy(m.o(g.masked_scatter(h > 2, h * 2)), y)
    model = Head(loss)
    model.extra = nn.Parameter(torch.linspace(-1, 1, 8))
    return model, samples()


@module("1", "2 data=2")
def writes_by_number():
    def loss(m, x, y):
        h = m.a(x)
        g = torch.zeros(4, 8).index_put((y,), h, accumulate=True)
        k = h.clone()
        k[torch.tensor([1, 5])] = m.extra
        k[torch.arange(8), y] = 1.0
        return F.cross_entropy(m.o(k), y) + (g * m.o.weight).sum()
    model = Head(loss)
    model.extra = nn.Parameter(torch.linspace(-1, 1, 8))
    return model, samples()


@module(refused={"1": "combines the rows that 'index.0' selects, whose number depends on data: expected a sum"})
def running_sum_of_selected_rows():
    return Head(lambda m, x, y: m.o(m.a(x)[y > 1]).cumsum(0).mean()), samples()


@module(refused={"1": "one by one where a mask is true, whose number depends on data"})
def values_one_by_one_where_a_mask_is_true():
    def loss(m, x, y):
        h = m.a(x)
        g = h.clone()
        g[y >= 0] = h.flip(0)
        return F.cross_entropy(m.o(g), y)
    return Head(loss), samples()
