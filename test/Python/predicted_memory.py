"""Compares the memory that Plan predicts with what the schedule needs.

    predicted_memory.py <archive> (<cluster> <pins>)...

Each plan is scheduled: the peak of its fullest stage is within 5 % of the largest arena.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

WITHIN = 0.05


def main():
    archive = sys.argv[1]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for cluster, pins in zip(sys.argv[2::2], sys.argv[3::2]):
            plan, scheduled = pathlib.Path(folder, "plan.json"), pathlib.Path(folder, "scheduled.mlir")
            subprocess.run(["colossal-compile", archive, "--cluster", cluster, "--optimizer", "adamw:lr=1e-3", "--pin", pins, "--quiet",
                            "--emit-plan", plan, "--stop-after", "schedule", "-o", scheduled], check=True)
            predicted = max(stage["peak_bytes"] for stage in json.loads(plan.read_text())["predicted"]["stages"])
            arena = max(map(int, re.findall(r"arenaBytes = (\d+)", scheduled.read_text())))
            good = abs(predicted - arena) <= WITHIN * arena
            bad += not good
            print(f"{pins}: predicted {predicted}, arena {arena} ({predicted / arena:.3f}) {'ok' if good else 'FAIL'}")
    return 1 if bad else 0


sys.exit(main())
