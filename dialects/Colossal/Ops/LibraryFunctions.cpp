//===- LibraryFunctions.cpp - All library functions -----------------------===//

#include "Attention/Run/Call.h"
#include "Convolution/Run/Call.h"
#include "Pooling/Run/Call.h"

#include <string_view>

namespace colossal::rank {

static constexpr LibraryFunction functions[] = {
    {"attention", makeAttention},
    {"attention_backward", makeAttention},
    {"convolution", makeConvolution},
    {"convolution_backward_data", makeConvolution},
    {"convolution_backward_weights", makeConvolution},
    {"max_pool", makePool},
    {"max_pool_backward", makePool},
    {"average_pool", makePool},
    {"average_pool_backward", makePool},
};

const LibraryFunction *findLibraryFunction(const std::string &function) {
  for (const LibraryFunction &entry : functions)
    if (std::string_view(entry.function) == function)
      return &entry;
  return nullptr;
}

} // namespace colossal::rank
