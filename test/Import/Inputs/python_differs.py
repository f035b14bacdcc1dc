"""Archives whose program differs from the Python program: python_differs.py FOLDER"""
import sys

import torch
import torch.nn as nn


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.free = nn.Linear(3, 3, bias=False)
        self.frozen = nn.Linear(3, 3, bias=False)
        self.frozen.weight = nn.Parameter(self.free.weight.data, requires_grad=False)
        self.first = nn.Linear(3, 3, bias=False)
        self.second = nn.Linear(3, 3, bias=False)
        self.second.weight = self.first.weight

    def forward(self, x):
        return (self.first(self.frozen(self.free(x))) + self.second(x)).sum()


class Untracked(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Linear(3, 3)
        self.teacher = nn.Linear(3, 3)

    def forward(self, x):
        with torch.no_grad():
            expected = self.teacher(x)
            self.teacher(x).detach()
        return (self.student(x) - expected).square().mean()


for name, model in ("shared", Shared()), ("untracked", Untracked()):
    torch.jit.trace(model, torch.ones(2, 3), check_trace=False).save(f"{sys.argv[1]}/{name}.pt")
