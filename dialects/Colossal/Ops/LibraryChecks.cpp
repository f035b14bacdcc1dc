//===- LibraryChecks.cpp - The checks of all library functions ------------===//

#include "Attention/Run/Call.h"
#include "Convolution/Run/Call.h"
#include "Pooling/Run/Call.h"

#include <string_view>

namespace colossal::rank {

static constexpr LibraryCheck checks[] = {
    {"attention", checkAttention},
    {"attention_backward", checkAttention},
    {"convolution", checkConvolution},
    {"convolution_backward_data", checkConvolution},
    {"convolution_backward_weights", checkConvolution},
    {"max_pool", checkPool},
    {"max_pool_backward", checkPool},
    {"average_pool", checkPool},
    {"average_pool_backward", checkPool},
};

const LibraryCheck *findLibraryCheck(const std::string &function) {
  for (const LibraryCheck &check : checks)
    if (std::string_view(check.function) == function)
      return &check;
  return nullptr;
}

std::string namesOfLibraryFunctions() {
  std::string names;
  for (const LibraryCheck &check : checks)
    names += (names.empty() ? "" : ", ") + std::string(check.function);
  return names;
}

} // namespace colossal::rank
