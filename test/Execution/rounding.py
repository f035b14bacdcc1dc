"""How far PyTorch's own f32 is from its f64: the largest over several draws of its rounding.

One f32 run is one draw, and what it differs by may be luck: a loss is one number, and an activation that lies at the
kink of a ReLU, within its rounding, makes gradients that are as right on one side as on the other and far apart. So
where a result of ours is farther from f64 than four times the first draw, more are made, for all models alike: PyTorch
without oneDNN, which adds in another order, and runs from parameters that are moved by at most one unit in the last
place. The largest distance decides.
"""
import contextlib
import copy

import torch

MOVED = 6  # draws from moved parameters


def moved(model, draw):
    """(the model with each number of its parameters moved up, down or not at all, by name what was added)."""
    model = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(draw)
    added = {}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = torch.view_as_real(parameter) if parameter.is_complex() else parameter
            if not values.is_floating_point():
                continue
            before = values.double()
            direction = torch.randint(-1, 2, values.shape, generator=generator).to(values.dtype)
            values.copy_(torch.where(direction == 0, values, torch.nextafter(values, direction * torch.inf)))
            added[name] = (values.double() - before).numpy()
    return model, added


@contextlib.contextmanager
def without_onednn():
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before


class Draws:
    """What PyTorch computes in f32, in several draws; `train`: model -> what it computes; `first`: one that is known."""

    def __init__(self, model, train, first):
        self.model, self.train = model, train
        self.first, self.others = [first], []

    def all(self):
        if not self.others:
            with without_onednn():
                self.others.append(self.train(copy.deepcopy(self.model)))
            for draw in range(MOVED):
                model, added = moved(self.model, draw)
                found = self.train(model)
                for name, value in added.items():
                    if name in found["parameters"]:
                        found["parameters"][name] -= value
                self.others.append(found)
        return self.first + self.others

    def rows(self, rows_of):
        """What `rows_of` a list of draws gives, of no more draws than it needs to agree."""
        import compare
        rows = rows_of(self.first)
        return rows if not compare.failures(rows) else rows_of(self.all())
