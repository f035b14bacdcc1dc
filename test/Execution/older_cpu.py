"""Compares the bundles and runs of older-cpu.test: older_cpu.py FOLDER"""
import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
host, older = (json.loads((folder / f"{name}.colossal" / "manifest.json").read_text()) for name in ("host", "older"))
assert "avx2" in older["cpuFeatures"], older["cpuFeatures"]
assert not [name for name in older["cpuFeatures"] if name.startswith("avx512")], older["cpuFeatures"]
assert older["predictedPeakBytes"] == host["predictedPeakBytes"], "the prediction depends on the CPU"

losses = {}
for name in ("v4", "v3", "v1"):
    losses[name] = [json.loads(line)["loss"] for line in (folder / f"{name}.jsonl").read_text().splitlines()]
    for rank in json.loads((folder / f"{name}.json").read_text())["ranks"]:
        reserved = sum(rank[f"{part}_bytes"] for part in ("arena", "window", "staging", "scratch"))
        assert reserved == rank["predicted_peak_bytes"], f"{name}: reserved {reserved}, predicted {rank['predicted_peak_bytes']}"
assert len(losses["v3"]) == 3
for name in ("v4", "v1"):
    for a, b in zip(losses[name], losses["v3"]):
        assert abs(a - b) <= 1e-5 * abs(b), (name, losses)
