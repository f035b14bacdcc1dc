#!/usr/bin/env bash
# Installs what is missing (Debian packages, one virtual environment), configures the `release`
# preset and builds everything, or with --tools only what compiles and runs models. A second run is
# quick and changes nothing.
#
#   scripts/setup.sh [--tools | --no-build]
#
# Environment: PYTHON (interpreter for the virtual environment, default python3), JOBS (parallel
# compilations, default: one per core, at most one per 2 GiB of memory).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root=$PWD
preset=release
build=$root/build

say() { printf '%s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

# ---- Debian packages: "what shows that it is there" -> package
# A probe is a command (no slash) or a file; a * in a file stands for the architecture.
probes='
cmake cmake
ninja ninja-build
ccache ccache
git git
clang-22 clang-22
clang-format-22 clang-format-22
ld.lld-22 lld-22
mpirun openmpi-bin
/usr/lib/llvm-22/bin/FileCheck llvm-22-tools
/usr/lib/llvm-22/bin/mlir-tblgen mlir-22-tools
/usr/lib/llvm-22/lib/cmake/llvm/LLVMConfig.cmake llvm-22-dev
/usr/lib/llvm-22/lib/cmake/mlir/MLIRConfig.cmake libmlir-22-dev
/usr/lib/llvm-22/include/lld/Common/Driver.h liblld-22-dev
/usr/lib/*/pkgconfig/ompi.pc libopenmpi-dev
/usr/include/oneapi/dnnl/dnnl.h libdnnl-dev
/usr/include/nlohmann/json.hpp nlohmann-json3-dev
/usr/include/xxhash.h libxxhash-dev
/usr/include/zip.h libzip-dev
/usr/include/zlib.h zlib1g-dev
/usr/include/zstd.h libzstd-dev
/usr/include/gtest/gtest.h libgtest-dev
/usr/include/gmock/gmock.h libgmock-dev
'
missing=()
while read -r probe package; do
  [ -n "$probe" ] || continue
  case $probe in
    /*) compgen -G "$probe" >/dev/null || missing+=("$package") ;;
    *) command -v "$probe" >/dev/null || missing+=("$package") ;;
  esac
done <<<"$probes"
python=${PYTHON:-python3}
if [ ! -x .venv/bin/python ]; then
  if ! command -v "$python" >/dev/null; then
    [ -z "${PYTHON:-}" ] || die "PYTHON=$PYTHON is not an interpreter: expected Python 3.10 or newer"
    missing+=(python3 python3-venv)
  elif ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    missing+=(python3-venv)
  fi
fi
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null ||
    die "missing: ${missing[*]} (names of Debian packages): install them with your package manager, then run this again"
  [ "$(id -u)" = 0 ] ||
    die "missing packages: run 'sudo apt-get install -y ${missing[*]}', then run this again"
  say "setup: installing ${missing[*]}"
  log=$(mktemp)
  { apt-get update && DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 || {
    tail -5 "$log" >&2
    die "apt-get could not install ${missing[*]} (log: $log): the packages of LLVM 22 are in Debian 12's security archive and in Debian 13"
  }
  rm -f "$log"
fi

# ---- the virtual environment, made again only when requirements.txt changed
stamp=.venv/requirements.stamp
if [ ! -x .venv/bin/python ]; then
  say "setup: making .venv"
  "$python" -m venv .venv || die "'$python -m venv .venv' failed: install python3-venv"
fi
if ! cmp -s requirements.txt "$stamp"; then
  say "setup: installing requirements.txt into .venv"
  log=$(mktemp)
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt \
    >"$log" 2>&1 || {
    grep -E '^ERROR' "$log" | head -5 >&2
    die "pip could not install requirements.txt (log: $log)"
  }
  rm -f "$log"
  cp requirements.txt "$stamp"
  changed=1
fi

# ---- configure and build
if [ ! -f "$build/build.ninja" ] || [ "${changed:-0}" = 1 ]; then
  say "setup: configuring the $preset preset"
  mkdir -p "$build"
  cmake --preset "$preset" >"$build/configure.log" 2>&1 || {
    grep -A8 'CMake Error' "$build/configure.log" | head -20 >&2
    die "configuring failed (log: $build/configure.log)"
  }
fi
targets=(all)
case ${1:-} in
  '') ;;
  --no-build) exit 0 ;;
  --tools) targets=(colossal-translate colossal-opt colossal-compile colossal-verify colossal-run
    colossal-engine colossal-calibrate) ;;
  *) die "found '$1', expected --tools or --no-build" ;;
esac
cores=$(nproc)
gigabytes=$(awk '/MemAvailable/ {print int($2 / 2097152)}' /proc/meminfo)
jobs=${JOBS:-$((gigabytes < 1 ? 1 : gigabytes < cores ? gigabytes : cores))}
say "setup: building with $jobs jobs"
cmake --build "$build" -j "$jobs" --target "${targets[@]}" >"$build/build.log" 2>&1 || {
  grep -E -A6 'error:|FAILED' "$build/build.log" | head -40 >&2
  die "the build failed (log: $build/build.log)"
}
say "setup: ready"
