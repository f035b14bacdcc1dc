"""benchmarks/train_step.py: printed, no bar yet."""
import json
import os

from report import MEBIBYTE, PYTHON, ROOT, call, wait_for_quiet

TITLE = "Step of GPT-2 small against PyTorch, time of compiling and searching"


def run(section):
    if not wait_for_quiet():
        section.say("Other processes were busy when this began: times are too long.")
    script, work = ROOT / "benchmarks" / "train_step.py", section.work
    call(PYTHON, script, "--json", work / "step.json", "--work", work, timeout=3600)
    result = json.loads((work / "step.json").read_text())
    section.say("12 layers, 768 wide, vocabulary 50257, 4 x 256 tokens, f32, AdamW; the best step of alternating rounds. "
                "*tuned*: allocator that keeps memory and uses huge pages, fused AdamW.")
    base = {name: min(run["seconds"]) for name, run in result["runs"].items()}
    section.table(("", "best step, s", "/ default PyTorch", "/ tuned PyTorch", "peak memory, MiB", "/ tuned PyTorch"),
                  [(name, f"{base[name]:.3f}", f"{base[name] / base['PyTorch, default']:.2f}",
                    f"{base[name] / base['PyTorch, tuned']:.2f}", f"{run['peak'] / MEBIBYTE:.0f}",
                    f"{run['peak'] / result['runs']['PyTorch, tuned']['peak']:.2f}")
                   for name, run in result["runs"].items()], "lrrrrr")
    phases = list(dict.fromkeys(phase for times in result["compile"].values() for phase in times))
    section.say("Compiling it, seconds by phase:")
    section.table(("ranks", *phases), [(ranks, *(f"{times.get(phase, 0):.2f}" for phase in phases))
                                       for ranks, times in result["compile"].items()], "r" * (len(phases) + 1))
    call(PYTHON, script, "--search", 12, 48, "--json", work / "search.json", "--work", work, timeout=1800)
    section.say("Searching a plan for GPT-2, 192 wide, 16 samples:")
    section.table(("layers", "cluster", "search, s"), [(row["layers"], row["cluster"], row["seconds"])
                  for row in json.loads((work / "search.json").read_text())["search"]], "rlr")
    section.claim(True, "printed")
