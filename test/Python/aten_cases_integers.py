"""Further cases of aten_rows.py: integers of one and two bytes, with and without a sign.

Every row has the numbers at which they differ: 0, 127, 128, 255, -1, -128, and what wraps around.
"""
import torch
import torch.nn.functional as F

from aten_cases import BOOL, F32, F64, I32, I64, put, rows

U8, I8, I16 = torch.uint8, torch.int8, torch.int16
NARROW = {"u8": U8, "i8": I8, "i16": I16}
ENDS = {U8: (0, 255), I8: (-128, 127), I16: (-32768, 32767)}


def of(*numbers, dtype=U8):
    return torch.tensor(numbers, dtype=dtype)


def ends(dtype):
    """The least and the greatest number, their neighbours, the middle, and some small numbers."""
    low, high = ENDS[dtype]
    middle = (low + high) // 2
    return torch.tensor([low, low + 1, high - 1, high, middle, middle + 1, 3, 7, 100], dtype=dtype)


def any_of(d, dtype, *shape):
    low, high = ENDS[dtype]
    return d.integers(low, high + 1, *shape, dtype=dtype)


def distinct(d, dtype, rows, columns):
    """No two are equal: which of those comes first is PyTorch's choice."""
    low, high = ENDS[dtype]
    return torch.from_numpy(d.numpy.permutation(high - low + 1)[:rows * columns] + low).to(dtype).view(rows, columns)


def pairs(dtype):
    """All pairs of the special numbers."""
    return lambda d: [ends(dtype)[:, None].contiguous(), ends(dtype)]


def divisors(dtype):
    numbers = (1, 2, 3, 7, 100, 127) + ((128, 200, 255) if dtype == U8 else (-1, -2, -3, -7, -128))
    return lambda d: [ends(dtype)[:, None].contiguous(), of(*numbers, dtype=dtype)]


def each(name, function, tensors):
    """One row for each of the types."""
    return {f"{name} {label}": lambda d, t=dtype: (function, tensors(t)(d)) for label, dtype in NARROW.items()}


rows("narrow integers", {
    **each("arithmetic", lambda a, b: (a + b, a - b, a * b, -a, a.abs(), a.square(), a.sign()), pairs),
    **each("alpha", lambda a, b: (torch.add(a, b, alpha=3), torch.sub(a, b, alpha=7), torch.rsub(a, b)), pairs),
    **each("order", lambda a, b: (a < b, a <= b, a > b, a >= b, a == b, a != b, torch.maximum(a, b), torch.minimum(a, b)), pairs),
    **each("division", lambda a, b: (a // b, a % b, torch.div(a, b, rounding_mode="trunc"), torch.fmod(a, b), a / b), divisors),
    **each("division by numbers", lambda a, b: (a // 3, a % 7, a / 2, torch.remainder(a, 100), 100 // b, 100 % b), divisors),
    **each("bits", lambda a, b: (a & b, a | b, a ^ b, ~a, a & 15, a | 1, a ^ 7), pairs),
    **each("shifts", lambda a, b: (a << b, a >> b, a << 1, a >> 1, a << 7, a >> 7, a << 9, a >> 20), lambda t: lambda d: [ends(t)[:, None].contiguous(), of(0, 1, 3, 7, 8, 15, 100, dtype=t)]),
    **each("shifts by all", lambda a, b: (a << b, a >> b), pairs),
    **each("python numbers", lambda a: (a + 1, a - 1, 3 - a, a * 100, a + 1.5, a * True, a > 100, a == -1, a < 0, 2 ** (a & 7)), lambda t: lambda d: [ends(t)]),
    **each("powers", lambda a, b: (a ** 2, a ** 3, a ** (b & 7)), pairs),
    **each("truth", lambda a, b: (a.bool(), a.logical_not(), torch.logical_and(a, b), torch.where(a.bool(), a, b), a.any(), a.all(), a.any(0)), pairs),
    **each("bounds", lambda a: (a.clamp(3, 100), a.clamp(min=7), a.clamp(max=100), a.clamp(a.min(), a.max())), lambda t: lambda d: [ends(t)]),
    **each("sums", lambda a: (a.sum(), a.sum(0), a.sum(dtype=a.dtype), a.sum(1, dtype=torch.int32), a.sum(dtype=F64), a.mean(dtype=F64), a.float().mean(0)), lambda t: lambda d: [any_of(d, t, 7, 5)]),
    **each("products", lambda a: (a.prod(), a.prod(0), a.prod(1, dtype=a.dtype)), lambda t: lambda d: [any_of(d, t, 3, 4)]),
    **each("running", lambda a: (a.cumsum(0), a.cumsum(1, dtype=a.dtype), a.cumprod(0, dtype=a.dtype), *a.cummax(0), *a.cummin(1)), lambda t: lambda d: [any_of(d, t, 4, 5)]),
    **each("extremes", lambda a: (a.max(), a.min(), a.amax(0), a.amin(1), *a.max(0), *a.min(1), a.argmax(), a.argmin(0), *torch.aminmax(a)), lambda t: lambda d: [any_of(d, t, 4, 5)]),
    **each("extremes of the ends", lambda a: (a.max(), a.min(), a.amax(), a.argmax(), a.argmin(), *a.max(0)), lambda t: lambda d: [of(*reversed(ENDS[t]), dtype=t)]),
    **each("orders", lambda a: (*a.sort(0), *a.sort(0, descending=True), a.argsort(1), *a.topk(3, 1), a.median(), a.sort().values), lambda t: lambda d: [distinct(d, t, 6, 5)]),
    **each("parts", lambda a: (a[1:, ::2], a.t().contiguous().view(-1), a[:, None].expand(-1, 2, -1), a.flip(0), a.roll(1, 1), torch.cat([a, a]), a.tril(), F.pad(a, (1, 2))), lambda t: lambda d: [any_of(d, t, 4, 6)]),
    **each("look-ups", lambda a, i: (a[i], a.index_select(1, i), a.gather(0, i[:, None].expand(-1, 6)), a.take_along_dim(i[None], 1), a.repeat_interleave(2, 0)), lambda t: lambda d: [any_of(d, t, 4, 6), d.integers(0, 4, 5)]),
    **each("scatters", lambda a, i, b: (a.index_add(0, i, b), a.scatter_add(0, i[:, None].expand(-1, 6), b),
                                        a.scatter_reduce(0, i[:, None].expand(-1, 6), b, "amax"), a.scatter_reduce(0, i[:, None].expand(-1, 6), b, "amin", include_self=False),
                                        a.scatter_reduce(0, i[:, None].expand(-1, 6), b, "prod"), a.index_fill(0, i[:1], 9)), lambda t: lambda d: [any_of(d, t, 4, 6), d.integers(0, 4, 5), any_of(d, t, 5, 6)]),
    **each("made", lambda a: (torch.zeros_like(a), torch.ones_like(a), torch.full_like(a, 100), torch.arange(0, 9, 2, dtype=a.dtype), a.new_full((2, 3), 7), torch.full((2,), 5, dtype=a.dtype) + a[:2]), lambda t: lambda d: [ends(t)]),
    **each("sizes 0 and 1", lambda a, b, c: (a + a, a.sum(), a.sum(0), a.prod(), a.amax(1), b + b, b.max(), b.sum(), *b.max(0), c + c, c.sum(), a.float().sum()), lambda t: lambda d: [any_of(d, t, 0, 3), any_of(d, t, 1), any_of(d, t)]),
    **each("of 0-d tensors", lambda a, z: (a + z, z + z, z * 100, z.sum(), a < z, torch.where(a < z, a, z)), lambda t: lambda d: [ends(t), any_of(d, t)]),
    **each("in place", lambda a: (a[1:].add_(100), a.mul_(3), a[:2].fill_(5)), lambda t: lambda d: [ends(t)]),
    **each("one-hot and embeddings", lambda a, w: (F.one_hot(a.long() & 3, 4), F.embedding(a.long() & 3, w), w[(a & 3).long()], F.embedding(a.int() & 3, w)), lambda t: lambda d: [ends(t), d.floats(4, 2)]),
    **each("numbers as floats", lambda a, x: (a.float() / 255, a / 255, a * x, a.to(x.dtype) - x, torch.sqrt(a.abs()), a.double().std()), lambda t: lambda d: [ends(t), d.floats(9)]),
    **each("floats as numbers", lambda a, x: (x.to(a.dtype), (x * 100).to(a.dtype), (x > 0).to(a.dtype), torch.round(x * 30).to(a.dtype) + a), lambda t: lambda d: [ends(t), d.floats(9)]),
    "floats beyond the range": lambda d: (lambda x: (x.byte(), x.char(), x.short()), [torch.tensor([300.0, 255.9, 256.0, -1.0, -0.9, -128.5, -129.0, 128.0, 40000.0, -40000.0, 70000.0], dtype=F64)]),
    "casts": lambda d: (lambda u, s, h, n, b: tuple(x.to(t) for x in (u, s, h, n, b) for t in (U8, I8, I16, I32, I64, F32, F64, BOOL) if x.dtype != t),
                        [ends(U8), ends(I8), ends(I16), torch.tensor([0, 255, 256, -1, -129, 32768, 65536 + 200]), d.bools(5)]),
    "names of casts": lambda d: (lambda n: (n.byte(), n.char(), n.short(), n.byte().int(), n.char().long(), n.type(torch.uint8), n.byte().type_as(n)), [torch.tensor([0, 127, 128, 255, 256, -1, 300, -300])]),
    "promotion": lambda d: (lambda u, s, h, n, b, x: (u + s, u * s, u - s, s + u, u < s, u == s, u + h, s * h, u + n, s - n, h * n, u + b, b * s, u + x, s * x, torch.maximum(u, s), torch.where(b, u, s), torch.cat([u, s]), torch.stack([h, u]),
                                                      u & s, u | h, u // s.abs().clamp(1, 9), u << (s & 7)),
                            [ends(U8), ends(I8), ends(I16), d.integers(-9, 9, 9), d.bools(9), d.floats(9)]),
    "promotion with 0-d tensors": lambda d: (lambda u, s, z, w, n: (u + z, s + w, u * n, s + n, z + w, u < w, u / n), [ends(U8), ends(I8), of(-100, dtype=I8)[0], of(200)[0], torch.tensor(1000)]),
    "masks of bytes": lambda d: (lambda x, m: (torch.where(m, x, -x), torch.where(m, 1.0, 2.0) * x, x * m, x.masked_fill(m.bool(), 3.0), x.masked_fill(m == 0, -1.0)), [d.floats(3, 4), of(0, 1, 2, 255)]),
    "writes by a mask of bytes": lambda d: (lambda x, m: (put(lambda y, m: y.__setitem__(m, x[:1] * 2))(x, m), put(lambda y, m: y.__setitem__((slice(None), m[:3]), x[:, :1]))(x, m), put(lambda y, m: y.index_put_((m,), x[1:2], accumulate=True))(x, m)), [d.floats(4, 3), of(1, 0, 255, 0)]),
    "rows by a mask of bytes": lambda d: (lambda x, m: x[m].exp().sum(), [d.floats(4, 3), of(1, 0, 255, 0)]),
    "extremes of selected rows": lambda d: (lambda a, b, m: (a[m].max(), a[m].min(), b[m].max(), b[m].min(), a[m].sum(), b[m].amax(0)), [of(200, 3, 255, 90, 100), of(-100, -3, -128, -90, 127, dtype=I8), d.bools(5) | torch.tensor([True, False, False, False, False])]),
    "constants": lambda d: (lambda x: (x + of(1, 128, 255), x * of(-128, -1, 127, dtype=I8), of(0, 200, 7, 255) + of(100), x + of(7)[0], torch.tensor([-32768, 3, 32767], dtype=I16) - x.short()), [d.floats(3)]),
    "images": lambda d: (lambda x, w: F.conv2d(x.to(w.dtype).div(255).sub(0.5), w), [any_of(d, U8, 2, 3, 6, 6), d.floats(4, 3, 3, 3)]),
    "products of bytes": lambda d: (lambda a, b: (a.float() @ b.float(), a.int() @ b.int(), a[:, :, None].short() * b), [any_of(d, U8, 3, 4), any_of(d, I8, 4, 5)]),
})
