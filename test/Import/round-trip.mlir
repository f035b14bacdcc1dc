// What Import prints is what the other tools read.
// REQUIRES: colossal-translate, colossal-opt
// RUN: colossal-translate --import-torchscript %inputs/gpt2_sdpa.pt -o %t.mlir
// RUN: colossal-opt --mlir-print-debuginfo %t.mlir -o %t.2.mlir
// RUN: diff %t.mlir %t.2.mlir
