#!/usr/bin/env python3
"""Losses of logits that are rounded to 16 bits: a function and its derivative are of the same numbers.

    narrow_losses.py --work DIR

Logits are near 40, where a unit of bf16 is a quarter. Forward may compute them and the loss in one kernel, the derivative
reads them from memory. The gradient of the logits adds up to zero over the classes, as chances add up to one: within the
rounding of its terms. Were the soft maximum of other numbers than its derivative, each chance would be off by half a unit
of its logit.
"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "test" / "Python")]

import numpy as np
import torch
from torch.nn import functional as F

import run_case
import run_modules
from modules.table import Case

ROWS, INNER, CLASSES = 16, 32, 10
LOSSES = {"cross_entropy": lambda z, target: F.cross_entropy(z, target),
          "label_smoothing": lambda z, target: F.cross_entropy(z, target, label_smoothing=0.1),
          "nll of log_softmax": lambda z, target: F.nll_loss(F.log_softmax(z, -1), target),
          "softmax": lambda z, target: F.softmax(z, -1).square().mean()}
TYPES = {"bf16": torch.bfloat16, "f16": torch.float16}


class Classifier(torch.nn.Module):
    def __init__(self, loss):
        super().__init__()
        self.layer, self.loss = torch.nn.Linear(INNER, CLASSES), loss
        with torch.no_grad():
            self.layer.weight.copy_(40 / INNER * (1 + 0.05 * torch.randn(CLASSES, INNER)))

    def forward(self, x, target):
        return self.loss(self.layer(x), target)


def checks(work):
    """(text, good) of each."""
    for kind in TYPES:
        for name, loss in LOSSES.items():
            torch.manual_seed(0)
            module = Classifier(loss)
            inputs = {"x": 1 + 0.05 * torch.randn(ROWS, INNER), "target": torch.randint(0, CLASSES, (ROWS,))}
            folder = work / f"{kind}-{name.replace(' ', '-')}"
            case = Case("classifier", lambda: (module, inputs), [], optimizer="sgd:lr=0", steps=1,
                        compile=("--precision", kind, "--loss-scale", "none"))
            _, archive, data = run_modules.trace_module(case, folder, module, inputs)
            bundle, _ = run_modules.compile_module(case, "1", archive, folder)
            state, _, _ = run_case.run_bundle(bundle, "1", 1, data, folder, "run")
            found = np.load(state / "layer.bias#grad.npy").astype(np.float64)
            module(*inputs.values()).backward()
            exact = module.layer.bias.grad.double().numpy()
            # Of the terms' sizes, which do not cancel over the rows as the gradient does.
            with torch.no_grad():
                logits = module.layer(inputs["x"])
            logits = logits.detach().requires_grad_(True)
            loss(logits, inputs["target"]).backward()
            terms = float(logits.grad.abs().sum())
            total = abs(found.sum()) / terms
            yield (f"{kind} {name}: the gradient adds up to {total:.1e} of its terms, "
                   f"{np.abs(found - exact).sum() / terms:.1e} from f32", total <= torch.finfo(TYPES[kind]).eps / 2)


if __name__ == "__main__":
    sys.exit(run_case.report(__doc__, checks))
