#!/usr/bin/env python3
"""A model in double is the same model: what it computes is what it computes in single, but for rounding.

    double_models.py
"""
import copy
import sys

import torch
import torch.nn.functional as F

from doubles import casts_to_double, everything_double


class OfNames(torch.nn.Module):
    """Arguments by name, and by place."""

    def forward(self, x):
        return F.rms_norm(x, (8,), eps=None) + F.rms_norm(x, [8], None, None) + torch.rms_norm(x, [8], None) + x.to(torch.float32) / 3


CASES = {"default eps": torch.nn.RMSNorm(8), "own eps": torch.nn.RMSNorm(8, eps=1e-2), "calls": OfNames()}


def main():
    bad = 0
    # Small, so that the eps of either type shows; of digits that f32 has.
    x = torch.randn(5, 8, generator=torch.Generator().manual_seed(1)) * 1e-3
    for name, module in CASES.items():
        single = module(x).double()
        with everything_double(), casts_to_double():
            double = copy.deepcopy(module).double()(x.double())
        apart = float((single - double).norm() / double.norm())
        good = double.dtype == torch.float64 and 1e-10 < apart < 1e-6  # single rounds
        bad += not good
        print(f"{name}: {'ok' if good else 'FAIL'} {apart:.1e}")
    print(f"{len(CASES)} models, {bad} failures")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
