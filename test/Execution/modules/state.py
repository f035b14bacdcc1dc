"""What a step keeps: buffers that the model writes, tied and frozen tensors, parameters without a gradient."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import samples, tokens
from modules.table import module


class Running(nn.Module):
    """A running mean of the batch and a counter, as in batch norm; `read` says when the loss reads them."""

    def __init__(self, read):
        super().__init__()
        self.read = read
        self.a, self.o = nn.Linear(6, 4), nn.Linear(4, 4)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("last", torch.zeros(()))

    def update(self, h):
        self.mean.mul_(0.9).add_(h.detach().mean(0), alpha=0.1)
        self.count += 1
        self.last.copy_(self.count * 0.5)
        self.mean[1] = self.mean[0]  # in order: of the new mean

    def forward(self, x, y):
        h = self.a(x)
        if self.read == "after":
            self.update(h)
        loss = F.cross_entropy(self.o(h - self.mean), y)
        if self.read == "before":
            self.update(h)
        return loss


EVERYWHERE = ("1", "2 data=2", "2 tensor=2", "3 data=3", "2 pipeline=2,microbatches=1")
WRITTEN = ("mean", "count", "last")


@module(*EVERYWHERE, "2 data=2,microbatches=2", written=WRITTEN)
def buffer_written_after_use():
    return Running("before"), samples()


@module(*EVERYWHERE, written=WRITTEN, refused={"2 data=2,microbatches=2": "of the whole batch"})
def buffer_read_after_write():
    return Running("after"), samples()


class TwoOverOne(nn.Module):
    """Two Parameters over one storage: two tensors, also after torch.jit.load."""

    def __init__(self, frozen):
        super().__init__()
        self.e = nn.Embedding(11, 6)
        self.o = nn.Linear(6, 11, bias=False)
        self.o.weight = nn.Parameter(self.e.weight.data, requires_grad=not frozen)

    def forward(self, ids, labels):
        return F.cross_entropy(self.o(self.e(ids)).flatten(0, 1), labels.flatten())


@module("1", "2 tensor=2", optimizer="adamw:lr=1e-2,weight-decay=0.1,no-decay=rank<2")
def two_parameters_over_one_storage():
    return TwoOverOne(frozen=False), tokens(vocabulary=11)


@module("1", "2 data=2")
def frozen_over_the_storage_of_a_trained():
    return TwoOverOne(frozen=True), tokens(vocabulary=11)


class Steps(nn.Module):
    """Parameters behind functions of derivative 0 (a gradient of zeros, decayed), and such as have none."""

    def __init__(self):
        super().__init__()
        g = torch.Generator().manual_seed(4)
        for name in ("floored", "signed", "rounded", "truncated", "divided", "compared", "converted"):
            setattr(self, name, nn.Parameter(torch.randn(4, generator=g) * 2))
        self.a, self.o = nn.Linear(6, 6), nn.Linear(6, 4)

    def forward(self, x, y):
        h = torch.round(self.a(x) * 4) / 4  # also its weight and bias
        scale = torch.floor(self.floored * 2) + torch.sign(self.signed).sum() + torch.round(self.rounded)[:2].sum()
        scale = scale * torch.ceil(self.truncated.trunc() + torch.div(self.divided, 0.3, rounding_mode="floor"))
        scale = scale + (self.compared > 0).float() + self.converted.long()
        return F.cross_entropy(self.o(h) + 0.01 * scale, y)


@module(*EVERYWHERE, "2 data=2,microbatches=2", "2 data=2,zero=1", optimizer="adamw:lr=1e-2,weight-decay=0.5", clip_norm=1.0)
def gradients_of_zero():
    return Steps(), samples()


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.o = nn.Linear(6, 4)

    def forward(self, x, mask, y):
        return F.cross_entropy(self.o(x), y)


@module("1", "2 data=2")
def input_without_use():
    batch = samples()
    return Unused(), {"x": batch["x"], "mask": torch.ones(8, 2), "y": batch["y"]}


class ChannelNorms(nn.Module):
    """Norms of channels between layers; `images` shapes the features as maps of four channels."""

    def __init__(self, *norms, images=False):
        super().__init__()
        self.a, self.o = nn.Linear(6, 12), nn.Linear(12, 4)
        self.norms, self.images = nn.ModuleList(norms), images

    def forward(self, x, y):
        h = self.a(x)
        if self.images:
            h = h.view(-1, 4, 3, 1)
        for norm in self.norms:
            h = F.gelu(norm(h))
        return F.cross_entropy(self.o(h.flatten(1)), y)


def written(*names, count=1):
    return tuple(f"norms.{i}.{name}" for i in range(count) for name in ("running_mean", "running_var", *names))


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=1", written=written("num_batches_tracked", count=2),
        refused={"2 data=2,microbatches=2": "of the whole batch"})
def batch_norm_of_rows():
    return ChannelNorms(nn.BatchNorm1d(12), nn.BatchNorm1d(12, eps=1e-2, momentum=0.4)), samples()


@module("3 data=3", "4 data=2,tensor=2", written=written("num_batches_tracked"))
def batch_norm_of_images():
    return ChannelNorms(nn.BatchNorm2d(4), nn.BatchNorm2d(4, affine=False, track_running_stats=False), images=True), samples()


@module("2 pipeline=2")  # the search finds that there can be one microbatch only
def batch_norm_untracked():
    return ChannelNorms(nn.BatchNorm1d(12, track_running_stats=False)), samples()


@module("2 data=2,microbatches=2")
def batch_norm_evaluated():
    norm = nn.BatchNorm2d(4)
    nn.init.uniform_(norm.running_mean)
    nn.init.uniform_(norm.running_var, 0.5, 2)
    return ChannelNorms(norm.eval(), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True), images=True), samples()


@module("2 data=2", written=written())
def instance_norm_tracked():
    return ChannelNorms(nn.InstanceNorm2d(4, affine=True, track_running_stats=True), images=True), samples()
