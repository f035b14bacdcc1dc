"""Complex numbers and Fourier transforms in layers that train."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import generator
from modules.table import module

PLANS = ("1", "2 data=2", "2 tensor=2")


class Mixer(nn.Module):
    """J. Lee-Thorp et al., FNet, 2021: a transform of both dimensions in place of attention."""

    def __init__(self, width=8, classes=4, vocabulary=11):
        super().__init__()
        self.table = nn.Embedding(vocabulary, width)
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down, self.head = nn.Linear(width, 16), nn.Linear(16, width), nn.Linear(width, classes)

    def forward(self, ids, y):
        x = self.table(ids)
        x = self.first(x + torch.fft.fft2(x, dim=(-2, -1)).real)
        x = self.second(x + self.down(F.gelu(self.up(x))))
        return F.cross_entropy(self.head(x.mean(1)), y)


@module(*PLANS, steps=2)
def fourier_mixer():
    g = generator(5)
    return Mixer(), {"ids": torch.randint(0, 11, (4, 6), generator=g), "y": torch.randint(0, 4, (4,), generator=g)}


class Operator(nn.Module):
    """Z. Li et al., Fourier neural operator, 2021: weights for the lowest modes of a field."""

    def __init__(self, channels=4, modes=3):
        super().__init__()
        self.modes = modes
        self.lift, self.own, self.out = nn.Conv2d(1, channels, 1), nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, 1, 1)
        self.weights = nn.Parameter(torch.randn(2, channels, channels, modes, modes, 2, generator=generator(6)) * 0.2)

    def forward(self, x, y):
        h, m = self.lift(x), self.modes
        field = torch.fft.rfft2(h)
        mixed = torch.zeros(*field.shape, dtype=torch.cfloat)
        low, high = torch.view_as_complex(self.weights)
        mixed[:, :, :m, :m] = torch.einsum("bixy,ioxy->boxy", field[:, :, :m, :m], low)
        mixed[:, :, -m:, :m] = torch.einsum("bixy,ioxy->boxy", field[:, :, -m:, :m], high)
        h = F.gelu(torch.fft.irfft2(mixed, s=x.shape[-2:]) + self.own(h))
        return F.mse_loss(self.out(h), y)


@module(*PLANS, steps=2)
def fourier_operator():
    g = generator(7)
    return Operator(), {"x": torch.randn(4, 1, 8, 8, generator=g), "y": torch.randn(4, 1, 8, 8, generator=g)}


class Rotary(nn.Module):
    """Positions as rotations of pairs, in complex form: a buffer of them, products, lengths and angles."""

    def __init__(self, width=8, times=6, classes=4):
        super().__init__()
        self.q, self.k, self.head = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, classes)
        angles = torch.arange(times)[:, None] / 10 ** (torch.arange(0, width, 2) / width)
        self.register_buffer("turns", torch.polar(torch.ones_like(angles), angles))

    def turned(self, x):
        pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2)) * self.turns
        return torch.view_as_real(pairs).flatten(2), pairs

    def forward(self, x, y):
        (q, pairs), (k, _) = self.turned(self.q(x)), self.turned(self.k(x))
        a = (q @ k.transpose(1, 2)).softmax(-1) @ x
        return F.cross_entropy(self.head(a.mean(1)), y) + 0.1 * (pairs.abs().mean() + (pairs / (pairs.conj() * pairs + 1)).imag.sum())


@module(*PLANS, steps=2)
def complex_rotary():
    g = generator(8)
    return Rotary(), {"x": torch.randn(4, 6, 8, generator=g), "y": torch.randint(0, 4, (4,), generator=g)}
