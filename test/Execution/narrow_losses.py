#!/usr/bin/env python3
"""Losses of logits that are rounded to 16 bits: a function and its derivative are of the same numbers.

    narrow_losses.py --work DIR

Logits are near 40, where a unit of bf16 is a quarter. Forward may compute them and the loss in one kernel, the derivative
reads them from memory. The gradient of the logits adds up to zero over the classes, as chances add up to one: within the
rounding of its terms. Were the soft maximum of other numbers than its derivative, each chance would be off by half a unit
of its logit.
"""
import argparse
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    bad = 0
    for kind in TYPES:
        for name, loss in LOSSES.items():
            torch.manual_seed(0)
            module = Classifier(loss)
            inputs = {"x": 1 + 0.05 * torch.randn(ROWS, INNER), "target": torch.randint(0, CLASSES, (ROWS,))}
            folder = work / f"{kind}-{name.replace(' ', '-')}"
            case = Case("classifier", lambda: (module, inputs), [], optimizer="sgd:lr=0", steps=1,
                        compile=("--precision", kind, "--loss-scale", "none"))
            _, archive, data = run_modules.trace_module(case, folder, module, inputs)
            bundle, said = run_modules.compile_module(case, "1", archive, folder)
            if bundle is None:
                raise SystemExit(said)
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
            good = total <= torch.finfo(TYPES[kind]).eps / 2
            bad += not good
            print(f"{kind} {name}: the gradient adds up to {total:.1e} of its terms, {np.abs(found - exact).sum() / terms:.1e} from f32 "
                  f"{'ok' if good else 'FAIL'}", flush=True)
    print(f"{bad} FAILED" if bad else "all agree")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
