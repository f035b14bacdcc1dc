"""Convolutional networks under plans: cuts of samples and channels, also uneven, groups, transposed."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.parts import generator
from modules.table import module


def images(batch=8, channels=3, size=(9, 8), classes=5):
    g = generator()
    return {"x": torch.randn(batch, channels, *size, generator=g), "y": torch.randint(0, classes, (batch,), generator=g)}


class Classifier(nn.Module):
    """Convolutions, the mean over positions, a linear layer."""

    def __init__(self, *layers, width, classes=5):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.o = nn.Linear(width, classes)

    def forward(self, x, y):
        for layer in self.layers:
            x = F.relu(layer(x))
        return F.cross_entropy(self.o(x.mean((2, 3))), y)


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2", "1 microbatches=2", "4 data=2,tensor=2",
        "4 data=2,pipeline=2,microbatches=2,zero=1")
def plain():
    return Classifier(nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 12, 3, stride=2, padding=1), width=12), images()


# No size that 2 or 3 divides.
@module("2 data=2", "2 tensor=2", "3 tensor=3", optimizer="adamw:lr=1e-2,weight-decay=0.01")
def odd_sizes():
    return Classifier(nn.Conv2d(3, 7, 3, padding=1), nn.Conv2d(7, 5, (3, 2), stride=(1, 2), bias=False),
                      width=5), images(batch=7)


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2")
def groups_and_channels_alone():
    return Classifier(nn.Conv2d(3, 6, 1), nn.Conv2d(6, 9, 3, groups=3), nn.Conv2d(9, 9, 3, padding=2, dilation=2, groups=9),
                      nn.Conv2d(9, 6, 1), width=6), images()


class Wide(nn.Module):
    """Channels enough to go last in memory: norms, a pool, a residual, a depthwise convolution, a linear layer of all."""

    def __init__(self, width=16, classes=5):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, width, 3, padding=1, bias=False), nn.GroupNorm(2, width)
        self.inner, self.alone = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.last = nn.Conv2d(width, 2 * width, 1, stride=2)
        self.o = nn.Linear(2 * width * 4, classes)

    def forward(self, x, y):
        x = F.max_pool2d(F.relu(self.norm(self.first(x))), 2)
        x = F.relu(x + self.alone(F.gelu(self.inner(x))))
        return F.cross_entropy(self.o(self.last(x).flatten(1)), y)


@module("1", "2 data=2", "2 tensor=2", "3 tensor=3", "2 pipeline=2,microbatches=2", "1 microbatches=2", "4 data=2,tensor=2")
def wide():
    return Wide(), images(size=(9, 8))


class AutoEncoder(nn.Module):
    """Smaller, then larger again, in one dimension."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv1d(3, 6, 4, stride=2, padding=1)
        self.inner = nn.Conv1d(6, 6, 3, padding="same")
        self.up = nn.ConvTranspose1d(6, 3, 3, stride=2, padding=1, output_padding=1)

    def forward(self, x):
        return F.mse_loss(self.up(torch.tanh(self.inner(F.gelu(self.down(x))))), x)


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2")
def transposed():
    return AutoEncoder(), {"x": torch.randn(6, 3, 12, generator=generator())}


class Patches(nn.Module):
    """Tokens from patches, a class token, one block of attention."""

    def __init__(self, width=8):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, width, generator=generator()))
        self.places = nn.Parameter(torch.randn(1, 5, width, generator=generator(4)))
        self.qkv, self.o = nn.Linear(width, 3 * width), nn.Linear(width, 5)

    def forward(self, x, y):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.expand(x.size(0), -1, -1), x), 1) + self.places
        q, k, v = (part.view(x.size(0), 5, 2, 4).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        x = x + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        return F.cross_entropy(self.o(x[:, 0]), y)


@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=2")
def patches_and_attention():
    return Patches(), images(size=(8, 8))
