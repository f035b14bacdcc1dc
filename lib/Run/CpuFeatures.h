//===- CpuFeatures.h - What this machine's CPU can do -----------*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_CPUFEATURES_H
#define COLOSSAL_LIB_RUN_CPUFEATURES_H

#include <string>
#include <vector>

namespace colossal::rank {

/// Those of `features` (LLVM's names) that this machine's CPU lacks.
std::vector<std::string>
missingCpuFeatures(const std::vector<std::string> &features);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_CPUFEATURES_H
