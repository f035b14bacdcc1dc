"""Whole models of three families, narrow but as deep as they are: residual networks, vision transformers, Llama."""
import torch
import torch.nn as nn
import torch.nn.functional as F

from modules.dropout import Drop
from modules.parts import generator
from modules.table import module

ADAMW = "adamw:lr=1e-3,weight-decay=0.1,no-decay=rank<2"


def images(batch=4, size=8, classes=5):
    g = generator(4)
    return {"x": torch.randn(batch, 3, size, size, generator=g), "y": torch.randint(0, classes, (batch,), generator=g)}


class Residual(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.a = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.b = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm_a, self.norm_b = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.shortcut = nn.Sequential() if stride == 1 and channels == width else nn.Sequential(
            nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        h = F.relu(self.norm_a(self.a(x)))
        return F.relu(self.norm_b(self.b(h)) + self.shortcut(x))


class ResNet18(nn.Module):
    """For small images: a first convolution that keeps the size, four stages of two blocks."""

    def __init__(self, width=8, classes=5):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        stages, channels = [], width
        for stage in range(4):
            for block in range(2):
                stages.append(Residual(channels, width << stage, 2 if stage and not block else 1))
                channels = width << stage
        self.blocks, self.head = nn.Sequential(*stages), nn.Linear(channels, classes)

    def forward(self, x, y):
        h = self.blocks(F.relu(self.norm(self.first(x))))
        return F.cross_entropy(self.head(F.adaptive_avg_pool2d(h, 1).flatten(1)), y)


# Statistics are of the batch: one microbatch.
@module("1", "2 data=2", "2 tensor=2", "2 pipeline=2,microbatches=1", "4 data=2,tensor=2", "4 data=4", steps=2,
        optimizer="sgd:lr=0.01,momentum=0.9", written=("norm.running_mean", "norm.running_var"))
def resnet18():
    return ResNet18(), images()


class Encoder(nn.Module):
    def __init__(self, width, heads, path):
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.drop_a, self.drop_b = Drop(0.1, f"{path}.drop_a"), Drop(0.1, f"{path}.drop_b")

    def forward(self, x):
        b, t, w = x.shape
        q, k, v = self.qkv(self.first(x)).view(b, t, 3, self.heads, w // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, w)
        x = x + self.drop_a(self.out(h))
        return x + self.drop_b(self.down(F.gelu(self.up(self.second(x)))))


class VisionTransformer(nn.Module):
    """Patches by a convolution, a class token, learned places."""

    def __init__(self, width=16, heads=4, layers=3, patch=4, size=8, classes=5):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.1)
        self.places = nn.Parameter(torch.randn(1, 1 + (size // patch) ** 2, width) * 0.1)
        self.drop = Drop(0.1, "drop")
        self.layers = nn.ModuleList(Encoder(width, heads, f"layers.{i}") for i in range(layers))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x, y):
        h = self.patches(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.token.expand(h.size(0), -1, -1), h], dim=1) + self.places
        h = self.drop(h)
        for layer in self.layers:
            h = layer(h)
        return F.cross_entropy(self.head(self.norm(h)[:, 0]), y)


@module("1", "2 data=2,microbatches=2", "2 tensor=2", "2 pipeline=2,microbatches=2", "4 data=2,tensor=2", "4",
        optimizer=ADAMW)
def vision_transformer():
    return VisionTransformer(), images()


class Llama(nn.Module):
    """Hugging Face's, with the loss inside: grouped queries, rotary positions, RMS norms."""

    def __init__(self):
        super().__init__()
        from transformers import LlamaConfig, LlamaForCausalLM
        config = LlamaConfig(vocab_size=37, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4,
                             num_key_value_heads=2, max_position_embeddings=16, use_cache=False)
        self.model = LlamaForCausalLM(config).train()

    def forward(self, ids, labels):
        return self.model(input_ids=ids, labels=labels).loss


@module("1", "2 data=2,microbatches=2", "2 tensor=2", "2 pipeline=2,microbatches=2", "4 data=2,tensor=2", "4",
        optimizer=ADAMW)
def llama():
    g = generator(5)
    ids = torch.randint(0, 37, (4, 8), generator=g)
    return Llama(), {"ids": ids, "labels": ids.clone()}


class Windows(nn.Module):
    """Attention within windows of 2 x 3 of an image of 4 x 6, as of Twins: five dimensions of queries."""

    def __init__(self, width=8, heads=2):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, 3)

    def forward(self, x, y):
        b, _, w = x.shape
        x = x.reshape(b, 2, 2, 2, 3, w).transpose(2, 3)
        q, k, v = self.qkv(x).reshape(b, 4, 6, 3, self.heads, w // self.heads).permute(3, 0, 1, 4, 2, 5).unbind(0)
        h = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(b, 2, 2, 2, 3, w)
        h = h.transpose(2, 3).reshape(b, 24, w)
        return F.cross_entropy(self.out(h.mean(1)), y)


@module("1", "2 data=2", "2 tensor=2")
def attention_in_windows():
    g = generator()
    return Windows(), {"x": torch.randn(4, 24, 8, generator=g), "y": torch.randint(0, 3, (4,), generator=g)}
