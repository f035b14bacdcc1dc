"""Writes the table of models on a page from a folder of results: report_models.py PAGE FOLDER."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "scripts"))

import model_report

PLANS = ("1", "2 pipeline=2")
model_report.report(sys.argv[1], Path(sys.argv[2]), {"plans": PLANS, "outputs": ("1",), "bf16": ("1",)})
