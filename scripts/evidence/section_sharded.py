"""Sharded = unsharded: every case of test/Execution, interpreted and run over MPI."""
from cases import SUBJECTS
from report import mark
from run_case import print_result, run_case

TITLE = "Sharded = unsharded"


def cell(result, what):
    for name, good, text in result["checks"]:
        if name.startswith(what):
            return mark(good)
    return "not run"


def run(section):
    section.say("Each case is compiled, `colossal-verify` compares the partitioned program with the unsharded one (all "
                "ranks interpreted in f64, 1e-10), then the bundle runs over MPI and is compared with PyTorch by "
                "the rules of section 1: step 1 (loss, gradients), 3 steps (parameters), 20 steps (loss).")
    results, rows, failures = [], [], []
    for subject, cases in SUBJECTS.items():
        for case in cases:
            result = run_case(case, section.work, 20)
            print_result(result)
            results.append(result)
            rows.append((case.model, case.ranks, case.pins or "(found)", result["plan"] or "none",
                         cell(result, "verify"), cell(result, "loss"), cell(result, "gradients"),
                         cell(result, "parameters"), cell(result, "loss of"), f"{result['seconds']:.0f}"))
            failures += [f"{case.name}: {what}: {text}" for what, good, text in result["checks"] if not good]
    section.table(("model", "ranks", "pins", "plan", "verify", "loss", "gradients", "parameters", "20 steps", "s"),
                  rows, "lrllllllllr")
    for failure in failures:
        section.say(f"- {failure[:400]}")
    good = sum(result["good"] for result in results)
    section.claim(good == len(results), f"{good} of {len(results)} cases agree")
    section.claim(good >= 24, "at least 24 cases agree")
