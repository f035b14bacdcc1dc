//===- CpuGeneration.cpp - The vector instructions in use -----------------===//

#include "colossal/Support/CpuGeneration.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace colossal;

static CpuGeneration generationOfMachine() {
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4"))
    return CpuGeneration::Avx512;
  if (__builtin_cpu_supports("x86-64-v3"))
    return CpuGeneration::Avx2;
  return CpuGeneration::Baseline;
}

static CpuGeneration allowedGeneration() {
  const char *text = std::getenv("COLOSSAL_MAX_CPU");
  if (!text || !*text)
    return CpuGeneration::Avx512;
  for (CpuGeneration generation :
       {CpuGeneration::Baseline, CpuGeneration::Avx2, CpuGeneration::Avx512})
    if (std::strcmp(text, nameOf(generation)) == 0)
      return generation;
  std::fprintf(stderr,
               "error: COLOSSAL_MAX_CPU: found \"%s\", expected \"x86-64\", "
               "\"x86-64-v3\" or \"x86-64-v4\"\n",
               text);
  std::exit(1);
}

CpuGeneration colossal::cpuGeneration() {
  static const CpuGeneration generation =
      std::min(generationOfMachine(), allowedGeneration());
  return generation;
}

bool colossal::computesBFloat16() {
  // Asked for every product.
  static const bool computes = [] {
    const char *limit = std::getenv("COLOSSAL_MAX_CPU");
    return (!limit || !*limit) && cpuGeneration() == CpuGeneration::Avx512 &&
           __builtin_cpu_supports("avx512bf16");
  }();
  return computes;
}

bool colossal::isCpuLimited() {
  return cpuGeneration() < generationOfMachine();
}

const char *colossal::nameOf(CpuGeneration generation) {
  switch (generation) {
  case CpuGeneration::Baseline:
    return "x86-64";
  case CpuGeneration::Avx2:
    return "x86-64-v3";
  case CpuGeneration::Avx512:
    return "x86-64-v4";
  }
  return "";
}
