#!/usr/bin/env bash
# Sets up, then runs every test: clang-format over our sources, the GoogleTests (ctest), the rest
# (lit). The last line is 'N passed, N failed[, N skipped]'; the exit code is 1 when one failed.
#
#   scripts/test.sh [lit filter]     with a filter, only the lit tests whose path matches it
#
# COLOSSAL_MAX_CPU=x86-64-v3 scripts/test.sh takes this CPU for one without AVX-512, in all that is
# compiled and run (x86-64: for one without AVX2). The tests of products, attention and the engine,
# and the case of test/Execution/older-cpu.test, run so in any case.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
build=$root/build
results=$build/test-results
scripts/setup.sh || exit 1
rm -rf "$results" && mkdir -p "$results/unit"

filter=${1:-}
if [ -z "$filter" ]; then
  echo "== clang-format"
  mapfile -t sources < <(git ls-files -co --exclude-standard -- '*.cpp' '*.h' '*.cc' '*.c')
  # Files under Inputs/ are data.
  mapfile -t sources < <(printf '%s\n' "${sources[@]}" | grep -v '/Inputs/')
  if clang-format-22 --dry-run -Werror "${sources[@]}" 2>"$results/format.log"; then
    echo pass >"$results/format"
  else
    echo fail >"$results/format"
    grep -E 'error:' "$results/format.log" | cut -d: -f1 | sort | uniq -c | head -40
    echo "run: clang-format-22 -i FILE"
  fi

  echo "== unit tests"
  GTEST_OUTPUT="json:$results/unit/" ctest --test-dir "$build" --parallel "$(nproc)" --output-on-failure --timeout 300 \
    --output-junit "$results/ctest.xml" --quiet --output-log "$results/ctest.log"
  # Otherwise some test failed: the details are in the log.
  [ $? = 0 ] || { grep -E -B20 '^\[  FAILED|Exception:|Timeout' "$results/ctest.log" | head -200; }
fi

echo "== lit tests"
export LIT_OPTS="${LIT_OPTS:-}"
lit=$(sed -n 's/^COLOSSAL_LIT:[A-Z]*=//p' "$build/CMakeCache.txt")
"$root/.venv/bin/python" "${lit:-/usr/lib/llvm-22/bin/lit}" -sv --timeout 600 \
  ${filter:+--filter "$filter"} --output "$results/lit.json" "$build/test" ||
  echo "lit reports failures"

exec "$root/.venv/bin/python" scripts/summarize-tests.py "$results"
