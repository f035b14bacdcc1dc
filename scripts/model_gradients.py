"""How far a traced model gets, and whether its loss and gradients, interpreted in f64, are PyTorch's: the part
`exact` of scripts/models.py."""
import contextlib
import re

STEPS = ("imports", "normalizes", "differentiates", "agrees")


def exact_answers(model, inputs, doubles):
    """(loss, gradients by name) of PyTorch in f64."""
    import torch
    with doubles:
        model = model.double()
        loss = model(*[x.double() if x.is_floating_point() else x for x in inputs])
        loss.backward()
    return loss.item(), {name: p.grad.double().numpy() for name, p in model.named_parameters() if p.grad is not None}


def steps_of(tools, model, inputs, folder):
    """What takes the model through one of STEPS: step -> (good, text). `tools` is scripts/models.py."""
    import numpy as np
    import compare
    from doubles import casts_to_double, everything_double
    folder.mkdir(parents=True, exist_ok=True)
    archive, imported, normal, gradients, found = (folder / name for name in ("model.pt", "model.mlir", "normal.mlir", "gradients.mlir", "found"))

    def count(text):
        return True, f"{text.count(chr(10) + '    %')} ops"

    def imports():
        tools.save_trace(model, inputs, archive)
        imported.write_text(tools.output_of("colossal-translate", "--import-torchscript", archive))
        return count(imported.read_text())

    def normalizes():
        normal.write_text(tools.output_of("colossal-opt", imported, *tools.NORMALIZE))
        return count(normal.read_text())

    def differentiates():
        gradients.write_text(tools.output_of("colossal-opt", normal, "--colossal-differentiate=optimizer=none"))
        return count(gradients.read_text())

    def agrees():
        data, text = [], gradients.read_text()
        for name, tensor in zip(tools.names_of(model, inputs), inputs):
            if f'colossal.name = "{name}"' in text:
                np.save(folder / f"{name}.npy", tensor.numpy())
                data.append(f"--input={name}={folder / name}.npy")
        tools.output_of("colossal-verify", "--evaluate", gradients, *data, output=found)
        doubles = contextlib.ExitStack()
        doubles.enter_context(everything_double())
        doubles.enter_context(casts_to_double())
        loss, exact = exact_answers(model, inputs, doubles)
        files = {file.stem: file for file in found.glob("*.npy")}
        ours = float(np.load(next(file for name, file in files.items() if name in ("loss", "result0"))))
        rows = [("the loss", abs(ours - loss), compare.LOSS["f64"] * abs(loss))]
        floor = compare.FLOOR["f64"] * max(compare.norm(value) for value in exact.values())
        for name, value in exact.items():
            file = files.get(f"{name}#grad")
            got = np.load(file).astype(np.float64) if file else np.zeros_like(value)
            rows.append((name, compare.norm(got - value), max(compare.LOSS["f64"] * compare.norm(value), floor)))
        name, distance, allowed = compare.worst_of(rows)
        return not compare.failures(rows), f"{name}: {distance:.1e} of {allowed:.1e} allowed, {len(exact)} gradients"
    return lambda step: {"imports": imports, "normalizes": normalizes, "differentiates": differentiates, "agrees": agrees}[step]()
