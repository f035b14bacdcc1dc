#!/usr/bin/env python3
"""Writes what the last scripts/quickstart.sh printed into README.md, between its two marks.

    scripts/quickstart.sh && .venv/bin/python scripts/update-readme.py
"""
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "out" / "quickstart"
BEGIN, END = "<!-- quickstart -->", "<!-- end of quickstart -->"


def lines_of(name):
    file = OUT / f"{name}.log"
    if not file.exists():
        raise SystemExit(f"update-readme: {file} is missing: run scripts/quickstart.sh first")
    return file.read_text().splitlines()


def some(lines, first, last):
    """The first and last lines, and what is left out."""
    return lines if len(lines) <= first + last else lines[:first] + ["..."] + lines[-last:]


def main():
    train = lines_of("train")
    text = ["$ scripts/quickstart.sh", "...", *lines_of("export"), *lines_of("data"), "...", *lines_of("compile"),
            "...", *lines_of("verify"), "...", *some(train, 3, 4), "...", *lines_of("show")]
    readme = ROOT / "README.md"
    old = readme.read_text()
    if BEGIN not in old:
        raise SystemExit(f"update-readme: README.md has no line '{BEGIN}'")
    before, rest = old.split(BEGIN, 1)
    after = rest.split(END, 1)[1] if END in rest else rest
    block = "\n\n" + "\n".join("    " + line for line in text) + "\n\n"
    readme.write_text(before + BEGIN + block + END + after)


if __name__ == "__main__":
    sys.exit(main())
