//===- Narrow.cpp - Convolution of 16 bits by that of f32 -----------------===//

#include "Narrow.h"

#include "colossal/Run/NarrowRows.h"

#include <algorithm>

namespace colossal::rank {

/// Of the images of a piece, in f32.
static constexpr int64_t kPieceBytes = int64_t(8) << 20;
/// Elements that are worth a thread.
static constexpr int64_t kGrain = 32768;

using Pass = Convolution::Pass;

NarrowConvolution::NarrowConvolution(const Convolution &convolution,
                                     const Threads &threads)
    : c(convolution), threads(threads) {
  std::array<int64_t, 3> elements = elementsOf(c);
  for (int tensor : {X, Y})
    perSample[tensor] = elements[size_t(tensor)] / c.samples;
  samplesPerPiece = std::clamp<int64_t>(
      kPieceBytes / (4 * std::max(perSample[X], perSample[Y])), 1, c.samples);
  for (int tensor : {X, W, Y}) {
    int64_t count =
        tensor == W ? elements[W] : samplesPerPiece * perSample[size_t(tensor)];
    bytes[tensor] = (count * 4 + 63) / 64 * 64;
  }
  // Images of f32 are written where they belong.
  if (c.wideResult && orders[size_t(c.pass)][2] != W)
    bytes[orders[size_t(c.pass)][2]] = 0;
  auto make = [&](int64_t samples) {
    Convolution wide = c;
    wide.samples = samples;
    wide.narrow = wide.wideResult = 0;
    Op op;
    op.library = callOf(wide);
    return makeConvolution(op, threads, nullptr);
  };
  full = make(samplesPerPiece);
  if (c.samples % samplesPerPiece)
    last = make(c.samples % samplesPerPiece);
}

int64_t NarrowConvolution::scratchBytes() const {
  int64_t own = bytes[X] + bytes[W] + bytes[Y];
  if (c.pass == Pass::BackwardWeights)
    own += bytes[W];
  return std::max(reserved, own + std::max(full->scratchBytes(),
                                           last ? last->scratchBytes() : 0));
}

NarrowConvolution::Wide NarrowConvolution::wideIn(char *scratch) const {
  Wide wide;
  for (int tensor : {X, W, Y}) {
    wide.tensors[tensor] = reinterpret_cast<float *>(scratch);
    scratch += bytes[tensor];
  }
  wide.sum = reinterpret_cast<float *>(scratch);
  if (c.pass == Pass::BackwardWeights)
    scratch += bytes[W];
  wide.scratch = scratch;
  return wide;
}

void NarrowConvolution::widen(float *to, const char *from,
                              int64_t count) const {
  withNarrow(typeOfNarrow(c.narrow), [&](auto number) {
    auto *narrow = reinterpret_cast<const decltype(number) *>(from);
    threads.split(count, kGrain, [&](int, int64_t begin, int64_t end) {
      widenRow(to + begin, narrow + begin, end - begin);
    });
  });
}

void NarrowConvolution::narrow(char *to, const float *from,
                               int64_t count) const {
  withNarrow(typeOfNarrow(c.narrow), [&](auto number) {
    auto *narrow = reinterpret_cast<decltype(number) *>(to);
    threads.split(count, kGrain, [&](int, int64_t begin, int64_t end) {
      narrowRow(narrow + begin, from + begin, end - begin);
    });
  });
}

void NarrowConvolution::addWeights(float *sum, const float *part) const {
  threads.split(elementsOf(c)[W], kGrain, [&](int, int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      sum[i] += part[i];
  });
}

void NarrowConvolution::run(char *const *operands, const int64_t *indices,
                            size_t indexCount, char *scratch) const {
  const Tensor(&order)[3] = orders[size_t(c.pass)];
  Wide wide = wideIn(scratch);
  int64_t weights = elementsOf(c)[W];
  float *sum = c.wideResult ? reinterpret_cast<float *>(operands[2]) : wide.sum;
  for (int i = 0; i < 2; ++i)
    if (order[i] == W)
      widen(wide.tensors[W], operands[i], weights);
  for (int64_t sample = 0; sample < c.samples; sample += samplesPerPiece) {
    int64_t samples = std::min(samplesPerPiece, c.samples - sample);
    auto imageAt = [&](int operand) {
      int64_t bytesOfOne = operand == 2 && c.wideResult ? 4 : 2;
      return operands[operand] +
             bytesOfOne * sample * perSample[order[operand]];
    };
    for (int i = 0; i < 2; ++i)
      if (order[i] != W)
        widen(wide.tensors[order[i]], imageAt(i),
              samples * perSample[order[i]]);
    bool isFirst = sample == 0;
    bool sums = order[2] == W;
    char *inner[3];
    for (int i = 0; i < 3; ++i)
      inner[i] = reinterpret_cast<char *>(wide.tensors[order[i]]);
    if (sums && isFirst)
      inner[2] = reinterpret_cast<char *>(sum);
    if (!sums && c.wideResult)
      inner[2] = imageAt(2);
    (samples == samplesPerPiece ? full : last)
        ->run(inner, indices, indexCount, wide.scratch);
    if (sums && !isFirst)
      addWeights(sum, wide.tensors[W]);
    if (!sums && !c.wideResult)
      narrow(imageAt(2), wide.tensors[order[2]], samples * perSample[order[2]]);
  }
  if (order[2] == W && !c.wideResult)
    narrow(operands[2], sum, weights);
}

} // namespace colossal::rank
