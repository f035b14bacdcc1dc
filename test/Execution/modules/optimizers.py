"""Every optimizer under plans, with its state: what each rank holds of it, put together, is PyTorch's."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import Language, generator, tokens
from modules.table import module


class Shapes(nn.Module):
    """Parameters of rank 0 to 3, some that no plan divides evenly, a size of 1, and one that is zero at first."""

    def __init__(self):
        super().__init__()
        g = generator(5)
        self.words = nn.Embedding(11, 6)
        self.mixed = nn.Parameter(torch.randn(3, 6, 5, generator=g) * 0.5)
        self.column = nn.Parameter(torch.randn(5, 1, generator=g))
        self.zero = nn.Parameter(torch.zeros(5))
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.norm = nn.LayerNorm(5)
        self.out = nn.Linear(5, 11)

    def forward(self, ids, labels):
        h = torch.einsum("btw,kwv->kbtv", self.words(ids), self.mixed).tanh()
        gate = (h[0] @ self.column).sigmoid() * self.scale
        return F.cross_entropy(self.out(self.norm(h.sum(0) + self.zero) * gate).flatten(0, 1), labels.flatten())


FEW = ("2 tensor=2", "2 data=2,zero=1")
ALL = ("1", "2 data=2", *FEW)


def shapes():
    return Shapes(), tokens(batch=4, length=6, vocabulary=11)


def trains(name, optimizer, *plans, **rest):
    """The shapes with one optimizer."""
    def build():
        return shapes()
    build.__name__ = name
    module(*plans, optimizer=optimizer, states=True, **rest)(build)


# Element by element.
trains("sgd", "sgd:lr=0.1,momentum=0.9,dampening=0.3,weight-decay=0.1", *ALL)
trains("adam", "adam:lr=1e-2,weight-decay=0.1,amsgrad", *FEW)
trains("adamw", "adamw:lr=1e-2,weight-decay=0.2,no-decay=rank<2", *FEW)
trains("adagrad", "adagrad:lr=0.1,lr-decay=0.2,initial-accumulator-value=0.5", *FEW)
trains("rmsprop", "rmsprop:lr=1e-2,centered,momentum=0.8,eps=1e-3", *FEW)
trains("lion", "lion:lr=1e-3,weight-decay=0.1", *FEW)
# With sums over a parameter that ranks hold in parts.
trains("lamb", "lamb:lr=1e-1,weight-decay=0.1", *ALL, "4 data=2,tensor=2,zero=1", clip_norm=0.3)
trains("lars", "lars:lr=2,weight-decay=0.01,trust-coefficient=0.1", *ALL)
trains("adafactor", "adafactor:lr=0.1,weight-decay=0.1", *ALL, "2 pipeline=2,microbatches=2", "4 data=2,tensor=2,zero=1")
trains("groups", "sgd:lr=0.1,momentum=0.9,weight-decay=0.1,no-decay=rank<2", "2 data=2,zero=1", gamma=0.5,
       groups=("name=words.*|*norm*:lr=0.03,momentum=0", "rank<2:lr=0.3,nesterov", "name=mixed:weight-decay=0.5"))


# Queries, keys and values of one weight: its columns are cut by heads.
@module("2 data=2,microbatches=2", "2 tensor=2", optimizer="adafactor:lr=0.1", states=True)
def language_with_adafactor():
    return Language(layers=1), tokens()
