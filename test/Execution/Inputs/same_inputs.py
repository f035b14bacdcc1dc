"""Whether bundles take the same inputs as the first one, and what these are.

    same_inputs.py BUNDLE BUNDLE ...
"""
import json
import sys
from pathlib import Path


def inputs_of(bundle):
    program = json.loads((Path(bundle) / "manifest.json").read_text())["programs"][0]
    return program["inputs"], program.get("unusedInputs")


first, *others = sys.argv[1:]
expected = inputs_of(first)
for entry in expected[0]:
    print(f"{entry['name']}: {entry['lowest']} to {entry['highest']}, others {entry.get('otherValues', [])}")
for bundle in others:
    if inputs_of(bundle) != expected:
        sys.exit(f"{bundle}: found {inputs_of(bundle)}, expected {expected}")
print(f"{len(others)} bundles take the same")
