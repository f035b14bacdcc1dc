"""Whether a model trains in bf16 as near to f32 as under PyTorch's autocast: the part `bf16` of scripts/models.py.

The rule is that of test/Execution/precision.py. What autocast is away from f32 is one draw of roundings, of a loss one
number: it is measured over some draws, from parameters that differ by less than bf16 can say.
"""
import copy
import dataclasses
import math
import re

import numpy as np
import torch

import model_report

DRAWS = 3
NUDGE = 2.0 ** -12  # bf16 rounds to 2^-9
SMALL = 1e-3  # of the largest gradient: below, a gradient may be zero but for rounding


def distances(gradients, exact):
    """Of the gradients of each parameter, relative."""
    sizes = {name: float(np.linalg.norm(value)) for name, value in exact.items()}
    floor = SMALL * max(sizes.values())
    return {name: float(np.linalg.norm(gradients[name].astype(np.float64) - exact[name])) / max(size, floor)
            for name, size in sizes.items() if size > 0}


def nudged(model, draw):
    model = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(draw)
    with torch.no_grad():
        for parameter in model.parameters() if draw else ():
            parameter.mul_(1 + NUDGE * torch.randn(parameter.shape, generator=generator))
    return model


class References:
    """PyTorch's losses and gradients in f32, and how far autocast is from them: `rows`; or `why` there is no such row."""

    def __init__(self, model, inputs, steps):
        import precision
        self.losses, self.gradients = precision.train(model, inputs, steps, True)
        self.rows, self.why = {}, ""
        try:
            self.rows = self.measured(model, inputs, steps)
        except Exception as error:
            self.why = " ".join(str(error).split())

    def measured(self, model, inputs, steps):
        import precision
        losses, gradients, worst = [], [], 0.0
        for draw in range(DRAWS):
            module = nudged(model, draw)
            theirs = precision.train(module, inputs, steps, False)
            if not np.isfinite(theirs[0]).all() and np.isfinite(self.losses).all():
                raise ValueError("its losses are not finite")
            exact = precision.train(module, inputs, steps, True) if draw else (self.losses, self.gradients)
            away = distances(theirs[1], exact[1])
            losses.append(precision.rms(theirs[0] - exact[0]))
            gradients.append(precision.rms(away.values()))
            worst = max(worst, *away.values())
        return {"losses": precision.rms(losses), "gradients": precision.rms(gradients), "worst gradient": worst}


def trainings(tools, case, folder):
    """What compiles, runs and compares under a plan: plan -> (good, text). `tools` is scripts/models.py."""
    import compare
    import precision
    import run_case
    import run_modules
    model, inputs = case.build()
    case, archive, data = run_modules.trace_module(dataclasses.replace(case, optimizer=precision.OPTIMIZER), folder, model, inputs)
    references = References(model, inputs, case.steps)
    case = dataclasses.replace(case, compile=(*case.compile, "--precision", "bf16"))

    def one(plan):
        work = folder / re.sub(r"\W+", "_", plan)
        work.mkdir()
        bundle, _ = run_modules.compile_module(case, plan, archive, work)
        if not precision.check_types(bundle):
            return False, "no product is of bf16"
        state, _, _ = run_case.run_bundle(bundle, plan.split()[0], 1, data, work, "one")
        zeros = {name: np.zeros_like(value) for name, value in references.gradients.items()}
        away = distances({name: np.load(file) if (file := state / f"{name}#grad.npy").exists() else zeros[name]
                          for name in zeros}, references.gradients)
        _, metrics, _ = run_case.run_bundle(bundle, plan.split()[0], case.steps, data, work, "many")
        name = max(away, key=away.get)
        ours = {"losses": precision.rms(np.array(compare.read_losses(metrics)) - references.losses),
                "gradients": precision.rms(away.values()), "worst gradient": away[name]}
        if not all(map(math.isfinite, ours.values())):
            return False, f"losses or gradients are not finite: {ours}"
        if references.why:
            return True, f"{model_report.NO_AUTOCAST}: {references.why} (losses {ours['losses']:.1e} from f32, gradients {ours['gradients']:.1e})"
        bad = [what for what in ours if not ours[what] <= precision.DRAWS * references.rows[what]]
        return not bad, "; ".join(f"{what} {ours[what]:.1e} from f32, autocast {references.rows[what]:.1e}" +
                                  (f" ({name})" if what == "worst gradient" else "") for what in bad or ours)
    return one
