"""Whether a model trains in bf16 as near to f32 as under PyTorch's autocast: the part `bf16` of scripts/models.py.

The rule is that of test/Execution/precision.py. How far training in bf16 is from f32 is one draw of roundings, the loss
one number: autocast's distance is measured over a few draws, from parameters that differ by about a unit of bf16.
Where ours is farther than the rule allows, both are measured over more draws, and these decide.
"""
import copy
import dataclasses
import math
import re

import numpy as np
import torch

import model_report

FEW, MANY = 3, 8  # draws
NUDGE = 2.0 ** -7  # one unit in the last of eight bits: every number is rounded anew
SMALL = 1e-3  # of the largest gradient: below, a gradient may be zero but for rounding


def nudged(model, draw):
    """The model with the parameters of a draw; the first draw's are its own."""
    model = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(draw)
    with torch.no_grad():
        for parameter in model.parameters() if draw else ():
            parameter.mul_(1 + NUDGE * torch.randn(parameter.shape, generator=generator))
    return model


def distance(found, exact):
    """How far losses and gradients are from those of f32; gradients relative to each parameter's."""
    import precision
    sizes = {name: float(np.linalg.norm(value)) for name, value in exact[1].items()}
    floor = SMALL * max(sizes.values())
    away = [float(np.linalg.norm(found[1][name].astype(np.float64) - exact[1][name])) / max(size, floor)
            for name, size in sizes.items() if size > 0]
    return {"losses": precision.rms(found[0] - exact[0]), "gradients": precision.rms(away), "worst gradient": max(away)}


def together(distances):
    import precision
    return {what: max(values) if what == "worst gradient" else precision.rms(values)
            for what in distances[0] for values in [[one[what] for one in distances]]}


class References:
    """PyTorch's answers for each draw, made when asked for."""

    def __init__(self, model, inputs, steps):
        import run_case
        self.model, self.inputs, self.steps = model, inputs, steps
        self.exacts, self.distances, self.why = {}, {}, ""
        try:
            self.autocast(0)
        except run_case.Failure:  # out of time
            raise
        except Exception as error:
            self.why = " ".join(str(error).split())

    def exact(self, draw):
        import precision
        if draw not in self.exacts:
            self.exacts[draw] = precision.train(nudged(self.model, draw), self.inputs, self.steps, torch.float32)
        return self.exacts[draw]

    def autocast(self, draw):
        import precision
        if draw not in self.distances:
            found, exact = precision.train(nudged(self.model, draw), self.inputs, self.steps, torch.bfloat16), self.exact(draw)
            if not np.isfinite(found[0]).all() and np.isfinite(exact[0]).all():
                raise ValueError("its losses are not finite")
            self.distances[draw] = distance(found, exact)
        return self.distances[draw]


def trained(case, plan, archive, data, names, work):
    """Our losses of all steps and the gradients of the first."""
    import compare
    import precision
    import run_case
    import run_modules
    work.mkdir()
    bundle, _ = run_modules.compile_module(case, plan, archive, work)
    precision.check_types(bundle, "bf16")
    # Products of few numbers are loops, not calls.
    if not any(re.search(r'"dtype": ?"bf16"', file.read_text()) for file in bundle.rglob("group-*.json")):
        raise run_case.Failure("found no buffer of bf16, expected some")
    state, _, _ = run_case.run_bundle(bundle, plan.split()[0], 1, data, work, "one")
    _, metrics, _ = run_case.run_bundle(bundle, plan.split()[0], case.steps, data, work, "many")
    gradients = {name: np.load(file) if (file := state / f"{name}#grad.npy").exists() else np.zeros(())
                 for name in names}
    return np.array(compare.read_losses(metrics)), gradients


def trainings(case, folder):
    """What compiles, runs and compares under a plan: plan -> (good, text)."""
    import precision
    import run_modules
    case = dataclasses.replace(case, optimizer=precision.OPTIMIZER)
    model, inputs = case.build()
    _, archive, data = run_modules.trace_module(case, folder, model, inputs)
    references = References(model, inputs, case.steps)
    case = dataclasses.replace(case, compile=(*case.compile, "--precision", "bf16"))

    def ours(plan, draw):
        given = archive
        if draw:
            _, given, _ = run_modules.trace_module(case, folder / f"draw-{draw}", nudged(model, draw), inputs)
        exact = references.exact(draw)
        return distance(trained(case, plan, given, data, exact[1], given.parent / re.sub(r"\W+", "_", plan)), exact)

    def one(plan):
        mine = [ours(plan, 0)]
        if not all(map(math.isfinite, mine[0].values())):
            return False, f"losses or gradients are not finite: {mine[0]}"
        if references.why:
            return True, f"{model_report.NO_AUTOCAST}: {references.why} (losses {mine[0]['losses']:.1e} from f32, " \
                         f"gradients {mine[0]['gradients']:.1e})"
        for count, draws in (1, FEW), (MANY, MANY):
            mine += [ours(plan, draw) for draw in range(len(mine), count)]
            found, theirs = together(mine), together([references.autocast(draw) for draw in range(draws)])
            bad = [what for what in found if not found[what] <= precision.DRAWS * theirs[what]]
            if not bad:
                break
        return not bad, "; ".join(f"{what} {found[what]:.1e} from f32, autocast {theirs[what]:.1e}" for what in bad or found) \
            + (f", {count} draws" if count > 1 else "")
    return one
