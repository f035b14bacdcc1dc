"""Random chains of views, joins and writes through views, for aten_rows.py: every step is one of those that PyTorch
offers for the shape at hand, so that decompositions that do not nest, windows that no cut meets and sizes of 0 and 1
come by themselves."""
import math

import torch

SIZES = [0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 12]


def factorization(draw, elements, ones=True):
    """A random shape of so many elements."""
    if elements == 0:
        return draw.choice([[0], [0, 3], [2, 0]])
    shape, rest = [], elements
    while rest > 1 and len(shape) < 4:
        part = draw.choice([d for d in range(2, rest + 1) if rest % d == 0])
        shape.append(part)
        rest //= part
    shape += [rest] if rest > 1 else []
    if ones and draw.size(0, 3) == 0:
        shape.insert(draw.size(0, len(shape)), 1)
    return shape


def bounds(draw, size, step=1):
    """Start, end and step of a slice, negative and empty ones among them."""
    start, length = draw.size(0, size), draw.size(0, size)
    end = min(size, start + length)
    if size and draw.size(0, 1):
        start -= size  # from the end
    return start, end, draw.size(1, step)


def one_step(draw, x, y):
    """A function that makes a tensor of `x`; `y` is another one, flat, to take elements from."""
    rank, shape = x.dim(), list(x.shape)
    dim = draw.size(0, rank - 1) if rank else 0
    size = shape[dim] if rank else 1

    def other(like):
        """As many elements of y, in a shape."""
        count = math.prod(like)
        repeats = -(-count // y.numel())
        return lambda y: torch.cat([y] * max(repeats, 1))[:count].reshape(like)

    def inserted(part):
        like = shape[:dim] + [part] + shape[dim + 1:]
        make = other(like)
        front = draw.size(0, 1)
        return lambda x, y: torch.cat((make(y), x) if front else (x, make(y)), dim)

    def write(view, make_view):
        how = draw.choice(["copy", "add", "fill", "mask", "mul"])
        like = list(view.shape)
        make = other(like)
        odd = torch.arange(max(math.prod(like), 1))[:math.prod(like)].reshape(like) % 3 == 1

        def function(x, y):
            x = x.clone()
            view = make_view(x)
            if how == "copy":
                view.copy_(make(y))
            elif how == "add":
                view.add_(make(y), alpha=0.5)
            elif how == "fill":
                view.fill_(0.25)
            elif how == "mask":
                view.masked_fill_(odd, -1.5)
            else:
                view.mul_(2)
            return x
        return function

    def part():
        start, end, step = bounds(draw, size, 4)
        index = (slice(None),) * dim + (slice(start, end, step),)
        return lambda x: x[index]

    elements = x.numel()
    target = factorization(draw, elements)
    again = factorization(draw, elements)
    steps = ["reshape", "reshape", "permute", "flatten", "unsqueeze", "scale"]
    if rank:
        steps += ["slice", "slice", "select", "narrow", "cat", "stack", "pad", "write", "write", "write view", "roll",
                  "expand", "chunk", "split", "unflatten", "interleave", "flip"]
    step = draw.choice(steps)
    if step == "reshape":
        return lambda x, y: x.reshape(target)
    if step == "permute":
        order = draw.numpy.permutation(rank).tolist()
        return lambda x, y: x.permute(order)
    if step == "flatten":
        first = draw.size(0, max(rank - 1, 0))
        last = draw.size(first, max(rank - 1, 0))
        return lambda x, y: x.flatten(first, last)
    if step == "unsqueeze":
        place = draw.size(0, rank)
        return lambda x, y: x.unsqueeze(place)
    if step == "scale":
        make = other(shape)
        return lambda x, y: x * 1.5 + make(y)
    if step == "slice":
        take = part()
        return lambda x, y: take(x)
    if step == "select":
        if size == 0:
            return lambda x, y: x
        index = draw.size(0, size - 1) - (size if draw.size(0, 1) else 0)
        return lambda x, y: x.select(dim, index)
    if step == "narrow":
        start = draw.size(0, size)
        length = draw.size(0, size - start)
        return lambda x, y: x.narrow(dim, start, length)
    if step == "cat":
        return inserted(draw.choice(SIZES[:7]))
    if step == "stack":
        make = other(shape)
        return lambda x, y: torch.stack((x, make(y), x * 2), dim)
    if step == "pad":
        widths = [draw.size(-(size // 2), 3), draw.size(0, 3)]
        full = [0, 0] * (rank - 1 - dim) + widths
        return lambda x, y: torch.nn.functional.pad(x, full, value=0.5)
    if step == "write":
        take = part()
        return write(take(x), take)
    if step == "write view":
        if not x.is_contiguous():
            return lambda x, y: x * 2
        start, end, by = bounds(draw, target[0] if target else 1, 3)
        if not target:
            return write(x.view([]), lambda x: x.view([]))
        take = lambda x: x.view(target)[start:end:by]
        return write(take(x), take)
    if step == "roll":
        shift = draw.size(-3, 5)
        return lambda x, y: x.roll(shift, dim)
    if step == "flip":
        return lambda x, y: x.flip(dim)
    if step == "expand":
        place = draw.size(0, rank)
        sizes = shape[:place] + [draw.size(1, 3)] + shape[place:]
        return lambda x, y: x.unsqueeze(place).expand(sizes)
    if step == "chunk":
        pieces = x.chunk(draw.size(1, 4), dim) if size else (x,)
        count, number = len(pieces), draw.size(0, len(pieces) - 1)
        return lambda x, y: x.chunk(count, dim)[number] if size else x
    if step == "split":
        first = draw.size(0, size)
        second = draw.size(0, size - first)
        parts, number = [first, second, size - first - second], draw.size(0, 2)
        return lambda x, y: torch.cat((x.split(parts, dim)[number], x.split(parts, dim)[number - 1]), dim)
    if step == "unflatten":
        sizes = factorization(draw, size) or [1]
        return (lambda x, y: x.unflatten(dim, sizes)) if math.prod(sizes) == size and size else (lambda x, y: x)
    return lambda x, y: x.repeat_interleave(2, dim)


def chain_of(draw, shape, others):
    """A function of a tensor of this shape and a vector of `others`: up to eight steps, the results of the last two."""
    x, y = torch.randn(shape, dtype=torch.float64), torch.randn(others, dtype=torch.float64)
    steps, value = [], x
    for _ in range(draw.size(3, 8)):
        step = one_step(draw, value, y)
        after = step(value, y)
        if after.numel() > 600 or after.dim() > 5:
            continue
        steps.append(step)
        value = after

    def function(x, y):
        before, value = x * 1, x * 1
        for step in steps:
            before, value = value, step(value, y * 1)
        return value * 1, before * 2
    return function


def chain(draw):
    """A chain from a random shape, and its tensors."""
    shape = [draw.choice(SIZES if draw.size(0, 2) == 0 else SIZES[3:]) for _ in range(draw.size(1, 3))]
    y = draw.floats(draw.choice([5, 6, 8]))
    return chain_of(draw, shape, y.numel()), [draw.floats(*shape), y]
