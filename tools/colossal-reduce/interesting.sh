#!/usr/bin/env bash
# Whether a program is interesting, as mlir-reduce asks: exit code 1 where the command, called with the program as its last argument,
# says the message; 0 where it does not.
#   colossal-reduce big.mlir --reduction-tree="traversal-mode=0 test=tools/colossal-reduce/interesting.sh test-arg='must be complete' test-arg=colossal-opt test-arg=--colossal-partition"
set -u
message=$1
shift
! "$@" 2>&1 | grep -q -- "$message"
