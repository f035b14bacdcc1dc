#!/usr/bin/env python3
"""Makes one kernel after the other wrong; colossal-verify --kernels must name the op that calls it.

    wrong_kernels.py [--work DIR]

The kernels.so of a small bundle is replaced by one that passes every call on to the real one; the kernel that
the environment names gives one element of its first output another value.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from cases import Case
from edited_programs import Bundle, inputs_of
from run_case import ROOT, tool

CASE = Case("gpt2-eager-ignored", 4, "data=2,pipeline=2,chunks=1,microbatches=2,zero=1")

HEAD = """
#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
typedef struct { void *const *buffers; const int64_t *indices; } Args;
typedef void (*Kernel)(const Args *, int64_t, int64_t);
static Kernel real(const char *name) {
  static void *library;
  if (!library) library = dlopen(getenv("REAL_KERNELS"), RTLD_NOW);
  return (Kernel)dlsym(library, name);
}
static int isWrong(const char *name) { const char *wrong = getenv("WRONG_KERNEL"); return wrong && !strcmp(wrong, name); }
"""
CHANGES = {"f32": "*(float *)data = 1.5f * *(float *)data + 1.0f", "f64": "*(double *)data = 1.5 * *(double *)data + 1.0"}


def wrapper(kernels):
    """C text of a library with these kernels: symbol -> (position of the first output, dtype)."""
    text = HEAD
    for symbol, (output, dtype) in kernels.items():
        change = CHANGES.get(dtype, "*(char *)data ^= 1")
        text += (f'void {symbol}(const Args *args, int64_t begin, int64_t end) {{\n  real("{symbol}")(args, begin, end);\n'
                 f'  void *data = args->buffers[{output}];\n  if (isWrong("{symbol}")) {change};\n}}\n')
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "test" / "Execution" / "work")
    options = parser.parse_args()
    bundle = Bundle(CASE, options.work.resolve(), "wrong-kernels")
    kernels, names = {}, {}
    for program in bundle.programs:
        for segment in program["segments"]:
            for op in segment["ops"]:
                if op["kind"] == "kernel":
                    output = program["buffers"][op["operands"][inputs_of(op)].get("buffer", 0)]
                    kernels[op["symbol"]] = (inputs_of(op), output.get("dtype", "f32"))
                    names.setdefault(op["symbol"], set()).add(op["name"])
    real = bundle.folder / "real.so"
    shutil.copy(bundle.path / "kernels.so", real)
    (bundle.folder / "wrapper.c").write_text(wrapper(kernels))
    copied = bundle.folder / "wrapped.colossal"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(bundle.path, copied)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", copied / "kernels.so", bundle.folder / "wrapper.c", "-ldl"], check=True)

    def verify(wrong):
        done = subprocess.run([tool("colossal-verify"), copied, "--kernels", "--allow-edited"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300,
                              env={**os.environ, "REAL_KERNELS": str(real), "WRONG_KERNEL": wrong})
        return done.returncode, [line for line in done.stdout.splitlines() if "error:" in line]

    code, errors = verify("")
    if code:
        print(f"FAIL: the bundle as it is ends with {code}: {errors}")
        return 1
    bad = 0
    for symbol in kernels:
        code, errors = verify(symbol)
        good = code == 1 and len(errors) == 1 and any(f"kernel '{name}'" in errors[0] for name in names[symbol])
        bad += not good
        if not good:
            print(f"FAIL: {symbol} of {sorted(names[symbol])}: exit code {code}\n    {errors}")
    shutil.rmtree(copied, ignore_errors=True)
    print(f"{len(kernels)} wrong kernels: {len(kernels) - bad} named")
    return 1 if bad or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())
