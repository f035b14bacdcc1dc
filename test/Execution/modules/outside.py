"""Losses outside of the archive (--loss), archives without values, values of safetensors files (--weights).

The archive holds the part of a module that predicts; the module with its loss is PyTorch's side.
"""
import json
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

from .table import module


def trace(net, inputs, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.trace(net, inputs, check_trace=False, strict=False).save(str(path))


def outside(net, loss, inputs):
    """The archive of `net` with the model's values, and `loss` as an option."""
    def archive(model, batch, folder):
        plain = net()
        plain.load_state_dict(model.state_dict())
        trace(plain.train(), tuple(batch[name] for name in inputs), folder / "model.pt")
        return ["--loss", loss]
    return archive


def shards_of(tensors, folder, count):
    """Weights in `count` files with their index."""
    names = sorted(tensors)
    where = {name: f"model-{i % count + 1:05}-of-{count:05}.safetensors" for i, name in enumerate(names)}
    for file in set(where.values()):
        save_file({name: tensors[name].contiguous() for name in names if where[name] == file}, str(folder / file))
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": where}))
    return index


# ---------------------------------------------------------------- losses
class Language(nn.Module):
    """Predicts tokens; the head is tied to the embedding, the scale is a buffer."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(23, 8)
        self.hidden = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 23, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("scale", torch.full((8,), 3.0))

    def forward(self, ids):
        hidden = torch.tanh(self.hidden(self.embed(ids)))
        return {"hidden": hidden, "logits": self.head(self.norm(hidden) * self.scale)}


class LanguageLoss(Language):
    def forward(self, ids, labels):
        scores = super().forward(ids)["logits"]
        return F.cross_entropy(scores[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


def tokens():
    ids = torch.randint(0, 23, (8, 6))
    labels = ids.clone()
    labels[0, :4] = -100
    return {"ids": ids, "labels": labels}


@module("1", "2 data=2", "2 tensor=2", "1 microbatches=4",
        archive=outside(Language, "cross-entropy:output=logits,shift", ["ids"]))
def of_the_next_token():
    return LanguageLoss().train(), tokens()


class Segments(nn.Module):
    """Scores of classes for every place of an image: classes are the second of four dimensions."""

    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 5, 3, padding=1)

    def forward(self, images):
        return self.body(images)


class SegmentsLoss(Segments):
    def forward(self, images, labels):
        return F.cross_entropy(super().forward(images), labels, ignore_index=255, label_smoothing=0.1)


@module("1", "2 data=2", archive=outside(Segments, "cross-entropy:ignore=255,smoothing=0.1", ["images"]))
def of_every_place():
    labels = torch.randint(0, 5, (4, 6, 6))
    labels[1, :2] = 255
    return SegmentsLoss().train(), {"images": torch.randn(4, 3, 6, 6), "labels": labels}


class Two(nn.Module):
    """Returns a tuple."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x):
        hidden = torch.relu(self.first(x))
        return hidden, (self.second(hidden), hidden)


class TwoLoss(Two):
    def forward(self, x, target):
        return F.mse_loss(super().forward(x)[1][0], target)


@module("1", "2 data=2", "2 pipeline=2,microbatches=2", archive=outside(Two, "mse:output=1.0,labels=target", ["x"]))
def of_one_in_a_tuple():
    return TwoLoss().train(), {"x": torch.randn(8, 6), "target": torch.randn(8, 3)}


class One(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 1)

    def forward(self, x):
        return self.layer(x).squeeze(1)


class OneLoss(One):
    def forward(self, x, labels):
        return F.binary_cross_entropy_with_logits(super().forward(x), labels)


@module("1", "2 data=2", archive=outside(One, "bce", ["x"]))
def of_truth_values():
    return OneLoss().train(), {"x": torch.randn(8, 6), "labels": torch.rand(8)}


# ---------------------------------------------------------------- values
def on_meta(model, batch, folder):
    """No values in the archive; two files hold them, the tied tensor under one of its names."""
    with torch.device("meta"):
        net = Language()
    trace(net.train(), (batch["ids"].to("meta"),), folder / "model.pt")
    tensors = {name: value for name, value in model.state_dict().items() if name != "head.weight"}
    return ["--loss", "cross-entropy:output=logits,shift", "--weights", str(shards_of(tensors, folder, 2))]


@module("1", "2 tensor=2", "2 data=2,zero=1", archive=on_meta, says=(r"start values: 6 tensors of",))
def from_two_files():
    return LanguageLoss().train(), tokens()


def of_other_types(model, batch, folder):
    """Other values in the archive; the file has them in bf16 and f16, with a module around, and one too many."""
    trace(Language().train(), (batch["ids"],), folder / "model.pt")
    tensors = {f"base.{name}": value.to(torch.float16 if name == "scale" else torch.bfloat16)
               for name, value in model.state_dict().items() if name != "embed.weight"}
    save_file({**tensors, "base.pooler.weight": torch.zeros(3)}, str(folder / "model.safetensors"))
    return ["--loss", "cross-entropy:output=logits,shift", "--weights", str(folder)]


@module("1", "2 data=2", archive=of_other_types,
        says=(r"names there with 'base\.'", r"1 that the program does not use: 'base\.pooler\.weight'"))
def from_bf16():
    model = LanguageLoss().train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.bfloat16().float())
    return model, tokens()
