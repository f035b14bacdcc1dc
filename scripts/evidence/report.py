"""What sections of the evidence share: text, tables, claims; commands; facts about machine and commit."""
import json
import os
import re
import resource
import subprocess
import sys
import time
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
    # Paths as a reader of the document has them.
    done.stdout = done.stdout.replace(f"{ROOT}/", "")
    if may_fail:
        return done.returncode, done.stdout
    if done.returncode != 0:
        lines = [line for line in done.stdout.splitlines() if "error" in line.lower()]
        raise CommandFailed(f"{Path(command[0]).name}: exit code {done.returncode}: "
                            + (lines or done.stdout.splitlines()[-1:] or [""])[0][:300])
    return done.stdout


def cpu_seconds():
    """(all, busy) CPU seconds of the machine so far."""
    ticks = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    rate = os.sysconf("SC_CLK_TCK")
    return sum(ticks) / rate, (sum(ticks) - ticks[3] - ticks[4]) / rate


class Others:
    """How much of the machine other processes use, from here to share()."""

    def __init__(self):
        self.before, self.own = cpu_seconds(), self.own_seconds()

    @staticmethod
    def own_seconds():
        return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
                   for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))

    def share(self):
        total, busy = (after - before for after, before in zip(cpu_seconds(), self.before))
        return max(0.0, busy - (self.own_seconds() - self.own)) / max(total, 1e-9)


def wait_for_quiet(limit=120):
    """Before times are measured: until others use less than 3 % for 3 s. False if they never do."""
    calm, end = 0, time.time() + limit
    while time.time() < end:
        others = Others()
        time.sleep(1)
        calm = calm + 1 if others.share() < 0.03 else 0
        if calm == 3:
            return True
    return False


def cpu():
    text = Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*:\s*(.*)", text)
    has = [said for flag, said in (("avx2", "AVX2"), ("avx512f", "AVX-512"), ("avx512_bf16", "AVX-512 BF16")) if f" {flag} " in text]
    return f"{os.cpu_count()} cores of {name.group(1).strip() if name else 'an unknown CPU'} ({', '.join(has)})"


def commit():
    name = call("git", "rev-parse", "--short=10", "HEAD").strip()
    changed = [line for line in call("git", "status", "--porcelain").splitlines()
               if line[3:] != "docs/Evidence.md"]
    return name + (" and uncommitted changes" if changed else "")


def unit_tests(binary, pattern="*"):
    """(name, passed) of each GoogleTest that runs; a crash counts as one test that failed."""
    found = ROOT / "build" / "unit" / binary
    if not found.exists():
        raise CommandFailed(f"{binary} is not built: run scripts/setup.sh")
    report = WORK / f"{binary}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    code, text = call(found, f"--gtest_filter={pattern}", f"--gtest_output=json:{report}", timeout=900,
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
