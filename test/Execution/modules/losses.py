"""Losses: not linear in the batch, weighted, with ignored labels, with terms that do not come from the batch."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Head, Language, generator, samples, tokens
from modules.table import module

WHOLE = "of the whole batch"
ADAMW = "adamw:lr=1e-3,weight-decay=0.1,no-decay=rank<2"


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=1", refused={"2 data=2,microbatches=2": WHOLE})
def root_of_mean():
    def loss(m, x, y):
        return torch.sqrt(F.mse_loss(m.o(torch.tanh(m.a(x))), F.one_hot(y, 4).float()) + 1e-6)
    return Head(loss), samples()


@module("1", "2 tensor=2", "2 data=2,microbatches=4", "4 data=2,pipeline=2,microbatches=2")
def class_weights():
    weight = torch.rand(19, generator=generator(5)) + 0.1
    return Language(weight=weight, label_smoothing=0.2), tokens(batch=8, ignored=True)


@module("1", "2 data=2", "3 data=3", "2 tensor=2")
def batch_statistics():
    def loss(m, x, y):
        h = m.a(x)
        mean = h.mean(0, keepdim=True)
        variance = (h - mean).square().mean(0, keepdim=True)
        return F.cross_entropy(m.o((h - mean) * torch.rsqrt(variance + 1e-5) + 0.1 * h.amax(0)), y)
    return Head(loss), samples(batch=7)


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=1", "2 data=2,microbatches=2")
def weight_penalty():
    def loss(m, x, y):
        penalty = 0.01 * m.a.weight.square().sum() + 0.02 * m.o.weight.abs().sum()
        return F.cross_entropy(m.o(torch.relu(m.a(x))), y) + penalty
    return Head(loss), samples()


@module("1", "2 data=2", "2 tensor=2")
def contrastive():
    def loss(m, x, y):
        p = F.normalize(m.o(torch.tanh(m.a(x))), dim=-1)
        q = F.normalize(m.o(m.a(y)), dim=-1)
        scores = p @ q.t() * 5
        target = torch.arange(x.size(0))
        return 0.5 * (F.cross_entropy(scores, target) + F.cross_entropy(scores.t(), target))
    g = generator()
    return Head(loss), {"x": torch.randn(8, 6, generator=g), "y": torch.randn(8, 6, generator=g)}


@module("1", "2 data=2", "2 tensor=2")
def balance_of_experts():
    """Switch's auxiliary loss: share of samples times mean probability, summed over experts; and the
    entropy of the mean."""
    def loss(m, x, y):
        logits = m.o(m.a(x))
        probability = logits.softmax(-1)
        share = (logits == logits.amax(-1, keepdim=True)).float().mean(0)
        mean = probability.mean(0)
        return F.cross_entropy(logits, y) + 0.1 * 4 * (share * mean).sum() + 0.1 * (mean * mean.log()).sum()
    return Head(loss), samples()


@module("2 data=2,microbatches=4", "4 data=2,pipeline=2,microbatches=4", "3 data=3", optimizer=ADAMW)
def mean_over_unequal_labels():
    return Language(), tokens(batch=8, ignored=True)


@module("2 data=2", "2 pipeline=2,microbatches=8")
def rank_without_labels():
    batch = tokens(batch=8)
    batch["labels"][:4] = -1
    return Language(ignore_index=-1), batch


@module("1", "2 data=2", steps=2)
def no_labels_at_all():
    batch = tokens()
    batch["labels"][:] = -100
    return Language(), batch


@module("2 data=2,microbatches=2", "2 pipeline=2,microbatches=4", "3 data=3", optimizer="sgd:lr=1e-3,momentum=0.9")
def sum_over_labels():
    return Language(reduction="sum"), tokens(batch=8, ignored=True)


@module("2 tensor=2", "3 tensor=3", "4 data=2,tensor=2,microbatches=2")
def smoothed_labels_of_a_cut_vocabulary():
    return Language(label_smoothing=0.1), tokens(ignored=True)


@module("1", "1 microbatches=2", "2 data=2,microbatches=2", "2 pipeline=2,microbatches=2",
        "4 data=2,pipeline=2,microbatches=2")
def constant_gradient():
    def loss(m, x, y):
        return (m.o(torch.tanh(m.a(x))) * torch.tensor([1.0, 2.0, 4.0, 0.5])).sum(1).mean()
    return Head(loss), samples()


@module("1 microbatches=2", "2 data=2,microbatches=2", "2 pipeline=2,microbatches=2")
def constant_gradient_of_a_lookup():
    def loss(m, x, y):
        picked = m.o(torch.tanh(m.a(x))).gather(1, torch.stack([y, (y + 1) % 4], 1))
        return (picked * torch.tensor([1.0, 2.0])).sum(1).mean()
    return Head(loss), samples()


@module("1", "2 data=2", "2 pipeline=2", "4 data=2,pipeline=2,zero=1", clip_norm=1.0, steps=2)
def one_sample_is_no_number():
    def loss(m, x, y):
        return F.cross_entropy(m.o(torch.relu(m.a(x))), y)
    batch = samples()
    batch["x"][5, 2] = float("nan")
    return Head(loss), batch


class Frozen(nn.Module):
    """Used, behind detach, times zero, not at all: who gets a gradient and who is decayed."""

    def __init__(self):
        super().__init__()
        self.a, self.unused, self.stopped, self.zeroed = (nn.Linear(6, 6) for _ in range(4))
        self.scale = nn.Parameter(torch.tensor(0.7))
        self.o = nn.Linear(6, 4)

    def forward(self, x, y):
        h = F.relu(self.a(x)) + self.stopped(x).detach() + 0.0 * self.zeroed(x)
        return F.cross_entropy(self.o(h) * self.scale, y)


@module("1", "2 data=2,zero=1", "2 tensor=2", "2 pipeline=2", optimizer="adamw:lr=1e-2,weight-decay=0.5")
def parameters_without_a_gradient():
    return Frozen(), samples()
