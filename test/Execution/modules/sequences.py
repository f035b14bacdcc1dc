"""Sequences of several lengths: labels without times (CTC), packed batches."""
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from modules.parts import generator
from modules.table import module

PLANS = ("1", "2 data=2", "2 tensor=2")


def speech(batch=4, times=8, width=6, labels=3, classes=5):
    g = generator(11)
    return {"x": torch.randn(batch, times, width, generator=g), "y": torch.randint(1, classes, (batch, labels), generator=g),
            "times": torch.tensor([8, 7, 8, 3]), "lengths": torch.tensor([3, 2, 0, 1])}


class Recognizer(nn.Module):
    """Frames to scores; targets padded or one after the other."""

    def __init__(self, width=6, classes=5, joined=False, **options):
        super().__init__()
        self.up, self.out = nn.Linear(width, 8), nn.Linear(8, classes)
        self.joined, self.options = joined, options

    def forward(self, x, y, times, lengths):
        scores = self.out(torch.tanh(self.up(x))).log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(scores, y.flatten() if self.joined else y, times, lengths, **self.options)


@module(*PLANS, steps=2)
def connectionist():
    return Recognizer(), speech()


@module("1", "2 data=2", steps=2)
def connectionist_sum_of_possible():
    batch = speech()
    batch["times"] = torch.tensor([8, 7, 8, 0])  # the last is not possible
    return Recognizer(reduction="sum", zero_infinity=True), batch


@module("1", "2 tensor=2", steps=2, compile=("--batch=x", "--batch=times", "--batch=lengths"))
def connectionist_joined():
    """All labels of the batch in a row: as many as the lengths say."""
    batch = speech()
    batch["times"], batch["lengths"] = torch.tensor([8, 8, 5, 7]), torch.tensor([4, 3, 2, 3])
    return Recognizer(joined=True), batch


class Packed(nn.Module):
    def __init__(self, kind, width=5, **options):
        super().__init__()
        self.rnn = getattr(nn, kind)(width, 6, batch_first=True, **options)
        self.out = nn.Linear(6 * (2 if options.get("bidirectional") else 1), 4)
        self.end = nn.Linear(6, 4)

    def forward(self, x, lengths, y):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        out, last = self.rnn(packed)
        last = last[0] if isinstance(last, tuple) else last
        padded, _ = pad_packed_sequence(out, batch_first=True, total_length=x.shape[1])
        return F.cross_entropy(self.out(padded).sum(1) + self.end(last[-1]), y)


def ragged(batch=4, times=5, width=5):
    g = generator(12)
    return {"x": torch.randn(batch, times, width, generator=g), "lengths": torch.tensor([2, 5, 1, 3]), "y": torch.randint(0, 4, (batch,), generator=g)}


@module(*PLANS, steps=2)
def packed_lstm():
    return Packed("LSTM"), ragged()


# The search for two ranks does not come to its end in any time: a tenth of the way it has its plan.
@module(*PLANS, steps=2, compile=("--search-time=4",))
def packed_gru_both_ways():
    return Packed("GRU", num_layers=2, bidirectional=True), ragged()
