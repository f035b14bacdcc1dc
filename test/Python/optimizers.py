"""PyTorch's counterpart of `--optimizer` and `--group`; what torch.optim has not, plainly from its paper.

    optimizer = make(model, "adamw:lr=1e-3,no-decay=rank<2", ["name=head.*:lr=1e-4"])
    states = state_of(model, optimizer)   # {"head.weight#exp_avg": tensor}
"""
import fnmatch

import torch

FLOAT32_EPS = 2.0 ** -23


class Plain(torch.optim.Optimizer):
    """An update written as in its paper: `step_of(p, g, state, group, t)` returns the new p."""

    def __init__(self, groups, **defaults):
        super().__init__(groups, defaults)

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                state["step"] = state.get("step", 0) + 1
                g = -p.grad if group["maximize"] else p.grad
                p.copy_(self.step_of(p.clone(), g, state, group, state["step"]))


def average(state, name, value, beta):
    state[name] = beta * state.get(name, torch.zeros_like(value)) + (1 - beta) * value
    return state[name]


class Lamb(Plain):
    """You et al. 2020, algorithm 2."""

    @staticmethod
    def step_of(x, g, state, group, t):
        beta1, beta2 = group["betas"]
        m = average(state, "exp_avg", g, beta1) / (1 - beta1 ** t)
        v = average(state, "exp_avg_sq", g * g, beta2) / (1 - beta2 ** t)
        r = m / (v.sqrt() + group["eps"]) + group["weight_decay"] * x
        size, along = x.norm(), r.norm()
        trust = size / along if size > 0 and along > 0 else 1.0
        return x - group["lr"] * trust * r


class Lars(Plain):
    """You, Gitman, Ginsburg 2017, algorithm 1; a norm of 0 leaves the rate as it is."""

    @staticmethod
    def step_of(w, g, state, group, t):
        decay = group["weight_decay"]
        size, along = w.norm(), g.norm()
        local = (group["trust_coefficient"] * size / (along + decay * size + group["eps"])
                 if size > 0 and along > 0 else 1.0)
        moved = group["lr"] * local * (g + decay * w)
        if group["momentum"]:
            moved = state["momentum_buffer"] = group["momentum"] * state.get("momentum_buffer", 0.0) + moved
        return w - moved


class Lion(Plain):
    """Chen et al. 2023, algorithm 2."""

    @staticmethod
    def step_of(p, g, state, group, t):
        beta1, beta2 = group["betas"]
        m = state.get("exp_avg", torch.zeros_like(p))
        c = beta1 * m + (1 - beta1) * g
        average(state, "exp_avg", g, beta2)
        return p - group["lr"] * (c.sign() + group["weight_decay"] * p)


KINDS = {
    "sgd": (torch.optim.SGD, {}), "adam": (torch.optim.Adam, {}), "adamw": (torch.optim.AdamW, {}),
    "adagrad": (torch.optim.Adagrad, {}), "rmsprop": (torch.optim.RMSprop, {}),
    # PyTorch's own first eps is that of the type: ours is that of f32, also where f64 interprets it.
    "adafactor": (torch.optim.Adafactor, {"eps": (FLOAT32_EPS, 1e-3)}),
    "lamb": (Lamb, dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, maximize=False)),
    "lars": (Lars, dict(lr=1.0, momentum=0.9, weight_decay=0.0, trust_coefficient=1e-3, eps=0.0, maximize=False)),
    "lion": (Lion, dict(lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0, maximize=False)),
}
SWITCHES = {"nesterov", "amsgrad", "centered", "maximize"}
# Settings that are one tuple in PyTorch.
PLACES = {"beta1": ("betas", 0), "beta2": ("betas", 1), "eps1": ("eps", 0), "eps2": ("eps", 1)}


def settings_of(text, defaults):
    """What 'lr=0.1,nesterov' changes of `defaults`, as arguments of an optimizer."""
    changed = {}
    for item in filter(None, text.split(",")):
        name, _, value = item.partition("=")
        if name in SWITCHES:
            changed[name] = value != "false"
        elif name in PLACES:
            name, place = PLACES[name]
            values = list(changed.get(name, defaults[name]))
            values[place] = float(value)
            changed[name] = tuple(values)
        else:
            changed[name.replace("-", "_")] = float(value)
    return changed


def make(model, text, groups=()):
    """The optimizer that trains as `--optimizer TEXT --group ... --group ...`."""
    name, _, rest = text.partition(":")
    if name not in KINDS:
        raise SystemExit(f"--optimizer '{text}': expected one of {sorted(KINDS)}")
    kind, initial = KINDS[name]
    few = [int(item.partition("rank<")[2]) for item in rest.split(",") if item.startswith("no-decay=")]
    rest = ",".join(item for item in rest.split(",") if not item.startswith("no-decay="))
    probe = kind([torch.zeros(1)], **initial).defaults
    base = {**initial, **settings_of(rest, probe)}
    made = []
    for full_name, p in model.named_parameters():
        own = {}
        for group in groups:
            selector, _, settings = group.partition(":")
            patterns = selector.removeprefix("name=").split("|")
            if (p.dim() < int(selector[5:]) if selector.startswith("rank<")
                    else any(fnmatch.fnmatchcase(full_name, pattern) for pattern in patterns)):
                own = settings_of(settings, {**probe, **base})
                break
        if few and p.dim() < few[0] and "weight_decay" not in own:
            own["weight_decay"] = 0.0
        made.append({"params": [p], **base, **own})
    return kind(made, **base)


def state_of(model, optimizer):
    """The state that a training step keeps, by our names; counters of steps are none."""
    states = {}
    for name, p in model.named_parameters():
        for key, value in optimizer.state.get(p, {}).items():
            if key != "step" and value is not None:
                states[f"{name}#{key}"] = value
    return states
