"""Runs sections of the evidence and writes docs/Evidence.md from the last result of each.

A section is a module of this folder with TITLE and run(section): it adds paragraphs and tables to the
section and says of each claim whether it holds. Results are kept in out/evidence/NAME.json; a section that has none there
stays as the document has it.
"""
import argparse
import importlib
import json
import sys
import time
import traceback

from report import ROOT, Others, Section, cpu, commit

SECTIONS = ("pytorch", "sharded", "search", "collectives", "bitwise", "memory", "predictions",
            "benchmark", "clone", "growth", "exchange", "precision")
RESULTS = ROOT / "out" / "evidence"
DOCUMENT = ROOT / "docs" / "Evidence.md"


def run(name):
    module = importlib.import_module(f"section_{name}")
    section = Section(name)
    print(f"== {name}: {module.TITLE}", flush=True)
    begin, others = time.time(), Others()
    try:
        module.run(section)
    except Exception as fault:  # noqa: BLE001: a section that breaks is a result, too
        traceback.print_exc()
        section.claim(False, f"the section ended early: {type(fault).__name__}: {fault}")
    result = {"title": module.TITLE, "text": section.text(), "claims": section.claims,
              "commit": commit(), "cpu": cpu(), "date": time.strftime("%Y-%m-%d", time.gmtime()),
              "seconds": round(time.time() - begin), "others": round(100 * others.share())}
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=1))
    return result


def written():
    """What the document has of sections: name -> (row of the summary, without number; title; text)."""
    text = DOCUMENT.read_text() if DOCUMENT.exists() else ""
    bodies = {}
    for body in text.split("\n## ")[1:]:
        heading, _, rest = body.partition("\n")
        bodies[heading.partition(". ")[2]] = rest.strip()
    result = {}
    for line in text.splitlines():
        row = [cell.strip() for cell in line.strip("| ").split(" | ")]
        name, _, title = row[1].partition(": ") if len(row) == 5 else ("", "", "")
        if row[0].isdigit() and title in bodies:
            result[name] = (tuple(row[1:]), title, bodies[title])
    return result


def write_document():
    parts = ["# Evidence", "",
             "Written by `scripts/evidence.sh`; nobody edits this file by hand. A claim is followed by "
             "`ok` or **FAIL**.", ""]
    summary, bodies, before = [], [], written()
    for number, name in enumerate(SECTIONS, 1):
        file = RESULTS / f"{name}.json"
        if not file.exists():
            title = importlib.import_module(f"section_{name}").TITLE
            row, title, text = before.get(name, ((f"{name}: {title}", "not run", "", ""), title, ""))
            summary.append((str(number), *row))
            if text:
                bodies += [f"## {number}. {title}", "", text, ""]
            continue
        result = json.loads(file.read_text())
        bad = sum(not good for good, _ in result["claims"])
        verdict = f"**{bad} FAIL**" if bad else f"{len(result['claims'])} ok"
        summary.append((str(number), f"{name}: {result['title']}", verdict, result["commit"], result["date"]))
        bodies += [f"## {number}. {result['title']}", "",
                   f"`scripts/evidence.sh {name}`, commit {result['commit']}, {result['date']}, "
                   f"{result['cpu']}, {result['seconds']} s, of which other processes used "
                   f"{result.get('others', 0)} % of the CPU.", "", result["text"], ""]
    parts += ["| # | section | claims | commit | date |", "|--:|---|---|---|---|"]
    parts += ["| " + " | ".join(row) + " |" for row in summary]
    DOCUMENT.write_text("\n".join(parts + [""] + bodies).rstrip() + "\n")
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    unknown = [name for name in options.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"no section '{unknown[0]}', expected some of: {' '.join(SECTIONS)}")
    if options.list:
        for name in SECTIONS:
            print(f"{name:12} {importlib.import_module(f'section_{name}').TITLE}")
        return 0
    good = True
    for name in options.sections or SECTIONS:
        result = run(name)
        for holds, text in result["claims"]:
            good &= holds
            print(f"{'ok  ' if holds else 'FAIL'} {text}", flush=True)
        write_document()
    print(f"written: {DOCUMENT.relative_to(ROOT)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
