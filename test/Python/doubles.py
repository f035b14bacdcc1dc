"""Contexts in which a model that asks for single precision computes in double."""
import contextlib

import torch


def casts_to_double():
    """A context in which functions of PyTorch that are asked for float32 give float64."""
    class Casts(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), named=None):
            swap = lambda value: torch.float64 if value is torch.float32 else value
            return function(*map(swap, arguments), **{name: swap(value) for name, value in (named or {}).items()})
    return Casts()


@contextlib.contextmanager
def everything_double():
    to_float = torch.Tensor.float
    torch.Tensor.float = torch.Tensor.double
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.Tensor.float = to_float
        torch.set_default_dtype(torch.float32)
