"""Functions, special numbers and exceptions of special_values.py: one function a row of Normalize's tables."""
import numpy as np
import torch
import torch.nn.functional as F

INF, NAN = float("inf"), float("nan")


def both(*numbers):
    return [sign * number for number in numbers for sign in (1.0, -1.0)]


def below(number):
    return float(np.nextafter(np.float32(number), np.float32(0)))


def above(number):
    return float(np.nextafter(np.float32(number), np.float32(INF)))


# Kinks and bounds with their neighbours, saturation of exponentials (f32: 87.3, 88.7, 103.97), halves for
# rounding, where integers end, overflow of squares and cubes.
NUMBERS = both(
    0.0, 1e-45, 1e-40, 1.17549435e-38, 1e-30, 1e-20, 1e-10, 1e-8, 1e-4, 1e-3, 0.1, 0.25, below(0.5), 0.5, above(0.5),
    below(0.625), 0.7071, below(1), 1, above(1), 1.5, below(2), 2, above(2), 2.5, below(3), 3, above(3), 3.5, 4.5,
    below(6), 6, above(6), 7, 9, 10, 12, 15, 16.6, 17.4, 20, 20.5, 30, 44, 50, 80, 86, 87.5, 88, 88.7, 88.73, 89, 100,
    103.9, 104, 1000, 8388607.5, 16777217, 1e6, 1e10, 1e13, 1e19, 1.9e19, 1e20, 1e30, 1.7e38, 3e38, INF) + [NAN]
LADDER = both(*(float(mantissa * 2.0 ** exponent) for exponent in range(-30, 7) for mantissa in (1.1, 1.37, 1.62, 1.93)))
PAIRS = both(0.0, 1e-45, 1e-30, 0.1, 0.5, 1, 2, 2.5, 3, 7.5, 49, 1e20, 3e38, INF) + [NAN]
TRIPLES = both(0.0, 0.5, 1, 3, 1e18, INF) + [NAN]
CHANCES = [0.0, 0.3, 1.0]  # targets of the binary cross entropy


def truth(x):
    return x.to(torch.get_default_dtype())


def number(value):
    return torch.tensor(value)


UNARY = {name: getattr(torch, name) for name in
         "neg relu sigmoid exp expm1 tanh erf sin cos abs floor ceil round trunc reciprocal log log1p log2 sqrt rsqrt "
         "square sign sgn clone".split()}
UNARY.update({name: getattr(F, name) for name in
              "silu gelu softplus leaky_relu elu selu hardtanh relu6 hardsigmoid hardswish logsigmoid mish softsign "
              "tanhshrink hardshrink softshrink celu".split()})
UNARY.update({name: getattr(torch, name) for name in
              "tan asin acos atan sinh cosh asinh acosh atanh sinc deg2rad rad2deg exp2 log10 erfc frac nan_to_num positive logit lgamma erfinv".split()})
UNARY.update({name: getattr(torch.special, name) for name in "ndtr entr i0 i0e i1 i1e".split()})
UNARY.update({
    "signbit": lambda x: truth(torch.signbit(x)),
    "nan_to_num given": lambda x: torch.nan_to_num(x, 0.5, 2.0, -3.0),
    "rrelu": lambda x: F.rrelu(x, 0.25, 0.75),
    "logit within": lambda x: torch.logit(x, eps=0.25),
    "fmod 3": lambda x: torch.fmod(x, 3),
    "float_power": lambda x: torch.float_power(x, 2).to(x.dtype),
    "copysign -1": lambda x: torch.copysign(x, -1.0),
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    # At the negative poles PyTorch's derivative is the square of what it rounds pi by.
    "digamma": lambda x: torch.digamma(x.detach()) + 0 * x,
    "digamma above": lambda x: torch.digamma(x.sigmoid() + 2),
    "polygamma": lambda x: torch.polygamma(1, x.detach().abs()) + 0 * x,
    "mvlgamma": lambda x: torch.mvlgamma(x.sigmoid() + 3, 2),
    "softplus 2 5": lambda x: F.softplus(x, 2.0, 5.0),
    "leaky_relu -0.5": lambda x: F.leaky_relu(x, -0.5),
    "elu 0.5": lambda x: F.elu(x, 0.5),
    "hardtanh -2 3": lambda x: F.hardtanh(x, -2.0, 3.0),
    "clamp": lambda x: x.clamp(-1, 1),
    "clamp above": lambda x: x.clamp(min=0),
    "clamp below": lambda x: x.clamp(max=3),
    "clamp crossed": lambda x: x.clamp(2, 1),
    "clip": lambda x: torch.clip(x, -3, 6),
    "clamp_min": lambda x: torch.clamp_min(x, 0.5),
    "clamp_max": lambda x: torch.clamp_max(x, -0.5),
    "threshold": lambda x: F.threshold(x, 1, -3),
    "isinf": lambda x: truth(torch.isinf(x)),
    "isposinf": lambda x: truth(torch.isposinf(x)), "isneginf": lambda x: truth(torch.isneginf(x)),
    "round to one decimal": lambda x: torch.round(x, decimals=1), "round to tens": lambda x: torch.round(x, decimals=-1),
    "isfinite": lambda x: truth(torch.isfinite(x)),
    "lerp 0.3": lambda x: torch.lerp(x, x * 0 + 1, 0.3),
    "logical_not": lambda x: truth(torch.logical_not(x)),
    "isnan": lambda x: truth(torch.isnan(x)),
    "in place": lambda x: (x * 1).clamp_(-1, 1).sigmoid_(),
    "add 3": lambda x: x + 3,
    "sub 3": lambda x: torch.sub(x, 3, alpha=2),
    "rsub": lambda x: 3 - x,
    "mul 3": lambda x: x * 3,
    "div 3": lambda x: x / 3,
    "div tiny": lambda x: x / 1e-40,
    "div huge": lambda x: x / 3e38,
    "1 / x": lambda x: 1.0 / x,
    "div floor": lambda x: torch.div(x, 3, rounding_mode="floor"),
    "div trunc": lambda x: torch.div(x, 49, rounding_mode="trunc"),
    "floor of quotient": lambda x: torch.floor(x / 49),
    "floor_divide": lambda x: torch.floor_divide(x.detach(), 0.1),
    "remainder 3": lambda x: torch.remainder(x, 3),
    "remainder -0.75": lambda x: torch.remainder(x, -0.75),
    "x ** 2.5": lambda x: x ** 2.5,
    "2 ** x": lambda x: 2.0 ** x,
    "0 ** x": lambda x: 0.0 ** x,
    **{f"x ** {n}": (lambda n: lambda x: x ** n)(n) for n in (-3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 4)},
    "comparisons": lambda x: (truth(x == 1) + 2 * truth(x != 1) + 4 * truth(x < 1) + 8 * truth(x <= 1)
                              + 16 * truth(x > 1) + 32 * truth(x >= 1)),
    "where": lambda x: torch.where(x > 1, x * 2, x),
    "where 0": lambda x: torch.where(x > 0, x.log(), 0.0),
    "masked_fill": lambda x: x.masked_fill(x < 0, 3.0),
    "sqrt of clamp": lambda x: x.clamp(min=0.0) ** 0.5,
    "x sigmoid": lambda x: x * torch.sigmoid(x),
    "root of square": lambda x: (x * x + 1e-12).sqrt(),
    "softmax": lambda x: torch.softmax(torch.stack([x, x * 0 + 1], -1), -1)[..., 0],
    "log_softmax": lambda x: torch.log_softmax(torch.stack([x, x * 0 + 1], -1), -1)[..., 0],
    "logsumexp": lambda x: torch.logsumexp(torch.stack([x, x * 0 + 1], -1), -1),
})

BINARY = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: torch.sub(a, b, alpha=0.5),
    "rsub tensor": lambda a, b: torch.rsub(a, b),
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "true_divide": lambda a, b: torch.true_divide(a, b),
    "div floor": lambda a, b: torch.div(a, b, rounding_mode="floor"),
    "div trunc": lambda a, b: torch.div(a, b, rounding_mode="trunc"),
    "floor_divide": lambda a, b: torch.floor_divide(a.detach(), b.detach()),
    "remainder": torch.remainder,
    "pow": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "max of two": torch.max,
    "min of two": torch.min,
    "comparisons": lambda a, b: (truth(a == b) + 2 * truth(a != b) + 4 * truth(a < b) + 8 * truth(a <= b)
                                 + 16 * truth(a > b) + 32 * truth(a >= b)),
    "logical": lambda a, b: (truth(torch.logical_and(a, b)) + 2 * truth(torch.logical_or(a, b))
                             + 4 * truth(torch.logical_xor(a, b))),
    "where": lambda a, b: torch.where(a > b, a, b),
    "masked_fill": lambda a, b: a.masked_fill(b > 1, 2.0),
    "clamp_min": lambda a, b: torch.clamp_min(a, b),
    "clamp_max": lambda a, b: torch.clamp_max(a, b),
    "mse_loss": lambda a, b: F.mse_loss(a, b, reduction="none"),
    "l1_loss": lambda a, b: F.l1_loss(a, b, reduction="none"),
    "smooth_l1_loss": lambda a, b: F.smooth_l1_loss(a, b, reduction="none"),
    "huber_loss": lambda a, b: F.huber_loss(a, b, reduction="none"),
    "prelu": lambda a, b: F.prelu(a.reshape(1, -1), b.reshape(-1)).view(a.shape),
    "logaddexp": torch.logaddexp,
    "logaddexp2": torch.logaddexp2,
    "fmod": torch.fmod,
    "atan2": torch.atan2,
    "hypot": torch.hypot,
    "xlogy": torch.xlogy,
    "xlog1py": torch.special.xlog1py,
    "copysign": torch.copysign,
    "heaviside": lambda a, b: torch.heaviside(a.detach(), b.detach()) + 0 * b,
    "fmax": torch.fmax,
    "fmin": torch.fmin,
    "isclose": lambda a, b: truth(torch.isclose(a, b)) + 2 * truth(torch.isclose(a, b, equal_nan=True)) + 0 * a.detach(),
    "ldexp": lambda a, b: torch.ldexp(a, b.detach().clamp(-9, 9).round()),
    "smooth_l1_loss 0.5": lambda a, b: F.smooth_l1_loss(a, b, reduction="none", beta=0.5),
    "copy": lambda a, b: (a * 0.0).copy_(b),
}
# PyTorch's own derivative of logsumexp is exp(x - result), rounded: not at numbers without a fraction.
# Nor can it square the largest ones.
MODEST = ("logsumexp", "rms_norm")
# The first operand over NUMBERS, the second over CHANCES.
TARGETED = {"bce": lambda a, b: F.binary_cross_entropy_with_logits(a, b, reduction="none")}
TERNARY = {
    "addcmul": lambda a, b, c: torch.addcmul(a, b, c, value=0.5),
    "addcdiv": lambda a, b, c: torch.addcdiv(a, b, c, value=2.0),
    "clamp": lambda a, b, c: torch.clamp(a, b, c),
    "lerp": torch.lerp,
    "bce weighted": lambda a, b, c: F.binary_cross_entropy_with_logits(
        a, b, reduction="none", weight=number(2.0), pos_weight=number(3.0)),
}
# Rows of four elements; the value is one number a row.
LINES = [
    [1, 2, 3, 4], [2, 2, 2, 2], [3, 1, 3, 2], [0, 0, 0, 0], [-1, -1, -2, -3], [0.1, 0.1, 0.1, -1], [3e38, 3e38, 1, 3e38],
    [-3e38, -3e38, -3e38, -3e38], [INF, 1, 2, 3], [INF, INF, 1, 2], [-INF, -INF, -INF, -INF], [-INF, 1, -INF, 1],
    [INF, -INF, 0, 1], [NAN, 1, 2, 3], [NAN, NAN, INF, 1], [1e-45, 1e-45, 0, 0], [100, -100, 50, 0], [1000, 0, 0, 1000]]
REDUCTIONS = {
    "amax": lambda x: x.amax(-1),
    "max of all": lambda x: torch.stack([row.max() for row in x.unbind(0)]),
    "sum": lambda x: x.sum(-1),
    "mean": lambda x: x.mean(-1),
    "cumsum": lambda x: x.cumsum(-1)[:, 2],
    "softmax": lambda x: torch.softmax(x, -1)[:, 1],
    "log_softmax": lambda x: torch.log_softmax(x, -1)[:, 1],
    "logsumexp": lambda x: torch.logsumexp(x, -1),
    "cross_entropy": lambda x: F.cross_entropy(x, torch.full(x.shape[:1], 1), reduction="none"),
    "layer_norm": lambda x: F.layer_norm(x, (4,))[:, 1],
    "rms_norm": lambda x: F.rms_norm(x, (4,), eps=1e-6)[:, 1],
    "norm": lambda x: (x * x).sum(-1).sqrt(),
    "any": lambda x: truth((x > 2).any(-1)) + 2 * truth((x > 2).all(-1)),
}

# Sizes of terms that cancel.
CANCELS = {
    "gelu(x)": lambda x: np.abs(x),  # x / 2 (1 + erf)
    "gelu tanh(x)": lambda x: np.abs(x),
    "ndtr(x)": lambda x: 0.5,  # 1 / 2 + erf / 2
    "hardswish(x)": lambda x: 1.0,  # x / 3 + 1 / 2
    "mish(x)": lambda x: 0.25,  # t + x y (1 - t t)
    "bce(x, target)": lambda *_: 1.0,  # y - t
    "sinc(x)": lambda x: 1 / np.maximum(np.abs(x), 2.0 ** -60),  # (z cos z - sin z) / (x z)
    "softmax(x)": lambda x: 1.0,  # y - y y
    "log_softmax(x)": lambda x: 1.0,
    "bce weighted(x, target)": lambda *_: 3.0,  # p t + (1 - t) - p t
    "layer_norm(row)": lambda x: 4.0,
}

# Rows that cannot be here: they have no float operand, or are numbers that are known when compiling.
NOT_HERE = {
    "aten::bitwise_not", "aten::bitwise_and.Tensor", "aten::bitwise_and.Scalar", "aten::__and__.Tensor",
    "aten::__and__.Scalar", "aten::bitwise_or.Tensor", "aten::bitwise_or.Scalar", "aten::__or__.Tensor",
    "aten::__or__.Scalar", "aten::bitwise_xor.Tensor", "aten::bitwise_xor.Scalar", "aten::__xor__.Tensor", "aten::__xor__.Scalar",
    "aten::add", "aten::add.int", "aten::add.float", "aten::sub", "aten::sub.int", "aten::sub.float", "aten::mul",
    "aten::mul.int", "aten::mul.float", "aten::div", "aten::div.int", "aten::div.float", "aten::floordiv.int", "aten::copy",
    "aten::count_nonzero", "aten::count_nonzero.dim_IntList",
    "aten::__lshift__.Tensor", "aten::__lshift__.Scalar", "aten::bitwise_left_shift.Tensor", "aten::bitwise_left_shift.Tensor_Scalar",
    "aten::__rshift__.Tensor", "aten::__rshift__.Scalar", "aten::bitwise_right_shift.Tensor", "aten::bitwise_right_shift.Tensor_Scalar",
}
# The same function under another overload, which a trace does not produce.
OVERLOADS = {
    "aten::special_i0": "aten::i0",
    "aten::special_xlog1py.other_scalar": "aten::special_xlog1py", "aten::special_xlog1py.self_scalar": "aten::special_xlog1py",
    "aten::xlogy.Scalar_Self": "aten::xlogy.Tensor", "aten::xlogy.Scalar_Other": "aten::xlogy.Tensor",
    "aten::float_power.Tensor_Tensor": "aten::float_power.Tensor_Scalar", "aten::arctan2": "aten::atan2",
    **{f"aten::arc{name}": f"aten::a{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "aten::remainder.Scalar_Tensor": "aten::remainder.Tensor", "aten::sub.Scalar": "aten::sub.Tensor", "aten::add.Scalar": "aten::add.Tensor", "aten::mul.Scalar": "aten::mul.Tensor",
    "aten::div.Scalar": "aten::div.Tensor", "aten::div.Scalar_mode": "aten::div.Tensor_mode",
    "aten::floor_divide.Scalar": "aten::floor_divide", "aten::rsub.Tensor": "aten::rsub.Scalar",
    "aten::where.ScalarSelf": "aten::where.self", "aten::where.ScalarOther": "aten::where.self",
    "aten::where.Scalar": "aten::where.self", "aten::masked_fill.Tensor": "aten::masked_fill.Scalar",
    "aten::true_divide.Tensor": "aten::div.Tensor", "aten::clip": "aten::clamp",
    "aten::floor_divide.Tensor": "aten::floor_divide", "aten::pow.Tensor": "aten::pow.Tensor_Tensor", "aten::sgn": "aten::sign",
}
