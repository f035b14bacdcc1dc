"""The same run twice, and over both transports: every byte of state and every loss."""
import same_runs
from report import mark

TITLE = "Bitwise"


def run(section):
    section.say(f"{same_runs.STEPS} steps; compared are the bytes of every state tensor afterwards and the metrics of "
                "every step.")
    rows, good = [], True
    for case in same_runs.PLANS:
        twice, paths, tensors = same_runs.run_pairs(case, section.work)
        good &= twice and paths
        rows.append((case.model, case.ranks, case.pins, tensors, mark(twice), mark(paths)))
    section.table(("model", "ranks", "pins", "tensors", "same run twice", "window = point to point"), rows, "lrlrll")
    section.claim(good, "every pair of runs is bitwise equal")
