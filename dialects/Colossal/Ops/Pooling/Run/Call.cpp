//===- Call.cpp - Pools as library functions: parameters and checks -------===//

#include "Colossal/Ops/Pooling/Run/Call.h"

#include <algorithm>

namespace colossal::rank {

/// Calls `visit(name, field)` for the integers of one dimension.
template <class Dim, class Visit>
static void integers(Dim &dim, const std::string &number, Visit visit) {
  visit("input" + number, dim.input);
  visit("output" + number, dim.output);
  visit("kernel" + number, dim.kernel);
  visit("stride" + number, dim.stride);
  visit("padding" + number, dim.padding);
  visit("dilation" + number, dim.dilation);
}

LibraryCall callOf(const Pool &pool) {
  LibraryCall call;
  call.function = std::string(pool.max ? "max_pool" : "average_pool") +
                  (pool.backward ? "_backward" : "");
  for (size_t i = 0; i < pool.batch.size(); ++i)
    call.integers["batch" + std::to_string(i)] = pool.batch[i];
  for (size_t d = 0; d < pool.dims.size(); ++d)
    integers(pool.dims[d], std::to_string(d),
             [&](const std::string &name, int64_t value) {
               call.integers[name] = value;
             });
  if (!pool.max) {
    call.integers["divisor"] = pool.divisor;
    call.integers["countPadding"] = pool.countPadding;
  }
  call.strides = pool.strides;
  return call;
}

Pool poolOf(const LibraryCall &call) {
  Pool pool;
  pool.max = call.function.rfind("max_pool", 0) == 0;
  pool.backward = call.function.find("_backward") != std::string::npos;
  auto find = [&](const std::string &name, int64_t &value) {
    auto it = call.integers.find(name);
    if (it == call.integers.end())
      return false;
    value = it->second;
    return true;
  };
  for (int64_t extent;
       find("batch" + std::to_string(pool.batch.size()), extent);)
    pool.batch.push_back(extent);
  for (int64_t size; pool.dims.size() < 4 &&
                     find("input" + std::to_string(pool.dims.size()), size);) {
    std::string number = std::to_string(pool.dims.size());
    integers(pool.dims.emplace_back(), number, find);
  }
  int64_t countPadding = 0;
  find("divisor", pool.divisor);
  find("countPadding", countPadding);
  pool.countPadding = countPadding != 0;
  pool.strides = call.strides;
  return pool;
}

void checkPool(OperandFaults &faults, const std::string &place, const Op &op) {
  Pool pool = poolOf(op.library);
  auto text = [](int64_t value) { return std::to_string(value); };
  size_t count = pool.max && pool.backward ? 3 : 2;
  if (op.operands.size() != count || op.numOutputs != 1 ||
      pool.strides.size() != count || pool.dims.empty() ||
      pool.dims.size() > 3) {
    faults.fault(place,
                 text(int64_t(op.operands.size())) + " operands, " +
                     text(op.numOutputs) + " outputs, " +
                     text(int64_t(pool.strides.size())) + " strides, " +
                     text(int64_t(pool.dims.size())) + " dimensions",
                 text(int64_t(count)) +
                     " operands, 1 output, strides of each operand, one to "
                     "three dimensions");
    return;
  }
  constexpr int64_t most = int64_t(1) << 31;
  auto sized = [&](int64_t value, int64_t least) {
    return value >= least && value <= most;
  };
  bool sound = pool.divisor >= 0;
  for (int64_t extent : pool.batch)
    sound &= sized(extent, 1);
  for (const PoolDim &dim : pool.dims)
    sound &= sized(dim.input, 1) && sized(dim.output, 1) &&
             sized(dim.kernel, 0) && sized(dim.stride, 1) &&
             sized(dim.padding, 0) && sized(dim.dilation, 1);
  if (!sound) {
    faults.fault(place, "a size out of range",
                 "sizes, strides and dilations of at least 1");
    return;
  }
  for (size_t i = 0; i < count; ++i) {
    // y and dy: all but the first operand and the last of a derivative.
    bool isOutput = pool.backward ? i + 2 == count : i == 1;
    const std::vector<int64_t> &strides = pool.strides[i];
    std::string at = place + " operand " + text(int64_t(i));
    if (strides.size() != pool.batch.size() + pool.dims.size() ||
        *std::min_element(strides.begin(), strides.end()) < 0) {
      faults.fault(at, text(int64_t(strides.size())) + " strides",
                   text(int64_t(pool.batch.size() + pool.dims.size())) +
                       " of at least 0");
      continue;
    }
    int64_t last = 0;
    for (size_t b = 0; b < pool.batch.size(); ++b)
      last += (pool.batch[b] - 1) * strides[b];
    for (size_t d = 0; d < pool.dims.size(); ++d)
      last += ((isOutput ? pool.dims[d].output : pool.dims[d].input) - 1) *
              strides[pool.batch.size() + d];
    faults.checkType(at, op.operands[i], DType::F32);
    faults.checkInside(at, op.operands[i], (last + 1) * 4);
  }
}

} // namespace colossal::rank
