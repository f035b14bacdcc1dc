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


def traced_with(**inputs):
    """An archive that is traced with other values of these inputs than it is trained with."""
    def archive(model, batch, folder):
        torch.jit.trace(model, tuple(inputs.get(name, tensor) for name, tensor in batch.items()), check_trace=False) \
            .save(str(folder / "model.pt"))
        return []
    return archive


@module("1", "2 data=2", "2 tensor=2", archive=traced_with(y=torch.tensor([0, 1, 2, 3, 3, 3, 3, 3])))
def writes_where_one_row_was_selected():
    """While it is traced each of these masks selects one row."""
    def loss(m, x, y):
        h = m.a(x)
        g = h.clone()
        g[y == 0] += m.extra
        g[y == 1] = g[y == 1] * 2 - h[y == 1].exp()
        g[:, 3][y == 2] *= 2
        g[None][:, y == 0] -= 0.5
        return F.cross_entropy(m.o(g), y)
    model = Head(loss)
    model.extra = nn.Parameter(torch.linspace(-1, 1, 8))
    return model, samples()


@module(refused={"1": "which hold that it selected one while the model was traced"})
def size_of_the_row_that_was_selected():
    return Head(lambda m, x, y: m.o(m.a(x)[y == 0]).view(2, 2).sum()), {**samples(), "y": torch.tensor([0, 1, 1, 1, 2, 3, 3, 3])}


class Frames(nn.Module):
    """A classification in time; `targets(labels)` gives the labels one after the other, and their numbers."""

    def __init__(self, targets):
        super().__init__()
        self.a, self.o = nn.Linear(6, 8), nn.Linear(8, 5)
        self.targets = targets

    def forward(self, x, labels):
        scores = self.o(torch.tanh(self.a(x))).log_softmax(-1).transpose(0, 1)
        targets, lengths = self.targets(labels)
        times = torch.full((x.shape[0],), x.shape[1])
        return F.ctc_loss(scores, targets, times, lengths, reduction="sum")


def frames():
    labels = tokens(length=5, ignored=True)["labels"]
    labels = torch.where(labels < 0, -100, labels % 4 + 1)
    labels[1, 0], labels[2, 1] = -100, -100  # also in front, and in between
    return {"x": torch.randn(4, 11, 6, generator=generator()), "labels": labels}


@module("1", "2 data=2", "2 tensor=2")
def classification_of_selected_targets():
    def targets(labels):
        there = labels >= 0
        return labels.masked_select(there), there.sum(-1)
    return Frames(targets), frames()


@module("1", "2 data=2")
def classification_of_targets_selected_twice():
    def targets(labels):
        chosen = labels[labels >= 0]
        return chosen[chosen != 2], ((labels >= 0) & (labels != 2)).sum(-1)
    return Frames(targets), frames()


@module("1", "2 data=2", "2 tensor=2")
def rows_selected_of_selected_rows():
    """Losses, means and writes of rows that were selected of rows that a mask had selected."""
    def loss(m, h, s, y):
        inner, labels = s[y != -100], y[y != -100]
        narrow = labels > 1
        chosen = inner[narrow]
        states = h[y != -100][narrow]
        best = states[states[:, 0] > 0]
        return (F.cross_entropy(chosen, labels[narrow]) + states.mean() + best.square().sum() / best.shape[0]
                + 0.1 * chosen.softmax(-1)[labels[narrow] == 3].amax(-1).sum())
    return Tokens(loss), labelled()


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
