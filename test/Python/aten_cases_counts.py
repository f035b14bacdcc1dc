"""Further cases of aten_rows.py: counts and choices, slopes and areas, divisors, Bessel functions, places of maxima, writes through views."""
import torch
import torch.nn.functional as F

from aten_cases import F64, in_place, rows

T = torch.tensor


rows("counts", {
    "histc": lambda d: (lambda x, y: (torch.histc(x, 4), torch.histc(x, 3, -1, 1), torch.histc(y, 2), torch.histc(x[:1, 0], 3)), [d.floats(3, 4), T([1., 2., 3., float("nan")], dtype=F64)[:3]]),
    "mode": lambda d: (lambda x, y: (*torch.mode(x), *torch.mode(x, 0, True), *torch.mode(y, 1)), [d.integers(0, 3, 4, 5), d.integers(0, 3, 3, 5).double()]),
    "combinations": lambda d: (lambda x: (torch.combinations(x), torch.combinations(x, 3), torch.combinations(x, 2, True), torch.combinations(x, 1), torch.combinations(x[:1])), [d.floats(4)]),
    # PyTorch has no derivative of three and more powers.
    "vander": lambda d: (lambda x, y: (torch.vander(x.detach()), torch.vander(x.detach(), 3, increasing=True), torch.linalg.vander(x.detach(), N=4), torch.vander(y), torch.vander(x, 1), torch.vander(x.detach() * 0)), [d.floats(3), d.integers(-3, 4, 3)]),
})

rows("bags", {
    "of maxima of different sizes": lambda d: (lambda w, i, o: (F.embedding_bag(i, w, o, mode="max"), F.embedding_bag(i, w, torch.cat([o, T([9])]), mode="max", include_last_offset=True)), [d.floats(7, 3), d.integers(0, 7, 9), T([0, 2, 2, 6])]),
})

rows("slopes", {
    "gradient": lambda d: (lambda x: (*torch.gradient(x), *torch.gradient(x, spacing=2.0, dim=1), *torch.gradient(x, spacing=0.5, dim=[1, 0], edge_order=2), *torch.gradient(x[:2], dim=[-1, 0]), *torch.gradient(x[0], spacing=0.1)), [d.floats(3, 4)]),
    "diff of more": lambda d: (lambda x, i: (x.diff(prepend=x[:, :1] * 2), x.diff(append=x[:, -2:], dim=-1), x.diff(2, 0, prepend=x[:1]), i.diff(), i.diff(3)), [d.floats(3, 4), d.integers(-5, 5, 4)]),
    "trapezoid over": lambda d: (lambda x, t: (torch.trapezoid(x, t), torch.trapezoid(x, x.cumsum(1)), torch.trapezoid(x, t[:3], dim=0), torch.cumulative_trapezoid(x, t), torch.cumulative_trapezoid(x[0], t)), [d.floats(3, 4), d.floats(4)]),
    "norm by name": lambda d: (lambda x: (torch.linalg.norm(x, "fro"), torch.linalg.norm(x, "fro", dim=(0, 1), keepdim=True)), [d.floats(3, 4)]),
})

rows("divisors", {
    "gcd": lambda d: (lambda x, y, u: (torch.gcd(x, y), torch.lcm(x, y), torch.gcd(x.int(), y.int()), torch.lcm(x.to(torch.int8), T(6, dtype=torch.int8)), torch.gcd(u, u.flip(0)), x.gcd(T(12)), torch.gcd(x * 0, y * 0), torch.lcm(x * 0, y)), [d.integers(-40, 40, 3, 4), d.integers(-40, 40, 4), d.integers(0, 255, 5, dtype=torch.uint8)]),
})

rows("Bessel functions", {
    "bessel": lambda d: (lambda x: (torch.i0(x), torch.special.i0e(x), torch.special.i1(x), torch.special.i1e(x), torch.special.i0(x * 8), torch.special.i0e(x * 30), torch.special.i1e(x * 30)), [d.floats(3, 4)]),
    "bessel of integers": lambda d: (lambda x: (torch.i0(x), torch.special.i1e(x)), [d.integers(-30, 30, 5)]),
    "kaiser_window": lambda d: (lambda x: (torch.kaiser_window(8, dtype=F64) * x[:1], torch.kaiser_window(7, periodic=False, dtype=F64) * x[0], torch.kaiser_window(5, True, 3.5, dtype=F64) * x[1], torch.kaiser_window(1, dtype=F64) * x), [d.floats(2)]),
})


def padded(x):
    return F.max_pool2d(x, 3, 2, 1, return_indices=True)


rows("places of maxima", {
    "indices of pools": lambda d: (lambda x: (*padded(x), *F.max_pool2d(x, (2, 3), 2, ceil_mode=True, return_indices=True), *F.max_pool1d(x[:, :, 0], 2, dilation=2, return_indices=True), *F.max_pool2d(x[0], 2, 1, return_indices=True)), [d.floats(2, 2, 5, 7)]),
    "indices of equals": lambda d: (lambda x: padded(x)[1], [d.integers(0, 2, 1, 2, 6, 6).double()]),
    "indices of 3d pools": lambda d: (lambda x: F.max_pool3d(x, 2, 1, return_indices=True)[1], [d.floats(1, 2, 3, 3, 4)]),
    "max_unpool of volumes": lambda d: (lambda x: torch._C._nn.max_unpool3d(*F.max_pool3d(x, 2, return_indices=True), [2, 4, 4], [2, 2, 2], [0, 0, 0]), [d.floats(1, 2, 2, 4, 4)]),
    "max_unpool": lambda d: (lambda x: (torch._C._nn.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), [4, 6]), torch._C._nn.max_unpool2d(*F.max_pool2d(x[0], 2, return_indices=True), [5, 6])), [d.floats(2, 2, 4, 6)]),
})


def written_detached(x):
    """A detached tensor shares its elements: a write passes, and what is left of the derivative is that from before."""
    y, z = x * 2, x * 3
    y.detach()[1:].mul_(5)
    w = z.detach()
    z.add_(1)
    return y, z, w


rows("written views", {
    "windows": lambda d: (in_place(lambda x: x.unfold(1, 2, 3)[:, 1].mul_(2)), [d.floats(3, 6)]),
    "detached": lambda d: (written_detached, [d.floats(3, 4)]),
    "by known masks": lambda d: (lambda x: (x[:, T([True, False, True, True])], x[T([[True, False, False, True]] * 3)].sum(), x[T([False, False, False])].sum(0), x[1:, T([True] * 2 + [False] * 2)]), [d.floats(3, 4)]),
    "into known masks": lambda d: (in_place(lambda x: x.__setitem__((slice(None), T([True, False, True, False])), x[:, :2].clone() * 2) or x.mul_(1)), [d.floats(3, 4)]),
})

rows("convolutions of times", {
    "conv_tbc": lambda d: (lambda x, w, b: (torch.conv_tbc(x, w, b, 1), torch.conv_tbc(x, w, b)), [d.floats(5, 2, 3), d.floats(3, 3, 4), d.floats(4)]),
})

rows("draws", {
    "multinomial": lambda d: (lambda x: (x[torch.multinomial(torch.ones(6), 6)].sum(0), x[torch.multinomial(F.one_hot(T([1, 4]), 6).to(F64), 3, True)]), [d.floats(6, 2)]),
})
