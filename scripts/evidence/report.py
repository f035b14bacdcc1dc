"""What sections of the evidence share: text, tables, claims; commands; facts about machine and commit."""
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "test" / "Execution"), str(ROOT / "test" / "Python"), str(ROOT / "examples")]
WORK = ROOT / "out" / "evidence" / "work"
BIN = ROOT / "build" / "bin"
PYTHON = ROOT / ".venv" / "bin" / "python"
MEBIBYTE = 1 << 20


class Section:
    """Paragraphs and tables of a section, and claims: (holds, text)."""

    def __init__(self, name):
        self.name, self.lines, self.claims = name, [], []
        self.work = WORK / name
        self.work.mkdir(parents=True, exist_ok=True)

    def say(self, text):
        self.lines += [text, ""]
        print(text, flush=True)

    def table(self, head, rows, align=""):
        """`align`: a letter per column, l or r."""
        cells = [[str(cell) for cell in row] for row in rows]
        marks = ["--:" if mark == "r" else "---" for mark in align.ljust(len(head), "l")]
        self.lines += ["| " + " | ".join(head) + " |", "|" + "|".join(marks) + "|"]
        self.lines += ["| " + " | ".join(row) + " |" for row in cells] + [""]
        widths = [max(len(row[i]) for row in [list(head), *cells]) for i in range(len(head))]
        for row in [list(head), *cells]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip(), flush=True)

    def claim(self, holds, text):
        self.claims.append((bool(holds), text))
        self.lines += [f"{text}: {mark(holds)}", ""]
        return holds

    def text(self):
        return "\n".join(self.lines).rstrip()


def mark(good):
    return "ok" if good else "**FAIL**"


class CommandFailed(Exception):
    pass


def call(*command, timeout=600, may_fail=False, environment=None):
    """stdout and stderr together; with may_fail (exit code, text)."""
    command = [str(part) for part in command]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", timeout=timeout, cwd=ROOT,
                          env={**os.environ, **(environment or {})})
    if may_fail:
        return done.returncode, done.stdout
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if "error" in line.lower()]
        raise CommandFailed(f"{Path(command[0]).name}: exit code {done.returncode}: "
                            + (lines or done.stdout.splitlines()[-1:] or [""])[0][:300])
    return done.stdout


def cpu():
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*:\s*(.*)", text)
    return f"{os.cpu_count()} cores of {name.group(1).strip() if name else 'an unknown CPU'}"


def commit():
    name = call("git", "rev-parse", "--short=10", "HEAD").strip()
    changed = [line for line in call("git", "status", "--porcelain").splitlines()
               if line[3:] != "docs/Evidence.md"]
    return name + (" and uncommitted changes" if changed else "")


def unit_tests(binary, pattern="*"):
    """(name, passed) of each GoogleTest that runs; a crash counts as one test that failed."""
    found = list((ROOT / "build").glob(f"test/Unit/**/{binary}"))
    if not found:
        raise CommandFailed(f"{binary} is not built: run scripts/setup.sh")
    report = WORK / f"{binary}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    code, text = call(found[0], f"--gtest_filter={pattern}", f"--gtest_output=json:{report}", timeout=900,
                      may_fail=True)
    if not report.exists():
        return [(f"{binary} (exit code {code})", False)]
    return [(f"{suite['name']}.{case['name']}", not case.get("failures"))
            for suite in json.loads(report.read_text())["testsuites"] for case in suite["testsuite"]]


def lit_tests(pattern):
    """(name, passed) of the lit tests whose path matches; unsupported ones count as failed."""
    cache = (ROOT / "build" / "CMakeCache.txt").read_text()
    lit = re.search(r"^COLOSSAL_LIT:\w+=(.*)$", cache, re.M)
    report = WORK / "lit.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    call(PYTHON, lit.group(1) if lit else "/usr/lib/llvm-22/bin/lit", "-q", "--filter", pattern,
         "--output", report, ROOT / "build" / "test", timeout=1800, may_fail=True)
    tests = [test for test in json.loads(report.read_text())["tests"] if test["code"] != "EXCLUDED"]
    return [(test["name"].replace("Colossal :: ", ""), test["code"] in ("PASS", "XFAIL")) for test in tests]
