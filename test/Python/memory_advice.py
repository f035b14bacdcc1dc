"""Compiles models under budgets that are too small and follows the advice of the refusal.

    memory_advice.py <archive> (<cluster> <pins>)...

The budget that a refusal names must be more than the one it refuses, and compiling with it must succeed at the first try. It
is the same for every budget that is refused.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

REFUSAL = re.compile(r"error: no plan fits: the leanest needs .* more than the budget of .*; give --memory (\d+)[ ,]")


def compile_model(archive, cluster, pins, memory, folder):
    command = ["colossal-compile", archive, "--cluster", cluster, "--memory", str(memory), "--quiet",
               "--stop-after", "plan", "-o", f"{folder}/planned.mlir"]
    return subprocess.run(command + (["--pin", pins] if pins else []), capture_output=True, text=True)


def advice(archive, cluster, pins, memory, folder):
    """What the refusal names; nothing if the budget is enough."""
    run = compile_model(archive, cluster, pins, memory, folder)
    if run.returncode == 0:
        return None
    found = REFUSAL.search(run.stderr)
    assert run.returncode == 1 and found, f"{memory}: {run.returncode} {run.stderr}"
    assert len(run.stderr.strip().splitlines()) == 1, run.stderr
    return int(found[1])


def main():
    archive = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        for cluster, pins in zip(sys.argv[2::2], sys.argv[3::2]):
            def ask(memory):
                return advice(archive, cluster, pins, memory, folder)
            need = ask(1)
            for memory in (need // 2, need - 1):
                again = ask(memory)
                assert again in (None, need), f"{pins}: {again} of {memory}, {need} of 1"
            assert ask(need) is None, f"{pins}: {need} are not enough"
            print(f"{pathlib.Path(cluster).name} {pins or 'no pins'}: {need} bytes are needed and enough")


main()
