"""Every numbered constraint is written down, checked, and tested by what breaks it.

A diagnostic of a verifier begins with its constraint's label, "C1: found ...". The labels that the
sources of dialects/ emit, those that the .td files describe, and those that an `expected-error` of
test/ names must be the same. Prints how many there are, or what is missing, and fails.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def labels(folder, endings, pattern):
    """By label, the first file in which the pattern's group finds it."""
    found = {}
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in endings:
            for match in re.finditer(pattern, path.read_text()):
                found.setdefault(match.group(1), path.relative_to(ROOT))
    return found


def main():
    # "C1: found", or "C1" by itself where a helper takes the label.
    emitted = labels("dialects", {".cpp", ".h"}, r'"([A-Z][0-9]+)(?:: [^"]*)?"')
    described = labels("dialects", {".td"}, r"\b([A-Z][0-9]+)\b(?! to)")
    tested = labels("test", {".mlir"}, r"expected-error[^{\n]*\{\{(?:'[\w.]+' op )?([A-Z][0-9]+):")
    faults = []
    for label in sorted(emitted):
        if label not in described:
            faults.append(f"{emitted[label]}: {label} is described in no .td file")
        if label not in tested:
            faults.append(f"{emitted[label]}: {label} has no expected-error in test/")
    for label in sorted(set(tested) - set(emitted)):
        faults.append(f"{tested[label]}: {label} is emitted nowhere in dialects/")
    print("\n".join(faults) if faults else f"{len(emitted)} constraints, each described and tested")
    return 1 if faults or len(emitted) < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
