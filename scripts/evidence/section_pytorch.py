"""Against PyTorch: the interpreter in f64, compiled code in f32."""
import compare
from cases import MODELS, Case
from report import BIN, call, mark
from run_case import reference_of, run_case

TITLE = "Against PyTorch"
STEPS = 20


def interpreted(name, reference, folder):
    """Worst relative difference of loss and gradients, interpreted in f64, and whether all agree."""
    folder.mkdir(parents=True, exist_ok=True)
    call(BIN / "colossal-translate", "--import-torchscript", reference / "model.pt", "-o", folder / "model.mlir")
    call(BIN / "colossal-opt", folder / "model.mlir", "--colossal-normalize",
         "--colossal-differentiate=optimizer=none", "-o", folder / "step.mlir")
    inputs = [f"--input={file.stem}={file}" for file in (reference / "data").glob("*.npy")]
    call(BIN / "colossal-verify", "--evaluate", folder / "step.mlir", *inputs, "-o", folder / "ours")
    rows = compare.gradient_rows(reference, folder / "ours", "f64")
    rows += compare.loss_rows(compare.load(reference / "f64", "loss"), compare.load(folder / "ours", "loss"), 1e-10)
    worst = compare.worst_of(rows)
    return len(rows), worst[1] / worst[2] * 1e-10, not compare.failures(rows)


def run(section):
    section.say("f64: the reference interpreter on the step after Differentiate, against the eager module in double: "
                "loss and every gradient within 1e-10 by norm (a gradient that is zero but for rounding: within "
                "1e-12 of the largest). f32: compiled code on one rank; allowed is 4 times PyTorch's own f32-to-f64 "
                "difference (floor: 1e-6 of the largest), for the loss 1e-6, for the curve of 20 steps 1e-4.")
    rows, good64, good32 = [], True, True
    for name, model in MODELS.items():
        reference = reference_of(name, section.work, STEPS)
        tensors, worst, good = interpreted(name, reference, section.work / "interpreted" / name)
        good64 &= good
        result = run_case(Case(name, 1), section.work, STEPS)
        checks = {what: (right, text) for what, right, text in result["checks"]}
        good32 &= result["good"]
        rows.append((name, model.options.split(" ", 1)[1].replace("--", ""), tensors, f"{worst:.1e} {mark(good)}",
                     *(cell(checks, what) for what in
                       ("loss", "gradients", "parameters after 3", f"loss of {STEPS} steps"))))
    section.table(("model", "sizes", "tensors", "f64, worst", "f32 loss", "f32 gradients", "parameters, 3 steps",
                   "curve, 20 steps"), rows, "llrrrrrr")
    section.claim(good64, "the interpreter agrees with PyTorch in f64 for every model")
    section.claim(good32, "compiled code agrees with PyTorch for every model")


def cell(checks, what):
    """Difference and bound of a check of run_case."""
    if what not in checks:
        return "not run: " + "; ".join(text for good, text in checks.values() if not good)[:120]
    good, text = checks[what]
    return text.split(" (")[0].replace(" allowed", "") + " " + mark(good)
