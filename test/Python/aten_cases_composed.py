"""Further cases of aten_rows.py: functions, orders, grids, scatters and shapes that are mostly other ops."""
import torch
import torch.nn.functional as F

from aten_cases import F64, I64, complex_row, in_place, put, rows, shuffled, unary

NAN, INF = float("nan"), float("inf")


def table(*numbers):
    return torch.tensor(numbers, dtype=F64)


rows("angles", {
    **{f.__name__: unary(f) for f in (torch.tan, torch.atan, torch.sinh, torch.cosh, torch.asinh, torch.sinc, torch.deg2rad, torch.rad2deg)},
    **{f.__name__: lambda d, f=f: (f, [d.floats(3, 4).tanh()]) for f in (torch.asin, torch.acos, torch.atanh)},
    "acosh": lambda d: (torch.acosh, [d.floats(3, 4, positive=True) + 1]),
    "out of the domain": lambda d: (lambda x: (x.asin(), x.acos(), x.acosh(), x.atanh()), [table(-2, -1, 0, 1, 2, INF, -INF, NAN)]),
    "other names": lambda d: (lambda x: (x.arcsin(), x.arccos(), x.arctan(), x.arcsinh(), (x + 2).arccosh(), x.arctanh(), torch.arctan2(x, x + 2)), [d.floats(3, 4).tanh()]),
    "of integers": lambda d: (lambda x: (x.atan(), x.sinh(), torch.deg2rad(x), torch.atan2(x, x + 1)), [d.integers(-4, 5, 6)]),
    "atan2": lambda d: (torch.atan2, list(d.pair(special=True))), "hypot": lambda d: (torch.hypot, list(d.pair(special=True))),
    # Signs of zeros: test/Execution/special_values.py (here x + 0, which is x for us, is between).
    "atan2 of zeros": lambda d: (torch.atan2, [table(0.0, 0.0, 1, -1), table(1, -1, 0, 0)]),
})

rows("further functions", {
    **{f.__name__: unary(f) for f in (torch.exp2, torch.erfc, torch.frac, torch.nan_to_num, torch.signbit, torch.positive)},
    "log10": unary(torch.log10, positive=True),
    "rrelu": lambda d: (lambda x: F.rrelu(x), [d.floats(3, 4)]),
    "logit": lambda d: (lambda x: (torch.logit(x.sigmoid()), torch.logit(x.sigmoid(), eps=0.3)), [d.floats(3, 4)]),
    "nan_to_num of given": lambda d: (lambda x: torch.nan_to_num(x, 0.5, 2.0, -3.0), [d.floats(3, 4, special=True)]),
    "nan_to_num of integers": lambda d: (torch.nan_to_num, [d.integers(-4, 5, 6)]),
    "fmod": lambda d: (lambda x, y: (torch.fmod(x, y), torch.fmod(x, 0.7)), [d.floats(3, 4), d.floats(3, 4, positive=True)]),
    "fmod of integers": lambda d: (lambda x: torch.fmod(x, 3), [d.integers(-9, 9, 6)]),
    "xlogy": lambda d: (lambda x, y: (torch.xlogy(x, y), torch.xlogy(x.round().detach(), y), torch.xlogy(2.0, y), torch.xlogy(x, 0.5)), [d.floats(3, 4), d.floats(3, 4, positive=True)]),
    "logaddexp2": lambda d: (torch.logaddexp2, list(d.pair())),
    "copysign": lambda d: (lambda x, y: (torch.copysign(x, y), torch.copysign(x, -2.0)), list(d.pair())),
    "heaviside": lambda d: (lambda x, y: x + torch.heaviside(x.detach().round(), y.detach()), [d.floats(3, 4), d.floats(4)]),
    "ldexp": lambda d: (torch.ldexp, [d.floats(3, 4), d.integers(0, 4, 4)]),
    "fmax fmin": lambda d: (lambda x, y: (torch.fmax(x, y), torch.fmin(x, y)), [d.floats(3, 4, special=True), d.floats(3, 4)]),
    "fmax of ties": lambda d: (lambda x, y: (torch.fmax(x, y), torch.fmin(x, y)), [table(1, 2, 0, 3), table(1, 1, -0.0, 4)]),
    "shifts": lambda d: (lambda x, y: (x << y, x >> y, x << 2, x >> 1, torch.bitwise_left_shift(x, 2), torch.bitwise_right_shift(x, 2),
                                       torch.bitwise_left_shift(x, y), torch.bitwise_right_shift(x, y)), [d.integers(-50, 50, 3, 4), d.integers(0, 70, 4)]),
    "isin": lambda d: (lambda x, y: (torch.isin(x, y), torch.isin(x, y, invert=True)), [d.integers(0, 9, 3, 4), d.integers(0, 9, 5)]),
    "isclose": lambda d: (lambda x, y: (torch.isclose(x, y, atol=0.5), torch.isclose(x, x * 1, equal_nan=True)), [d.floats(3, 4, special=True), d.floats(3, 4)]),
    "float_power": lambda d: (lambda x, n: (torch.float_power(x, 2), torch.float_power(n, x.abs())), [d.floats(3, 4), d.integers(1, 5, 4)]),
    "logspace": lambda d: (lambda x: x * torch.logspace(0, 1, 4, dtype=F64) + torch.logspace(-1, 2, 4, 2, dtype=F64), [d.floats(3, 4)]),
})

POLES = table(-2.5, -2, -1.5, -1, -0.5, -1e-9, 0.0, -0.0, 1e-9, 0.5, 1, 1.5, 2, 2.5, 30, 1e5, INF, -INF, NAN)
ALIASES = "expit exp2 expm1 erf erfc gammaln digamma psi sinc".split()

rows("special functions", {
    **{f.__name__: lambda d, f=f: (f, [d.floats(3, 4) * 3]) for f in (torch.lgamma, torch.digamma)},
    "gamma at its poles": lambda d: (lambda x: (x.lgamma(), x.digamma()), [POLES]),
    "polygamma": lambda d: (lambda x: (torch.polygamma(0, x), torch.special.polygamma(1, x.detach()) + x), [d.floats(3, 4) * 3]),
    # Not at the negative poles, where PyTorch has the square of what pi is rounded by, and not at infinity, where its
    # derivative is NaN.
    "trigamma": lambda d: (lambda x: torch.polygamma(1, x), [table(-2.5, -0.5, 0.5, 1, 30, NAN)]),
    "mvlgamma": lambda d: (lambda x: (torch.mvlgamma(x, 3), torch.special.multigammaln(x, 1)), [d.floats(3, 4, positive=True) + 1]),
    "gamma of integers": lambda d: (lambda x: (x.lgamma(), x.digamma()), [d.integers(1, 9, 6)]),
    "erfinv": lambda d: (lambda x: (torch.erfinv(x), torch.special.erfinv(x * 0.01)), [d.floats(3, 4).tanh()]),
    "erfinv at its ends": lambda d: (torch.erfinv, [table(-2, -1, -0.999999, -0.5, 0.0, -0.0, 1e-12, 0.5, 0.999999, 1, 2, INF, NAN)]),
    "ndtr entr": lambda d: (lambda x, y: (torch.special.ndtr(x), torch.special.entr(y), torch.special.entr(x)), [d.floats(3, 4, special=True), d.floats(3, 4, positive=True)]),
    "xlog1py": lambda d: (lambda x, y: (torch.special.xlog1py(x, y), torch.special.xlog1py(2.0, y), torch.special.xlog1py(x, 0.5)), [d.floats(3, 4), d.floats(3, 4, positive=True)]),
    **{f"special {name}": unary(getattr(torch.special, name)) for name in ALIASES if name not in ("gammaln", "digamma", "psi")},
    **{f"special {name}": lambda d, name=name: (getattr(torch.special, name), [d.floats(3, 4, positive=True)]) for name in ("gammaln", "digamma", "psi", "log1p", "logit")},
    "special rest": lambda d: (lambda x, y: (torch.special.softmax(x, 1), torch.special.log_softmax(x, 0), torch.special.logsumexp(x, 1), torch.special.round(x, decimals=1),
                                             torch.special.xlogy(x, y), torch.special.xlogy(2.0, y), torch.special.xlogy(x, 0.5)), [d.floats(3, 4), d.floats(3, 4, positive=True)]),
    "msort": lambda d: (torch.msort, [shuffled(d, 4, 3)]),
})

rows("signals", {
    "windows": lambda d: (lambda x: x * (torch.hann_window(6, dtype=F64) + torch.hamming_window(6, dtype=F64) + torch.blackman_window(6, dtype=F64) + torch.bartlett_window(6, dtype=F64)), [d.floats(3, 6)]),
    "symmetric windows": lambda d: (lambda x: x * (torch.hann_window(7, False, dtype=F64) + torch.hamming_window(7, False, 0.5, dtype=F64) + torch.hamming_window(7, True, 0.6, 0.3, dtype=F64) + torch.hamming_window(7, False, dtype=F64)
                                                   + torch.blackman_window(7, False, dtype=F64) + torch.bartlett_window(7, False, dtype=F64)), [d.floats(7)]),
    "windows of one and none": lambda d: (lambda x: (x * torch.hann_window(1, dtype=F64) + torch.bartlett_window(1, False, dtype=F64), torch.hann_window(0, dtype=F64).sum() + x), [d.floats(3)]),
    "stft": lambda d: (lambda x: torch.view_as_real(torch.stft(x, 8, 3, window=torch.hann_window(8, dtype=F64), return_complex=True)), [d.floats(2, 20)]),
    "stft of a signal": lambda d: (lambda x, w: torch.view_as_real(torch.stft(x, 7, win_length=4, window=w, center=False, normalized=True, onesided=False, return_complex=True)), [d.floats(15), d.floats(4)]),
    "stft without a window": lambda d: (lambda x: torch.stft(x, 6, 2, 4, return_complex=True).abs(), [d.floats(2, 12)]),
    "istft": lambda d: (lambda x, y: torch.istft(torch.complex(x, y), 8, 2, window=torch.hann_window(8, dtype=F64)), [d.floats(2, 5, 6), d.floats(2, 5, 6)]),
    "istft to a length": lambda d: (lambda x, y: torch.istft(torch.complex(x, y), 6, 2, 6, torch.hamming_window(6, dtype=F64), normalized=True, length=9), [d.floats(4, 7), d.floats(4, 7)]),
    "stft and back": lambda d: (lambda x: torch.istft(torch.stft(x, 8, 2, window=torch.hann_window(8, dtype=F64), return_complex=True), 8, 2, window=torch.hann_window(8, dtype=F64), length=x.shape[-1]), [d.floats(2, 20)]),
    "cumulative trapezoid": lambda d: (lambda x: (torch.cumulative_trapezoid(x), torch.cumulative_trapezoid(x, dx=0.5, dim=0)), [d.floats(4, 5)]),
})

rows("further shapes", {
    "diagflat": lambda d: (lambda x: (torch.diagflat(x), torch.diagflat(x, -1)), [d.floats(2, 3)]),
    "sum_to_size": lambda d: (lambda x: (x.sum_to_size(3, 1), x.sum_to_size(1, 4), x.sum_to_size(4), x.sum_to_size(2, 3, 4), x[0].sum_to_size(())), [d.floats(2, 3, 4)]),
    "put": lambda d: (lambda x, y: (x.put(torch.tensor([[1, 5], [7, -1]]), y), x.put(torch.tensor([0, 0, 3, 2]), y, accumulate=True)), [d.floats(3, 4), d.floats(2, 2)]),
    "multilabel margin": lambda d: (lambda x: (F.multilabel_margin_loss(x, torch.tensor([[1, 2, -1, 0], [3, 0, 1, 2], [-1, 1, 2, 3]])),
                                               F.multilabel_margin_loss(x, torch.tensor([[1, 1, -1, 0], [3, 3, 1, -1], [0, -1, -1, -1]]), reduction="none"),
                                               F.multilabel_margin_loss(x[0], torch.tensor([2, 0, -1, 1]), reduction="sum")), [d.floats(3, 4)]),
    **{f"antialias {mode}": lambda d, mode=mode: (lambda x: (F.interpolate(x, (3, 4), mode=mode, antialias=True), F.interpolate(x, scale_factor=0.4, mode=mode, antialias=True),
                                                             F.interpolate(x, (11, 5), mode=mode, antialias=True, align_corners=True)), [d.floats(2, 1, 7, 10)]) for mode in ("bilinear", "bicubic")},
})

def chosen(x, i, y, dim=0):
    """Writes to a part that data choose, and to views of it."""
    x = x * 1
    part = x.select(dim, i)
    part[:] = y
    part[1:] += 1
    x.select(dim, -1 - i)[0] = 0
    return x, part


rows("parts that data choose", {
    "rows": lambda d: (lambda x, n, y: chosen(x, n.sum().argmax() + 1, y), [d.floats(3, 4), d.integers(0, 3, 2), d.floats(4)]),
    "of a number": lambda d: (lambda x, n, y: chosen(x, n[0], y, 1), [d.floats(3, 4), d.integers(0, 4, 2), d.floats(3)]),
    "merged": lambda d: (lambda x, n, y: chosen(x.reshape(6, 2), n[0], y), [d.floats(3, 4), d.integers(0, 6, 2, dtype=torch.int32), d.floats(2)]),
    "read again": lambda d: (lambda x, n: (lambda z, p: (z.mul_(2), p * 1, p.add_(1), z * 1)[1:])(*(lambda z: (z, z[n[1]]))(x * 1)), [d.floats(3, 4), d.integers(0, 3, 2)]),
})

rows("bags", {
    "of maxima": lambda d: (lambda w, i: F.embedding_bag(i, w, mode="max"), [d.floats(7, 3), d.integers(0, 7, 4, 3)]),
    "with padding": lambda d: (lambda w, i, j: (F.embedding_bag(i, w, mode="sum", padding_idx=2), F.embedding_bag(j, w, torch.tensor([0, 1, 5]), mode="sum", padding_idx=0)), [d.floats(7, 3), d.integers(0, 7, 4, 3), d.integers(0, 7, 9)]),
})

rows("further random tensors", {
    "normal around": lambda d: (lambda x, y: (x + 0 * torch.normal(x, y), x + 0 * torch.normal(x, 0.5), y + 0 * torch.normal(0.5, y), x + 0 * torch.normal(1.0, 2.0, (2, 3))), [d.floats(2, 3), d.floats(2, 3, positive=True)]),
    "normal without deviation": lambda d: (lambda x: torch.normal(x.detach(), 0.0) + x, [d.floats(2, 3)]),
    "integers of one": lambda d: (lambda x: (x + torch.randint(3, 4, (2, 3)), x + torch.randint(1, (3,)), x + torch.randint_like(x, 5, 6), torch.randint_like(x, 1) + x), [d.floats(2, 3)]),
    "integers between": lambda d: (lambda x: ((torch.randint(-3, 9, (40,)) >= -3) & (torch.randint(-3, 9, (40,)) < 9)) + x, [d.floats(40)]),
    "permutation": lambda d: (lambda x: x[torch.randperm(6)].sum(0) + torch.randperm(6, dtype=torch.int32).sort()[0], [d.floats(6, 6)]),
})

rows("running extremes", {
    "cummax cummin": lambda d: (lambda x: (*torch.cummax(x, 1), *torch.cummin(x, 0)), [shuffled(d, 3, 4)]),
    "of ties": lambda d: (lambda x: (*torch.cummax(x, 1), *torch.cummin(x, 1)), [d.integers(0, 3, 4, 6).to(F64)]),
    "special": lambda d: (lambda x: (*torch.cummax(x, -1), *torch.cummin(x, -1)), [table([NAN, 1, 2, NAN], [-INF, -INF, 3, 1], [INF, 1, INF, NAN])]),
    "of integers": lambda d: (lambda x, y: (*x.cummax(0), *x.cummin(0), y.cummax(0)[0].long(), y.cummin(0)[1]), [d.integers(-9, 9, 5, 2), d.bools(5, 2)]),
    "of one and none": lambda d: (lambda x, y: (*x.cummax(0), *y.cummin(0)), [d.floats(1), d.floats()]),
    "logcumsumexp": lambda d: (lambda x: (torch.logcumsumexp(x, 1), torch.logcumsumexp(x * 100, 0)), [d.floats(3, 4)]),
    "logcumsumexp special": lambda d: (lambda x: torch.logcumsumexp(x, 1), [table([-INF, 1, INF], [1, NAN, 2], [1000, 1000, -1000])]),
})


rows("order statistics", {
    "median": lambda d: (lambda x: (torch.median(x), *torch.median(x, 1), *torch.median(x, 0, keepdim=True)), [shuffled(d, 3, 5)]),
    "median of an even number": lambda d: (lambda x: (x.median(), *x.median(-1)), [shuffled(d, 2, 6)]),
    "median of ties": lambda d: (lambda x: x.median(), [table(1, 2, 2, 2, 5)]),
    "median with NaN": lambda d: (lambda x: (x[:2].median(), *x.median(1)), [table([3, 1, 2, 5], [1, NAN, 4, 2], [NAN, 7, NAN, 1])]),
    "nanmedian": lambda d: (lambda x: (x.nanmedian(), *x.nanmedian(1), x[:1].nanmedian(), x.nanmedian(0, True)[0]), [table([3, 1, 2, 5], [1, NAN, 4, 2], [NAN, 7, NAN, 1.5])]),
    "nanmedian of nothing": lambda d: (lambda x: (x.nanmedian(), x.nanmedian(1)[0]), [table([NAN, NAN], [NAN, NAN])]),
    "median of integers": lambda d: (lambda x: (x.median(), x.median(1)[0]), [d.integers(-9, 9, 3, 4)]),
    "median of one": lambda d: (lambda x, y: (x.median(), *y.median(0)), [d.floats(), d.floats(1, 3)]),
    "quantile": lambda d: (lambda x: (torch.quantile(x, 0.3), torch.quantile(x, 0.6, dim=1), torch.quantile(x, 0.25, dim=0, keepdim=True), torch.quantile(x, 0.5, keepdim=True)), [shuffled(d, 3, 5)]),
    "quantiles": lambda d: (lambda x: (torch.quantile(x, torch.tensor([0.0, 0.2, 1.0], dtype=x.dtype)), torch.quantile(x, torch.tensor([0.1, 0.9], dtype=x.dtype), dim=1),
                                       torch.quantile(x, torch.tensor([0.7], dtype=x.dtype), dim=0, keepdim=True)), [shuffled(d, 3, 5)]),
    **{f"quantile {mode}": lambda d, mode=mode: (lambda x: (torch.quantile(x, 0.37, dim=1, interpolation=mode), torch.quantile(x, 0.5, dim=0, interpolation=mode)), [shuffled(d, 4, 5)])
       for mode in ("lower", "higher", "midpoint", "nearest")},
    "quantile with NaN": lambda d: (lambda x: torch.quantile(x, 0.4, dim=1), [table([3, 1, 2, 5], [1, NAN, 4, 2])]),
    "nanquantile": lambda d: (lambda x: (torch.nanquantile(x, 0.4, dim=1), torch.nanquantile(x, 0.4), torch.nanquantile(x, torch.tensor([0.1, 0.9], dtype=x.dtype), dim=0)),
                              [table([3, 1, 2, 5], [1, NAN, 4, 2], [NAN, 7, NAN, 1.5], [0.5, 0.25, 8, 9])]),
    "quantile of one": lambda d: (lambda x: (torch.quantile(x, 0.4), torch.quantile(x[None], 0.4, dim=0)), [d.floats()]),
    "bucketize": lambda d: (lambda x: (torch.bucketize(x, torch.tensor([-1.0, 0.0, 0.5], dtype=x.dtype)), torch.bucketize(x, torch.tensor([0.0], dtype=x.dtype), out_int32=True, right=True)),
                            [d.floats(3, 4, special=True)]),
    "bucketize on bounds": lambda d: (lambda x, b: (torch.bucketize(x, b), torch.bucketize(x, b, right=True)), [table(1, 2, 2.5, 3, 0, NAN, INF), table(1, 2, 2, 3)]),
    "searchsorted": lambda d: (lambda x, y: (torch.searchsorted(y.sort()[0], x, right=True), torch.searchsorted(y.sort()[0], x, side="left"), torch.searchsorted(y[0].sort()[0], x)),
                               [d.floats(3, 4), d.floats(3, 5)]),
    "searchsorted by a sorter": lambda d: (lambda x, y: torch.searchsorted(y, x, sorter=y.argsort(-1)), [d.floats(3, 4), d.floats(3, 5)]),
    "sorted places of a number": lambda d: (lambda b: (torch.bucketize(0.3, b), torch.searchsorted(b, 0.3, right=True), torch.searchsorted(b, 9.0)), [table(-1, 0.3, 0.5)]),
    "searchsorted of integers": lambda d: (lambda x: torch.searchsorted(torch.tensor([1, 3, 5]), x, side="right"), [d.integers(0, 7, 5)]),
})


def sampled(image, grid, **options):
    """Points within the image and beyond it."""
    def maker(d):
        return (lambda x, g: F.grid_sample(x, g, **options)), [d.floats(*image), d.floats(*grid, len(image) - 2) * 0.8]
    return maker


rows("grid_sample", {
    **{f"{mode} {padding} {corners}": sampled((2, 3, 4, 5), (2, 3, 2), mode=mode, padding_mode=padding, align_corners=corners)
       for mode in ("bilinear", "nearest") for padding in ("zeros", "border", "reflection") for corners in (True, False)},
    **{f"3d {mode} {padding}": sampled((2, 2, 3, 4, 2), (2, 2, 3, 2), mode=mode, padding_mode=padding, align_corners=False)
       for mode in ("bilinear", "nearest") for padding in ("zeros", "border", "reflection")},
    "far away": lambda d: (lambda x, g: tuple(F.grid_sample(x, g, padding_mode=p, align_corners=c) for p in ("zeros", "border", "reflection") for c in (True, False)),
                           [d.floats(1, 2, 3, 4), table([[[-7.3, 5.1], [100.2, -1e5], [0.1, 3.3]]])]),
    "on the pixels": lambda d: (lambda x: tuple(F.grid_sample(x, table([[[-1, -1], [1, 1], [0, 0], [1, -1], [-1, 0.5]]]).to(x.dtype), padding_mode=p, align_corners=True) for p in ("zeros", "border", "reflection")),
                                [d.floats(1, 2, 3, 5)]),
    "one pixel": sampled((1, 2, 1, 1), (1, 2, 2), align_corners=False), "one pixel reflected": sampled((1, 2, 1, 1), (1, 2, 2), padding_mode="reflection", align_corners=True),
    "by its inner names": lambda d: (lambda x, g, y, h: (torch.grid_sampler_2d(x, g, 0, 1, False), torch.grid_sampler_3d(y, h, 1, 0, True)),
                                     [d.floats(1, 2, 3, 4), d.floats(1, 2, 2, 2) * 0.8, d.floats(1, 2, 3, 2, 2), d.floats(1, 2, 1, 2, 3) * 0.8]),
    "of nothing": lambda d: (lambda x, g: F.grid_sample(x, g, align_corners=False), [d.floats(1, 1, 2, 3), table([[[NAN, 0], [0, INF], [-INF, 0.2]]])]),
    "affine_grid": lambda d: (lambda x: (F.affine_grid(x, [2, 1, 3, 4], align_corners=False), F.affine_grid(x, [2, 1, 3, 1], align_corners=True)), [d.floats(2, 2, 3)]),
    "affine_grid 3d": lambda d: (lambda x: (F.affine_grid(x, [2, 1, 3, 4, 2], align_corners=False), F.affine_grid(x, [2, 1, 1, 4, 2], align_corners=True)), [d.floats(2, 3, 4)]),
})


def reduced(reduce, shape=(3, 5), ids=(3, 7), dim=1, integers=False, **options):
    def maker(d):
        x, y = (d.integers(-4, 5, *s) if integers else shuffled(d, *s) for s in (shape, ids))
        return (lambda x, i, y: x.scatter_reduce(dim, i, y, reduce, **options)), [x, d.integers(0, shape[dim], *ids), y * (1 if integers else 1.37)]
    return maker


rows("scatter_reduce", {
    **{f"{reduce}{'' if own else ' without self'}": reduced(reduce, include_self=own)
       for reduce in ("sum", "prod", "mean", "amax", "amin") for own in (True, False)},
    **{f"{reduce} of integers": reduced(reduce, (6, 2), (4, 2), 0, True, include_self=False) for reduce in ("sum", "prod", "mean", "amax", "amin")},
    "ties": lambda d: (lambda x, i, y: (x.scatter_reduce(0, i, y, "amax"), x.scatter_reduce(0, i, y, "amin")),
                       [table(1, 5, 2, 0), torch.tensor([0, 0, 1, 1, 3, 3]), table(3, 3, 5, 5, 0, -1)]),
    "zeros in products": lambda d: (lambda x, i, y: x.scatter_reduce(0, i, y, "prod"), [table(1, 5, 2, 0), torch.tensor([0, 0, 1, 1, 2, 3]), table(3, 0, 2, 4, 0.5, -1)]),
    "special": lambda d: (lambda x, i, y: tuple(x.detach().scatter_reduce(0, i, y.detach(), r) for r in ("sum", "amax", "amin", "mean")), [table(1, INF, NAN, 0), torch.tensor([0, 0, 1, 2, 3]), table(NAN, 1, 2, 3, -INF)]),
    "in place": lambda d: (in_place(lambda x, i, y: x.scatter_reduce_(0, i, y, "mean")), [d.floats(5, 2), d.integers(0, 5, 4, 2), d.floats(4, 2)]),
    "scatter.reduce": lambda d: (lambda x, i, y: (x.scatter(1, i, y, reduce="add"), x.scatter(1, i, y, reduce="multiply"), x.scatter(1, i, 2.5, reduce="add"),
                                                  x.scatter(1, i, 2.5, reduce="multiply")), [d.integers(-4, 5, 3, 5), d.integers(0, 5, 3, 7), d.integers(-4, 5, 3, 7)]),
    "index_reduce": lambda d: (lambda x, i, y: tuple(x.index_reduce(0, i, y, r) for r in ("mean", "amax", "amin")) + (x.index_reduce(0, i, y, "prod", include_self=False),),
                               [shuffled(d, 4, 3), d.integers(0, 4, 6), shuffled(d, 6, 3) * 1.37]),
    "index of a part": lambda d: (lambda x, i, y: (x.scatter_reduce(1, i, y[:3, :4], "amax"), x.scatter_add(1, i, y.detach()), x.scatter(1, i[:, :1], y[:3, :1]), x.scatter(0, i[:1] % 3, 1.5)),
                                  [shuffled(d, 4, 5), d.integers(0, 5, 3, 4), shuffled(d, 4, 6) * 1.37]),
    "none": lambda d: (lambda x, i, y: (x.scatter_reduce(0, i, y, "amax"), x.scatter_reduce(0, i, y, "mean", include_self=False)), [d.floats(3), torch.zeros(0, dtype=I64), d.floats(0)]),
})

rows("norms and sums of others", {
    "norms of orders": lambda d: (lambda x: (torch.linalg.norm(x), torch.linalg.norm(x, INF, 1), torch.linalg.norm(x[0]), torch.linalg.norm(x, 1), torch.linalg.norm(x[0], 3), torch.linalg.norm(x, -INF)), [d.floats(3, 4)]),
    "matrix norms": lambda d: (lambda x: (torch.linalg.matrix_norm(x), torch.linalg.matrix_norm(x, 1), torch.linalg.matrix_norm(x, -1, keepdim=True), torch.linalg.matrix_norm(x, INF)), [d.floats(2, 3, 4)]),
    "nansum nanmean": lambda d: (lambda x: (torch.nansum(x), torch.nanmean(x, 1), x.nansum(1, keepdim=True), x.nanmean()), [d.floats(3, 4, special=True)]),
    "nanmean of nothing": lambda d: (lambda x: (x.detach().nanmean(1), x.nansum(1)), [table([NAN, NAN], [1, NAN])]),
    "aminmax": lambda d: (lambda x: (*torch.aminmax(x), *torch.aminmax(x, dim=1), *torch.aminmax(x, dim=0, keepdim=True)), [d.floats(3, 4)]),
    "renorm": lambda d: (lambda x: (torch.renorm(x, 2, 0, 1.0), torch.renorm(x, 1, 1, 0.7)), [d.floats(3, 4)]),
    "trapezoid": lambda d: (lambda y: (torch.trapezoid(y), torch.trapezoid(y, dx=0.5, dim=0), torch.trapezoid(y[:, :1])), [d.floats(3, 4)]),
    "cov": lambda d: (lambda x: (torch.cov(x), torch.cov(x[0]), torch.cov(x, correction=0)), [d.floats(3, 4)]),
})

rows("further products", {
    "kron": lambda d: (lambda x, y: (torch.kron(x, y), torch.kron(x[0], y)), [d.floats(2, 3), d.floats(4, 5)]),
    "matrix_power": lambda d: (lambda x: (torch.matrix_power(x, 3), torch.linalg.matrix_power(x, 1), torch.linalg.matrix_power(x, 6)), [d.floats(3, 3)]),
    "cross": lambda d: (lambda x, y: (torch.cross(x, y, dim=1), torch.linalg.cross(x, y), torch.cross(x.t(), y.t(), dim=0)), [d.floats(4, 3), d.floats(4, 3)]),
    "vecdot": lambda d: (lambda x, y: (torch.linalg.vecdot(x, y), torch.linalg.vecdot(x, y, dim=0)), [d.floats(3, 4), d.floats(3, 4)]),
})

rows("layouts", {
    "rot90": lambda d: (lambda x: (torch.rot90(x), torch.rot90(x, 2), torch.rot90(x, -1, [1, 0]), torch.rot90(x, 4)), [d.floats(3, 4)]),
    "fliplr flipud": lambda d: (lambda x: (x.fliplr(), x.flipud()), [d.floats(3, 4)]),
    "mT": lambda d: (lambda x: (x.mT, x.mH, x.adjoint()), [d.floats(2, 3, 4)]),
    "atleast": lambda d: (lambda x, y, z: (torch.atleast_1d(z), torch.atleast_2d(x), torch.atleast_3d(x), torch.atleast_3d(y), torch.atleast_2d(z), *torch.atleast_1d(z, x), *torch.atleast_2d(x, y), *torch.atleast_3d(x, y)),
                          [d.floats(4), d.floats(2, 3), d.floats()]),
    "stacks": lambda d: (lambda x, y: (torch.dstack([x, x * 2]), torch.column_stack([x, x * 3]), torch.column_stack([y, y]), torch.dstack([y, y])), [d.floats(3, 4), d.floats(3)]),
    "splits": lambda d: (lambda x: (*torch.hsplit(x, 2), *torch.vsplit(x, [1, 3]), *torch.hsplit(x, [2]), *torch.vsplit(x, 2), *torch.hsplit(x[0, 0], 3), *torch.dsplit(x, 3), *torch.dsplit(x, [1])),
                         [d.floats(4, 4, 3)]),
    "cartesian_prod": lambda d: (lambda x, y: (torch.cartesian_prod(x, y), torch.cartesian_prod(x)), [d.floats(3), d.floats(4)]),
    "block_diag": lambda d: (lambda x, y, z: torch.block_diag(x, y, z), [d.floats(2, 3), d.floats(2, 2), d.floats(3)]),
})


def longformer_chunks(x, window=2):
    """Windows of 2 w that overlap by w, as Longformer makes them."""
    x = x.view(x.shape[0], x.shape[1] // (2 * window), 2 * window, x.shape[2])
    size, stride = list(x.size()), list(x.stride())
    size[1], stride[1] = size[1] * 2 - 1, stride[1] // 2
    return x.as_strided(size=size, stride=stride)


def in_place_parts(write):
    """What strides read before a write has its result, too."""
    def run(x):
        x = x * 1
        parts = x.as_strided((3, 3), (3, 1))
        before = parts * 1
        write(x)
        return before, parts * 1
    return run


def written_reshapes(x):
    """A reshape is a view where strides allow one, and a write passes it; a copy where they do not."""
    a, b, c, d = x.clone(), x.transpose(0, 1) * 1, x.clone(), x.clone()
    a[:, :2].reshape(-1, 2, 1).mul_(3)
    b.transpose(0, 1).reshape(12).add_(1)
    c.t().reshape(12).zero_()
    d.unsqueeze(1).expand(3, 2, 4).reshape(24)[0:2].contiguous().zero_()
    return a, b, c, d


rows("replaced parts", {
    "as_strided of a reshaped transpose": lambda d: (lambda x: longformer_chunks(x.view(8, 2, 3, 2).transpose(0, 1).transpose(1, 2).reshape(6, 8, 2)), [d.floats(8, 2, 6)]),
    "as_strided of a copied reshape": lambda d: (lambda x: (x.transpose(0, 1).reshape(12).as_strided((2, 3), (3, 2), 1), x.t().contiguous().as_strided((3,), (4,))), [d.floats(3, 4)]),
    "as_strided of a function of a transpose": lambda d: (lambda x, y: ((x.transpose(0, 2) * 2).as_strided((2, 5), (7, 3), 2), (x.permute(1, 2, 0) + y).as_strided((4, 3), (6, 2)), torch.where(x.mT > 0, x.mT, y.permute(2, 1, 0)[:2]).as_strided((6,), (3,), 1)), [d.floats(2, 3, 4), d.floats(3, 4, 2)]),
    "as_strided of parts": lambda d: (lambda x: (x[1:, ::2].as_strided((2, 2), (3, 1)), x[:, 2].as_strided((3,), (3,)), x.t()[1:3].as_strided((2, 2), (1, 4)), x[1].as_strided((2,), (1,), 3)), [d.floats(3, 4)]),
    "as_strided after a write": lambda d: (in_place_parts(lambda x: x.t()[1].mul_(2)), [d.floats(3, 4)]),
    "writes through reshapes": lambda d: (written_reshapes, [d.floats(3, 4)]),
    "take": lambda d: (lambda x, i: (torch.take(x, i), torch.take(x, i - 12)), [d.floats(3, 4), d.integers(0, 12, 3, 2)]),
    "select_scatter": lambda d: (lambda x, y: (torch.select_scatter(x, y[0], 0, 1), torch.select_scatter(x, y[:, 0].repeat(2)[:3], 1, -1)), [d.floats(3, 4), d.floats(2, 4)]),
    "slice_scatter": lambda d: (lambda x, y: (torch.slice_scatter(x, y, 0, 1, 3), torch.slice_scatter(x, y, 0, 0, 3, 2), torch.slice_scatter(x, y[:, :1].repeat(2, 1)[:3], 1, 3)), [d.floats(3, 4), d.floats(2, 4)]),
    "diagonal_scatter": lambda d: (lambda x, y: (torch.diagonal_scatter(x, y), torch.diagonal_scatter(x, y, 1)), [d.floats(3, 4), d.floats(3)]),
    "fill_diagonal_": lambda d: (in_place(lambda x: x.fill_diagonal_(2.5)), [d.floats(3, 4)]),
    "fill_diagonal_ of a tall matrix": lambda d: (lambda x: (x.clone().fill_diagonal_(2.5, wrap=True) * 1, x.clone().fill_diagonal_(-1) * 1), [d.floats(8, 3)]),
    "fill_diagonal_ of a cube": lambda d: (lambda x: x.clone().fill_diagonal_(2.5) * 1, [d.floats(3, 3, 3)]),
    "fill_diagonal_ of a mask": lambda d: (lambda x, m: x.masked_fill(m.fill_diagonal_(1), 0.5), [d.floats(3, 3), d.bools(3, 3)]),
    "as_strided": lambda d: (lambda x: (x.as_strided((2, 3), (3, 2)), x.as_strided((3,), (5,), 1), torch.as_strided(x, (2, 2, 2), (1, 0, 4))), [d.floats(3, 4)]),
    "as_strided of chunks": lambda d: (longformer_chunks, [d.floats(2, 8, 3)]),
    "as_strided of nothing": lambda d: (lambda x: x.as_strided((2, 0), (3, 2)), [d.floats(3, 4)]),
    "repeat_interleave of counts": lambda d: (lambda x: (x.repeat_interleave(torch.tensor([1, 0, 3]), 0), x.repeat_interleave(torch.tensor([2]), 1), x[0].repeat_interleave(torch.tensor([0, 2]))), [d.floats(3, 2)]),
})


@torch.jit.script
def scripted_types(x: torch.Tensor):
    """Numbers as tensors of another type: truth is what is not zero, integers are cut."""
    return x * torch.tensor(0.5, dtype=torch.bool) + torch.tensor(-1.7, dtype=torch.int64) + torch.tensor([0.5, 0.0], dtype=torch.bool)


rows("indices apart", {
    "read": lambda d: (lambda x, i: (x[i, :, i], x[:, i[:, None], :, i], x[i, :, :, i % 3], x[None, i % 2, :, torch.tensor(1)]), [d.floats(4, 4, 4, 4), d.integers(-4, 4, 3)]),
    "read by masks": lambda d: (lambda x: x[torch.tensor([True, False, True]), :, torch.tensor(1)].sum(0), [d.floats(3, 2, 2)]),
    "put": lambda d: (put(lambda x, y: x.__setitem__((torch.tensor([0, 2]), slice(None), torch.tensor([1, -1])), y)), [d.floats(3, 2, 4), d.floats(2, 2)]),
    "put a number": lambda d: (put(lambda x: x.__setitem__((torch.tensor([[0], [2]]), slice(None), torch.tensor([1, -1])), 2.5)), [d.floats(3, 2, 4)]),
})

rows("numbers of other types", {
    "scripted": lambda d: (lambda x: scripted_types(x), [d.floats(3, 2)]),
    "complex constants": complex_row(lambda x: (x * 1j, (0.5 - 2j) * x, x + torch.tensor([1 + 2j, 3j, 0, -1]), x / (1 + 1j), x - 2j), (3, 4)),
    "complex constants alone": lambda d: (lambda x: torch.view_as_real(torch.tensor([1 + 2j, 3j]) * x), [d.floats(3, 2)]),
})

CE, SDPA = F.cross_entropy, F.scaled_dot_product_attention


def reshaped_in_place(x):
    """The tensor itself gets other shapes; what was written before stays."""
    y = x * 1
    y[0] += 1
    y.unsqueeze_(0).transpose_(1, 2)
    y.squeeze_(0)
    return y * 2, y.t_().swapaxes_(0, 1) + 1


def projected_lstm(directions):
    def make(d):
        module = torch.nn.LSTM(3, 4, proj_size=2, num_layers=2, bidirectional=directions == 2, dtype=F64)
        weights = [d.floats(*p.shape) * 0.5 for p in module.parameters()]
        run = lambda x, h, s, *w: torch.lstm(x, (h, s), w, True, 2, 0.0, False, directions == 2, False)
        return run, [d.floats(3, 2, 3), d.floats(2 * directions, 2, 2), d.floats(2 * directions, 2, 4), *weights]
    return make


def frequent(d):
    return (lambda w, i: (F.embedding(i, w, scale_grad_by_freq=True), F.embedding(i, w, 1, scale_grad_by_freq=True))), [d.floats(7, 3), torch.tensor([[1, 1, 2], [0, 1, 6]])]


rows("less frequent ops", {
    "remainder of a number": lambda d: (lambda x, y: (7 % x, 7.5 % y.detach(), -3 % x), [torch.tensor([2, -3, 5]), d.floats(4)]),
    "round to decimals": lambda d: (lambda x: (x.round(decimals=1), (x * 100).round(decimals=-1), x.round(decimals=0)), [d.floats(3, 4)]),
    "powers of integers by data": lambda d: (lambda x, n: (x ** n, 2 ** n.abs(), x.int() ** n.abs().int(), n ** 0, torch.pow(3, n.abs())), [d.integers(-4, 5, 20), d.integers(-3, 9, 20)]),
    "infinities by sign": lambda d: (lambda x: (x.isposinf(), x.isneginf()), [table(-2, INF, -INF, NAN)]),
    "exclusive or with a number": lambda d: (lambda x: (x ^ 5, x ^ -1), [d.integers(-9, 9, 6)]),
    "shapes in place": lambda d: (reshaped_in_place, [d.floats(3, 4)]),
    "multi_margin_loss": lambda d: (lambda x, y, w: (F.multi_margin_loss(x, y), F.multi_margin_loss(x, y, p=2, margin=0.5, reduction="sum"), F.multi_margin_loss(x, y, weight=w.detach(), reduction="none"),
                                                     F.multi_margin_loss(x[0], y[0])), [d.floats(6, 4), d.integers(0, 4, 6), d.floats(4, positive=True)]),
    "fewer heads of keys": lambda d: (lambda q, k, v: (SDPA(q, k, v, enable_gqa=True), SDPA(q, k[:, :1], v[:, :1], is_causal=True, enable_gqa=True)), [d.floats(2, 4, 3, 8), d.floats(2, 2, 5, 8), d.floats(2, 2, 5, 8)]),
    "parts by data": lambda d: (lambda x: (x[x[:, 0].argmax()], x[:, x[0].argmin()], x[(x[:, 0] > 0).sum() - 2], x.select(0, int(1)) + x[x.norm(dim=1).argmin(), 2]), [d.floats(3, 4)]),
    "weights of probable classes": lambda d: (lambda x, p, w: (CE(x, p.softmax(1), w.detach()), CE(x, p.softmax(1), w.detach(), label_smoothing=0.2, reduction="none"), CE(x[0], p[0], w.detach()),
                                                               CE(x.view(2, 3, 4).transpose(1, 2), p.view(2, 3, 4).transpose(1, 2), w.detach(), reduction="sum")), [d.floats(6, 4), d.floats(6, 4), d.floats(4, positive=True)]),
    "embedding by frequency": frequent,
    "bincount": lambda d: (lambda i, w: (torch.bincount(i, minlength=6), torch.bincount(i, w.detach(), minlength=5), torch.bincount(i, i, minlength=7)), [d.integers(0, 5, 9), d.floats(9)]),
    "distances of pairs": lambda d: (lambda x: (F.pdist(x), F.pdist(x, 1.0), F.pdist(x[:2], 3.0)), [d.floats(4, 3)]),
    "corrcoef": lambda d: (torch.corrcoef, [d.floats(3, 5)]), "trapz": lambda d: (lambda y: torch.trapz(y, dx=0.5, dim=0), [d.floats(3, 4)]),
    "nonzero, a list for each dimension": lambda d: (lambda x: x[(x > 0).nonzero(as_tuple=True)].exp().sum() + x[torch.nonzero(x[:, 0] > 0, as_tuple=True)[0]].sum(0), [d.floats(3, 4)]),
    "projected states": projected_lstm(1), "projected states both ways": projected_lstm(2),
})
