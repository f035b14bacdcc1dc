#!/usr/bin/env bash
# Runs the long matrices and writes docs/Evidence.md, with commit, CPU and date of each section.
#
#   scripts/evidence.sh [SECTION ...]     sections that are not named keep their last result
#   scripts/evidence.sh --list
#
# Sections: pytorch sharded search collectives bitwise memory predictions benchmark clone growth
# exchange precision.
# Leave the machine alone meanwhile: predictions, benchmark, exchange and precision measure time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ "${1:-}" = --list ] || scripts/setup.sh
exec .venv/bin/python scripts/evidence/main.py "$@"
