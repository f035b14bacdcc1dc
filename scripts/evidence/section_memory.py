"""The arena against the largest sum of live bytes, --memory to the byte, predictions against PSS."""
import json
import re
import shutil

from cases import Case
from report import BIN, MEBIBYTE, ROOT, call, mark
from run_case import cluster_of, data_options, reference_of, run_bundle

import run_case

TITLE = "Memory"
OPTIMIZER = "adamw:lr=1e-3,weight-decay=0.1,no-decay=rank<2"
SIZES = ["--layers", "4", "--width", "384", "--heads", "6", "--vocab", "8000", "--context", "128", "--batch", "8"]
PLANS = [(1, ""), (2, "data=2"), (2, "data=2,zero=1"), (2, "tensor=2"), (2, "pipeline=2,microbatches=4"),
         (4, "data=2,tensor=2")]


def archive(section):
    """A GPT-2 of some size (buffers of MiB, so that 64 MiB of slack mean something), and its data."""
    import numpy as np
    file = section.work / "gpt2.pt"
    if not file.exists():
        call(run_case.PYTHON, ROOT / "examples" / "export_gpt2.py", *SIZES, "-o", file)
    (section.work / "data").mkdir(exist_ok=True)
    ids = np.random.default_rng(5).integers(0, 8000, (8, 128))
    for name in ("input_ids", "labels"):
        np.save(section.work / "data" / f"{name}.npy", ids)
    return file


def compiled(section, ranks, pins, *extra, may_fail=False, name="model"):
    bundle = section.work / f"{name}.colossal"
    call("rm", "-rf", bundle)
    pin = ["--pin", pins] if pins else []
    answer = call(BIN / "colossal-compile", archive(section), "--cluster", cluster_of(ranks, section.work),
                  "--optimizer", OPTIMIZER, *pin, *extra, "-o", bundle, may_fail=may_fail)
    return bundle, answer


def run(section):
    section.say("GPT-2, " + " ".join(SIZES).replace("--", "") + ". *live*: the largest sum of bytes that are live at one "
                "time, which no arena can beat. *predicted*: arena, window and library scratch, known before the run. "
                "*measured*: PSS from the end of loading to the peak, of the rank where it is furthest from the prediction.")
    rows, arena_good, measured_good = [], True, True
    for ranks, pins in PLANS:
        bundle, _ = compiled(section, ranks, pins)
        _, _, report = run_bundle(bundle, ranks, 3, data_options(section.work), section.work, "memory")
        worst = max(report["ranks"], key=lambda rank: abs(rank["measured_bytes"] - rank["predicted_peak_bytes"]))
        ratio = max(rank["arena_bytes"] / rank["live_bytes"] for rank in report["ranks"])
        fits = all(0.9 * rank["predicted_peak_bytes"] <= rank["measured_bytes"]
                   <= rank["predicted_peak_bytes"] + 64 * MEBIBYTE for rank in report["ranks"])
        arena_good, measured_good = arena_good and ratio <= 1.05, measured_good and fits
        size = lambda what: f"{worst[what] / MEBIBYTE:.1f}"
        rows.append((ranks, pins or "none", size("live_bytes"), size("arena_bytes"), f"{ratio:.4f} {mark(ratio <= 1.05)}",
                     size("predicted_peak_bytes"), f"{size('measured_bytes')} {mark(fits)}"))
    section.table(("ranks", "pins", "live, MiB", "arena, MiB", "arena / live", "predicted, MiB", "measured, MiB"), rows,
                  "rlrrrrr")
    section.claim(arena_good, "every arena is at most 1.05 times the largest sum of live bytes")
    section.claim(measured_good, "measured memory is between 0.9 times the prediction and the prediction plus 64 MiB")
    budget(section)


def budget(section):
    """One byte below the need of a plan refuses; the need itself trains."""
    ranks, pins = 2, "data=2"
    plan = section.work / "plan.json"
    bundle, _ = compiled(section, ranks, pins, "--emit-plan", plan)
    need = max(json.loads((bundle / "manifest.json").read_text())["predictedPeakBytes"])
    less, (code, text) = compiled(section, ranks, "", "--plan", plan, "--memory", f"{need - 1}", may_fail=True, name="less")
    if code == 0:
        # Without collectives beside compute a plan may need less.
        before, need = need, max(json.loads((less / "manifest.json").read_text())["predictedPeakBytes"])
        section.say(f"With collectives beside compute the plan of {pins} needs {before} bytes, without {need}.")
        shutil.rmtree(less)
        _, (code, text) = compiled(section, ranks, "", "--plan", plan, "--memory", f"{need - 1}", may_fail=True, name="less")
    error = next((line for line in text.splitlines() if "error" in line), text.strip()[-200:])
    section.say(f"The plan of {pins} needs {need} bytes. With `--memory {need - 1}`:\n\n    {error}")
    section.claim(code == 1 and str(need) in error and not (section.work / "less.colossal").exists(),
                  "one byte less is refused, with the numbers, and leaves no bundle")
    bundle, (code, text) = compiled(section, ranks, "", "--plan", plan, "--memory", f"{need}", may_fail=True, name="exact")
    trained = False
    if code == 0:
        _, metrics, _ = run_bundle(bundle, ranks, 3, data_options(section.work), section.work, "exact")
        trained = len(metrics.read_text().splitlines()) == 3
    section.claim(trained, "the need itself compiles and trains")
    _, (code, text) = compiled(section, ranks, "", "--memory", "1MiB", may_fail=True, name="tiny")
    error = "\n".join(f"    {line}" for line in text.splitlines() if not re.match(r"^\w+\s+[0-9.]+ s$", line))
    section.say(f"With `--memory 1MiB` and no plan given:\n\n{error[:1500]}")
    section.claim(code == 1 and bool(re.search(r"\d+", error)), "when nothing fits, the search refuses with numbers")
