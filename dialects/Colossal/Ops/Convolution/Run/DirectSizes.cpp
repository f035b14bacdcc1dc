//===- DirectSizes.cpp - How a direct convolution is divided --------------===//

#include "Direct.h"

#include <algorithm>

namespace colossal::rank {

namespace {

using Pass = Convolution::Pass;

/// Tasks that are enough for the threads of a rank.
constexpr int64_t kTasks = 16;
/// A block of channels is copied: each of its elements must be worth this many
/// operations. Channels of a block at least.
constexpr int64_t kWorkPerCopy = 2048, kChannels = 64;
/// The same where fewer samples than this would leave threads without work.
constexpr int64_t kFewSamples = 4, kWorkOfFew = 256, kChannelsOfFew = 32;
/// The library's blocks of channels.
constexpr int64_t kUnit = 16;
/// Backward, weights: output positions of a sum that is added to the others at
/// the end, at least; the bytes of all sums at most.
constexpr int64_t kPositionsOfSum = 1024, kBytesOfSums = int64_t(16) << 20;
/// Scratch of the library's kernels: lists of addresses. Those of bf16 also
/// have a sample of x as f32 sums (backward, data), or of x and y in another
/// order (backward, weights).
constexpr int64_t kLibraryBytes = int64_t(64) << 10;

int64_t divided(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t roundUp(int64_t value, int64_t unit) {
  return divided(value, unit) * unit;
}
bool isOne(const Convolution::Sizes &sizes) { return pointsOf(sizes) == 1; }

/// A convolution of the positions that the strides leave.
Convolution withoutStride(const Convolution &c) {
  Convolution other = c;
  other.input = c.output;
  other.stride = other.dilation = {1, 1, 1};
  return other;
}

} // namespace

DirectSizes::DirectSizes(const Convolution &c, const Threads &threads)
    : given(c), library(c) {
  picks = isOne(c.taps) && !isOne(c.stride) &&
          c.padding == Convolution::Sizes{0, 0, 0};
  for (size_t d = 0; d < 3; ++d)
    picks = picks && (c.output[d] - 1) * c.stride[d] < c.input[d];
  if (picks)
    library = withoutStride(c);
  bool ofInput = c.pass == Pass::BackwardData;
  channels = c.groups * (ofInput ? c.channels : c.outputs);
  int64_t others = ofInput ? c.outputs : c.channels, taps = pointsOf(c.taps),
          work = 2 * others * taps / (ofInput ? pointsOf(c.stride) : 1);
  int64_t positions = c.samples * pointsOf(c.output);
  auto weightsOf = [&](int64_t block) {
    if (c.groups == 1)
      // Rows may have a gap, against aliases in the cache.
      return roundUp(block, kUnit) * (roundUp(others, kUnit) + 2 * kUnit) *
             taps * 4;
    if (c.outputs == 1 && c.channels == 1)
      return roundUp(c.groups, kUnit) * taps * 4;
    return c.groups * roundUp(c.outputs, kUnit) * roundUp(c.channels, kUnit) *
           taps * 4;
  };
  int64_t most = std::min(kTasks, c.samples);
  if (c.pass == Pass::BackwardWeights)
    most = std::clamp<int64_t>(std::min(positions / kPositionsOfSum,
                                        kBytesOfSums / weightsOf(channels)),
                               1, most);
  samplesPerTask = divided(c.samples, most);
  sampleTasks = divided(c.samples, samplesPerTask);
  int64_t blocks = 1;
  bool few = c.samples < kFewSamples;
  if (c.groups == 1 && work >= (few ? kWorkOfFew : kWorkPerCopy))
    blocks = std::clamp<int64_t>(
        kTasks / sampleTasks, 1,
        std::max<int64_t>(1, channels / (few ? kChannelsOfFew : kChannels)));
  channelsPerTask =
      blocks == 1 ? channels : roundUp(divided(channels, blocks), kUnit);
  channelTasks = divided(channels, channelsPerTask);
  workers = std::min<int64_t>(threads.count(), tasks());

  weightBytes = roundUp(weightsOf(channelsPerTask), 64);
  if (c.pass == Pass::BackwardWeights)
    weightCopies = sampleTasks;
  libraryBytes = kLibraryBytes;
  int64_t xRows = samplesPerTask * pointsOf(library.input),
          yRows = samplesPerTask * pointsOf(c.output);
  if (c.narrow) {
    int64_t x = ofInput ? channelsPerTask : c.groups * c.channels,
            y = ofInput ? c.groups * c.outputs : channelsPerTask;
    libraryBytes += roundUp(4 * roundUp(x, kUnit) * pointsOf(library.input) +
                                2 * roundUp(y, kUnit) * pointsOf(c.output),
                            64);
  }
  if (picks && !ofInput)
    pickedBytes = roundUp(xRows * c.groups * c.channels * 4, 64);
  if (channelTasks > 1 || (picks && ofInput))
    blockBytes = roundUp((ofInput ? xRows : yRows) * channelsPerTask * 4, 64);
}

} // namespace colossal::rank
