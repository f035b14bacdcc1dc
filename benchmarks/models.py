"""Models of the benchmarks, by name: each a module whose output is the loss, its inputs, and its optimizer."""
import argparse
import sys
from dataclasses import dataclass
from typing import Callable

from common import ROOT

ADAMW, SGD = "adamw:lr=1e-4,weight-decay=0.1", "sgd:lr=0.01,momentum=0.9"


@dataclass
class Model:
    what: str
    build: Callable  # () -> (module in training mode, {input: numpy array})
    optimizer: str = ADAMW
    images: bool = False  # PyTorch may take them with channels last
    pin: str = ""         # what the plan must keep
    # After a few steps of statistics over few samples even PyTorch's two layouts differ.
    compared_steps: int | None = None


def uniform(seed, high, shape):
    import numpy as np
    return np.random.default_rng(seed).integers(0, high, shape)


def normal(seed, shape):
    import numpy as np
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


# Plain stacks

def stack_of(layers):
    from torch import nn

    class Stack(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x, target):
            return nn.functional.mse_loss(self.layers(x), target)

    return Stack().train()


def build_wide():
    import torch
    torch.manual_seed(0)
    module = stack_of([torch.nn.Linear(4096, 4096) for _ in range(4)])
    return module, {"x": normal(0, (512, 4096)), "target": normal(1, (512, 4096))}


def build_norms():
    import torch
    from torch import nn

    class Normed(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm, self.bias = nn.LayerNorm(width), nn.Parameter(torch.randn(width) * 0.1)

        def forward(self, x):
            return x + nn.functional.gelu(self.norm(x) + self.bias)

    torch.manual_seed(0)
    module = stack_of([Normed(1024) for _ in range(12)])
    return module, {"x": normal(0, (8192, 1024)), "target": normal(1, (8192, 1024))}


def build_mlp():
    import torch
    from torch import nn
    torch.manual_seed(0)
    layers = [nn.Linear(784, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU(), nn.Linear(2048, 10)]

    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(*layers)

        def forward(self, x, y):
            return nn.functional.cross_entropy(self.layers(x), y)

    return Classifier().train(), {"x": normal(0, (256, 784)), "y": uniform(1, 10, 256)}


# Transformers of Hugging Face, random weights, without dropout

SMALL = ["--layers", "12", "--width", "768", "--heads", "12", "--vocab", "50257", "--context", "1024",
         "--sequence", "256", "--batch", "4"]


def build_gpt2():
    sys.path.insert(0, str(ROOT / "examples"))
    import export_gpt2
    parser = argparse.ArgumentParser()
    export_gpt2.add_options(parser)
    module, _ = export_gpt2.from_options(parser.parse_args(SMALL))
    ids = uniform(3, 50257, (4, 256))
    return module, {"input_ids": ids, "labels": ids}


def loss_of(model, *keys):
    """The loss alone, of inputs by position."""
    from torch import nn

    class Step(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, first, second):
            return self.model(**dict(zip(keys, (first, second))))[0]

    return Step().train()


def build_bert():
    import torch
    from transformers import BertConfig, BertForMaskedLM
    torch.manual_seed(0)
    config = BertConfig(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, return_dict=False)
    config.loss_type = "ForMaskedLM"
    ids = uniform(3, 30522, (4, 128))
    return loss_of(BertForMaskedLM(config), "input_ids", "labels"), {"first": ids, "second": ids}


def build_llama():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=8192, hidden_size=2048, intermediate_size=8192, num_hidden_layers=2,
                         num_attention_heads=32, num_key_value_heads=8, use_cache=False, return_dict=False,
                         attn_implementation="sdpa")
    config.loss_type = "ForCausalLM"
    ids = uniform(3, 8192, (2, 256))
    return loss_of(LlamaForCausalLM(config), "input_ids", "labels"), {"first": ids, "second": ids}


def build_vit():
    import torch
    from transformers import ViTConfig, ViTForImageClassification
    torch.manual_seed(0)
    config = ViTConfig(num_labels=1000, return_dict=False)
    config.loss_type, config.problem_type = "ForImageClassification", "single_label_classification"
    return (loss_of(ViTForImageClassification(config), "pixel_values", "labels"),
            {"first": normal(0, (4, 3, 224, 224)), "second": uniform(1, 1000, 4)})


# Residual networks of torchvision's structure

def build_resnet(depth):
    import torch
    from torch import nn
    from torch.nn import functional as F

    def unit(inputs, outputs, taps, stride=1):
        return nn.Sequential(nn.Conv2d(inputs, outputs, taps, stride, taps // 2, bias=False), nn.BatchNorm2d(outputs))

    class Block(nn.Module):
        def __init__(self, inputs, width, outputs, stride):
            super().__init__()
            self.units = nn.ModuleList(
                [unit(inputs, width, 3, stride), unit(width, outputs, 3)] if outputs == width else
                [unit(inputs, width, 1), unit(width, width, 3, stride), unit(width, outputs, 1)])
            self.shortcut = unit(inputs, outputs, 1, stride) if stride > 1 or inputs != outputs else nn.Identity()

        def forward(self, x):
            h = x
            for number, part in enumerate(self.units):
                h = part(h) if number + 1 == len(self.units) else F.relu(part(h))
            return F.relu(h + self.shortcut(x))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            counts, wide = ((2, 2, 2, 2), 1) if depth == 18 else ((3, 4, 6, 3), 4)
            self.first, self.pool = unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)
            blocks, inputs = [], 64
            for stage, count in enumerate(counts):
                width = 64 << stage
                for number in range(count):
                    blocks.append(Block(inputs, width, width * wide, 2 if stage and not number else 1))
                    inputs = width * wide
            self.blocks, self.head = nn.Sequential(*blocks), nn.Linear(inputs, 1000)

        def forward(self, x, y):
            h = self.blocks(self.pool(F.relu(self.first(x))))
            return F.cross_entropy(self.head(F.adaptive_avg_pool2d(h, 1).flatten(1)), y)

    torch.manual_seed(0)
    return Network().train(), {"x": normal(0, (4, 3, 224, 224)), "y": uniform(1, 1000, 4)}


def resnet(depth):
    return Model(f"ResNet-{depth}, 4 x 224 x 224, SGD with momentum", lambda: build_resnet(depth), SGD, images=True,
                 pin="microbatches=1", compared_steps=1)


MODELS = {
    "gpt2-small": Model("GPT-2, 12 x 768, vocabulary 50257, 4 x 256 tokens", build_gpt2),
    "bert-base": Model("BERT, 12 x 768, masked words of 30522, 4 x 128 tokens", build_bert),
    "llama-block": Model("Llama, 2 x 2048 (MLP 8192, 32 heads of 8 keys), vocabulary 8192, 2 x 256 tokens", build_llama),
    # It fits its four samples: later losses are hundredths of the first.
    "vit-b16": Model("ViT, 12 x 768, patches of 16, 4 x 224 x 224", build_vit, compared_steps=3),
    "resnet18": resnet(18),
    "resnet50": resnet(50),
    "mlp": Model("784-2048-2048-10, 256 rows", build_mlp),
    "norms": Model("12 x [layer norm, bias, GELU, residual], 8192 rows of 1024", build_norms),
    "wide": Model("4 x Linear 4096, 512 rows", build_wide),
}
