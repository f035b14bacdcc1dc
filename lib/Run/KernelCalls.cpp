//===- KernelCalls.cpp - With what the kernels of a bundle are called -----===//
//
// A kernel is code without checks: it believes the number of its operands,
// their sizes, its indices and its iterations. The manifest keeps what they
// were when the bundle was compiled.
//
//===----------------------------------------------------------------------===//

#include "ProgramCheck.h"

#include <algorithm>
#include <limits>
#include <map>

namespace colossal::rank {

namespace {

using Wide = __int128;

int64_t clamp(Wide value) {
  constexpr Wide lowest = std::numeric_limits<int64_t>::min();
  constexpr Wide highest = std::numeric_limits<int64_t>::max();
  return int64_t(std::min(std::max(value, lowest), highest));
}

/// The values of an index on all ranks and microbatches.
std::pair<int64_t, int64_t> rangeOf(const AffineOffset &affine,
                                    const Program &program) {
  Wide lowest = affine.constant, highest = affine.constant;
  for (const auto &[name, stride] : affine.terms) {
    int64_t size = name == "time" ? program.microbatches : 1;
    for (const Axis &axis : program.mesh)
      if (axis.name == name)
        size = axis.size;
    Wide end = Wide(stride) * (std::max<int64_t>(size, 1) - 1);
    (end < 0 ? lowest : highest) += end;
  }
  return {clamp(lowest), clamp(highest)};
}

/// Calls `use` with every op that has a kernel, and its call; not with ops
/// whose operands are no buffers.
template <class Use> void forEachCall(const Program &program, Use &&use) {
  for (const Segment &segment : program.segments)
    for (size_t i = 0; i < segment.ops.size(); ++i) {
      const Op &op = segment.ops[i];
      bool isKernel = op.kind == OpKind::Kernel;
      if (!isKernel && op.library.kernel.empty())
        continue;
      KernelCall call;
      call.symbol = isKernel ? op.symbol : op.library.kernel;
      call.function = isKernel ? "" : op.library.function;
      call.range = isKernel ? op.range : 0;
      std::vector<Operand> operands = op.operands;
      operands.insert(operands.end(), op.scratch.begin(), op.scratch.end());
      bool isSound = true;
      for (const Operand &operand : operands) {
        isSound &= operand.buffer >= 0 &&
                   operand.buffer < int64_t(program.buffers.size());
        if (isSound)
          call.operandBytes.push_back(
              clamp(Wide(program.buffers[size_t(operand.buffer)].bytes) -
                    operand.offset));
      }
      for (const AffineOffset &affine : op.indices)
        call.indices.push_back(rangeOf(affine, program));
      if (isSound)
        use(segment, i, call);
    }
}

/// One kernel may serve a library function and its gradient, which have other
/// operands.
using Key = std::pair<std::string, std::string>;
Key keyOf(const KernelCall &call) { return {call.symbol, call.function}; }

} // namespace

std::vector<KernelCall> kernelCallsOf(const std::vector<Program> &programs) {
  std::map<Key, KernelCall> calls;
  for (const Program &program : programs)
    forEachCall(program, [&](const Segment &, size_t, const KernelCall &call) {
      auto [it, isNew] = calls.emplace(keyOf(call), call);
      KernelCall &all = it->second;
      // Of another number: checkManifest says so.
      if (isNew || all.operandBytes.size() != call.operandBytes.size() ||
          all.indices.size() != call.indices.size())
        return;
      for (size_t i = 0; i < all.operandBytes.size(); ++i)
        all.operandBytes[i] =
            std::min(all.operandBytes[i], call.operandBytes[i]);
      for (size_t i = 0; i < all.indices.size(); ++i)
        all.indices[i] = {
            std::min(all.indices[i].first, call.indices[i].first),
            std::max(all.indices[i].second, call.indices[i].second)};
      all.range = std::max(all.range, call.range);
    });
  std::vector<KernelCall> result;
  for (auto &entry : calls)
    result.push_back(std::move(entry.second));
  return result;
}

void checkKernelCalls(const Manifest &manifest, const Program &program,
                      std::vector<std::string> &faults) {
  std::map<Key, const KernelCall *> known;
  for (const KernelCall &call : manifest.kernelCalls)
    known.emplace(keyOf(call), &call);
  forEachCall(program, [&](const Segment &segment, size_t op,
                           const KernelCall &call) {
    auto fault = [&](const std::string &found, const std::string &expected) {
      faults.push_back(describePlace(program, segment, op) + ": found " +
                       found + ", but kernel '" + call.symbol + "' has " +
                       expected + " by the manifest");
    };
    auto count = [](size_t number, const char *what) {
      return std::to_string(number) + " " + what;
    };
    auto it = known.find(keyOf(call));
    if (it == known.end())
      return fault("a call of it", "no entry");
    const KernelCall &expected = *it->second;
    if (call.operandBytes.size() != expected.operandBytes.size())
      return fault(count(call.operandBytes.size(), "operands"),
                   count(expected.operandBytes.size(), "operands"));
    if (call.indices.size() != expected.indices.size())
      return fault(count(call.indices.size(), "indices"),
                   count(expected.indices.size(), "indices"));
    for (size_t i = 0; i < call.operandBytes.size(); ++i)
      if (call.operandBytes[i] < expected.operandBytes[i])
        return fault("operand " + std::to_string(i) + " of " +
                         std::to_string(call.operandBytes[i]) + " bytes",
                     std::to_string(expected.operandBytes[i]) + " bytes there");
    for (size_t i = 0; i < call.indices.size(); ++i)
      if (call.indices[i].first < expected.indices[i].first ||
          call.indices[i].second > expected.indices[i].second)
        return fault("index " + std::to_string(i) + " from " +
                         std::to_string(call.indices[i].first) + " to " +
                         std::to_string(call.indices[i].second),
                     "it from " + std::to_string(expected.indices[i].first) +
                         " to " + std::to_string(expected.indices[i].second));
    if (call.range > expected.range)
      fault(std::to_string(call.range) + " iterations",
            "at most " + std::to_string(expected.range));
  });
}

} // namespace colossal::rank
