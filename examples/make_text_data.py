#!/usr/bin/env python3
"""Makes real text for training on any machine: the documentation strings of Python's standard library.

    make_text_data.py --sequence 128 -o data/

Writes input_ids.npy and labels.npy, both int64 [samples, sequence], one token per byte (vocabulary
256). Labels equal input_ids, for models that shift inside; the padding of the last sample is ignored
(-100). The text is the same for the same Python version.
"""
import argparse
import ast
import sysconfig
import warnings
from pathlib import Path

import numpy as np


def documentation(limit):
    """Docstrings of the standard library in the order of file names, about `limit` bytes of them."""
    library = Path(sysconfig.get_paths()["stdlib"])
    parts, total, seen = [], 0, set()
    for file in sorted(library.rglob("*.py")):
        relative = file.relative_to(library)
        if relative.parts[0] in ("site-packages", "dist-packages", "test", "lib2to3"):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, OSError):
            continue
        for node in ast.walk(tree):
            if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            text = ast.get_docstring(node)
            if text and len(text) > 40 and text not in seen:
                seen.add(text)
                parts.append(text)
                total += len(text) + 2
                if total >= limit:
                    return "\n\n".join(parts)
    return "\n\n".join(parts)


def tokenise(text, sequence):
    tokens = np.frombuffer(text.encode("utf-8"), dtype=np.uint8).astype(np.int64)
    samples = -(-len(tokens) // sequence)
    input_ids = np.zeros(samples * sequence, dtype=np.int64)
    labels = np.full(samples * sequence, -100, dtype=np.int64)
    input_ids[:len(tokens)] = tokens
    labels[:len(tokens)] = tokens
    return input_ids.reshape(samples, sequence), labels.reshape(samples, sequence)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sequence", type=int, default=128, help="tokens per sample")
    parser.add_argument("--bytes", type=int, default=2_000_000, help="stop after so much text")
    parser.add_argument("-o", "--output", default=".", help="folder for the two files")
    options = parser.parse_args()

    text = documentation(options.bytes)
    if len(text) < min(options.bytes, 1_000_000):
        parser.error(f"this Python has only {len(text)} bytes of documentation strings: "
                     "install its standard library's sources")
    input_ids, labels = tokenise(text, options.sequence)
    folder = Path(options.output)
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "input_ids.npy", input_ids)
    np.save(folder / "labels.npy", labels)
    print(f"{folder}: {len(input_ids):,} samples of {options.sequence} tokens from "
          f"{len(text):,} characters")


if __name__ == "__main__":
    main()
