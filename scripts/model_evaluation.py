"""Whether a bundle's evaluation gives PyTorch's loss and predictions: the part `outputs` of scripts/models.py."""
import contextlib
import copy
import dataclasses
import json
import re

import torch

import model_report


class Evaluated(torch.nn.Module):
    """(loss, prediction) of a model after eval(), or what it has of both, over the state of `training`."""

    def __init__(self, training, prediction, inputs, predicted_from):
        super().__init__()
        for name, child in training.named_children():
            self.add_module(name, child)
        training.train(False)
        self.parts = []  # no modules of this one: the state has the names of training
        if works(training, inputs):
            self.parts.append((training, range(len(inputs))))
        if prediction is not None and works(prediction, predicted_from):
            self.parts.append((prediction, places_of(inputs, predicted_from)))
        for module, _ in self.parts:
            for name in dict(training.named_children()):
                setattr(module, name, None)
        self.has_loss = bool(self.parts) and self.parts[0][0] is training

    def forward(self, *inputs):
        found = []
        for module, places in self.parts:
            for name, child in self.named_children():
                setattr(module, name, child)
            found.append(module.forward(*[inputs[place] for place in places]))
        return tuple(found) if len(found) > 1 else found[0]


def works(module, inputs):
    """Whether PyTorch can: some need labels, or give no loss after eval()."""
    try:
        with torch.no_grad():
            found = module.train(False)(*[x.clone() for x in inputs])
        return isinstance(found, torch.Tensor)
    except Exception:
        return False


def places_of(inputs, fewer):
    """Which of `inputs` those are, in order."""
    places, place = [], 0
    for tensor in fewer:
        while inputs[place].shape != tensor.shape or not torch.equal(inputs[place], tensor):
            place += 1
        places.append(place)
        place += 1
    return places


def answers(model, inputs):
    """The loss and the prediction of PyTorch, f64 arrays."""
    with torch.no_grad():
        found = model(*[x.clone() for x in inputs])
    return [value.double().numpy() for value in (found if isinstance(found, tuple) else (found,))]


def judge(what, ours, single, exact):
    """(good, text) by four times PyTorch's own rounding."""
    import compare
    import run_modules
    if ours.shape == (1, *exact.shape):
        ours = ours[0]  # of a batch, not of its samples
    compare.same_shape(what, exact, ours)
    if not run_modules.same_special(ours, single, exact):
        return False, f"{what}: NaN or infinities elsewhere"
    import numpy as np
    finite = np.isfinite(exact) & np.isfinite(single)
    differs = compare.norm((ours - exact)[finite])
    allowed = max(4 * compare.norm((single - exact)[finite]), compare.FLOOR["f32"] * compare.norm(exact[finite]))
    return differs <= allowed, f"{what}: {differs:.1e} of {allowed:.1e} allowed"


def evaluations(tools, case, training, prediction, predicted_from, folder):
    """What compiles, runs and compares under a plan: plan -> (good, text). `tools` is scripts/models.py."""
    import numpy as np
    import run_case
    import run_modules
    from doubles import casts_to_double, everything_double
    inputs = tuple(case.build()[1].values())
    case, archive, _ = run_modules.trace_module(case, folder, *case.build())
    model = Evaluated(training, prediction, inputs, predicted_from)
    if not model.parts:
        return lambda plan: (True, model_report.NOTHING[1])
    tools.save_trace(model, inputs, folder / "evaluate.pt")
    names = tools.names_of(model, inputs)
    data = [option for name in names for option in ("--data", f"{name}={folder}/evaluate-{name}.npy")]
    for name, tensor in zip(names, inputs):
        np.save(folder / f"evaluate-{name}.npy", tensor.numpy())
    single = answers(model, inputs)
    with everything_double(), casts_to_double():
        exact = answers(copy.deepcopy(model).double(), [x.double() if x.is_floating_point() else x for x in inputs])

    def one(plan):
        work = folder / re.sub(r"\W+", "_", plan)
        work.mkdir()
        extra = dict(compile=(*case.compile, "--evaluate", str(folder / "evaluate.pt")))
        bundle, _ = run_modules.compile_module(dataclasses.replace(case, **extra), plan, archive, work)
        metrics, outputs = work / "metrics.jsonl", work / "outputs"
        run_case.execute([run_case.tool("colossal-run"), "-n", plan.split()[0], bundle, "--evaluate", *data, "--outputs",
                          outputs, "--metrics", metrics, "--quiet"], work / "run.log")
        ours = []
        if model.has_loss:
            evaluation = [json.loads(line)["evaluation"] for line in metrics.read_text().splitlines() if "evaluation" in line]
            ours.append(("the loss", np.float64("nan" if evaluation[-1]["loss"] is None else evaluation[-1]["loss"])))
        ours += [("the prediction", np.load(file).astype(np.float64)) for file in sorted(outputs.glob("*.npy"))]
        if len(ours) != len(exact):
            raise run_case.Failure(f"found {len(ours)} results, expected {len(exact)}")
        rows = [judge(what, np.asarray(value), theirs, right) for (what, value), theirs, right in zip(ours, single, exact)]
        return all(good for good, _ in rows), "; ".join(text for _, text in rows)
    return one
