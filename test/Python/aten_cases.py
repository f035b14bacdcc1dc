"""The cases of aten_rows.py: functions of a few random tensors, by subject.

`ROWS[subject]` lists (name, maker); `maker(draw)` gives a function and its tensors. A case should reach one row of
Normalize's table, in one of the forms in which PyTorch writes it.
"""
import math
import warnings
from typing import List, Optional

import numpy as np
import torch
import torch.nn.functional as F

import view_chains

F64, F32, I64, I32, BOOL = torch.float64, torch.float32, torch.int64, torch.int32, torch.bool


class Draw:
    """Random shapes and values; everything follows from the seed."""

    def __init__(self, seed, finite=False):
        self.finite = finite
        self.numpy = np.random.default_rng(seed)
        self.torch = torch.Generator().manual_seed(seed)

    def size(self, low=1, high=5):
        return int(self.numpy.integers(low, high + 1))

    def choice(self, items):
        return items[int(self.numpy.integers(len(items)))]

    def shape(self, rank=None, low=1):
        rank = self.size(0, 3) if rank is None else rank
        return [self.size(low, 5) for _ in range(rank)]

    def floats(self, *shape, dtype=F64, special=False, positive=False):
        x = torch.randn(shape, generator=self.torch, dtype=F64)
        if positive:
            x = x.abs() + 0.1
        if special and x.numel() and not self.finite:
            values = [float("nan"), float("inf"), -float("inf"), 0.0, -0.0]
            flat = x.reshape(-1)
            for value in values:
                flat[self.size(0, x.numel() - 1)] = value
        return x.to(dtype)

    def integers(self, low, high, *shape, dtype=I64):
        return torch.randint(low, high, shape, generator=self.torch, dtype=dtype)

    def bools(self, *shape):
        return self.integers(0, 2, *shape).to(BOOL)

    def pair(self, dtype_a=F64, dtype_b=F64, special=False):
        """Two shapes that broadcast, of ranks 0 to 3."""
        shape = self.shape()
        def part():
            own = [1 if self.numpy.random() < 0.3 else size for size in shape]
            return own[self.size(0, len(own)):] if self.numpy.random() < 0.3 else own
        def tensor(own, dtype):
            if dtype.is_floating_point:
                return self.floats(*own, dtype=dtype, special=special)
            if dtype == BOOL:
                return self.bools(*own)
            return self.integers(-4, 5, *own, dtype=dtype)
        return tensor(part(), dtype_a), tensor(part(), dtype_b)


ROWS = {}  # subject -> list of (name, maker); a maker gives (function, tensors)


def row(subject, name):
    def add(maker):
        ROWS.setdefault(subject, []).append((name, maker))
        return maker
    return add


def rows(subject, table):
    for name, maker in table.items():
        row(subject, name)(maker)


# --------------------------------------------------------------------------------------------------------------
# Elementwise
# --------------------------------------------------------------------------------------------------------------
def unary(function, **options):
    return lambda d: (function, [d.floats(*d.shape(), special=not options, **options)])


rows("unary", {name: unary(getattr(torch, name)) for name in (
    "neg relu sigmoid exp expm1 tanh erf sin cos abs floor ceil trunc round reciprocal").split()})
rows("unary", {name: unary(getattr(torch, name), positive=True) for name in
               "log log1p log2 sqrt rsqrt".split()})
rows("unary", {
    "log of anything": unary(torch.log),
    "sqrt of anything": unary(torch.sqrt),
    "silu": unary(F.silu), "gelu": unary(F.gelu), "gelu tanh": unary(lambda x: F.gelu(x, approximate="tanh")),
    "softplus": unary(lambda x: F.softplus(x, 2.0, 3.0)), "leaky_relu": unary(lambda x: F.leaky_relu(x, 0.1)),
    "elu": unary(lambda x: F.elu(x, 0.7)), "selu": unary(F.selu), "hardtanh": unary(F.hardtanh), "relu6": unary(lambda x: F.relu6(x * 5)),
    "hardsigmoid": unary(F.hardsigmoid), "hardswish": unary(F.hardswish), "logsigmoid": unary(F.logsigmoid),
    "mish": unary(F.mish), "square": unary(torch.square), "sign": lambda d: (torch.sign, [d.floats(*d.shape())]),
    "clamp_min": unary(lambda x: x.clamp_min(0.1)), "clamp_max": unary(lambda x: x.clamp_max(0.1)),
    "isnan": unary(torch.isnan), "logical_not": unary(torch.logical_not),
    "clamp": unary(lambda x: torch.clamp(x, -0.5, 0.7)), "clamp min": unary(lambda x: torch.clamp(x, min=0.1)),
    "neg of integers": lambda d: (torch.neg, [d.integers(-5, 5, *d.shape())]),
    "abs of integers": lambda d: (torch.abs, [d.integers(-5, 5, *d.shape())]),
    "exp of integers": lambda d: (torch.exp, [d.integers(-5, 5, *d.shape())]),
    "sigmoid of f32": lambda d: (torch.sigmoid, [d.floats(*d.shape(), dtype=F32)]),
    "bitwise_not": lambda d: (lambda x, y: (~x).long() + (~y).long(), [d.integers(-5, 5, 3), d.bools(3)]),
    "empty": lambda d: (torch.exp, [d.floats(0, 3)]),
    "threshold": unary(lambda x: F.threshold(x, 0.2, -3)), "hardshrink": unary(F.hardshrink), "softshrink": unary(F.softshrink),
    "celu": unary(lambda x: F.celu(x, 0.5)), "isinf": unary(torch.isinf), "isfinite": unary(torch.isfinite),
    "prelu": lambda d: (F.prelu, [d.floats(2, 3, 4, special=True), d.floats(3)]),
    "prelu of one weight": lambda d: (F.prelu, [d.floats(2, 3), d.floats(1)]),
    "prelu of a vector": lambda d: (F.prelu, [d.floats(3), d.floats(1)]),
    "count_nonzero": lambda d: (lambda x: torch.count_nonzero(x.relu(), 1) + torch.count_nonzero(x.relu()) + torch.count_nonzero(x, (0, 1)), [d.floats(3, 4)]),
    "lerp": lambda d: (lambda x, y: torch.lerp(x, y, 0.3) + torch.lerp(x, y, 0.8), [d.floats(3, 4), d.floats(4)]),
    "lerp tensor": lambda d: (torch.lerp, [d.floats(3, 4), d.floats(3, 4), d.floats(3, 4)]),
})


def binary(function, a=F64, b=F64, special=False):
    return lambda d: (function, list(d.pair(a, b, special)))


rows("binary", {name: binary(getattr(torch, name), special=True) for name in
                "add sub mul div maximum minimum eq ne lt le gt ge logaddexp".split()})
for kinds in ((F32, F64), (I64, F32), (BOOL, F64), (I32, I64), (BOOL, I64), (BOOL, BOOL)):
    label = " ".join(str(kind)[6:] for kind in kinds)
    rows("promotion", {f"{name} {label}": binary(getattr(torch, name), *kinds) for name in "add mul div lt".split()})
    rows("promotion", {f"where {label}": lambda d, kinds=kinds: (
        torch.where, [d.bools(3), d.pair(*kinds)[0].reshape(-1)[:1], d.pair(*kinds)[1].reshape(-1)[:1]])})
rows("promotion", {
    "integer times 0.5": lambda d: (lambda x: x * 0.5, [d.integers(0, 9, 4)]),
    "integer plus true": lambda d: (lambda x: x + True, [d.integers(0, 9, 4)]),
    "bool plus 1": lambda d: (lambda x: x + 1, [d.bools(4)]),
    "f32 with a 0-d f64": lambda d: (torch.add, [d.floats(4, dtype=F32), d.floats()]),
    "integer with a 0-d f64": lambda d: (torch.add, [d.integers(0, 9, 4), d.floats()]),
    "0-d f32 with a 0-d i64": lambda d: (torch.add, [d.floats(dtype=F32), d.integers(0, 9)]),
    "f64 minus a number": lambda d: (lambda x: 1.0 - x, [d.floats(3)]),
})
rows("binary", {
    "add alpha": binary(lambda x, y: torch.add(x, y, alpha=2.5)),
    "sub alpha": binary(lambda x, y: torch.sub(x, y, alpha=-3)),
    "rsub": binary(lambda x, y: torch.rsub(x, y, alpha=2)),
    "div floor": lambda d: (lambda x, y: torch.div(x, y, rounding_mode="floor"),
                            [d.integers(-9, 9, 3, 4), d.integers(1, 5, 4)]),
    "div trunc": lambda d: (lambda x, y: torch.div(x, y, rounding_mode="trunc"),
                            [d.integers(-9, 9, 3, 4), d.integers(1, 5, 4)]),
    "div floor of floats": binary(lambda x, y: torch.div(x, y, rounding_mode="floor")),
    "floor_divide": lambda d: (lambda x: x // 3, [d.integers(-9, 9, 7)]),
    "remainder": lambda d: (lambda x: x % 3, [d.integers(-9, 9, 7)]),
    "pow number": lambda d: (lambda x: torch.cat([x ** 2, x ** 3.0, x ** 0.5, x ** -1.0]), [d.floats(4, positive=True)]),
    "pow cube": lambda d: (lambda x: x ** 3, [d.floats(4, special=True)]),
    "pow tensors": lambda d: (torch.pow, [d.floats(3, 1, positive=True), d.floats(4)]),
    "pow of integers": lambda d: (lambda x: x ** 3, [d.integers(-4, 5, 6)]),
    "number to a power": lambda d: (lambda x: 2.0 ** x, [d.floats(5)]),
    "logical": lambda d: (lambda x, y: torch.stack([x & y, x | y, x ^ y, torch.logical_and(x, y),
                                                    torch.logical_or(x, y), torch.logical_xor(x, y)]),
                          [d.bools(5), d.bools(5)]),
    "logical of numbers": binary(torch.logical_and),
    "comparison with a number": lambda d: (lambda x: (x < 0.3) | (x == 2), [d.floats(9)]),
    "where": lambda d: (torch.where, [d.bools(3, 1), d.floats(4), d.floats(2, 3, 4)]),
    "where number": lambda d: (lambda m, x: torch.where(m, x, -1.5), [d.bools(3, 4), d.floats(4)]),
    "masked_fill": lambda d: (lambda x, m: x.masked_fill(m, float("-inf")), [d.floats(2, 3, 4), d.bools(3, 1)]),
    "masked_fill integers": lambda d: (lambda x, m: x.masked_fill(m, 7), [d.integers(0, 5, 2, 3), d.bools(3)]),
    "addcmul": lambda d: (lambda a, b, c: torch.addcmul(a, b, c, value=0.5), [d.floats(4), d.floats(3, 4), d.floats(1)]),
    "addcdiv": lambda d: (lambda a, b, c: torch.addcdiv(a, b, c, value=0.5), [d.floats(4), d.floats(3, 4), d.floats(1)]),
    "empty": lambda d: (torch.add, [d.floats(0, 3), d.floats(3)]),
})

# --------------------------------------------------------------------------------------------------------------
# Reductions
# --------------------------------------------------------------------------------------------------------------
rows("reductions", {
    "sum": lambda d: (torch.sum, [d.floats(*d.shape(), special=d.size(0, 1))]),
    "sum dims": lambda d: (lambda x: x.sum((0, -1), keepdim=True), [d.floats(*d.shape(3))]),
    "sum dim": lambda d: (lambda x: x.sum(1), [d.floats(*d.shape(3))]),
    "sum of bools": lambda d: (lambda x: x.sum(0), [d.bools(5, 2)]),
    "sum of i32": lambda d: (lambda x: x.sum(), [d.integers(0, 9, 5, dtype=I32)]),
    "sum with dtype": lambda d: (lambda x: x.sum(0, dtype=F64), [d.integers(0, 9, 5)]),
    "sum of nothing": lambda d: (lambda x: x.sum(0), [d.floats(0, 3)]),
    "mean": lambda d: (torch.mean, [d.floats(*d.shape())]),
    "mean dims": lambda d: (lambda x: x.mean((0, 2)), [d.floats(*d.shape(3))]),
    "mean of nothing": lambda d: (lambda x: x.mean(0), [d.floats(0, 3)]),
    "max": lambda d: (torch.max, [d.floats(*d.shape())]),
    "amax": lambda d: (lambda x: x.amax((0, 1), keepdim=True), [d.floats(*d.shape(3), special=True)]),
    "any": lambda d: (torch.any, [d.bools(3, 2)]),
    "all dim": lambda d: (lambda x: torch.all(x, 1), [d.bools(3, 2)]),
    "any all of floats": lambda d: (lambda x: (x.any(), x.all(), x.any(1), x.all(1)), [d.floats(*d.shape(2), special=True)]),
    "softmax": lambda d: (lambda x: F.softmax(x, -1), [d.floats(*d.shape(3))]),
    "softmax dim": lambda d: (lambda x: F.softmax(x, 1), [d.floats(*d.shape(3), special=True)]),
    "softmax of f32 in f64": lambda d: (lambda x: F.softmax(x, 0, dtype=F64), [d.floats(4, dtype=F32)]),
    "softmax with a hidden row": lambda d: (lambda x: F.softmax(x.masked_fill(x == x, float("-inf")), 0), [d.floats(4)]),
    "log_softmax": lambda d: (lambda x: F.log_softmax(x, 1), [d.floats(*d.shape(3))]),
    "logsumexp": lambda d: (lambda x: torch.logsumexp(x, (0, 1)), [d.floats(*d.shape(2))]),
    "norm": lambda d: (lambda x: torch.linalg.vector_norm(x, dim=1), [d.floats(*d.shape(3))]),
    "norm of order 1": lambda d: (lambda x: torch.linalg.vector_norm(x, 1, (0, 1), True), [d.floats(*d.shape(2))]),
    "norm of zeros": lambda d: (lambda x: torch.linalg.vector_norm(x * 0, dim=1), [d.floats(3, 2)]),
    "norm of all": lambda d: (lambda x: torch.norm(x), [d.floats(*d.shape(2))]),
    "normalize": lambda d: (lambda x: F.normalize(x, dim=-1), [d.floats(*d.shape(2))]),
    "var": lambda d: (torch.var, [d.floats(3, 4)]),
    "var dim": lambda d: (lambda x: x.var(0, unbiased=False), [d.floats(*d.shape(2))]),
    "var of one": lambda d: (lambda x: x.var(1, keepdim=True), [d.floats(3, 1)]),
    "var correction": lambda d: (lambda x: torch.var(x, (0, 2), correction=2), [d.floats(3, 2, 4)]),
    "std": lambda d: (lambda x: x.std(1), [d.floats(3, 4)]),
    "std of equals": lambda d: (lambda x: (x * 0 + 2).std(1), [d.floats(3, 4)]),
    "vector_norm of other orders": lambda d: (lambda x: tuple(torch.linalg.vector_norm(x, p, dim=1) for p in
                                                             (float("inf"), -float("inf"), 0, 3, 0.5, -1)), [d.floats(3, 4)]),
    "vector_norm of zeros": lambda d: (lambda x: tuple(torch.linalg.vector_norm(x * torch.tensor([[0.0], [1.0]], dtype=F64), p, dim=1) for p in
                                                       (float("inf"), 3, 1.5)), [d.floats(2, 4)]),
    "std_mean": lambda d: (lambda x: (*torch.std_mean(x, 1), *torch.std_mean(x), *torch.std_mean(x, 0, correction=0, keepdim=True)), [d.floats(3, 4)]),
    "var_mean": lambda d: (lambda x: torch.var_mean(x, 1, correction=0), [d.floats(3, 4)]),
    "logsumexp of -inf": lambda d: (lambda x: torch.logsumexp(x - float("inf"), 0), [d.floats(3)]),
    "sum of truth": lambda d: (lambda x: x.sum(1, dtype=BOOL), [d.bools(4, 2)]),
    "cumprod": lambda d: (lambda x: torch.cumprod(x, 1), [d.floats(*d.shape(2), special=True)]),
    "cumprod of integers": lambda d: (lambda x: torch.cumprod(x, 0), [d.integers(-3, 4, 5, 2)]),
    "cumprod with zeros": lambda d: (lambda x: torch.cumprod(x * with_zeros(x), 1), [d.floats(4, 5)]),
})


# --------------------------------------------------------------------------------------------------------------
# Extremes, their places, products
# --------------------------------------------------------------------------------------------------------------
def tied(d, *shape, dtype=F64):
    """Few values, so that many are equal; zeros of both signs."""
    x = d.integers(-2, 3, *shape).to(dtype)
    return torch.where(d.bools(*shape), x, -x)


def with_zeros(x):
    """Ones, with no zero in row 0, one in row 1, two in row 2, zeros alone in row 3."""
    zeros = torch.ones_like(x)
    zeros[1, 2], zeros[2, 1], zeros[2, 3], zeros[3] = 0, 0, 0, 0
    return zeros


EXTREMES = {name: getattr(torch, name) for name in "amax amin max min argmax argmin".split()}
rows("extremes", {f"{name} {label}": maker for name, function in EXTREMES.items() for label, maker in {
    "dim": lambda d, f=function: (lambda x: f(x, 1), [d.floats(*d.shape(3))]),
    "of specials": lambda d, f=function: (lambda x: f(x, -1, keepdim=True), [d.floats(*d.shape(2), special=True)]),
    "of ties": lambda d, f=function: (lambda x: f(x, 0), [tied(d, 6, 5)]),
    "of integers": lambda d, f=function: (lambda x: f(x, 1), [d.integers(-3, 4, 4, 7)]),
    "of merged": lambda d, f=function: (lambda x: f(x.reshape(6, 4), 0), [tied(d, 2, 3, 4)]),
    "of one": lambda d, f=function: (lambda x: f(x, 1), [d.floats(3, 1)]),
    "of a number": lambda d, f=function: (lambda x: f(x, 0), [d.floats()]),
    "of NaN alone": lambda d, f=function: (lambda x: f(x, 0), [torch.full((3, 2), 1.0 if d.finite else float("nan"), dtype=F64)]),
    "over nothing kept": lambda d, f=function: (lambda x: f(x, 1), [d.floats(0, 3)]),
}.items()})
rows("extremes", {f"{name} {label}": maker for name in ("max", "min", "argmax", "argmin") for label, maker in {
    "of all": lambda d, f=EXTREMES[name]: (lambda x: f(x), [d.floats(*d.shape(), special=True)]),
    "of all ties": lambda d, f=EXTREMES[name]: (lambda x: f(x), [tied(d, 4, 5)]),
    "of all integers": lambda d, f=EXTREMES[name]: (lambda x: f(x), [d.integers(-3, 4, *d.shape(2), dtype=I32)]),
}.items()})
rows("extremes", {
    "amin dims": lambda d: (lambda x: x.amin((0, 2)), [tied(d, 3, 4, 5)]),
    "amax of bools": lambda d: (lambda x: (x.amax(1), x.amin(1), x.max(), x.min()), [d.bools(4, 3)]),
    "max dim of bools": lambda d: (lambda x: (*x.max(1), *x.min(1)), [d.bools(4, 3)]),
    "max dim used twice": lambda d: (lambda x: (lambda v, i: v * i + v.exp())(*x.max(1)), [d.floats(4, 5)]),
    "argmax flat kept": lambda d: (lambda x: x.argmax(keepdim=True), [tied(d, 3, 4)]),
    "max of f32": lambda d: (lambda x: (x.amax(0), *x.min(1)), [d.floats(3, 4, dtype=F32)]),
})
rows("products", {
    "prod": lambda d: (torch.prod, [d.floats(*d.shape(), special=d.size(0, 1))]),
    "prod dim": lambda d: (lambda x: x.prod(1, keepdim=True), [d.floats(*d.shape(3), special=True)]),
    "prod with zeros": lambda d: (lambda x: (x * with_zeros(x)).prod(1), [d.floats(4, 5)]),
    "prod with a zero": lambda d: (lambda x: (x * with_zeros(x))[1:2].prod(), [d.floats(4, 5)]),
    "prod with two zeros": lambda d: (lambda x: (x * with_zeros(x)).prod(), [d.floats(4, 5)]),
    "prod of a term": lambda d: (lambda x, y: (x.sin() * y).prod(0), [d.floats(4, 3), d.floats(3)]),
    "prod of integers": lambda d: (lambda x: (x.prod(), x.prod(1)), [d.integers(-3, 4, 4, 3)]),
    "prod that overflows": lambda d: (lambda x: x.prod(0), [d.integers(2 ** 40, 2 ** 41, 3, 2) * 2 + 1]),
    "prod of bools": lambda d: (lambda x: x.prod(1), [d.bools(4, 2)]),
    "prod with dtype": lambda d: (lambda x: (x.prod(0, dtype=F64), x.prod(dtype=I64)), [d.integers(-3, 4, 4, 2, dtype=I32)]),
    "prod of nothing": lambda d: (lambda x: x.prod(0), [d.floats(0, 3)]),
    "prod of a number": lambda d: (lambda x: x.prod(), [d.floats()]),
})

# --------------------------------------------------------------------------------------------------------------
# Contractions and normalizations
# --------------------------------------------------------------------------------------------------------------
def matrices(d, *shapes):
    return [d.floats(*shape) for shape in shapes]


rows("contractions", {
    "linear": lambda d: (F.linear, matrices(d, (2, 3, 4), (5, 4), (5,))),
    "linear without bias": lambda d: (F.linear, matrices(d, (3, 4), (5, 4))),
    "linear of a vector": lambda d: (F.linear, matrices(d, (4,), (5, 4), (5,))),
    "linear of nothing": lambda d: (F.linear, matrices(d, (0, 4), (5, 4), (5,))),
    "linear over nothing": lambda d: (F.linear, matrices(d, (3, 0), (5, 0), (5,))),
    "matmul": lambda d: (torch.matmul, matrices(d, (2, 1, 3, 4), (5, 4, 2))),
    "matmul vectors": lambda d: (torch.matmul, matrices(d, (4,), (4,))),
    "matmul vector matrix": lambda d: (torch.matmul, matrices(d, (4,), (3, 4, 2))),
    "matmul matrix vector": lambda d: (torch.matmul, matrices(d, (3, 2, 4), (4,))),
    "mm": lambda d: (torch.mm, matrices(d, (2, 3), (3, 4))),
    "bmm": lambda d: (torch.bmm, matrices(d, (2, 3, 4), (2, 4, 1))),
    "mv": lambda d: (torch.mv, matrices(d, (2, 3), (3,))),
    "addmm": lambda d: (lambda b, x, y: torch.addmm(b, x, y, beta=0.5, alpha=2), matrices(d, (4,), (2, 3), (3, 4))),
    "addmm without bias": lambda d: (lambda b, x, y: torch.addmm(b / 0, x, y, beta=0), matrices(d, (4,), (2, 3), (3, 4))),
    "baddbmm": lambda d: (lambda b, x, y: torch.baddbmm(b, x, y, alpha=0.3), matrices(d, (1, 2, 1), (2, 2, 3), (2, 3, 4))),
    "fused heads": lambda d: (lambda x, w: torch.matmul(*(
        t.view(2, 3, 2, 4).transpose(1, 2) for t in (x @ w).split(8, -1)[:1]), (x @ w)[..., 8:].view(2, 3, 2, 4).permute(0, 2, 3, 1)),
        matrices(d, (2, 3, 5), (5, 16))),
    "einsum": lambda d: (lambda x, y: torch.einsum("bij,bkj->bik", x, y), matrices(d, (2, 3, 4), (2, 5, 4))),
    "einsum outer": lambda d: (lambda x, y: torch.einsum("i,j->ij", x, y), matrices(d, (3,), (4,))),
    "layer_norm": lambda d: (lambda x, w, b: F.layer_norm(x, (4,), w, b, 1e-3), matrices(d, (2, 3, 4), (4,), (4,))),
    "layer_norm of two dimensions": lambda d: (lambda x, w: F.layer_norm(x, (3, 4), w), matrices(d, (2, 3, 4), (3, 4))),
    "layer_norm alone": lambda d: (lambda x: F.layer_norm(x, (4,)), matrices(d, (2, 4))),
    "rms_norm": lambda d: (lambda x, w: F.rms_norm(x, (4,), w), matrices(d, (2, 3, 4), (4,))),
})


# --------------------------------------------------------------------------------------------------------------
# Norms of channels
# --------------------------------------------------------------------------------------------------------------
def channels(d, *shape):
    """x, then weight, bias, running mean and variance of its channels."""
    c = shape[1]
    return [d.floats(*shape) + 3, d.floats(c), d.floats(c), d.floats(c), d.floats(c, positive=True)]


def tracked(norm):
    """norm(x, w, b, mean, variance), which writes the last two; they are results, too."""
    def run(x, w, b, mean, variance):
        mean, variance = mean.detach() * 1, variance.detach() * 1
        return norm(x, w, b, mean, variance), mean, variance
    return run


BATCH_NORM = lambda x, w, b, m, v: F.batch_norm(x, m, v, w, b, True, 0.3, 1e-3)
rows("norms of channels", {
    "batch_norm": lambda d: (tracked(BATCH_NORM), channels(d, 4, 3, 2, 5)),
    "batch_norm of rows": lambda d: (tracked(BATCH_NORM), channels(d, 7, 4)),
    "batch_norm of lines": lambda d: (tracked(BATCH_NORM), channels(d, 2, 3, 4)),
    "batch_norm of volumes": lambda d: (tracked(BATCH_NORM), channels(d, 2, 3, 2, 1, 2)),
    "batch_norm far from zero": lambda d: (tracked(lambda x, w, b, m, v: BATCH_NORM(x + 3e3, w, b, m, v)), channels(d, 4, 3, 2)),
    "batch_norm of one channel": lambda d: (tracked(BATCH_NORM), channels(d, 5, 1)),
    "batch_norm of one sample": lambda d: (tracked(BATCH_NORM), channels(d, 1, 3, 4)),
    "batch_norm evaluated": lambda d: (lambda x, w, b, m, v: F.batch_norm(x, m.detach(), v.detach(), w, b, False), channels(d, 4, 3, 2)),
    "batch_norm alone": lambda d: (lambda x: F.batch_norm(x, None, None, None, None, True), [d.floats(4, 3, 2)]),
    "batch_norm without a bias": lambda d: (lambda x, w: F.batch_norm(x, None, None, w, None, True), [d.floats(4, 3, 2), d.floats(3)]),
    "batch_norm of a constant": lambda d: (lambda x, w, b: F.batch_norm(x * 0 + 2, None, None, w, b, True), [d.floats(4, 3), d.floats(3), d.floats(3)]),
    "batch_norm of merged dimensions": lambda d: (lambda x: F.batch_norm(x.view(6, 4, 5).transpose(1, 2), None, None, None, None, True).flatten(0, 1), [d.floats(2, 3, 4, 5)]),
    "batch_norm twice": lambda d: (tracked(lambda x, w, b, m, v: BATCH_NORM(F.relu(BATCH_NORM(x, w, b, m, v)), b, w, m, v)), channels(d, 4, 3)),
    "native_batch_norm": lambda d: (tracked(lambda x, w, b, m, v: torch.native_batch_norm(x, w, b, m, v, True, 0.1, 1e-5)[0]), channels(d, 4, 3, 2)),
    "native_batch_norm evaluated": lambda d: (lambda x, w, b, m, v: torch.native_batch_norm(x, w, b, m.detach(), v.detach(), False, 0.1, 1e-5)[0], channels(d, 4, 3, 2)),
    "native_batch_norm legit": lambda d: (tracked(lambda x, w, b, m, v: torch.ops.aten._native_batch_norm_legit(x, w, b, m, v, True, 0.1, 1e-5)[0]), channels(d, 4, 3)),
    "native_batch_norm statistics": lambda d: (lambda x: torch.ops.aten._native_batch_norm_legit.no_stats(x.detach(), None, None, True, 0.1, 1e-5)[1:], [d.floats(4, 3)]),
    "native_batch_norm untracked": lambda d: (lambda x: torch.ops.aten._native_batch_norm_legit.no_stats(x, None, None, True, 0.1, 1e-5)[0], [d.floats(4, 3)]),
    "instance_norm": lambda d: (lambda x, w, b: F.instance_norm(x, None, None, w, b), channels(d, 2, 3, 2, 5)[:3]),
    "instance_norm tracked": lambda d: (tracked(lambda x, w, b, m, v: F.instance_norm(x, m, v, w, b, True, 0.3)), channels(d, 2, 3, 5)),
    "instance_norm of running": lambda d: (lambda x, w, b, m, v: F.instance_norm(x, m.detach(), v.detach(), w, b, False), channels(d, 2, 3, 5)),
    "group_norm": lambda d: (lambda x, w, b: F.group_norm(x, 2, w, b, 1e-3), channels(d, 2, 6, 3, 2)[:3]),
    "group_norm of rows": lambda d: (lambda x, w: F.group_norm(x, 3, w), channels(d, 4, 6)[:2]),
    "group_norm of one group": lambda d: (lambda x: F.group_norm(x, 1), [d.floats(2, 3, 4)]),
    "group_norm of channels": lambda d: (lambda x, w, b: F.group_norm(x, 3, w, b), channels(d, 2, 3, 4)[:3]),
    "native_group_norm": lambda d: (lambda x, w, b: torch.native_group_norm(x, w, b, 2, 4, 3, 2, 1e-5)[0], channels(d, 2, 4, 3)[:3]),
})

# --------------------------------------------------------------------------------------------------------------
# Convolutions: input, weights, bias
# --------------------------------------------------------------------------------------------------------------
def convolved(function, *shapes, **options):
    return lambda d: (lambda x, w, b=None: function(x, w, b, **options), matrices(d, *shapes))


# Tracing writes `_convolution` for most of them, scripts what they say. All keep the shape.
@torch.jit.script
def script_convolutions_1d(x, w, b):
    y = F.conv1d(x, w, b, padding=1) + F.conv1d(x, w, b, padding="same") * 2 + F.conv_transpose1d(x, w, b, padding=1) * 3
    return y + torch._convolution(x, w, b, [1], [1], [1], False, [0], 1, False, False, False) * 4


@torch.jit.script
def script_convolutions_2d(x, w, b):
    y = F.conv2d(x, w, b, padding=1) + F.conv2d(x, w, b, stride=1, padding=[1, 1]) * 2 + F.conv2d(x, w, b, padding="same") * 3
    return y + F.conv_transpose2d(x, w, b, padding=1) * 4


@torch.jit.script
def script_convolution(x, w, b):
    return torch.convolution(x, w, b, [2, 1], [1, 0], [1, 1], False, [0, 0], 1)


@torch.jit.script
def script_convolutions_3d(x, w, b):
    y = F.conv3d(x, w, b, padding=1) + F.conv3d(x, w, b, padding="same") * 2
    return y + F.conv_transpose3d(x, w, b, padding=1) * 3


rows("convolutions", {
    "conv1d": convolved(F.conv1d, (2, 4, 9), (6, 4, 3), (6,), padding=1),
    "conv1d stride dilation": convolved(F.conv1d, (4, 3, 14), (5, 3, 4), stride=3, padding=2, dilation=2),
    "conv2d": convolved(F.conv2d, (2, 3, 5, 6), (4, 3, 3, 2), (4,)),
    "conv2d stride": convolved(F.conv2d, (4, 3, 7, 8), (5, 3, 3, 3), (5,), stride=2, padding=1),
    "conv2d stride that leaves a rest": convolved(F.conv2d, (2, 3, 8, 8), (4, 3, 3, 1), stride=(3, 2)),
    "conv2d dilation": convolved(F.conv2d, (2, 2, 8, 7), (3, 2, 3, 3), dilation=(2, 1), padding=(2, 1)),
    "conv2d groups": convolved(F.conv2d, (4, 6, 5, 5), (4, 3, 3, 3), (4,), groups=2, padding=1),
    "conv2d of each channel": convolved(F.conv2d, (2, 5, 6, 6), (5, 1, 3, 3), (5,), groups=5, stride=2),
    "conv2d of each channel several": convolved(F.conv2d, (2, 3, 4, 4), (6, 1, 2, 2), groups=3),
    "conv2d of one tap": convolved(F.conv2d, (2, 6, 4, 4), (8, 6, 1, 1), (8,)),
    "conv2d of patches": convolved(F.conv2d, (2, 3, 8, 8), (8, 3, 4, 4), (8,), stride=4),
    "conv2d larger padding": convolved(F.conv2d, (2, 2, 3, 3), (2, 2, 2, 2), padding=3),
    "conv2d one channel one sample": convolved(F.conv2d, (1, 1, 4, 4), (1, 1, 3, 3), (1,)),
    "conv2d unbatched": convolved(F.conv2d, (3, 6, 5), (4, 3, 3, 3), (4,), padding=1),
    "conv2d same": convolved(F.conv2d, (2, 3, 6, 5), (4, 3, 3, 4), padding="same", dilation=(2, 1)),
    "conv2d valid": convolved(F.conv2d, (2, 3, 6, 5), (4, 3, 3, 2), (4,), padding="valid", stride=2),
    "conv2d permuted": lambda d: (lambda x, w: F.conv2d(x.permute(0, 3, 1, 2), w).permute(0, 2, 3, 1),
                                  matrices(d, (2, 5, 5, 3), (4, 3, 3, 3))),
    "conv2d of regrouped channels": lambda d: (
        lambda x, v, w: F.conv2d(F.conv2d(x, v).view(2, 2, 3, 4, 4).transpose(1, 2).reshape(2, 6, 4, 4), w, groups=2),
        matrices(d, (2, 4, 5, 5), (6, 4, 2, 2), (4, 3, 2, 2))),
    "conv2d flattened": lambda d: (lambda x, w, v: F.linear(F.conv2d(x, w, stride=2).flatten(1), v),
                                   matrices(d, (4, 2, 6, 6), (3, 2, 2, 2), (5, 27))),
    "conv2d of shared weights": lambda d: (lambda x, w: F.conv2d(F.relu(F.conv2d(x, w, padding=1)), w, padding=1),
                                           matrices(d, (2, 3, 5, 5), (3, 3, 3, 3))),
    "conv3d": convolved(F.conv3d, (2, 2, 4, 5, 4), (4, 2, 2, 3, 1), (4,), stride=(1, 2, 1), padding=(1, 0, 0)),
    "conv_transpose1d": convolved(F.conv_transpose1d, (2, 4, 5), (4, 3, 3), (3,), stride=2, padding=1),
    "conv_transpose2d": convolved(F.conv_transpose2d, (2, 4, 3, 4), (4, 3, 3, 2), (3,), stride=2, output_padding=1),
    "conv_transpose2d groups": convolved(F.conv_transpose2d, (2, 4, 3, 3), (4, 3, 3, 3), (6,), groups=2, dilation=2),
    "conv_transpose2d unbatched": convolved(F.conv_transpose2d, (4, 3, 3), (4, 2, 2, 2), stride=2),
    "conv_transpose3d": convolved(F.conv_transpose3d, (2, 2, 2, 3, 2), (2, 3, 2, 2, 2), padding=(0, 1, 0), stride=(1, 2, 1)),
    "convolution": lambda d: (lambda x, w: torch.convolution(x, w, None, [2, 1], [1, 0], [1, 1], False, [0, 0], 1),
                              matrices(d, (2, 3, 5, 5), (4, 3, 3, 3))),
    "convolution in a script": lambda d: (script_convolution, matrices(d, (2, 3, 5, 5), (4, 3, 3, 3), (4,))),
    "convolutions in scripts, 1d": lambda d: (script_convolutions_1d, matrices(d, (2, 3, 5), (3, 3, 3), (3,))),
    "convolutions in scripts, 2d": lambda d: (script_convolutions_2d, matrices(d, (2, 3, 5, 4), (3, 3, 3, 3), (3,))),
    "convolutions in scripts, 3d": lambda d: (script_convolutions_3d, matrices(d, (2, 2, 3, 3, 4), (2, 2, 3, 3, 3), (2,))),
})


# --------------------------------------------------------------------------------------------------------------
# Pools
# --------------------------------------------------------------------------------------------------------------
def pool(function, *shape, **options):
    """On values with NaN and infinities; few different ones, so that windows have ties."""
    return lambda d: (lambda x: function(x, **options), [torch.cat([d.floats(*shape, special=True)[:1].round(), d.floats(*shape)[1:]])])


rows("pools", {
    "max_pool1d": pool(F.max_pool1d, 2, 3, 9, kernel_size=3, stride=2, padding=1),
    "max_pool1d dilated": pool(F.max_pool1d, 2, 3, 9, kernel_size=3, stride=1, dilation=2),
    "max_pool2d": pool(F.max_pool2d, 2, 3, 8, 9, kernel_size=2),
    "max_pool2d of ResNet": pool(F.max_pool2d, 2, 2, 9, 20, kernel_size=3, stride=2, padding=1),
    "max_pool2d of both": pool(F.max_pool2d, 2, 2, 7, 9, kernel_size=(3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 3)),
    "max_pool2d ceil": pool(F.max_pool2d, 2, 2, 6, 7, kernel_size=3, stride=2, padding=1, ceil_mode=True),
    "max_pool2d ceil beyond": pool(F.max_pool2d, 2, 2, 5, 5, kernel_size=2, stride=3, ceil_mode=True),
    "max_pool2d unbatched": pool(F.max_pool2d, 2, 5, 6, kernel_size=3, stride=1, padding=1),
    "max_pool2d with gaps": pool(F.max_pool2d, 2, 2, 7, 7, kernel_size=2, stride=3),
    "max_pool2d of one": pool(F.max_pool2d, 2, 2, 1, 1, kernel_size=3, stride=1, padding=1),
    "max_pool2d of lines": pool(F.max_pool2d, 2, 2, 1, 9, kernel_size=(1, 3)),
    "max_pool2d of ties": lambda d: (lambda x: F.max_pool2d(x.round() * 1, 3, 2, 1) + F.max_pool2d(x * 0, 2, 2), [d.floats(2, 2, 6, 6)]),
    "max_pool2d of channels last": lambda d: (lambda x: F.max_pool2d(x.permute(0, 3, 1, 2), 3, 2, 1).permute(0, 2, 3, 1), [d.floats(2, 5, 6, 70)]),
    "max_pool2d of a part": lambda d: (lambda x: F.max_pool2d(x[:, 1, :, ::2], 2, 1), [d.floats(3, 2, 4, 6, 2).flatten(-2)]),
    "max_pool2d then flat": lambda d: (lambda x: F.max_pool2d(x, 2).flatten(1), [d.floats(2, 3, 4, 6)]),
    "max_pool2d then parts": lambda d: (lambda x: F.max_pool2d(x, 2).view(2, 3, 2, 2, 2, 3).transpose(3, 4).reshape(2, 3, 4, 6), [d.floats(2, 3, 8, 12)]),
    "max_pool2d of parts": lambda d: (lambda x: F.max_pool2d(x.view(2, 3, 2, 2, 6).transpose(2, 3).reshape(2, 3, 4, 6), 2, 1) + 1, [d.floats(2, 3, 4, 6)]),
    "max_pool2d of merged samples": lambda d: (lambda x: F.max_pool2d(x.flatten(0, 1), 2).view(2, 3, 4, 2, 2), [d.floats(2, 3, 4, 4, 4)]),
    "max_pool2d of an expression": lambda d: (lambda x, w: (F.max_pool2d(F.relu(x * w), 2) * w[:, :1, :1]).exp(), [d.floats(2, 3, 4, 6), d.floats(3, 1, 1)]),
    "max_pool3d": pool(F.max_pool3d, 2, 2, 4, 5, 6, kernel_size=(2, 3, 2), stride=2, padding=(1, 1, 0)),
    "max_pool2d_with_indices": lambda d: (lambda x: F.max_pool2d_with_indices(x, 2)[0], [d.floats(2, 3, 4, 6)]),
    "max_pool with indices": lambda d: (lambda x: (torch.ops.aten.max_pool3d_with_indices(x, [2, 2, 2])[0], torch.max_pool1d_with_indices(x[0, 0], [2])[0]), [d.floats(2, 4, 4, 6)]),
    "avg_pool1d": pool(F.avg_pool1d, 2, 3, 9, kernel_size=3, stride=2, padding=1),
    "avg_pool2d": pool(F.avg_pool2d, 2, 3, 8, 9, kernel_size=2),
    "avg_pool2d padded": pool(F.avg_pool2d, 2, 2, 7, 20, kernel_size=3, stride=(2, 1), padding=(1, 1)),
    "avg_pool2d without padding": pool(F.avg_pool2d, 2, 2, 7, 8, kernel_size=3, stride=2, padding=1, count_include_pad=False),
    "avg_pool2d ceil": pool(F.avg_pool2d, 2, 2, 6, 7, kernel_size=3, stride=2, padding=1, ceil_mode=True),
    "avg_pool2d ceil without padding": pool(F.avg_pool2d, 2, 2, 6, 8, kernel_size=3, stride=2, ceil_mode=True, count_include_pad=False),
    "avg_pool2d divisor": pool(F.avg_pool2d, 2, 2, 6, 7, kernel_size=3, stride=2, padding=1, divisor_override=5),
    "avg_pool2d unbatched": pool(F.avg_pool2d, 2, 5, 6, kernel_size=3, stride=1),
    "avg_pool2d of channels last": lambda d: (lambda x: F.avg_pool2d(x.permute(0, 3, 1, 2), 3, 2, 1).permute(0, 2, 3, 1), [d.floats(2, 5, 6, 70)]),
    "avg_pool2d of a product": lambda d: (lambda x, w: F.avg_pool2d((x @ w).view(2, 4, 4, 3).permute(0, 3, 1, 2), 2), [d.floats(32, 5), d.floats(5, 3)]),
    "avg_pool3d": pool(F.avg_pool3d, 2, 2, 4, 5, 6, kernel_size=(2, 3, 2), stride=2, padding=(1, 1, 0)),
    "adaptive_avg_pool1d": pool(F.adaptive_avg_pool1d, 2, 3, 7, output_size=3),
    "adaptive_avg_pool2d": pool(F.adaptive_avg_pool2d, 2, 3, 7, 5, output_size=(3, None)),
    "adaptive_avg_pool2d to more": pool(F.adaptive_avg_pool2d, 2, 3, 3, 2, output_size=(5, 7)),
    "adaptive_avg_pool2d to one": pool(F.adaptive_avg_pool2d, 2, 3, 6, 20, output_size=1),
    "adaptive_avg_pool3d": pool(F.adaptive_avg_pool3d, 2, 2, 3, 4, 5, output_size=2),
    "adaptive_max_pool1d": pool(F.adaptive_max_pool1d, 2, 3, 7, output_size=3),
    "adaptive_max_pool2d": pool(F.adaptive_max_pool2d, 2, 3, 7, 5, output_size=(3, 4)),
    "adaptive_max_pool3d": pool(F.adaptive_max_pool3d, 2, 2, 3, 4, 5, output_size=(2, 3, 1)),
})

# --------------------------------------------------------------------------------------------------------------
# Attention
# --------------------------------------------------------------------------------------------------------------
def heads(d, batch=(2, 2), query=3, key=5, feature=4, value=2):
    return matrices(d, (*batch, query, feature), (*batch, key, feature), (*batch, key, value))


SDPA = F.scaled_dot_product_attention
rows("attention", {
    "plain": lambda d: (lambda q, k, v: SDPA(q, k, v), heads(d)),
    "causal": lambda d: (lambda q, k, v: SDPA(q, k, v, is_causal=True), heads(d, query=4, key=4, value=4)),
    "scale": lambda d: (lambda q, k, v: SDPA(q, k, v, scale=0.3), heads(d)),
    "float mask": lambda d: (SDPA, [*heads(d), d.floats(3, 5)]),
    "float mask of heads": lambda d: (SDPA, [*heads(d), d.floats(1, 2, 3, 5)]),
    "bool mask": lambda d: (SDPA, [*heads(d), d.bools(2, 1, 3, 5) | torch.tensor([True, False, False, False, False])]),
    "mask of indices": lambda d: (lambda q, k, v: SDPA(q, k, v, torch.ones(4, 4, dtype=BOOL).tril()),
                                  heads(d, query=4, key=4, value=4)),
    "float mask of indices": lambda d: (lambda q, k, v: SDPA(q, k, v, torch.full((4, 4), float("-inf"), dtype=F64).triu(1)),
                                        heads(d, query=4, key=4, value=4)),
    "least float of indices": lambda d: (lambda q, k, v: SDPA(q, k, v, torch.full((4, 4), torch.finfo(F64).min, dtype=F64).masked_fill_(
        torch.arange(4) < (torch.arange(4) + 1).view(4, 1), 0)), heads(d, query=4, key=4, value=4)),
    "three dimensions": lambda d: (lambda q, k, v: SDPA(q, k, v), heads(d, batch=(2,))),
    "shared keys": lambda d: (lambda q, k, v: SDPA(q, k.expand(2, 2, 5, 4), v.expand(2, 2, 5, 2)),
                              [d.floats(2, 2, 3, 4), d.floats(1, 2, 5, 4), d.floats(2, 1, 5, 2)]),
    "one query": lambda d: (lambda q, k, v: SDPA(q, k, v), heads(d, query=1)),
})

# --------------------------------------------------------------------------------------------------------------
# Losses
# --------------------------------------------------------------------------------------------------------------
def labelled(d, *shape, ignored=-100):
    """Scores [n, c, ...] and labels [n, ...], some of which are ignored."""
    labels = d.integers(0, shape[1], shape[0], *shape[2:])
    labels[d.numpy.random(tuple(labels.shape)) < 0.3] = ignored
    return [d.floats(*shape), labels]


CE = F.cross_entropy
rows("losses", {
    "cross_entropy": lambda d: (lambda x, t: CE(x, t), labelled(d, 6, 5)),
    "cross_entropy sum": lambda d: (lambda x, t: CE(x, t, reduction="sum"), labelled(d, 6, 5)),
    "cross_entropy none": lambda d: (lambda x, t: CE(x, t, reduction="none"), labelled(d, 6, 5)),
    "cross_entropy ignore_index": lambda d: (lambda x, t: CE(x, t, ignore_index=2), labelled(d, 6, 5, ignored=2)),
    "cross_entropy all ignored": lambda d: (lambda x, t: CE(x, t), [d.floats(3, 4), torch.full((3,), -100)]),
    "cross_entropy of maps": lambda d: (lambda x, t: CE(x, t), labelled(d, 2, 5, 3, 2)),
    "cross_entropy weight": lambda d: (lambda x, t, w: CE(x, t, w), [*labelled(d, 6, 5), d.floats(5, positive=True)]),
    "cross_entropy smoothing": lambda d: (lambda x, t: CE(x, t, label_smoothing=0.1), labelled(d, 6, 5)),
    "cross_entropy weight smoothing": lambda d: (lambda x, t, w: CE(x, t, w, label_smoothing=0.1),
                                                 [*labelled(d, 6, 5), d.floats(5, positive=True)]),
    "cross_entropy probabilities": lambda d: (lambda x, p: CE(x, p), [d.floats(6, 5), d.floats(6, 5, positive=True)]),
    "cross_entropy one row": lambda d: (lambda x, t: CE(x, t), [d.floats(5), d.integers(0, 5)]),
    "cross_entropy -inf": lambda d: (lambda x, t: CE(x.masked_fill(x > 1, float("-inf")), t, reduction="none"),
                                     labelled(d, 6, 5)),
    "nll_loss": lambda d: (lambda x, t: F.nll_loss(F.log_softmax(x, 1), t), labelled(d, 6, 5)),
    "nll_loss weight": lambda d: (lambda x, t, w: F.nll_loss(x, t, w), [*labelled(d, 6, 5), d.floats(5, positive=True)]),
    "nll_loss none": lambda d: (lambda x, t: F.nll_loss(x, t, reduction="none"), labelled(d, 6, 5)),
    "nll_loss of maps": lambda d: (lambda x, t: F.nll_loss(x, t), labelled(d, 2, 5, 3, 2)),
    "mse_loss": lambda d: (F.mse_loss, [d.floats(3, 4), d.floats(3, 4)]),
    "mse_loss none": lambda d: (lambda x, y: F.mse_loss(x, y, reduction="none"), [d.floats(3, 4), d.floats(3, 4)]),
    "mse_loss sum": lambda d: (lambda x, y: F.mse_loss(x, y, reduction="sum"), [d.floats(3, 4), d.floats(4)]),
    "l1_loss": lambda d: (F.l1_loss, [d.floats(3, 4), d.floats(3, 4)]),
    "smooth_l1_loss": lambda d: (lambda x, y: F.smooth_l1_loss(x, y, beta=0.7), [d.floats(3, 4), d.floats(3, 4)]),
    "bce with logits": lambda d: (lambda x, y: F.binary_cross_entropy_with_logits(x * 30, y),
                                  [d.floats(3, 4), torch.rand(3, 4, dtype=F64, generator=d.torch)]),
    "bce pos_weight": lambda d: (lambda x, y, p: F.binary_cross_entropy_with_logits(x, y, pos_weight=p, reduction="sum"),
                                 [d.floats(3, 4), torch.rand(3, 4, dtype=F64, generator=d.torch), d.floats(4, positive=True)]),
})



def signs(d, *shape):
    return 2 * d.integers(0, 2, *shape) - 1


def probabilities(d, *shape):
    return torch.rand(*shape, dtype=F64, generator=d.torch)


rows("losses of values", {
    "huber_loss": lambda d: (lambda x, y: F.huber_loss(x, y, delta=0.7), [d.floats(3, 4), d.floats(3, 4)]),
    "huber_loss none": lambda d: (lambda x, y: F.huber_loss(x, y, reduction="none"), [d.floats(3, 4), d.floats(4)]),
    "kl_div": lambda d: (lambda x, y: F.kl_div(x, y, reduction="batchmean"), [d.floats(3, 4), probabilities(d, 3, 4)]),
    "kl_div of zeros": lambda d: (lambda x, y: F.kl_div(x, y * (y > 0.5).detach(), reduction="none"), [d.floats(3, 4), probabilities(d, 3, 4)]),
    "kl_div of logarithms": lambda d: (lambda x, y: F.kl_div(x, y, reduction="sum", log_target=True), [d.floats(3, 4), d.floats(3, 4)]),
    "binary_cross_entropy": lambda d: (F.binary_cross_entropy, [probabilities(d, 3, 4), probabilities(d, 3, 4)]),
    "binary_cross_entropy of certainty": lambda d: (lambda x, y: F.binary_cross_entropy(x.round(), y, reduction="none"),
                                                    [probabilities(d, 3, 4), probabilities(d, 3, 4)]),
    "binary_cross_entropy weight": lambda d: (lambda x, y, w: F.binary_cross_entropy(x, y, w, reduction="sum"),
                                              [probabilities(d, 3, 4), probabilities(d, 3, 4), d.floats(4, positive=True)]),
    "poisson_nll_loss": lambda d: (F.poisson_nll_loss, [d.floats(3, 4), d.integers(0, 5, 3, 4).double()]),
    "poisson_nll_loss full": lambda d: (lambda x, y: F.poisson_nll_loss(x, y, log_input=False, full=True, reduction="none"),
                                        [d.floats(3, 4, positive=True), d.integers(0, 5, 3, 4).double()]),
    "soft_margin_loss": lambda d: (F.soft_margin_loss, [d.floats(3, 4), signs(d, 3, 4).double()]),
    "margin_ranking_loss": lambda d: (lambda x, y, t: F.margin_ranking_loss(x, y, t, 0.3), [d.floats(6), d.floats(6), signs(d, 6)]),
    "hinge_embedding_loss": lambda d: (lambda x, t: F.hinge_embedding_loss(x, t, 0.8), [d.floats(3, 4), signs(d, 3, 4)]),
    "cosine_embedding_loss": lambda d: (lambda x, y, t: F.cosine_embedding_loss(x, y, t, 0.1), [d.floats(6, 4), d.floats(6, 4), signs(d, 6)]),
    "cosine_embedding_loss of a pair": lambda d: (lambda x, y, t: F.cosine_embedding_loss(x, y, t), [d.floats(4), d.floats(4), signs(d)]),
    "triplet_margin_loss": lambda d: (lambda x, y, z: F.triplet_margin_loss(x, y, z, 0.7), matrices(d, (5, 4), (5, 4), (5, 4))),
    "triplet_margin_loss swap": lambda d: (lambda x, y, z: F.triplet_margin_loss(x, y, z, p=1.0, swap=True, reduction="none"),
                                           matrices(d, (5, 4), (5, 4), (5, 4))),
    "multilabel_soft_margin_loss": lambda d: (F.multilabel_soft_margin_loss, [d.floats(3, 4), d.bools(3, 4).double()]),
    "gaussian_nll_loss": lambda d: (F.gaussian_nll_loss, [d.floats(3, 4), d.floats(3, 4), d.floats(3, 4, positive=True)]),
})

rows("distances", {
    "pairwise_distance": lambda d: (F.pairwise_distance, matrices(d, (5, 4), (4,))),
    "pairwise_distance 1": lambda d: (lambda x, y: F.pairwise_distance(x, y, 1.0, keepdim=True), matrices(d, (2, 5, 4), (2, 5, 4))),
    "dist": lambda d: (torch.dist, matrices(d, (3, 4), (3, 4))),
    "cdist": lambda d: (torch.cdist, matrices(d, (2, 3, 4), (2, 5, 4))),
    "cdist 1": lambda d: (lambda x, y: torch.cdist(x, y, p=1.0), matrices(d, (3, 4), (2, 5, 4))),
    "cdist of equal rows": lambda d: (lambda x: torch.cdist(x, x), matrices(d, (3, 4))),
    "cosine_similarity": lambda d: (lambda x, y: F.cosine_similarity(x, y, dim=-1), matrices(d, (3, 1, 4), (5, 4))),
    "cosine_similarity of zeros": lambda d: (lambda x, y: F.cosine_similarity(x * torch.tensor([[0.0], [1.0]], dtype=F64), y),
                                             matrices(d, (2, 4), (2, 4))),
})

rows("products written as others", {
    "outer": lambda d: (lambda x, y: torch.outer(x, y) + torch.ger(x, y), matrices(d, (3,), (4,))),
    "inner": lambda d: (torch.inner, matrices(d, (2, 3, 4), (5, 4))),
    "inner with a number": lambda d: (torch.inner, [d.floats(2, 3), d.floats()]),
    "vdot": lambda d: (torch.vdot, matrices(d, (4,), (4,))),
    "tensordot": lambda d: (lambda x, y: torch.tensordot(x, y, dims=([1, 2], [2, 0])), matrices(d, (2, 3, 4), (4, 5, 3))),
    "tensordot of numbers of dimensions": lambda d: (lambda x, y: torch.tensordot(x, y, dims=2), matrices(d, (2, 3, 4), (3, 4, 5))),
    "addmv": lambda d: (lambda b, x, y: torch.addmv(b, x, y, beta=0.5, alpha=2), matrices(d, (3,), (3, 4), (4,))),
    "addmv without bias": lambda d: (lambda b, x, y: torch.addmv(b / 0, x, y, beta=0), matrices(d, (3,), (3, 4), (4,))),
    "addr": lambda d: (lambda b, x, y: torch.addr(b, x, y, alpha=2), matrices(d, (3, 4), (3,), (4,))),
    "addbmm": lambda d: (lambda b, x, y: torch.addbmm(b, x, y, beta=3), matrices(d, (3, 5), (2, 3, 4), (2, 4, 5))),
    "bilinear": lambda d: (F.bilinear, matrices(d, (2, 3, 4), (2, 3, 5), (6, 4, 5), (6,))),
    "bilinear of vectors": lambda d: (F.bilinear, matrices(d, (4,), (5,), (6, 4, 5))),
    "multi_dot": lambda d: (lambda x, y, z: torch.linalg.multi_dot([x, y, z]) + torch.chain_matmul(x, y, z), matrices(d, (2, 3), (3, 4), (4, 5))),
    "einsum without an arrow": lambda d: (lambda x, y: torch.einsum("bij,bjk", x, y), matrices(d, (2, 3, 4), (2, 4, 5))),
    "einsum with an ellipsis": lambda d: (lambda x, y: torch.einsum("...ij,...kj->...ik", x, y), matrices(d, (2, 3, 4), (5, 2, 6, 4))),
    "einsum, an ellipsis and no arrow": lambda d: (lambda x, y: torch.einsum("b...,b", x, y), matrices(d, (2, 3, 4), (2,))),
    "einsum of an ellipsis that is summed": lambda d: (lambda x: torch.einsum("...j->j", x), matrices(d, (2, 3, 4))),
    "einsum of three": lambda d: (lambda x, y, z: torch.einsum("bi,ij,bj->b", x, y, z), matrices(d, (2, 3), (3, 4), (2, 4))),
    "einsum of four": lambda d: (lambda w, x, y, z: torch.einsum("ab,bc,cd,da->ac", w, x, y, z), matrices(d, (2, 3), (3, 4), (4, 5), (5, 2))),
    "einsum of a diagonal": lambda d: (lambda x: torch.einsum("bii->bi", x), matrices(d, (2, 3, 3))),
    "einsum of a trace": lambda d: (lambda x, y: torch.einsum("ibi,b->", x, y), matrices(d, (3, 2, 3), (2,))),
    "einsum of size 1": lambda d: (lambda x, y: torch.einsum("ij,jk->ik", x, y), matrices(d, (2, 1), (3, 4))),
})

rows("diagonals", {
    "diagonal": lambda d: (lambda x: torch.diagonal(x), matrices(d, (4, 4))),
    "diagonal above": lambda d: (lambda x: torch.diagonal(x, 1, 0, 2), matrices(d, (3, 2, 5))),
    "diagonal below": lambda d: (lambda x: torch.diagonal(x, -2, -1, -2), matrices(d, (2, 4, 5))),
    "diagonal outside": lambda d: (lambda x: torch.diagonal(x, 7), matrices(d, (3, 4))),
    "diagonal of one": lambda d: (lambda x: torch.diagonal(x), matrices(d, (1, 4))),
    "trace": lambda d: (torch.trace, matrices(d, (3, 4))),
    "diag of a vector": lambda d: (lambda x: torch.diag(x, -1), matrices(d, (3,))),
    "diag of a matrix": lambda d: (lambda x: torch.diag(x, 1), matrices(d, (3, 4))),
    "diag_embed": lambda d: (lambda x: torch.diag_embed(x, 2, 0, 2), matrices(d, (2, 3))),
    "diag_embed of one": lambda d: (lambda x: torch.diag_embed(x), matrices(d, (2, 1))),
    "eye": lambda d: (lambda x: x + torch.eye(3) + torch.eye(2, 3)[:1], matrices(d, (3, 3))),
    "tril_indices": lambda d: (lambda x: x[:, torch.tril_indices(4, 4, -1)[0], torch.tril_indices(4, 4, -1)[1]], matrices(d, (2, 4, 4))),
    "tril_indices of a wide matrix": lambda d: (lambda x: x + torch.tril_indices(3, 4, 1), matrices(d, (2, 9))),
    "triu_indices": lambda d: (lambda x: x + torch.triu_indices(4, 3, 0), matrices(d, (2, 6))),
    "triu_indices of nothing": lambda d: (lambda x: x + torch.triu_indices(2, 2, 3).sum(), matrices(d, (2,))),
    "written diagonal": lambda d: (in_place(lambda y: torch.diagonal(y).add_(-1).pow_(2).sum() + y.sum()), matrices(d, (4, 4))),
})

rows("views of views", {
    "movedim": lambda d: (lambda x: torch.movedim(x, (0, 2), (-1, 0)), [d.floats(2, 3, 4, 5)]),
    "movedim of one": lambda d: (lambda x: torch.movedim(x, 0, -1) + 1, [d.floats(2, 3, 4)]),
    "moveaxis": lambda d: (lambda x: (torch.moveaxis(x, -1, 1), torch.moveaxis(x, (0, 1), (2, 0))), [d.floats(2, 3, 4)]),
    "ravel": lambda d: (torch.ravel, [d.floats(2, 3, 4)]),
    "tile": lambda d: (lambda x: torch.tile(x, (2,)) + torch.tile(x[:1], (2, 2)), [d.floats(2, 3)]),
    "tile to more dimensions": lambda d: (lambda x: torch.tile(x, (2, 1, 3)), [d.floats(2, 3)]),
    "hstack": lambda d: (lambda x, y: torch.hstack([x, y]), [d.floats(2, 3), d.floats(2, 1)]),
    "hstack of lists": lambda d: (lambda x, y: torch.hstack([x, y]), [d.floats(3), d.floats()]),
    "vstack": lambda d: (lambda x, y: torch.vstack([x, y]), [d.floats(2, 3), d.floats(3)]),
    "diff": lambda d: (lambda x: (torch.diff(x), torch.diff(x, 2, 0), torch.diff(x[:, :1], dim=1)), [d.floats(4, 5)]),
    "pixel_shuffle": lambda d: (lambda x: F.pixel_shuffle(x, 2), [d.floats(2, 8, 3, 4)]),
    "pixel_unshuffle": lambda d: (lambda x: F.pixel_unshuffle(x, 3), [d.floats(2, 2, 6, 3)]),
    "channel_shuffle": lambda d: (lambda x: F.channel_shuffle(x, 3), [d.floats(2, 6, 3, 2)]),
    "unsafe_chunk": lambda d: (lambda x: tuple(y * 2 for y in torch.unsafe_chunk(x, 2, 1)), [d.floats(2, 6)]),
    "unsafe_split": lambda d: (lambda x: (*torch.unsafe_split(x, 4, 1), *torch.unsafe_split_with_sizes(x, [1, 5], 1)), [d.floats(2, 6)]),
    "glu": lambda d: (lambda x: F.glu(x, 1), [d.floats(2, 6, 3)]),
    "written movedim": lambda d: (in_place(lambda y: y.movedim(0, 1)[0].mul_(3).sum() + y.sum()), [d.floats(3, 4)]),
})

# --------------------------------------------------------------------------------------------------------------
# Views, and writing through them
# --------------------------------------------------------------------------------------------------------------
rows("views", {
    "view": lambda d: (lambda x: x.view(6, 2, 2), [d.floats(2, 3, 4)]),
    "view -1": lambda d: (lambda x: x.view(-1), [d.floats(2, 3, 4)]),
    "view apart and together": lambda d: (lambda x: x.view(6, 12).view(2, 3, 3, 4).view(6, 3, 4).view(-1, 12), [d.floats(2, 3, 12)]),
    "view of nothing": lambda d: (lambda x: x.view(3, 0), [d.floats(0, 4)]),
    "view to 0-d": lambda d: (lambda x: x.view(()), [d.floats(1, 1)]),
    "reshape of a transpose": lambda d: (lambda x: x.transpose(0, 1).reshape(3, 8), [d.floats(2, 3, 4)]),
    "flatten": lambda d: (lambda x: torch.flatten(x, 1, 2), [d.floats(2, 3, 4)]),
    "unflatten": lambda d: (lambda x: x.unflatten(1, (3, -1)), [d.floats(2, 12)]),
    "permute": lambda d: (lambda x: x.permute(2, 0, 1), [d.floats(2, 3, 4)]),
    "t": lambda d: (lambda x: x.t(), [d.floats(2, 3)]),
    "expand": lambda d: (lambda x: x.expand(2, -1, 4), [d.floats(3, 1)]),
    "expand_as": lambda d: (lambda x, y: x.expand_as(y), [d.floats(1, 3), d.floats(2, 3)]),
    "repeat": lambda d: (lambda x: x.repeat(2, 3, 1), [d.floats(2, 3)]),
    "repeat_interleave": lambda d: (lambda x: x.repeat_interleave(2, 1), [d.floats(2, 3)]),
    "unsqueeze squeeze": lambda d: (lambda x: x.unsqueeze(-1).unsqueeze(0).squeeze().unsqueeze(1).squeeze(1), [d.floats(2, 3)]),
    "select": lambda d: (lambda x: x[1] + x[-1], [d.floats(3, 4)]),
    "select of a merged dimension": lambda d: (lambda x: x.view(6, 4)[4], [d.floats(2, 3, 4)]),
    "slice": lambda d: (lambda x: x[:, 1:4], [d.floats(2, 5)]),
    "slice of halves": lambda d: (lambda x: torch.cat([-x[..., 3:], x[..., :3]], -1), [d.floats(2, 6)]),
    "slice with a step": lambda d: (lambda x: x[:, 1::2] - x[:, ::2], [d.floats(2, 6)]),
    "slice beyond the end": lambda d: (lambda x: x[-2:, 1:99], [d.floats(3, 4)]),
    "slice of nothing": lambda d: (lambda x: x[:, 4:], [d.floats(2, 4)]),
    "slice of a merged dimension": lambda d: (lambda x: x.view(12, 2)[4:12] * 2, [d.floats(3, 4, 2)]),
    "windows over divided dimensions": lambda d: (lambda x: torch.cat([-x[..., 2:4], x[..., :2], x[..., 4:]], -1) * 2, [d.floats(2, 16)]),
    "split unequal, then heads": lambda d: (lambda x: x.split([8, 4], -1)[0].view(3, 2, 4).sum() + x.split([8, 4], -1)[1].split((2, 2), -1)[1].view(3, 2).sum(0), [d.floats(3, 12)]),
    "rotation": lambda d: (lambda x, c: x * torch.cat([c, c], -1) + torch.cat([-x[..., 3:], x[..., :3]], -1), [d.floats(2, 4, 6), d.floats(4, 3)]),
    "broadcast_to": lambda d: (lambda x: x.broadcast_to(2, 3), [d.floats(3)]),
    "narrow": lambda d: (lambda x: x.narrow(1, 2, 2), [d.floats(2, 5)]),
    "split": lambda d: (lambda x: torch.cat([y * i for i, y in enumerate(x.split(2, 1))], 1), [d.floats(2, 5)]),
    "split equal": lambda d: (lambda x: sum(y * i for i, y in enumerate(x.split(4, 1))), [d.floats(2, 12)]),
    "split sizes": lambda d: (lambda x: torch.cat(x.split([1, 3, 2])[::-1]), [d.floats(6)]),
    "chunk": lambda d: (lambda x: torch.cat(x.chunk(3)[::-1]), [d.floats(7)]),
    "unbind": lambda d: (lambda x: x.unbind(1)[0] * x.unbind(1)[1], [d.floats(3, 2)]),
    "casts": lambda d: (lambda x: x.to(F32).to(I64).to(BOOL).type_as(x) + x.int().double(), [d.floats(5) * 3]),
    "to same": lambda d: (lambda x: x.to(x.dtype) + x.to("cpu"), [d.floats(5)]),
    "dropout": lambda d: (lambda x: F.dropout(x, 0.0, True) + F.dropout(x, 0.5, False), [d.floats(5)]),
    "alpha_dropout": lambda d: (lambda x: F.alpha_dropout(x, 0.5, False) + torch.feature_alpha_dropout(x, 0.0, True), [d.floats(5, 2)]),
    "contiguous": lambda d: (lambda x: x.t().contiguous().view(-1), [d.floats(2, 3)]),
    "detach": lambda d: (lambda x: x.detach() * x, [d.floats(2)]),
})


def in_place(function):
    """The function gets a copy that it may change; both the result and the copy count."""
    def run(x, *others):
        y = x.clone()
        result = function(y, *others)
        return result + 0 * y.sum(), y * 1
    return run


def write_slice(y):
    y[:, 1:3] += 2
    return y.sum()


def write_select(y):
    y[1].fill_(3)
    y[:, 0] = -1
    return y.sum()


def write_alias(y):
    first, flat = y[0], y.view(-1)
    flat[2] = 5
    first.mul_(2)
    return first.sum() + flat[2]


def write_through_transpose(y):
    y.t()[1, :2].copy_(y[0, :2] * 10)
    return y[0, 1]


def write_to_view_of_view(y):
    y.view(2, 2, -1)[:, 1].zero_()
    return y.sum()


def write_then_read_twice(y):
    z = y[:, :2]
    a = z.sum()
    y.add_(1)
    return a * 1000 + z.sum()


rows("in place", {
    "add_": lambda d: (in_place(lambda y, z: y.add_(z, alpha=2).sum()), [d.floats(2, 3), d.floats(3)]),
    "relu_ of an expression": lambda d: (lambda x: F.relu_(x * 2), [d.floats(5)]),
    "masked_fill_": lambda d: (in_place(lambda y, m: y.masked_fill_(m, 7).sum()), [d.floats(2, 3), d.bools(2, 3)]),
    "masked_fill_ of a part": lambda d: (in_place(lambda y, m: y[1:].masked_fill_(m, 7).sum()), [d.floats(3, 3), d.bools(3)]),
    "write slice": lambda d: (in_place(write_slice), [d.floats(2, 5)]),
    "write select": lambda d: (in_place(write_select), [d.floats(2, 3)]),
    "write alias": lambda d: (in_place(write_alias), [d.floats(2, 3)]),
    "write through a transpose": lambda d: (in_place(write_through_transpose), [d.floats(3, 4)]),
    "write to a view of a view": lambda d: (in_place(write_to_view_of_view), [d.floats(4, 3)]),
    "write then read": lambda d: (in_place(write_then_read_twice), [d.floats(2, 3)]),
    "integers keep their type": lambda d: (in_place(lambda y: y.mul_(3).add_(1).sum()), [d.integers(0, 5, 4)]),
    "causal mask": lambda d: (lambda x: x + torch.full((4, 4), -9.0, dtype=F64).masked_fill_(
        torch.arange(4) < (torch.arange(4) + 1).view(4, 1), 0), [d.floats(2, 4, 4)]),
    "shifted labels": lambda d: (lambda t: F.pad(t, (0, 1), value=-100)[..., 1:].contiguous(), [d.integers(0, 9, 2, 5)]),
    "shift by writing": lambda d: (lambda t: shift_right(t), [d.integers(0, 9, 2, 5)]),
})


def put_where(x, mask):
    x[mask] = 7
    return x.sum() + (x * 2)[0].sum()


def shift_right(t):
    s = t.new_zeros(t.shape)
    s[:, 1:] = t[:, :-1].clone()
    s[:, 0] = 3
    return s.masked_fill_(s == 0, 1)


# --------------------------------------------------------------------------------------------------------------
# Creation and indexing
# --------------------------------------------------------------------------------------------------------------
rows("creation", {
    "arange": lambda d: (lambda x: x + torch.arange(4), [d.floats(3, 4)]),
    "arange start": lambda d: (lambda x: x + torch.arange(2, 6), [d.floats(4)]),
    "arange step": lambda d: (lambda x: x + torch.arange(7, 0, -2), [d.floats(4)]),
    "arange floats": lambda d: (lambda x: x + torch.arange(0, 1, 0.25, dtype=F64), [d.floats(4)]),
    "full": lambda d: (lambda x: x + torch.full((3,), 2), [d.floats(3)]),
    "full 0-d": lambda d: (lambda x: x / torch.full([], x.size(0) ** 0.5, dtype=F64), [d.floats(3)]),
    "zeros ones": lambda d: (lambda x: x * torch.ones(3) + torch.zeros(2, 1), [d.floats(3)]),
    "like": lambda d: (lambda x: torch.ones_like(x) + torch.full_like(x, 3) + torch.zeros_like(x, dtype=F32), [d.floats(3)]),
    "new": lambda d: (lambda x: x.new_ones(3) + x.new_full((2, 1), 3) + x.new_zeros(1), [d.floats(3)]),
    "linspace": lambda d: (lambda x: x + torch.linspace(-1, 2, 5, dtype=F64) + torch.linspace(3, 1, 1, dtype=F64), [d.floats(5)]),
    "linspace of even steps": lambda d: (lambda x: x * torch.linspace(0.1, -0.7, 4, dtype=F64), [d.floats(4)]),
    "triu tril": lambda d: (lambda x: x.triu(1) - x.tril(-1), [d.floats(2, 3, 4)]),
    "triu of a mask": lambda d: (lambda x: x + torch.triu(torch.full((3, 3), float("-inf"), dtype=F64), 1), [d.floats(3, 3)]),
    "constant list": lambda d: (lambda x: x * torch.tensor([3.0, -1.0, 2.5], dtype=F64), [d.floats(2, 3)]),
    "size arithmetic": lambda d: (lambda x: x.view(x.size(0) * x.size(1), x.size(2) // 2, -1).sum(1) / x.shape[-1], [d.floats(2, 3, 4)]),
    "cumsum": lambda d: (lambda x: x.cumsum(1), [d.floats(2, 5)]),
    "cumsum of bools": lambda d: (lambda x: x.cumsum(-1), [d.bools(2, 5)]),
})
rows("indexing", {
    "embedding": lambda d: (lambda i, w: F.embedding(i, w), [d.integers(0, 7, 2, 3), d.floats(7, 4)]),
    "embedding padding_idx": lambda d: (lambda i, w: F.embedding(i, w, padding_idx=1), [d.integers(0, 7, 2, 3), d.floats(7, 4)]),
    "embedding of positions": lambda d: (lambda x, w: x + F.embedding(torch.arange(3).unsqueeze(0) + 2, w), [d.floats(2, 3, 4), d.floats(7, 4)]),
    "embedding of all positions": lambda d: (lambda x, w: x + F.embedding(torch.arange(3), w), [d.floats(2, 3, 4), d.floats(3, 4)]),
    "embedding i32": lambda d: (lambda i, w: F.embedding(i, w), [d.integers(0, 7, 4, dtype=I32), d.floats(7, 2)]),
    "index_select": lambda d: (lambda x, i: x.index_select(1, i), [d.floats(2, 5, 3), d.integers(0, 5, 4)]),
    "index_add": lambda d: (lambda x, i, y: x.index_add(1, i, y, alpha=0.5), [d.floats(2, 5, 3), d.integers(0, 5, 4), d.floats(2, 4, 3)]),
    "index_add_": lambda d: (in_place(lambda x, i, y: x.index_add_(0, i, y).sum()), [d.floats(5, 3), d.integers(0, 5, 4), d.floats(4, 3)]),
    "take_along_dim": lambda d: (lambda x, i: torch.take_along_dim(x, i, 1), [d.floats(3, 5), d.integers(0, 5, 1, 2)]),
    "take_along_dim of all": lambda d: (lambda x, i: torch.take_along_dim(x, i), [d.floats(3, 5), d.integers(0, 15, 4)]),
    "write where": lambda d: (in_place(lambda x, m: put_where(x, m)), [d.floats(3, 5), d.bools(3, 5)]),
    "write rows where": lambda d: (in_place(lambda x, m: put_where(x, m)), [d.floats(3, 5), d.bools(3)]),
    "gather": lambda d: (lambda x, i: x.gather(1, i), [d.floats(3, 5), d.integers(0, 5, 3, 2)]),
    "look-ups of truth": lambda d: (lambda x, i: (x.gather(1, i), x.index_select(0, i[0]), x[i], x.flip(1)), [d.bools(3, 5), d.integers(0, 3, 3, 2)]),
    "gather of a part": lambda d: (lambda x, i: x.gather(0, i), [d.floats(4, 5), d.integers(0, 4, 2, 3)]),
    "index": lambda d: (lambda x, i: x[i], [d.floats(4, 5), d.integers(-4, 4, 2, 3)]),
    "index with dimensions before": lambda d: (lambda x, i: x[:, i], [d.floats(4, 5, 2), d.integers(-5, 5, 3)]),
    "index pairs": lambda d: (lambda x, i, j: x[i, j], [d.floats(4, 5, 2), d.integers(0, 4, 3), d.integers(-5, 5, 3)]),
    "index pairs after a dimension": lambda d: (lambda x, i, j: x[:, i, j] + x[:, [1, 3], [0, 4]][:, :1], [d.floats(3, 4, 5, 2), d.integers(0, 4, 3), d.integers(-5, 5, 3)]),
    "index triples": lambda d: (lambda x, i, j, k: x[:, i, j, k], [d.floats(2, 4, 5, 3), d.integers(0, 4, 3, 1), d.integers(-5, 5, 1, 2), d.integers(0, 3, 2)]),
    "index of each row, several": lambda d: (lambda x, j: x[torch.arange(4)[:, None], j], [d.floats(4, 5, 2), d.integers(-5, 5, 4, 3)]),
    "index of each row, the same": lambda d: (lambda x, j: x[torch.arange(4)[:, None], j], [d.floats(4, 5), d.integers(-5, 5, 3)]),
    "index of each row, and further": lambda d: (lambda x, j, k: x[:, torch.arange(4), j, k], [d.floats(2, 4, 5, 3), d.integers(-5, 5, 4), d.integers(0, 3, 4)]),
    "index of some rows": lambda d: (lambda x, j: x[torch.arange(3), j] + x[torch.arange(1, 4), j] + x[torch.arange(3)[:, None], j[None]][0],
                                     [d.floats(4, 5), d.integers(0, 5, 3)]),
    "index of each row across": lambda d: (lambda x, j: x[torch.arange(4)[None], j[:, None]] + x[torch.arange(4), j[:, None]],
                                           [d.floats(4, 5), d.integers(0, 5, 4)]),
    "index rows by numbers": lambda d: (lambda x, j: x[torch.arange(4), j], [d.floats(4, 5), d.integers(-5, 5, 4)]),
    "pad": lambda d: (lambda x: F.pad(x, (1, 2, 0, 1), value=-1.5), [d.floats(2, 3, 4)]),
    "pad zero": lambda d: (lambda x: F.pad(x, (2, 0)), [d.floats(2, 3)]),
    "roll": lambda d: (lambda x: x.roll(-2, 1) + x.roll((1, 7), (0, 1)) + x.roll(5) + x.t().roll(-4).t() + x.t().contiguous().view(-1).roll(5).view(3, 4), [d.floats(3, 4)]),
    "flip": lambda d: (lambda x: x.flip((0, -1)), [d.floats(3, 2, 4)]),
    "pad to cut": lambda d: (lambda x: F.pad(x, (-1, 1), value=9), [d.floats(2, 4)]),
    "cat": lambda d: (lambda x, y, z: torch.cat([x, y, z], 1), [d.floats(2, 3), d.floats(2, 1), d.floats(2, 4)]),
    "cat equal": lambda d: (lambda x, y: torch.cat([x, y, x], 1), [d.floats(2, 3), d.floats(2, 3)]),
    "cat promotes": lambda d: (lambda x, y: torch.cat([x, y]), [d.floats(2), d.integers(0, 5, 3)]),
    "cat with nothing": lambda d: (lambda x, y: torch.cat([x, y]), [d.floats(2), d.floats(0)]),
    "cat special": lambda d: (lambda x, y: torch.cat([x, y]), [d.floats(5, special=True), d.floats(5, special=True)]),
    "stack": lambda d: (lambda x, y: torch.stack([x, y, x], 1), [d.floats(2, 3), d.floats(2, 3)]),
    "one_hot": lambda d: (lambda i: F.one_hot(i, 5), [d.integers(0, 5, 2, 3)]),
})

# --------------------------------------------------------------------------------------------------------------
# Sizes of 0 and 1

def sized(function, *shapes):
    """Over every way to make sizes 0, 1 or what is written, of the named sizes."""
    def maker(d):
        sizes = {}
        def size(name):
            if isinstance(name, int):
                return name
            return sizes.setdefault(name, d.choice([0, 1, 1, 3]))
        return function, [d.floats(*map(size, shape)) for shape in shapes]
    return maker


rows("sizes of 0 and 1", {f"{name} {number}": maker for number in range(4) for name, maker in {
    "linear": sized(F.linear, "ni", "oi", "o"),
    "batched linear": sized(F.linear, "bni", "oi", "o"),
    "matmul": sized(torch.matmul, "bnk", "bkm"),
    "softmax": sized(lambda x: x.softmax(-1), "nk"),
    "log_softmax": sized(lambda x: x.log_softmax(0), "nk"),
    "sum": sized(lambda x: (x.sum(), x.sum(1), x.sum(0, keepdim=True)), "nk"),
    "mean": sized(lambda x: (x.mean(), x.mean(1), x.mean(0, keepdim=True)), "nk"),
    "amax": sized(lambda x: x.amax(1), ("n", 3)),
    "max": sized(lambda x: (*x.max(1), x.argmin(1)), ("n", 3)),
    "prod": sized(lambda x: (x.prod(), x.prod(1), x.prod(0, keepdim=True)), "nk"),
    "any": sized(lambda x: ((x > 0).any(1), (x > 0).all(1), (x > 0).all()), "nk"),
    "logsumexp": sized(lambda x: torch.logsumexp(x, 1), ("n", 3)),
    "layer_norm": sized(lambda x, w: F.layer_norm(x, (3,), w), ("n", "m", 3), (3,)),
    "layer_norm of one": sized(lambda x, w: F.layer_norm(x, (1,), w), ("n", 1), (1,)),
    "cross_entropy": sized(lambda x: F.cross_entropy(x, torch.zeros(x.shape[0], dtype=I64)), ("n", 3)),
    "cross_entropy sum": sized(lambda x: F.cross_entropy(x, torch.zeros(x.shape[0], dtype=I64), reduction="sum"), ("n", 1)),
    "mse_loss": sized(F.mse_loss, "nk", "nk"),
    "embedding": sized(lambda w, x: F.embedding(torch.zeros(x.shape, dtype=I64), w), (2, "k"), "nm"),
    "index": sized(lambda w, x: w[torch.zeros(x.shape[0], dtype=I64)], (2, "k"), "n"),
    "gather": sized(lambda w, x: w.gather(1, torch.zeros(x.shape, dtype=I64)), ("n", 3), "nm"),
    "attention": sized(lambda q, k, v: F.scaled_dot_product_attention(q, k, v), ("b", 2, "n", 4), ("b", 2, 3, 4), ("b", 2, 3, 4)),
    "attention of one": sized(lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), ("b", "h", 1, 1), ("b", "h", 1, 1), ("b", "h", 1, 1)),
    "cat": sized(lambda x, y, z: torch.cat((x, y, z[:, 1:]), 1), "bk", "bm", "bn"),
    "stack": sized(lambda x, y: torch.stack((x, y), 1), "bk", "bk"),
    "pad": sized(lambda x: F.pad(x, (1, 2), value=3.0), "bk"),
    "broadcast": sized(lambda x, y: x * y + x.exp(), "bk", (1, "k")),
    "where": sized(lambda x, y: torch.where(x > 0, x, y), "bk", "k"),
    "tril": sized(lambda x: x.tril(), "nk"),
    "write": sized(lambda x, y: in_place(lambda x, y: x[:, :1].copy_(y))(x * 1, y), "bk", ("b", 1)),
}.items()})

# --------------------------------------------------------------------------------------------------------------
# Other resolutions, windows, borders
# --------------------------------------------------------------------------------------------------------------
def resized(mode, spatial, **options):
    """To sizes or by factors that are drawn: larger, smaller, the same, 1."""
    def make(d):
        x = d.floats(2, 3, *(d.size(1, 6) for _ in range(spatial)))
        given = dict(options)
        if "scale_factor" not in given:
            given["size"] = [d.size(1, 9) for _ in range(spatial)]
        return lambda x: F.interpolate(x, mode=mode, **given), [x]
    return make


rows("resolutions", {
    **{f"{mode} {n}d": resized(mode, n) for mode in ("nearest", "nearest-exact") for n in (1, 2, 3)},
    **{f"{mode}{corners}": resized(mode, n, align_corners=bool(corners))
       for mode, n in (("linear", 1), ("bilinear", 2), ("trilinear", 3), ("bicubic", 2)) for corners in ("", " corners")},
    "nearest twice": resized("nearest", 2, scale_factor=2.0),
    "nearest by a factor": resized("nearest", 1, scale_factor=1.7, recompute_scale_factor=True),
    "bilinear by factors": resized("bilinear", 2, scale_factor=(1.7, 0.6)),
    "bilinear recomputed": resized("bilinear", 2, scale_factor=(1.7, 2.6), recompute_scale_factor=True),
    "bicubic by factors": resized("bicubic", 2, scale_factor=(1.3, 2.0)),
    "nearest of f32": lambda d: (lambda x: F.interpolate(x, size=(7, 200), mode="nearest"), [d.floats(1, 1, 3, 41, dtype=F32)]),
})
rows("windows", {
    "unfold": lambda d: (lambda x: x.unfold(1, 3, 2) * 1, [d.floats(2, 8, 3)]),
    "unfold side by side": lambda d: (lambda x: x.unfold(-1, 2, 2) * 1, [d.floats(2, 6)]),
    "unfold of all": lambda d: (lambda x: x.unfold(0, 5, 1) * 1, [d.floats(5, 2)]),
    "patches": lambda d: (lambda x: F.unfold(x, (2, 3), dilation=(1, 2), padding=(1, 2), stride=(2, 1)), [d.floats(2, 3, 5, 6)]),
    "patches of one": lambda d: (lambda x: F.unfold(x, 3), [d.floats(3, 3, 3)]),
    "sum of patches": lambda d: (lambda x: F.fold(x, (5, 6), (2, 3), dilation=(1, 2), padding=(1, 2), stride=(2, 1)), [d.floats(2, 12, 18)]),
    "sum of overlapping patches": lambda d: (lambda x: F.fold(F.unfold(x, 3, padding=1), (4, 5), 3, padding=1), [d.floats(2, 1, 4, 5)]),
    **{f"pad {mode}": lambda d, mode=mode: (lambda x: F.pad(x, (1, 2, 0, 2), mode=mode), [d.floats(2, 2, 3, 4)])
       for mode in ("reflect", "replicate", "circular")},
    "pad reflect 3d": lambda d: (lambda x: F.pad(x, (1, 1, 1, 0, 0, 1), mode="reflect"), [d.floats(1, 2, 2, 3, 4)]),
    "pad replicate of one": lambda d: (lambda x: F.pad(x, (2, 3), mode="replicate"), [d.floats(2, 2, 1)]),
    "pads by name": lambda d: (lambda x: torch.ops.aten.reflection_pad2d(x, (1, 2, 0, 2)) + torch.ops.aten.replication_pad2d(x, (1, 2, 2, 0)), [d.floats(2, 2, 3, 4)]),
    "pads of other ranks by name": lambda d: (lambda x, y: (torch.ops.aten.reflection_pad1d(x, (1, 2)), torch.ops.aten.replication_pad1d(x, (0, 2)), torch.ops.aten.reflection_pad3d(y, (1, 1, 0, 1, 1, 0)), torch.ops.aten.replication_pad3d(y, (1, 1, 0, 1, 1, 0))), [d.floats(2, 2, 3), d.floats(1, 2, 2, 3, 4)]),
})

# --------------------------------------------------------------------------------------------------------------
# Orders: with ties, NaN, infinities, truth values
# --------------------------------------------------------------------------------------------------------------
def values_and_order(result, x, dim):
    """Places of equal elements are PyTorch's choice: what they hold is compared."""
    values, places = result
    return values * 1, x.gather(dim, places)


def shuffled(d, *shape):
    """Different numbers."""
    size = int(np.prod(shape))
    return (torch.randperm(size, generator=d.torch).to(F64) - size / 3).reshape(shape)


rows("orders", {
    "topk": lambda d: (lambda x: x.topk(3, 1), [shuffled(d, 2, 6, 2)]),
    "topk smallest": lambda d: (lambda x: x.topk(2, -1, largest=False), [shuffled(d, 3, 5)]),
    "topk of ties": lambda d: (lambda x: values_and_order(x.topk(3), x, -1), [d.integers(0, 3, 4, 5).to(F64)]),
    "topk of all and none": lambda d: (lambda x: (*x.topk(4), *x.topk(0)), [shuffled(d, 2, 4)]),
    "topk of integers": lambda d: (lambda x: x.topk(2)[0], [d.integers(-9, 9, 3, 5)]),
    "sort": lambda d: (lambda x: x.sort(1), [shuffled(d, 2, 5, 2)]),
    "sort descending": lambda d: (lambda x: x.sort(0, descending=True), [shuffled(d, 5, 2)]),
    "sort stable": lambda d: (lambda x: torch.sort(x, dim=-1, stable=True), [d.integers(0, 3, 3, 6).to(F64)]),
    "sort special": lambda d: (lambda x: (x.sort()[0], x.sort(descending=True)[0]), [d.floats(3, 7, special=True)]),
    "sort truth": lambda d: (lambda x: x.sort()[0].long(), [d.bools(2, 5)]),
    "argsort": lambda d: (lambda x: (x.argsort(1), torch.argsort(x, dim=0, stable=True, descending=True)), [shuffled(d, 4, 3)]),
    "kthvalue": lambda d: (lambda x: (*x.kthvalue(2, 1), *x.kthvalue(3, 0, True)), [shuffled(d, 3, 4)]),
    "sort of one": lambda d: (lambda x: x.sort(1), [d.floats(3, 1)]),
})
rows("scatters", {
    "scatter_add": lambda d: (lambda x, i, y: x.scatter_add(1, i, y), [d.floats(3, 5), d.integers(0, 5, 3, 7), d.floats(3, 7)]),
    "scatter_add of rows": lambda d: (lambda x, i, y: x.scatter_add(0, i[:, None].expand(-1, 3), y), [d.floats(4, 3), d.integers(0, 4, 6), d.floats(6, 3)]),
    "scatter_add_": lambda d: (in_place(lambda x, i, y: x.scatter_add_(0, i, y).sum()), [d.floats(5, 2), d.integers(0, 5, 4, 2), d.floats(4, 2)]),
    "scatter": lambda d: (lambda x, i, y: x.scatter(1, i, y), [d.floats(3, 5), shuffled(d, 5).argsort()[None, :3].repeat(3, 1), d.floats(3, 3)]),
    "scatter a number": lambda d: (lambda x, i: x.scatter(1, i, 2.5), [d.floats(3, 5), d.integers(0, 5, 3, 7)]),
    "scatter_": lambda d: (in_place(lambda x, i, y: x.scatter_(0, i, y).sum()), [d.floats(5, 2), shuffled(d, 5).argsort()[:3, None].repeat(1, 2), d.floats(3, 2)]),
    "one-hot by scatter": lambda d: (lambda i: torch.zeros(4, 5, dtype=F64).scatter_(1, i[:, None], 1.0), [d.integers(0, 5, 4)]),
    "selected rows": lambda d: (lambda x, m: x.index_add(0, torch.where(m)[0], x[m] * 2 + 1), [d.floats(6, 3), d.bools(6)]),
    "selected rows by numbers": lambda d: (lambda x, m: x.index_add(0, m.nonzero()[:, 0], x[m.nonzero()[:, 0]] * 2), [d.floats(6, 3), d.integers(0, 2, 6)]),
    "selected of two dimensions": lambda d: (lambda x, w, m: (lambda i, j: x.index_add(0, j, x[None, j].reshape(-1, 3) * w[j, i, None]))(*torch.where(m)), [d.floats(6, 3), d.floats(6, 2), d.integers(0, 2, 2, 6)]),
    "scores of the best by numbers": lambda d: (lambda x, i, j: x.topk(2)[0][i, j], [shuffled(d, 4, 5), d.integers(0, 4, 3), d.integers(0, 2, 3)]),
    "embedding_bag": lambda d: (lambda w, i, o: F.embedding_bag(i, w, o, mode="sum"), [d.floats(7, 3), d.integers(0, 7, 9), torch.tensor([0, 2, 2, 6])]),
    "embedding_bag mean": lambda d: (lambda w, i, o: F.embedding_bag(i, w, o, mode="mean"), [d.floats(7, 3), d.integers(0, 7, 9), torch.tensor([0, 2, 2, 6])]),
    "embedding_bag weights": lambda d: (lambda w, i, o, p: F.embedding_bag(i, w, o, mode="sum", per_sample_weights=p), [d.floats(7, 3), d.integers(0, 7, 9), torch.tensor([0, 4]), d.floats(9)]),
    "embedding_bag with an end": lambda d: (lambda w, i, o: F.embedding_bag(i, w, o, mode="sum", include_last_offset=True), [d.floats(7, 3), d.integers(0, 7, 9), torch.tensor([0, 4, 9])]),
    "embedding_bag of a matrix, weights": lambda d: (lambda w, i, p: F.embedding_bag(i, w, mode="sum", per_sample_weights=p), [d.floats(7, 3), d.integers(0, 7, 3, 2), d.floats(3, 2)]),
    "embedding_bag of even offsets": lambda d: (lambda w, i: F.embedding_bag(i, w, torch.arange(0, 9, 3), mode="sum") + F.embedding_bag(i, w, torch.arange(0, 6, 2), mode="mean"), [d.floats(7, 3), d.integers(0, 7, 9)]),
    "embedding_bag of a matrix": lambda d: (lambda w, i: F.embedding_bag(i, w, mode="mean"), [d.floats(7, 3), d.integers(0, 7, 3, 2)]),
})

# --------------------------------------------------------------------------------------------------------------
# Recurrent layers
# --------------------------------------------------------------------------------------------------------------
def recurrent(kind, time=3, batch=2, **options):
    def make(d):
        module = getattr(torch.nn, kind)(3, 4, dtype=F64, **options)
        names = [name for name, _ in module.named_parameters()]
        states = (2 if kind == "LSTM" else 1)
        count = module.num_layers * (2 if module.bidirectional else 1)
        shape = (batch, time, 3) if module.batch_first else (time, batch, 3)
        start = [d.floats(count, batch, 4) for _ in range(states)]
        weights = [d.floats(*p.shape) * 0.5 for p in module.parameters()]
        function = {"LSTM": torch.lstm, "GRU": torch.gru, "RNN": torch.rnn_relu if module.mode == "RNN_RELU" else torch.rnn_tanh}[kind] \
            if kind == "RNN" else {"LSTM": torch.lstm, "GRU": torch.gru}[kind]
        def run(x, *rest):
            hx = rest[:states] if states == 2 else rest[0]
            return function(x, hx, rest[states:], module.bias, module.num_layers, 0.0, False, module.bidirectional, module.batch_first)
        return run, [d.floats(*shape), *start, *weights]
    return make


rows("recurrent", {
    "lstm": recurrent("LSTM"), "lstm batch first": recurrent("LSTM", batch_first=True, num_layers=2),
    "lstm both ways": recurrent("LSTM", bidirectional=True), "lstm without biases": recurrent("LSTM", bias=False),
    "gru": recurrent("GRU"), "gru both ways": recurrent("GRU", batch_first=True, bidirectional=True, num_layers=2),
    "rnn": recurrent("RNN"), "rnn relu": recurrent("RNN", nonlinearity="relu"), "lstm of one step": recurrent("LSTM", time=1, batch=1),
})
rows("normalization by weights", {
    f"weight_norm {dim}": lambda d, dim=dim: (lambda v, g: torch._weight_norm(v, g, dim), [d.floats(4, 3, 2), d.floats(*((4, 1, 1) if dim == 0 else (1, 1, 2) if dim == 2 else (1, 1, 1)))])
    for dim in (0, 2, -1)})
rows("grids", {
    "meshgrid": lambda d: (lambda x, y: torch.meshgrid(x, y, indexing="ij"), [d.floats(3), d.floats(4)]),
    "meshgrid xy": lambda d: (lambda x, y: torch.meshgrid(x, y, indexing="xy"), [d.floats(3), d.floats(4)]),
    "tensor_split": lambda d: (lambda x: tuple(y * 2 for y in (*x.tensor_split((1, 3), 1), *x.tensor_split(2, 1), *x.tensor_split((-2,), 0))), [d.floats(3, 5)]),
})

# --------------------------------------------------------------------------------------------------------------
# Chains of views: decompositions that do not nest, windows that no cut meets, sizes of 0 and 1

for number in range(48):
    row("chains", f"chain {number}")(view_chains.chain)

# --------------------------------------------------------------------------------------------------------------
# Other spellings of the same ops: overloads that Python's operators do not write, aliases, arithmetic of numbers in scripts
# --------------------------------------------------------------------------------------------------------------
@torch.jit.script
def script_numbers(x):
    n, m = x.size(0), x.size(1)
    a = float(n) * 0.5 + 1.5 - 0.25
    b = (n + m * 2 - 1) // 2
    c = float(n) / 2.0 + n / m
    return x * a + float(b) * c + x.dim() + x.numel() + int(a) + int(bool(n)) + float(m) + x.shape[0]


@torch.jit.script
def script_overloads(x):
    a = torch.add(x, 2, 3)
    b = torch.sub(a, 2, 0.5)
    c = torch.mul(b, 3)
    d = torch.div(c, 4)
    e = torch.div(d, 0.3, rounding_mode="floor")
    return a + b + c + d + e


@torch.jit.script
def script_comparisons(x):
    return x * (x >= 0.5) + x * (x <= 0.25) * 2 + x * (x != 0.0) * 4


rows("spellings", {
    "numbers": lambda d: (script_numbers, [d.floats(3, 4)]),
    "overloads": lambda d: (script_overloads, [d.floats(3, 4)]),
    "comparisons": lambda d: (script_comparisons, [d.floats(*d.shape(2))]),
    "bitwise": lambda d: (lambda i, j: (i & j) + (i | j) * 2 + (i ^ j) * 3 + (i & 3) + (i | 4), [d.integers(0, 8, 3, 4), d.integers(0, 8, 4)]),
    "bitwise functions": lambda d: (lambda i, j: torch.bitwise_and(i, j) + torch.bitwise_or(i, j) + torch.bitwise_xor(i, j) + torch.bitwise_and(i, 3) + torch.bitwise_or(i, 4) * 10 + torch.bitwise_xor(i, 5) * 100, [d.integers(0, 8, 7), d.integers(0, 8, 7)]),
    "logic of masks": lambda d: (lambda b, c: (b & c).long() + (b | c).long() * 2 + (b ^ c).long() * 4, [d.bools(3, 4), d.bools(4)]),
    "masks in place": lambda d: (in_place(lambda i, j: i.__iand__(j).__ior__(4).__ixor__(j)), [d.integers(0, 8, 3, 4), d.integers(0, 8, 4)]),
    "all any": lambda d: (lambda b: (b.all().long() + b.any(1).long(), b.all((0, 1)).long() + b.any((0, 1)).long()), [d.bools(3, 4)]),
    "clamp tensors": lambda d: (lambda x, y, z: torch.clamp(x, y, z + 1) + x.clamp_min(y) + x.clamp_max(z), [d.floats(3, 4), d.floats(4), d.floats(3, 1)]),
    "clip": unary(lambda x: torch.clip(x, -0.5, 0.5)),
    "clip by tensors": lambda d: (lambda x, y, z: torch.clip(x, y, z + 1), [d.floats(3, 4), d.floats(4), d.floats(3, 1)]),
    "powers in place": lambda d: (in_place(lambda x, y: x.pow_(2).pow_(y)), [d.floats(3, 4, positive=True), d.floats(4)]),
    "quotients in place": lambda d: (in_place(lambda i, j: i.floor_divide_(j).add_(i.remainder_(j))), [d.integers(-9, 9, 3, 4), d.integers(1, 5, 4)]),
    "concat": lambda d: (lambda x, y: torch.concat([x, y], 1) + torch.concatenate([y, x], 1), [d.floats(3, 2), d.floats(3, 2)]),
    "constant_pad_nd": lambda d: (lambda x: torch.constant_pad_nd(x, (1, 2), 0.5), [d.floats(3, 4)]),
    "cpu alias": lambda d: (lambda x: torch.ops.aten.alias(x.cpu()) * 2, [d.floats(3, 4)]),
    "dot": lambda d: (torch.dot, [d.floats(7), d.floats(7)]),
    "empty": lambda d: (lambda x: torch.empty(3, dtype=F64).zero_() + torch.empty_like(x).fill_(2) + x.new_empty(3).fill_(1) + x, [d.floats(3)]),
    "feature_dropout": lambda d: (lambda x: torch.feature_dropout(x, 0.5, False), [d.floats(2, 3, 4)]),
    "floor_divide number": lambda d: (lambda x: torch.floor_divide(x, 3), [d.integers(-9, 9, 7)]),
    "masked_fill by a tensor": lambda d: (lambda x, b, v: x.masked_fill(b, v), [d.floats(3, 4), d.bools(3, 4), d.floats()]),
    "max min": lambda d: (lambda x, y: torch.max(x, y) + torch.min(x, y) * 2, [d.floats(3, 4), d.floats(4)]),
    "nll": lambda d: (lambda x, t: torch.ops.aten.nll_loss(x, t) + torch.ops.aten.nll_loss2d(x.reshape(2, 3, 1, 5).transpose(1, 3).contiguous(), t.reshape(2, 3, 1).transpose(1, 2)), [d.floats(6, 5), d.integers(0, 5, 6)]),
    "numpy_T": lambda d: (lambda x: x.T * 2, [d.floats(3, 4)]),
    "remainder of tensors": lambda d: (torch.remainder, [d.integers(-9, 9, 3, 4), d.integers(1, 5, 4)]),
    "requires_grad": lambda d: (lambda x: x * x.requires_grad, [d.floats(3)]),
    "reshape_as view_as": lambda d: (lambda x, y: x.reshape_as(y) + x.view_as(y), [d.floats(3, 4), d.floats(3, 2, 2)]),
    "rsub": lambda d: (torch.rsub, [d.floats(3, 4), d.floats(4)]),
    "scalar_tensor": lambda d: (lambda x: x * torch.scalar_tensor(2.5, dtype=F64), [d.floats(3)]),
    "sgn": unary(torch.sgn),
    "split": lambda d: (lambda x: x.split([1, 3], 1)[1] + torch.ops.aten.split(x, [1, 3], 1)[0] + torch.ops.aten.split(x, 3, 1)[1], [d.floats(2, 4)]),
    "squeeze dims": lambda d: (lambda x: x.squeeze((0, 2)), [d.floats(1, 3, 1, 2)]),
    "swap": lambda d: (lambda x: x.swapaxes(0, 1) + x.swapdims(1, 0) * 2, [d.floats(3, 4)]),
    "to other": lambda d: (lambda x, i: i.to(x) + x.to(x), [d.floats(3), d.integers(0, 9, 3)]),
    "true_divide": lambda d: (torch.true_divide, [d.floats(3, 4), d.floats(4, positive=True)]),
    "where with numbers": lambda d: (lambda b, x: torch.where(b, x, 2.0) + torch.where(b, 1.0, x) + torch.where(b, 0.5, 1.5), [d.bools(3), d.floats(3)]),
    "in place of numbers": lambda d: (in_place(lambda x: x.add_(1).mul_(2).sub_(3).div_(4)), [d.floats(3)]),
    "_unsafe_view": lambda d: (lambda x: torch.ops.aten._unsafe_view(x, [3, 2, 2]), [d.floats(3, 4)]),
    "norms": lambda d: (lambda x: (torch.ops.aten.norm(x, 2), torch.ops.aten.norm(x, 2, [1])), [d.floats(3, 4)]),
    "std var_mean": lambda d: (lambda x: (torch.ops.aten.std(x, True), *torch.ops.aten.var_mean(x, True)), [d.floats(3, 4)]),
})

# --------------------------------------------------------------------------------------------------------------
# Convolutions of channels enough to go last in memory
# --------------------------------------------------------------------------------------------------------------
rows("channels last", {
    "conv2d": convolved(F.conv2d, (2, 16, 5, 4), (20, 16, 3, 2), (20,), stride=(2, 1), padding=1),
    "conv2d, one tap with a stride": convolved(F.conv2d, (2, 16, 5, 4), (24, 16, 1, 1), stride=2),
    "conv2d, of each channel": convolved(F.conv2d, (2, 16, 5, 5), (16, 1, 3, 3), (16,), groups=16, padding=1),
    "conv2d groups": convolved(F.conv2d, (2, 32, 3, 3), (32, 16, 2, 2), groups=2),
    "conv2d, flattened": lambda d: (lambda x, w, v: F.linear(F.conv2d(x, w, stride=2).flatten(1), v),
                                    matrices(d, (2, 2, 6, 6), (16, 2, 2, 2), (3, 144))),
    "conv2d, pools and residuals": lambda d: (
        lambda x, w, v: F.avg_pool2d(torch.cat((p := F.max_pool2d(F.relu(F.conv2d(x, w, padding=1)), 2), F.conv2d(p, v) + p), 1), 2),
        matrices(d, (2, 3, 8, 8), (16, 3, 3, 3), (16, 16, 1, 1))),
    "conv2d, norms of channels": lambda d: (
        lambda x, w, g: F.group_norm(F.batch_norm(F.conv2d(x, w), None, None, g, training=True), 4) * x.mean((1, 2, 3), True),
        matrices(d, (4, 3, 4, 4), (16, 3, 2, 2), (16,))),
    "conv1d": convolved(F.conv1d, (2, 3, 9), (16, 3, 4), (16,), stride=2, padding=1),
    "conv3d": convolved(F.conv3d, (2, 2, 2, 3, 2), (16, 2, 2, 2, 2), (16,), padding=(0, 1, 1)),
    "conv_transpose2d": convolved(F.conv_transpose2d, (2, 16, 3, 4), (16, 3, 3, 2), (3,), stride=2, padding=1),
})

A = torch.ops.aten
rows("spellings of resolutions", {
    "nearest": lambda d: (lambda x, y, z: (A.upsample_nearest1d.vec(x, None, [2.0]), A.upsample_nearest2d.vec(y, [3, 7], None), A.upsample_nearest3d.vec(z, None, [2.0, 1.5, 1.0])),
                          [d.floats(1, 2, 3), d.floats(1, 2, 3, 4), d.floats(1, 1, 2, 2, 3)]),
    "nearest exact": lambda d: (lambda x, y, z: (A._upsample_nearest_exact1d.vec(x, None, [2.0]), A._upsample_nearest_exact2d.vec(y, None, [1.5, 2.0]), A._upsample_nearest_exact3d.vec(z, None, [2.0, 1.5, 1.0])),
                                [d.floats(1, 2, 3), d.floats(1, 2, 3, 4), d.floats(1, 1, 2, 2, 3)]),
    "linear": lambda d: (lambda x, y, z: (A.upsample_linear1d.vec(x, None, False, [1.7]), A.upsample_bilinear2d.vec(y, [3, 7], True, None), A.upsample_trilinear3d.vec(z, None, False, [1.5, 1.5, 0.7])),
                         [d.floats(1, 2, 3), d.floats(1, 2, 3, 4), d.floats(1, 1, 2, 2, 3)]),
    "cubic": lambda d: (lambda x: A.upsample_bicubic2d.vec(x, None, False, [1.5, 2.0]), [d.floats(1, 2, 3, 4)]),
})
# Their numbers are not PyTorch's: test/Execution/modules/randoms.py compares them, here they count zero times.
rows("random tensors", {
    "of sizes": lambda d: (lambda x: x + 0 * (torch.rand(2, 3, dtype=F64) + torch.randn(2, 3, dtype=F64)), [d.floats(2, 3)]),
    "like tensors": lambda d: (lambda x: x + 0 * (torch.rand_like(x) + torch.randn_like(x)), [d.floats(2, 3)]),
    "in place": lambda d: (lambda x: x + 0 * (torch.empty_like(x).uniform_(-1, 1) + torch.empty_like(x).normal_(1, 2) + torch.empty_like(x).exponential_(0.5)), [d.floats(2, 3)]),
    "coins": lambda d: (lambda x, p: x + 0 * (torch.empty_like(x).bernoulli_(0.3) + torch.bernoulli(x.detach(), 0.6) + torch.bernoulli(p.detach().sigmoid())), [d.floats(2, 3), d.floats(2, 3)]),
})
rows("known numbers", {
    "the least of constants": lambda d: (lambda x: x[:, :int(torch.min(torch.tensor([3, 2, 5])))] * int((torch.tensor([1.0, 2.5]) * 2).sum()), [d.floats(2, 3)]),
})
rows("lifted", {
    "numbers of numpy": lambda d: (lambda x: A.lift_fresh(x * 2) / np.sqrt(x.shape[1]) + A.lift(x.detach() * 1), [d.floats(2, 3)]),
})

# --------------------------------------------------------------------------------------------------------------
# Rows that data select
# --------------------------------------------------------------------------------------------------------------
def put(change):
    """The tensor after an assignment to a part of it."""
    def run(x, *others):
        y = x.clone()
        change(y, *others)
        return y * 1
    return run


rows("masked rows", {
    "mean and sum": lambda d: (lambda x, m: (x[m].mean() + x[m].sum() * x[m].square().mean(), x[m].max() - x[m].min()), [d.floats(3, 4), d.bools(3, 4).logical_or(torch.eye(3, 4) > 0)]),
    "mean of a dimension": lambda d: (lambda x, m: (x[m].mean(0), x[m].mean(), (x[m] @ x.t()).sum(0), x[:, m[:3]].sum(1)), [d.floats(4, 3), torch.tensor([True, False, True, True])]),
    "masked_select": lambda d: (lambda x, m: (x.masked_select(m).mean(), torch.masked_select(x, x > 0).exp().sum()), [d.floats(3, 4), torch.tensor([True, False, True, True])]),
    "sizes": lambda d: (lambda x, m: (x[m].sum() / x[m].shape[0], x[m].view(x[m].size(0), -1).exp().sum() / x[m].numel()), [d.floats(4, 2, 3), torch.tensor([True, False, True, True])]),
    "losses": lambda d: (lambda x, y, m: (F.mse_loss(x[m], y[m]), F.binary_cross_entropy_with_logits(x[m], y[m].sigmoid()), F.smooth_l1_loss(x[m], y[m], reduction="sum")),
                         [d.floats(3, 4), d.floats(3, 4), d.bools(3, 4).logical_or(torch.eye(3, 4) > 0)]),
    "cross entropy": lambda d: (lambda x, y: F.cross_entropy(x[y != -100], y[y != -100]) + F.nll_loss(x.log_softmax(-1)[y != -100], y[y != -100], reduction="sum"),
                                [d.floats(2, 4, 5), torch.tensor([[1, -100, 3, 4], [0, 2, -100, -100]])]),
    "twice": lambda d: (lambda x, m: (lambda h: h[h[:, 0] > -1].sum())(x[m]), [d.floats(4, 3), torch.tensor([True, False, True, True])]),
    "by numbers": lambda d: (lambda x, m: (x[torch.where(m)[0]].exp().mean(), x[m.nonzero()[:, 0]].sum(0), x[torch.argwhere(m).squeeze(1)].mean()), [d.floats(4, 3), torch.tensor([True, False, True, True])]),
    "put a number": lambda d: (put(lambda x, m: x.__setitem__(m, 0.5)), [d.floats(3, 4), d.bools(3, 4)]),
    "put a row": lambda d: (put(lambda x, m, y: x.__setitem__(m, y)), [d.floats(3, 4), d.bools(3), d.floats(4)]),
    "put rows": lambda d: (put(lambda x, m: x.__setitem__(m, x[m] * 2 + 1)), [d.floats(3, 4), d.bools(3, 4)]),
    "put by numbers": lambda d: (put(lambda x, i, y: x.__setitem__(i, y)), [d.floats(5, 4), torch.tensor([3, 0, -1]), d.floats(3, 4)]),
    "put by two numbers": lambda d: (put(lambda x, i, y: x.__setitem__((i, i % 4), y)), [d.floats(5, 4), torch.tensor([3, 0, 4]), d.floats(3)]),
    "put, added": lambda d: (lambda x, i, y: x.clone().index_put_((i,), y, accumulate=True), [d.floats(5, 4), torch.tensor([3, 0, 3]), d.floats(3, 4)]),
    "masked_scatter": lambda d: (lambda x, m, y: x.masked_scatter(m, y), [d.floats(3, 4), d.bools(3, 4), d.floats(12)]),
    "index_copy index_fill": lambda d: (lambda x, y: x.index_copy(0, torch.tensor([2, 0]), y) + x.index_fill(1, torch.tensor([1]), 3.0) + x.index_fill(0, torch.tensor([-1 % 3]), y[0, 0].detach()), [d.floats(3, 4), d.floats(2, 4)]),
})


# --------------------------------------------------------------------------------------------------------------
# Scripted functions: numbers, lists and questions that are answered before the program runs
# --------------------------------------------------------------------------------------------------------------
@torch.jit.script
def scripted_numbers(x: torch.Tensor, n: int, f: float, flag: bool):
    a = float(n) * f + n - f * 2 + (n + n) * (f + f) - (f - n) + (n - f) * (f * f) + f * n
    b = (n // 2) + (n % 3) + int(f // 0.7) + int(n / 2) - n * n + (n - 1) + int(n % 2.5) + int(f % 2) + int(f % 0.4)
    b += int(f // 2) + int(n // 0.7)
    c = f / 2.0 + n / f + f / n + n ** 2 + f ** 2 + f ** 2.0 + float(n ** 2) + n ** 0.5
    d = min(n, 3) + max(n, 3) + min(f, 0.5) + max(f, 0.5) + min([n, 2, 9]) + max([n, 2, 9]) + min([f, 1.0]) + max([f, 1.0])
    e = abs(-n) + abs(-f) - (-f) - (-n)
    g = math.sqrt(n) + math.sqrt(f) + math.exp(f) + math.log(f) + math.sin(f) + math.cos(f) + math.tanh(f) + math.exp(n) + math.log(n)
    g += math.sin(n) + math.cos(n) + math.tanh(n) + math.floor(f) + math.ceil(f) + math.floor(n) + math.ceil(n)
    if (n == 4 and n != 5 and n < 5 and n <= 4 and n > 3 and n >= 4) and (f == 0.6 and f != 1.0 and f < 1.0 and f <= 1.0 and f > 0.1 and f >= 0.1):
        a += 1.0
    if (f == n or f != n) and f < n and f <= n and not f > n and not f >= n and n > f and n >= f and not n < f and not n <= f and n != f and not n == f:
        a += 1.0
    if flag != False or (flag == True) != (n == 4):
        a += 1.0
    return x * (a + b + c + d + e + g) + (float(True) if flag else 0.0)


@torch.jit.script
def scripted_questions(x: torch.Tensor, i: torch.Tensor, mode: str, other: Optional[torch.Tensor]):
    assert x.dim() == 2, f"expected a matrix, found {x.dim()} dimensions"
    if x.size() == [3, 4] and x.size() != [3, 5] and 4 in x.size() and mode == "sum" and mode != "mean":
        x = x + 1
    if other is None and not (other is not None):
        x = x * 3
    if other is not None:
        x = x * other
    if x.is_floating_point() and not x.is_complex() and x.is_contiguous() and not x.is_sparse and not x.is_quantized:
        x = x - 1
    if x.device != torch.device("cpu") or x.is_cuda or x.dtype == torch.int64 or x.is_meta:
        x = x * 100
    if x.device == i.device and i.dtype == torch.int64 and len(x) == 3 and bool(x.numel() & 1) == False:
        x = x * 0.5
    if (x.dim() == 2) ^ (i.dim() == 5):
        x = x * 0.5
    if (x.dim() == 2) & (i.dim() == 1) | (x.dim() == 7):
        x = x * 0.25
    warnings.warn("not compiled")
    print("not compiled")
    return x


@torch.jit.script
def scripted_lists(x: torch.Tensor, n: int):
    parts: List[torch.Tensor] = []
    for k in range(1, n, 2):
        parts.append(x[:, k] * k)
    for k in range(n - 1, -1, -3):
        parts.append(x[:, k] - k)
    parts.extend([x[:, 0], x[:, 1]])
    parts[0] = parts[-1] * 2
    sizes = list(x.size()) + [1] * 2
    sizes[-1] = 1
    shaped = x.reshape(sizes[:2] + sizes[2:4])
    weights = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    table = torch.tensor([[1, 2], [3, n]])
    numbers = torch.tensor(n) + torch.tensor(0.5, dtype=torch.float64) + torch.tensor(True)
    more = torch.as_tensor(n) + torch.as_tensor(0.5, dtype=torch.float64) + torch.as_tensor([1, 2, 3])[0] + torch.as_tensor(True)
    if len(parts) != 6 or len(sizes) != 4:
        raise RuntimeError("another length")
    return torch.stack(parts[::2] + parts[1:2], 1).sum(1) * weights + shaped.sum() + table.sum() * numbers + more


rows("scripted", {
    "numbers": lambda d: (lambda x: scripted_numbers(x, 4, 0.6, True), [d.floats(3, 4)]),
    "questions": lambda d: (lambda x, i: scripted_questions(x, i, "sum", None) + scripted_questions(x, i, "mean", x * 2), [d.floats(3, 4), d.integers(0, 4, 3)]),
    "lists": lambda d: (lambda x: scripted_lists(x, 4), [d.floats(3, 4)]),
})


def ctc(d, targets, times, lengths, shape=(6, 3, 5), **options):
    """Scores of normal numbers, before their log-softmax."""
    def loss(x, *numbers):
        return F.ctc_loss(x.log_softmax(-1), *numbers, **options)
    numbers = [torch.tensor(n) if not torch.is_tensor(n) else n for n in (targets, times, lengths)]
    return loss, [d.floats(*shape), *numbers]


PADDED = [[1, 2, 3], [4, 4, 0], [2, 1, 2]]
rows("connectionist temporal classification", {
    "of each sample": lambda d: ctc(d, PADDED, [6, 5, 4], [3, 2, 2], reduction="none"),
    "mean": lambda d: ctc(d, PADDED, [6, 5, 4], [3, 2, 1]),
    "sum, another blank": lambda d: ctc(d, [[1, 0, 3], [4, 4, 0], [0, 1, 0]], [6, 6, 6], [3, 3, 1], blank=2, reduction="sum"),
    "labels drawn": lambda d: ctc(d, d.integers(1, 3, 3, 4), d.integers(2, 7, 3), d.integers(0, 3, 3), reduction="none", zero_infinity=True),
    "one after the other": lambda d: ctc(d, [1, 2, 3, 4, 4, 2], [6, 5, 4], [3, 2, 1], reduction="none"),
    "one after the other, with an empty one": lambda d: ctc(d, [1, 2, 3, 2], [6, 5, 4], [3, 0, 1]),
    "no labels": lambda d: ctc(d, PADDED, [6, 1, 4], [0, 0, 0], reduction="none"),
    "no labels at all": lambda d: ctc(d, torch.zeros(2, 0, dtype=I64), [3, 2], [0, 0], shape=(3, 2, 4)),
    "no times": lambda d: ctc(d, PADDED, [6, 0, 0], [3, 0, 1], reduction="none", zero_infinity=True),
    "too long": lambda d: ctc(d, PADDED, [2, 2, 3], [3, 2, 3], reduction="none"),
    "too long, as zero": lambda d: ctc(d, PADDED, [2, 2, 3], [3, 2, 3], zero_infinity=True),
    "more labels than times": lambda d: ctc(d, [[1, 2, 3, 4], [4, 4, 0, 0]], [2, 2], [4, 1], shape=(2, 2, 5), zero_infinity=True, reduction="none"),
    "lengths as lists": lambda d: (lambda x, t: F.ctc_loss(x.log_softmax(2), t, (6, 5, 4), (3, 1, 2)), [d.floats(6, 3, 5), torch.tensor(PADDED)]),
    "one sequence": lambda d: ctc(d, [1, 2, 2], [6], [3], shape=(6, 5)),
    "one sequence of its own": lambda d: ctc(d, [1, 2], 5, 2, shape=(6, 5), reduction="none"),
    "one time": lambda d: ctc(d, [[1], [2]], [1, 1], [1, 0], shape=(1, 2, 3), reduction="sum"),
    "of scores as they are": lambda d: (lambda x, *n: F.ctc_loss(x, *n, reduction="none"), [d.floats(6, 3, 5), *map(torch.tensor, (PADDED, [6, 5, 4], [3, 2, 2]))]),
    "scores without hope": lambda d: (lambda x, *n: F.ctc_loss(torch.where(torch.arange(5) == 3, -torch.inf, x), *n, reduction="none"),
                                      [d.floats(6, 3, 5), *map(torch.tensor, ([[1, 2], [4, 4], [2, 1]], [6, 5, 4], [2, 2, 2]))]),
})


def packed(kind, lengths, batch_first=False, enforce_sorted=False, total=None, padding=0.0, again=lambda data: data, **options):
    """Both forms of the outputs and the states; rows after a sequence's end do not count."""
    layer = getattr(torch.nn, kind)(3, 4, batch_first=batch_first, **options)
    shapes = [w.shape for w in layer._flat_weights]
    R = torch.nn.utils.rnn

    def run(x, lengths, *weights):
        sequence = R.pack_padded_sequence(x, lengths, batch_first, enforce_sorted)
        size = (layer.num_layers * (1 + layer.bidirectional), x.shape[0 if batch_first else 1], 4)
        state = torch.zeros(size, dtype=x.dtype) + 0.5
        states = (state, state * 2) if kind == "LSTM" else state
        states = layer.permute_hidden(states, sequence.sorted_indices)
        function = {"LSTM": torch.lstm, "GRU": torch.gru, "RNN": torch.rnn_relu if options.get("nonlinearity") == "relu" else torch.rnn_tanh}[kind]
        out, *last = function(again(sequence.data), sequence.batch_sizes, states, weights, layer.bias, layer.num_layers, 0.0, False, layer.bidirectional)
        padded, sizes = R.pad_packed_sequence(R.PackedSequence(out, sequence.batch_sizes, sequence.sorted_indices, sequence.unsorted_indices),
                                              batch_first, padding, total)
        return (padded, sizes, *(state if sequence.unsorted_indices is None else state.index_select(1, sequence.unsorted_indices) for state in last))
    return lambda d: (run, [d.floats(*((3, 5, 3) if batch_first else (5, 3, 3))), torch.tensor(lengths), *(d.floats(*shape) for shape in shapes)])


rows("packed sequences", {
    "lstm": packed("LSTM", [2, 5, 3]), "lstm both ways": packed("LSTM", [2, 5, 3], bidirectional=True, num_layers=2),
    "lstm, batch first": packed("LSTM", [5, 1, 1], batch_first=True, padding=-1.5),
    "lstm, sorted": packed("LSTM", [5, 4, 4], enforce_sorted=True), "lstm without biases": packed("LSTM", [1, 2, 5], bias=False),
    "gru": packed("GRU", [2, 5, 3], bidirectional=True), "gru to a total length": packed("GRU", [2, 5, 3], total=7, padding=2.0),
    "rnn": packed("RNN", [5, 5, 5]), "rnn relu, data changed": packed("RNN", [1, 5, 2], nonlinearity="relu", again=lambda x: x * 2 + 1),
    "padding alone": lambda d: (lambda x, n: torch.nn.utils.rnn.pad_packed_sequence(torch.nn.utils.rnn.pack_padded_sequence(x, n, True, False), True)[0] * 2,
                                [d.floats(2, 3, 2, 2), torch.tensor([2, 3])]),
})


def complex_row(function, *shapes):
    """Of complex tensors, which are given and compared as pairs."""
    def run(*pairs):
        results = function(*map(torch.view_as_complex, pairs))
        results = results if isinstance(results, tuple) else (results,)
        return tuple(torch.view_as_real(r) if r.is_complex() else r for r in results)
    return lambda d: (run, [d.floats(*shape, 2) for shape in shapes])


rows("complex numbers", {
    "add": complex_row(lambda x, y: (x + y, torch.add(x, y, alpha=2), x + 1.5, 2 + x), (3, 4), (4,)),
    "sub": complex_row(lambda x, y: (x - y, x - 1.5, 2 - x, torch.sub(x, y, alpha=0.5)), (3, 4), (4,)),
    "mul": complex_row(lambda x, y: (x * y, x * 2.5, y * x.real, x.imag * y), (3, 1), (4,)),
    "div": complex_row(lambda x, y: (x / y, x / 2, x.real / y, x / y.abs()), (3, 4), (4,)),
    "parts": complex_row(lambda x: (x.real, x.imag, x.conj().resolve_conj(), x.conj_physical(), x.conj() * x, x.abs(), x.angle(), -x), (3, 4)),
    "exp": complex_row(torch.exp, (3,)),
    "made of parts": lambda d: (lambda x, y: torch.view_as_real(torch.complex(x, y) * torch.polar(x, y)), [d.floats(3, 4), d.floats(3, 4)]),
    "zero": lambda d: (lambda x: (torch.view_as_complex(x).abs(), torch.view_as_complex(x).angle()), [torch.tensor([[0.0, 0.0], [0.0, -2.0], [-1.0, 0.0], [3e200, 4e200]], dtype=F64)]),
    "views": complex_row(lambda x: (x[:, None], x[1:, -1], x.transpose(0, -1), x.reshape(-1), x.flatten(-2), x.unsqueeze(-1), x.permute(1, 0), x.view(4, 3)[..., ::2],
                                    x.t(), x.expand(2, 3, 4), x.sum(), x.mean(-1)), (3, 4)),
    "joined": complex_row(lambda x, y: (torch.cat((x, y), -1), torch.stack((x, x), -1), *x.chunk(2, -1), *x.split([1, 3], 1)), (3, 4), (3, 2)),
    "roll flip": complex_row(lambda x: (x.roll(1, -1), x.flip(0), x[[2, 0]], torch.where(torch.arange(4) > 1, x, x * 2)), (3, 4)),
    "products": complex_row(lambda x, y: (x @ y, torch.einsum("ij,jk->ki", x, y), torch.einsum("ij->ji", x), (x.conj().T @ x)), (3, 4), (4, 2)),
    "batches of products": complex_row(lambda x, y: (torch.bmm(x, y), torch.einsum("bij,bjo->bo", x, y)), (2, 3, 4), (2, 4, 5)),
    "in place": complex_row(lambda x, y: (x.clone().mul_(y), x.clone().add_(y)), (3, 4), (3, 4)),
    "written in part": complex_row(lambda x: in_parts(x), (3, 4)),
    "from real numbers": lambda d: (lambda x: torch.view_as_real(x.to(torch.complex128) * 2 + torch.ones(4, dtype=torch.complex128)), [d.floats(3, 4)]),
    "sizes": complex_row(lambda x: x.view(x.shape[1], x.size(0)) * x.dim() * x.numel(), (3, 4)),
})


def in_parts(x):
    """What a Fourier layer does: some modes of zeros are written."""
    out = torch.zeros(3, 5, dtype=torch.complex128)
    out[:, :4] = x * 2
    out[1:, 3] = x[:2, 0]
    return out


def fourier(name, *shape, pairs=True, **options):
    """A transform of complex numbers (given as pairs) or of real ones."""
    def run(x):
        y = getattr(torch.fft, name)(torch.view_as_complex(x) if pairs else x, **options)
        return torch.view_as_real(y.resolve_conj()) if y.is_complex() else y
    return lambda d: (run, [d.floats(*shape, *([2] if pairs else []))])


rows("fourier transforms", {
    "fft": fourier("fft", 3, 8), "fft of odd size": fourier("fft", 3, 7, norm="ortho"), "fft along the first": fourier("fft", 5, 2, dim=0, norm="forward"),
    "fft of real numbers": fourier("fft", 3, 6, pairs=False), "fft cut": fourier("fft", 2, 7, n=4), "fft continued": fourier("fft", 2, 3, n=5),
    "ifft": fourier("ifft", 3, 8), "ifft forward": fourier("ifft", 3, 5, norm="forward"), "ifft of real numbers": fourier("ifft", 3, 5, pairs=False),
    "rfft": fourier("rfft", 3, 8, pairs=False), "rfft of odd size": fourier("rfft", 3, 5, pairs=False, norm="ortho"), "rfft continued": fourier("rfft", 3, 5, pairs=False, n=8),
    "irfft": fourier("irfft", 3, 5), "irfft of odd size": fourier("irfft", 3, 5, n=9, norm="ortho"), "irfft cut": fourier("irfft", 3, 7, n=6, norm="forward"),
    "irfft continued": fourier("irfft", 3, 3, n=9), "fft of one": fourier("fft", 3, 1), "rfft of one": fourier("rfft", 3, 1, pairs=False),
    "fft2": fourier("fft2", 2, 3, 4), "fft2 of real numbers": fourier("fft2", 2, 3, 4, pairs=False, dim=(-2, -1)), "ifft2": fourier("ifft2", 2, 3, 4, norm="ortho"),
    "rfft2": fourier("rfft2", 2, 4, 6, pairs=False), "irfft2": fourier("irfft2", 2, 4, 4), "irfft2 of sizes": fourier("irfft2", 2, 4, 4, s=(4, 7)),
    "fftn": fourier("fftn", 2, 3, 4), "ifftn": fourier("ifftn", 2, 3, 4, dim=(0, 2)), "rfftn": fourier("rfftn", 2, 3, 4, pairs=False), "irfftn": fourier("irfftn", 2, 3, 3),
    "there and back": lambda d: (lambda x: torch.fft.irfft(torch.fft.rfft(x) * 2), [d.floats(2, 6)]),
})


@torch.jit.script
def scripted_dictionary(x: torch.Tensor):
    parts = {"double": x * 2, "next": x + 1}
    return parts["double"] * parts["next"]


rows("scripted dictionaries", {
    "items": lambda d: (lambda x: scripted_dictionary(x), [d.floats(3, 4)]),
})


def packed_data(*tensors):
    """The data of packed tensors, each with its lengths last."""
    pack = torch.nn.utils.rnn.pack_padded_sequence
    return [pack(x, tensors[-1], True, False).data for x in tensors[:-1]]


rows("packed data", {
    "sums and means": lambda d: (lambda x, n: (lambda y: (y.square().mean(), y.sum(0), y.exp().sum(), y.max()))(*packed_data(x, n)),
                                 [d.floats(3, 5, 2), torch.tensor([2, 5, 1])]),
    "cross entropy": lambda d: (lambda x, y, n: F.cross_entropy(*packed_data(x, y, n)),
                                [d.floats(3, 5, 4), d.integers(0, 4, 3, 5), torch.tensor([2, 5, 1])]),
    "mean squares": lambda d: (lambda x, y, n: F.mse_loss(*packed_data(x, y, n)), [d.floats(3, 5, 4), d.floats(3, 5, 4), torch.tensor([2, 5, 1])]),
})


import aten_cases_composed  # noqa: E402, F401: adds its rows to ROWS
import aten_cases_integers  # noqa: E402, F401: and so does this
import aten_cases_matrices  # noqa: E402, F401
import aten_cases_counts  # noqa: E402, F401
