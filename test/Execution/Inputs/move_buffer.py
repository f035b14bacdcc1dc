#!/usr/bin/env python3
"""Moves the buffer of a value in a scheduled program to a place of its own, behind all others.

    move_buffer.py IN.mlir NAME > OUT.mlir
"""
import re
import sys

text = open(sys.argv[1]).read()
head = re.search(r"rank\.program attributes \{arenaBytes = (\d+) : i64", text)
entry = re.search(rf'rank\.entry "buffers" \{{[^\n]*name = "{re.escape(sys.argv[2])}"[^\n]*\}}', text)
if not head or not entry or "offset = " not in entry[0] or "slots" in entry[0]:
    sys.exit("no such buffer")
end, size = int(head[1]), int(re.search(r"bytes = (\d+)", entry[0])[1])
moved = re.sub(r"offset = \d+", f"offset = {end}", entry[0])
text = text.replace(entry[0], moved, 1)
print(text.replace(head[0], head[0].replace(head[1], str(end + (size + 63) // 64 * 64)), 1), end="")
