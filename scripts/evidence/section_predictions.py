"""Predicted against measured step time, for plans of GPT-2 on this machine."""
import json

from report import BIN, ROOT, call, mark, wait_for_quiet
from run_case import PYTHON, data_options, run_bundle

TITLE = "Predictions"
SIZES = ["--layers", "4", "--width", "384", "--heads", "6", "--vocab", "4096", "--context", "128", "--batch", "8"]
PLANS = [(1, ""), (2, "data=2"), (2, "data=2,zero=1"), (2, "tensor=2"), (2, "pipeline=2,microbatches=4"), (2, "")]
ROUNDS = 3


def run(section):
    if not wait_for_quiet():
        section.say("Other processes were busy when this began: times are too long.")
    import numpy as np
    archive = section.work / "gpt2.pt"
    if not archive.exists():
        call(PYTHON, ROOT / "examples" / "export_gpt2.py", *SIZES, "-o", archive)
    (section.work / "data").mkdir(exist_ok=True)
    ids = np.random.default_rng(7).integers(0, 4096, (8, 128))
    for name in ("input_ids", "labels"):
        np.save(section.work / "data" / f"{name}.npy", ids)
    section.say("GPT-2, " + " ".join(SIZES).replace("--", "") + f"; `--cluster local:N`. Predicted before anything runs; "
                f"measured: the least median of {ROUNDS} alternating rounds of 20 steps.")
    bundles, measured, predicted = {}, {}, {}
    for number, (ranks, pins) in enumerate(PLANS):
        bundle = section.work / f"plan-{number}.colossal"
        call("rm", "-rf", bundle)
        call(BIN / "colossal-compile", archive, "--cluster", f"local:{ranks}", *(["--pin", pins] if pins else []),
             "-o", bundle)
        bundles[number] = bundle
    for _ in range(ROUNDS):
        for number, bundle in bundles.items():
            ranks = PLANS[number][0]
            _, _, report = run_bundle(bundle, ranks, 20, data_options(section.work), section.work, "steps")
            seconds = report["measured_step_seconds_median"]
            measured[number] = min(measured.get(number, seconds), seconds)
            predicted[number] = report["predicted_step_seconds"]
    rows = []
    for number, (ranks, pins) in enumerate(PLANS):
        ratio = predicted[number] / measured[number]
        rows.append((ranks, pins or "found", f"{1e3 * predicted[number]:.1f}", f"{1e3 * measured[number]:.1f}",
                     f"{ratio:.2f} {mark(1 / 1.3 <= ratio <= 1.3)}"))
    section.table(("ranks", "pins", "predicted, ms", "measured, ms", "predicted / measured"), rows, "rlrrr")
    within = sum(abs(predicted[n] / measured[n] - 1) <= 0.3 for n in measured)
    section.claim(within == len(PLANS), f"{within} of {len(PLANS)} predictions are within 30 % of the measurement")
    wrong = [(a, b) for a in measured for b in measured
             if measured[a] * 1.15 < measured[b] and predicted[a] >= predicted[b]]
    text = "; ".join(f"{PLANS[a]} is faster than {PLANS[b]}" for a, b in wrong)
    section.claim(not wrong, "the order is right where plans differ by more than 15 %" + (f" (not: {text})" if wrong else ""))
