//===- MeasureLibrary.cpp - Rates of the runtime's library calls ----------===//
//
// The calls themselves, at sizes as in the middle of residual networks and with
// channels last, as chains of convolutions have them.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Ops/Convolution/Run/Call.h"
#include "Colossal/Ops/Pooling/Run/Call.h"
#include "HugePages.h"
#include "Measure.h"

#include <vector>

using namespace colossal;
using namespace colossal::machine;

namespace {
constexpr int64_t kChannels = 64, kSize = 28, kSamplesPerThread = 4;

/// One call on tensors of its own.
struct Call {
  std::string rate; ///< the op's name for it
  rank::Op op;
  double flops; ///< as Work counts them
};
} // namespace

static Call convolutionOf(rank::Convolution::Pass pass, int64_t samples) {
  rank::Convolution c;
  c.pass = pass;
  c.samples = samples;
  c.outputs = c.channels = kChannels;
  c.input = c.output = {1, kSize, kSize};
  c.taps = {1, 3, 3};
  c.padding = {0, 1, 1};
  c.channelsLast = 1;
  Call call;
  call.op.library = rank::callOf(c);
  call.rate = call.op.library.function;
  call.flops =
      2.0 * double(elementsOf(c)[2] * c.channels * rank::pointsOf(c.taps));
  return call;
}

static Call poolOf(bool max, bool backward, int64_t samples) {
  rank::Pool pool;
  pool.max = max;
  pool.backward = backward;
  pool.batch = {samples, kChannels};
  rank::PoolDim dim;
  dim.input = kSize;
  dim.output = kSize / 2;
  dim.kernel = 3;
  dim.stride = 2;
  dim.padding = 1;
  pool.dims = {dim, dim};
  auto stridesOf = [](int64_t size) {
    return std::vector<int64_t>{size * size * kChannels, 1, size * kChannels,
                                kChannels};
  };
  if (max || !backward)
    pool.strides.push_back(stridesOf(dim.input));
  pool.strides.push_back(stridesOf(dim.output));
  if (backward)
    pool.strides.push_back(stridesOf(dim.input));
  Call call;
  call.op.library = rank::callOf(pool);
  call.rate = call.op.library.function;
  call.flops = double(samples * kChannels * dim.output * dim.output * 9) *
               (max && backward ? 2.0 : 1.0);
  return call;
}

static std::vector<Call> callsOf(int64_t threads) {
  using Pass = rank::Convolution::Pass;
  int64_t samples = kSamplesPerThread * threads;
  std::vector<Call> calls;
  for (Pass pass : {Pass::Forward, Pass::BackwardData, Pass::BackwardWeights})
    calls.push_back(convolutionOf(pass, samples));
  for (bool max : {true, false})
    for (bool backward : {false, true})
      calls.push_back(poolOf(max, backward, samples));
  return calls;
}

std::vector<std::string> colossal::machine::libraryNames() {
  std::vector<std::string> names;
  for (const Call &call : callsOf(1))
    names.push_back(call.rate);
  return names;
}

LibraryMeasurement colossal::machine::measureLibrary(Together &together) {
  rank::Threads threads(int(together.threads()));
  LibraryMeasurement result;
  int64_t elements = kSamplesPerThread * together.threads() * kChannels *
                     kSize * kSize; // of the largest tensor
  HugePages tensors[] = {HugePages(elements, 0.5f), HugePages(elements, 0.5f),
                         HugePages(elements, 0.5f)};
  for (const Call &call : callsOf(together.threads())) {
    auto routine =
        rank::findLibraryFunction(call.rate)->make(call.op, threads, nullptr);
    HugePages scratch(routine->scratchBytes() / 4 + 16, 0.0f);
    char *operands[] = {reinterpret_cast<char *>(tensors[0].data()),
                        reinterpret_cast<char *>(tensors[1].data()),
                        reinterpret_cast<char *>(tensors[2].data())};
    double ns = together.measure(together.independentRanks(), [&] {
      routine->run(operands, nullptr, 0,
                   reinterpret_cast<char *>(scratch.data()));
    });
    result.flopsPerSecond[result.count++] = call.flops / ns * 1e9;
  }
  return result;
}
