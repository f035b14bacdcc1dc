"""benchmarks/train_step.py --precision bf16, against PyTorch's autocast."""
import json
from pathlib import Path

from report import PYTHON, ROOT, call, wait_for_quiet

TITLE = "Steps in bf16 against PyTorch's autocast"
NAMES = ("gpt2-small", "bert-base", "llama-block", "vit-b16", "resnet18", "resnet50")
MOST = 0.9


def run(section):
    computes = "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    if not wait_for_quiet():
        section.say("Other processes were busy when this began: times are too long.")
    section.say("`benchmarks/train_step.py NAME --precision bf16`: the best step of alternating rounds; PyTorch's is the best of autocast with a tuned "
                "allocator, fused optimizer and, for images, both layouts. Losses agree where the benchmark compares them."
                + ("" if computes else " This CPU does not multiply bf16."))
    rows, ratios = [], {}
    for name in NAMES:
        file = section.work / f"{name}.json"
        call(PYTHON, ROOT / "benchmarks" / "train_step.py", name, "--precision", "bf16", "--rounds", 2, "--steps", 5, "--json", file,
             "--work", section.work, timeout=3600)
        runs = json.loads(file.read_text())["runs"]
        best = {way: min(run["seconds"]) for way, run in runs.items()}
        ours = min((way for way in best if way.startswith("ours")), key=best.get)
        theirs = min((way for way in best if "autocast" in way), key=best.get)
        whole = min(seconds for way, seconds in best.items() if way.startswith("PyTorch") and "autocast" not in way)
        ratios[name] = best[ours] / best[theirs]
        rows.append((name, f"{best[ours]:.3f}", ours.removeprefix("ours, "), f"{best[theirs]:.3f}", f"{ratios[name]:.2f}", f"{whole:.3f}",
                     f"{runs[ours]['peak'] / runs[theirs]['peak']:.2f}"))
    section.table(("model", "ours, s", "as", "autocast's best, s", "ours / it", "PyTorch's best in f32, s", "peak memory / autocast's"), rows, "lrlrrrr")
    if computes:
        for name, ratio in ratios.items():
            section.claim(ratio <= MOST, f"{name} takes at most {MOST} of PyTorch's best ({ratio:.2f})")
