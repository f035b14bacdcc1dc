"""Contexts in which a model that asks for single precision computes in double."""
import contextlib

import torch


def casts_to_double():
    """A context in which functions of PyTorch that are asked for float32 give float64. What a function takes for an
    argument that is left out stays that of float32: the eps of rms_norm is that of the type, and part of the model."""
    class Casts(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, arguments=(), named=None):
            swap = lambda value: torch.float64 if value is torch.float32 else value
            arguments, named = list(map(swap, arguments)), {name: swap(value) for name, value in (named or {}).items()}
            norms = torch.rms_norm, torch.nn.functional.rms_norm
            if function in norms and (arguments[3] if len(arguments) > 3 else named.get("eps")) is None:
                named["eps"] = torch.finfo(torch.float32).eps
                del arguments[3:]
            return function(*arguments, **named)
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
