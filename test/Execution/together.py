#!/usr/bin/env python3
"""Jobs of one user on one machine do not meet: each has its own place for the files of its session, and
leaves none. Open MPI has one for all, which the last job removes while the next may be entering it; here
nobody can enter it, as in that moment.

    together.py [--work DIR] [--jobs N]
"""
import argparse
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cases import Case
from run_case import Failure, ROOT, compile_case, data_options, execute, reference_of, tool

AT_ONCE = 4


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--work", type=Path, default=ROOT / "build" / "cases")
    options.add_argument("--jobs", type=int, default=8)
    options = options.parse_args()
    case = Case("mlp", 2, "data=2")
    folder = options.work / "together"
    sessions = folder / "sessions"
    sessions.mkdir(parents=True, exist_ok=True)
    reference = reference_of(case.model, options.work, 20)
    compile_case(case, reference, folder, options.work)
    os.environ["TMPDIR"] = str(sessions)
    (sessions / f"ompi.{socket.gethostname().split('.')[0]}.{os.getuid()}").touch()  # Open MPI's
    before = set(sessions.iterdir())

    def run(job):
        try:
            execute([tool("colossal-run"), folder / "model.colossal", *data_options(reference), "--steps", 1],
                    folder / f"job-{job}.log")
        except Failure as failure:
            return str(failure)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        failures = [text for text in pool.map(run, range(options.jobs)) if text]
    for text in failures:
        print(f"FAIL: {text}")
    left = set(sessions.iterdir()) - before
    if left:
        print(f"FAIL: left {sorted(path.name for path in left)}")
    print(f"{options.jobs - len(failures)} of {options.jobs} jobs ended well")


if __name__ == "__main__":
    main()
