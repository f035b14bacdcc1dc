"""Counts the results that test.sh left in a folder and prints 'N passed, N failed, N skipped'.

The folder holds: `format` ("pass" or "fail"), `unit/*.json` (one per GoogleTest binary), `ctest.xml`
(JUnit; a binary that crashed has a failure here and no file of its own), `lit.json`.
"""
import json
import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def main(folder):
    passed = failed = skipped = 0
    if (folder / "format").exists():
        good = (folder / "format").read_text().strip() == "pass"
        passed, failed = passed + good, failed + (not good)
        if not good:
            print("failed: clang-format")

    reported = set()
    for file in sorted((folder / "unit").glob("*.json")):
        try:
            report = json.loads(file.read_text())
        except json.JSONDecodeError as fault:
            print(f"failed: {file.stem}: its report cannot be read: {fault}")
            failed += 1
            continue
        bad = report["failures"] + report.get("errors", 0)
        off = report.get("disabled", 0) + sum(
            case.get("result") == "SKIPPED" for suite in report["testsuites"]
            for case in suite["testsuite"])
        failed, skipped = failed + bad, skipped + off
        passed += report["tests"] - bad - off
        for suite in report["testsuites"]:
            for case in suite["testsuite"]:
                if case.get("failures"):
                    print(f"failed: {file.stem}: {suite['name']}.{case['name']}")
        reported.add((file.stem, bad))
    names = {name for name, _ in reported}
    clean = {name for name, bad in reported if not bad}
    if (folder / "ctest.xml").exists():
        for case in xml.parse(folder / "ctest.xml").getroot().iter("testcase"):
            name = case.get("name")
            if case.get("status") != "run":     # "fail", "notrun", ...
                if name not in names or name in clean:
                    print(f"failed as a whole: {name}")
                    failed += 1
            elif name not in names:
                passed += 1

    if (folder / "lit.json").exists():
        for test in json.loads((folder / "lit.json").read_text())["tests"]:
            if test["code"] in ("PASS", "XFAIL", "FLAKYPASS"):
                passed += 1
            elif test["code"] in ("UNSUPPORTED", "SKIPPED", "EXCLUDED"):
                skipped += 1
            else:
                print(f"{test['code']}: {test['name']}")
                failed += 1
    else:
        print("lit left no report")
        failed += 1

    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
