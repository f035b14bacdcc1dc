"""benchmarks/train_step.py: steps of models against PyTorch."""
import json

from report import MEBIBYTE, PYTHON, ROOT, call, wait_for_quiet

TITLE = "Steps against PyTorch, time of compiling and searching"
# Name: most of PyTorch as installed, and of PyTorch tuned (allocator, fused optimizer, channels last).
GOALS = {"gpt2-small": (0.75, 0.9), "bert-base": (0.75, 0.9), "llama-block": (0.75, 0.9), "vit-b16": (0.75, 0.9),
         "resnet18": (None, 0.95), "resnet50": (None, 0.95), "norms": (None, 0.4)}


def run(section):
    if not wait_for_quiet():
        section.say("Other processes were busy when this began: times are too long.")
    script, work = ROOT / "benchmarks" / "train_step.py", section.work
    section.say("`benchmarks/train_step.py NAME`, f32, two threads; the best step of alternating rounds. *tuned*: allocator that keeps memory and uses huge "
                "pages, fused optimizer, for images the better of both layouts. *roofline*: the least time at the measured rates of multiply-adds and memory.")
    rows, claims, compiled = [], [], {}
    for name, goals in GOALS.items():
        call(PYTHON, script, name, "--rounds", 2, "--steps", 3, "--json", work / f"{name}.json", "--work", work, timeout=3600)
        result = json.loads((work / f"{name}.json").read_text())
        runs, compiled[name] = result["runs"], result["compile"]["1"]
        best = {way: min(run["seconds"]) for way, run in runs.items()}
        ours = min((way for way in best if way.startswith("ours")), key=best.get)
        tuned = min((way for way in best if way.startswith("PyTorch, tuned")), key=best.get)
        ratios = best[ours] / best["PyTorch, default"], best[ours] / best[tuned]
        rows.append((name, f"{best[ours]:.3f}", ours.removeprefix("ours, "), *(f"{ratio:.2f}" for ratio in ratios),
                     f"{result['roofline']['least_seconds'] / best[ours]:.2f}", f"{runs[ours]['peak'] / MEBIBYTE:.0f}",
                     f"{runs[ours]['peak'] / runs[tuned]['peak']:.2f}"))
        for goal, ratio, whose in zip(goals, ratios, ("as installed", "tuned")):
            if goal:
                claims.append((ratio <= goal, f"{name} takes at most {goal} of PyTorch {whose} ({ratio:.2f})"))
    section.table(("model", "best step, s", "as", "/ PyTorch as installed", "/ PyTorch tuned", "of the roofline", "peak memory, MiB", "/ PyTorch tuned"),
                  rows, "lrlrrrrr")
    for holds, text in claims:
        section.claim(holds, text)
    section.say("Compiling them for one rank, seconds by phase:")
    phases = list(dict.fromkeys(phase for times in compiled.values() for phase in times))
    section.table(("model", *phases), [(name, *(f"{times.get(phase, 0):.2f}" for phase in phases)) for name, times in compiled.items()],
                  "l" + "r" * len(phases))
    call(PYTHON, script, "--search", 12, 48, "--json", work / "search.json", "--work", work, timeout=1800)
    section.say("Searching a plan for GPT-2, 192 wide, 16 samples:")
    section.table(("layers", "cluster", "search, s"), [(row["layers"], row["cluster"], row["seconds"])
                  for row in json.loads((work / "search.json").read_text())["search"]], "rlr")
