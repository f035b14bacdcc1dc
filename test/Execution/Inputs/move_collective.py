#!/usr/bin/env python3
"""Moves the last all-reduce of an argument of a function of a partitioned program to the beginning of the function.

    move_collective.py IN.mlir @group0.update > OUT.mlir
"""
import re
import sys

lines = open(sys.argv[1]).read().splitlines(True)
begin = next(i for i, line in enumerate(lines) if f"func.func {sys.argv[2]}(" in line)
end = next(i for i in range(begin, len(lines)) if re.match(r"\s*return\b", lines[i]))
found = [i for i in range(begin + 1, end) if re.search(r"colossal\.all_reduce \"[^\"]*\"\s+sum %arg\d+ ", lines[i])]
if not found:
    sys.exit("no all-reduce of an argument")
lines.insert(begin + 1, lines.pop(found[-1]))
sys.stdout.write("".join(lines))
