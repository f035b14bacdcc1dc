//===- Call.h - Pools as library functions ----------------------*- C++ -*-===//
//
// The functions "max_pool", "average_pool" and the same with "_backward" of a
// LibraryCall.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_POOLING_RUN_CALL_H
#define COLOSSAL_OPS_POOLING_RUN_CALL_H

#include "Window.h"
#include "colossal/Run/LibraryFunction.h"

namespace colossal::rank {

/// Windows of each of the batch's elements, all f32. Operands: x, y of a
/// maximum or an average; x, dy, dx of the derivative of a maximum; dy, dx of
/// that of an average. dx has no two elements in one place.
/// `strides[i]`: elements per step of each batch extent, then of each
/// dimension: of the input for x and dx, of the output for y and dy.
struct Pool {
  bool max = false, backward = false;
  std::vector<int64_t> batch; ///< extents, major first
  std::vector<PoolDim> dims;  ///< major first, one to three
  int64_t divisor = 0;        ///< 0: the number of elements
  bool countPadding = false;  ///< also of those in the padding
  std::vector<std::vector<int64_t>> strides;
};

LibraryCall callOf(const Pool &pool);
/// Parameters that are missing keep their defaults.
Pool poolOf(const LibraryCall &call);

void checkPool(OperandFaults &faults, const std::string &place, const Op &op);
std::unique_ptr<LibraryRoutine> makePool(const Op &op, const Threads &threads,
                                         KernelFunction kernel);

} // namespace colossal::rank

#endif // COLOSSAL_OPS_POOLING_RUN_CALL_H
