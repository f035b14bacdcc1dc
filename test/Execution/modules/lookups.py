"""Elements by number: embeddings, gathers, repeated and ragged indices."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, Language, generator, samples, tokens
from modules.table import module


@module("1", "2 data=2", "2 tensor=2", "5 tensor=5", "2 pipeline=2")
def gather_with_repeated_ids():
    def loss(m, x, y):
        return (m.o(m.a(x)).gather(1, y) * torch.tensor([1.0, 2.0, 4.0])).sum(1).mean()
    ids = torch.tensor([[0, 0, 1], [2, 3, 2], [4, 4, 4], [1, 0, 2]])
    return Head(loss, classes=5), {"x": torch.randn(4, 6, generator=generator()), "y": ids}


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2")
def tables_that_are_no_buffers():
    """Large tables held as plain attributes, one of them twice, are constants of the trace."""
    class Tables(nn.Module):
        def __init__(self):
            super().__init__()
            self.e, self.o = nn.Embedding(19, 40), nn.Linear(40, 19)
            self.places = torch.randn(20, 40, generator=generator())
            self.order = torch.randperm(600, generator=generator())
            self.again = self.places.clone()

        def forward(self, ids, labels):
            size = ids.size(1)
            h = self.e(ids) + self.places[:size] + self.again[2:size + 2]
            h = h[:, :, self.order[:40] % 40] * torch.tensor(0.5)
            return F.cross_entropy(self.o(h).flatten(0, 1), labels.flatten())
    return Tables(), tokens()


class Positions(nn.Module):
    """Hidden states at some positions of each sample, as for masked language modelling."""

    def __init__(self):
        super().__init__()
        self.e, self.l, self.o = nn.Embedding(13, 8), nn.Linear(8, 8), nn.Linear(8, 13)

    def forward(self, ids, positions, labels):
        h = torch.tanh(self.l(self.e(ids)))
        h = h.gather(1, positions[..., None].expand(-1, -1, 8))
        return F.cross_entropy(self.o(h).flatten(0, 1), labels.flatten())


@module("1", "2 data=2", "2 tensor=2", "4 data=2,tensor=2")
def gather_of_positions():
    batch = tokens(vocabulary=13)
    positions = torch.randint(0, 6, (4, 3), generator=generator())
    return Positions(), {"ids": batch["ids"], "positions": positions, "labels": batch["labels"][:, :3].contiguous()}


@module("1", "2 tensor=2", "2 pipeline=2,microbatches=2", "4 data=2,tensor=2")
def padding_row_of_a_tied_embedding():
    model = Language(padding=18)
    with torch.no_grad():
        model.words.weight[18].normal_(generator=generator())
    batch = tokens()
    batch["ids"][:, 4:] = 18
    return model, batch


@module("1", "2 data=2")
def rows_by_a_list_and_by_two_lists():
    def loss(m, x, y):
        h = m.a(x)
        picked = h[torch.tensor([1, 1, 5, 0])]
        pairs = m.o.weight[y, torch.tensor([7, 0, 7, 3, 3, 2, 7, 1])]
        chosen = h.index_select(1, torch.tensor([3, 3, 0]))
        return picked.square().mean() + (m.o(h).exp().sum(1) * pairs).mean() + chosen.square().mean()
    return Head(loss), samples()


class Chosen(nn.Module):
    """States at one place of each sample and at several, by numbers of samples beside numbers of places."""

    def __init__(self):
        super().__init__()
        self.e, self.l, self.o = nn.Embedding(19, 8), nn.Linear(8, 8), nn.Linear(8, 19)

    def forward(self, ids, labels):
        h = torch.tanh(self.l(self.e(ids)))
        rows = torch.arange(h.shape[0])
        last = h[rows, (ids > 3).sum(1) - 1]
        several = h[rows[:, None], ids[:, :2] % 6]
        entries = h[rows, ids[:, 0] % 6, ids[:, 1] % 8]
        return F.cross_entropy(self.o(last + several.sum(1)), labels[:, 0]) + entries.square().mean()


# The samples stay apart: microbatches, too.
@module("1", "1 microbatches=2", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2", "4 data=2,tensor=2")
def place_of_each_sample():
    return Chosen(), tokens()


class Bags(nn.Module):
    """Bags of one size, added up, as means and with weights."""

    def __init__(self):
        super().__init__()
        self.sum, self.mean = (nn.EmbeddingBag(11, 6, mode=mode) for mode in ("sum", "mean"))
        self.weights, self.o = nn.Linear(6, 4), nn.Linear(12, 5)

    def forward(self, x, ids, y):
        h = torch.cat([self.sum(ids, per_sample_weights=self.weights(x)), self.mean(ids[:, 1:])], 1)
        return F.cross_entropy(self.o(h.relu()), y)


@module("1", "1 microbatches=2", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2", "4 data=2,tensor=2")
def bags_of_one_size():
    g = generator()
    return Bags(), {"x": torch.randn(4, 6, generator=g), "ids": torch.randint(0, 11, (4, 4), generator=g),
                    "y": torch.randint(0, 5, (4,), generator=g)}
