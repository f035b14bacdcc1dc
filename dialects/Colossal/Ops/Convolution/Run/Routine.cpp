//===- Routine.cpp - Convolution as products of patches -------------------===//

#include "Routine.h"

#include "Direct.h"
#include "Narrow.h"
#include "colossal/Run/NarrowRows.h"
#include "colossal/Support/CpuGeneration.h"

#include <algorithm>
#include <cstring>

extern "C" void omp_set_num_threads(int);

namespace colossal::rank {

namespace {

/// Columns of a block of patches: enough for a product to reuse what it packs.
constexpr int64_t kColumns = 448;
/// Of a block of patches: it stays in a core's cache.
constexpr int64_t kPatchBytes = int64_t(1) << 20;
/// Fewer tasks than this are divided further.
constexpr int64_t kTasks = 16;
/// Positions whose channels are moved together: their lines stay in the first
/// cache.
constexpr int64_t kTile = 16;
/// Output channels of a task, where they are divided: each makes the patches
/// again.
constexpr int64_t kOutputs = 128;

int64_t divided(int64_t a, int64_t b) { return (a + b - 1) / b; }
/// Size of block `block` of `per` in `all`.
int64_t sizeOf(int64_t block, int64_t per, int64_t all) {
  return std::min(per, all - block * per);
}

} // namespace

ConvolutionRoutine::ConvolutionRoutine(const Convolution &convolution,
                                       const Threads &threads)
    : c(convolution), threads(threads), taps(pointsOf(c.taps)),
      positions(pointsOf(c.output)), plane(pointsOf(c.input)),
      xStrides(inputStrides(c)), yStrides(outputStrides(c)) {
  using Pass = Convolution::Pass;
  columnsPerBlock = std::min(kColumns, positions);
  samplesPerBlock = std::clamp<int64_t>(kColumns / positions, 1, c.samples);
  packs = samplesPerBlock > 1 || c.channelsLast;
  sampleBlocks = divided(c.samples, samplesPerBlock);
  int64_t blocksPerSample = divided(positions, columnsPerBlock);
  columnBlocks = sampleBlocks * blocksPerSample;
  int64_t columns = samplesPerBlock * columnsPerBlock;
  channelsPerBlock =
      std::clamp<int64_t>(kPatchBytes / (4 * columns * taps), 1, c.channels);
  outputsPerBlock = c.outputs;
  if (c.pass == Pass::Forward && c.groups * columnBlocks < kTasks)
    outputsPerBlock = std::min(kOutputs, c.outputs);
  if (c.pass == Pass::BackwardData)
    // Several tasks for few samples.
    while (channelsPerBlock > 16 &&
           c.groups * sampleBlocks * divided(c.channels, channelsPerBlock) <
               kTasks)
      channelsPerBlock = divided(channelsPerBlock, 2);
  channelBlocks = divided(c.channels, channelsPerBlock);
  outputBlocks = divided(c.outputs, outputsPerBlock);
  switch (c.pass) {
  case Pass::Forward:
    tasks = c.groups * outputBlocks * columnBlocks;
    break;
  case Pass::BackwardData:
    tasks = c.groups * channelBlocks * sampleBlocks;
    break;
  case Pass::BackwardWeights:
    tasks = c.groups * channelBlocks;
    parts = std::clamp<int64_t>(kTasks / tasks, 1, columnBlocks);
    tasks *= parts;
    partBytes = (elementsOf(c)[1] * 4 + 63) / 64 * 64;
    break;
  }

  workers.resize(size_t(std::min<int64_t>(threads.count(), tasks)));
  // The products run inside one thread each: the library must plan for one.
  omp_set_num_threads(1);
  int64_t productScratch = 0;
  auto sizes = [](int64_t per, int64_t all) {
    std::vector<int64_t> list = {per};
    if (all % per)
      list.push_back(all % per);
    return list;
  };
  std::vector<int64_t> columnCounts;
  if (samplesPerBlock > 1)
    for (int64_t samples : sizes(samplesPerBlock, c.samples))
      columnCounts.push_back(samples * positions);
  else
    columnCounts = sizes(columnsPerBlock, positions);
  for (Worker &worker : workers)
    for (int64_t outputs : sizes(outputsPerBlock, c.outputs))
      for (int64_t channels : sizes(channelsPerBlock, c.channels))
        for (int64_t count : columnCounts)
          for (bool accumulate : {false, true}) {
            bool single =
                c.pass == Pass::BackwardData ||
                (c.pass == Pass::Forward && channelBlocks == 1) ||
                (c.pass == Pass::BackwardWeights && columnBlocks == parts);
            if (accumulate && single)
              continue;
            Key key{outputs, channels * taps, count, accumulate};
            auto added = worker.products.emplace(key, makeProduct(key)).first;
            productScratch =
                std::max(productScratch, added->second.scratchBytes());
          }
  omp_set_num_threads(threads.count());

  threadBytes = (productScratch + 63) / 64 * 64;
  auto reserve = [&](int64_t &offset, int64_t elements) {
    offset = threadBytes;
    threadBytes += (elements * 4 + 63) / 64 * 64;
  };
  reserve(patchesAt, channelsPerBlock * taps * columns);
  if (packs)
    reserve(packedAt, outputsPerBlock * columns);
}

MatrixProduct ConvolutionRoutine::makeProduct(const Key &key) const {
  static const Threads alone = Threads::alone();
  auto [outputs, rows, columns, accumulate] = key;
  int64_t row = packs ? columns : positions; // of y
  int64_t all = c.channels * taps;           // a row of w
  Gemm gemm;
  gemm.accumulate = accumulate;
  switch (c.pass) {
  case Convolution::Pass::Forward:
    gemm.m = outputs;
    gemm.n = columns;
    gemm.k = rows;
    gemm.aM = all;
    gemm.aK = 1;
    gemm.bK = columns;
    gemm.bN = 1;
    gemm.cM = row;
    break;
  case Convolution::Pass::BackwardData:
    gemm.m = rows;
    gemm.n = columns;
    gemm.k = outputs;
    gemm.aM = 1;
    gemm.aK = all;
    gemm.bK = row;
    gemm.bN = 1;
    gemm.cM = columns;
    break;
  case Convolution::Pass::BackwardWeights:
    gemm.m = outputs;
    gemm.n = rows;
    gemm.k = columns;
    gemm.aM = row;
    gemm.aK = 1;
    gemm.bK = 1;
    gemm.bN = columns;
    gemm.cM = all;
    break;
  }
  gemm.cN = 1;
  return MatrixProduct(gemm, alone);
}

ConvolutionRoutine::Columns ConvolutionRoutine::columnsAt(int64_t block) const {
  int64_t perSample = columnBlocks / sampleBlocks;
  int64_t sample = block / perSample * samplesPerBlock;
  int64_t begin = block % perSample * columnsPerBlock;
  return {sample, std::min(samplesPerBlock, c.samples - sample), begin,
          std::min(begin + columnsPerBlock, positions)};
}

void ConvolutionRoutine::fill(const Frame &frame, int64_t group,
                              int64_t channel, int64_t count,
                              const Columns &columns) const {
  for (int64_t s = 0; s < columns.samples; ++s)
    fillPatches(c, xAt(frame, columns.sample + s, group, channel), count,
                columns.begin, columns.end, patches(frame) + s * positions,
                columns.count());
}

const float *ConvolutionRoutine::gather(const Frame &frame, int64_t group,
                                        int64_t output, int64_t count,
                                        const Columns &columns) const {
  if (!packs)
    return yAt(frame, columns.sample, group, output) + columns.begin;
  int64_t width = columns.end - columns.begin;
  for (int64_t s = 0; s < columns.samples; ++s) {
    const float *y = yAt(frame, columns.sample + s, group, output) +
                     columns.begin * yStrides.position;
    float *to = packed(frame) + s * width;
    if (!c.channelsLast)
      for (int64_t o = 0; o < count; ++o)
        memcpy(to + o * columns.count(), y + o * yStrides.channel,
               size_t(width) * 4);
    else
      for (int64_t begin = 0; begin < width; begin += kTile)
        for (int64_t o = 0; o < count; ++o)
          for (int64_t i = begin; i < std::min(width, begin + kTile); ++i)
            to[o * columns.count() + i] = y[i * yStrides.position + o];
  }
  return packed(frame);
}

void ConvolutionRoutine::scatter(const Frame &frame, int64_t group,
                                 int64_t output, int64_t count,
                                 const Columns &columns) const {
  int64_t width = columns.end - columns.begin;
  for (int64_t s = 0; s < columns.samples; ++s) {
    float *y = yAt(frame, columns.sample + s, group, output) +
               columns.begin * yStrides.position;
    const float *from = packed(frame) + s * width;
    if (!c.channelsLast)
      for (int64_t o = 0; o < count; ++o)
        memcpy(y + o * yStrides.channel, from + o * columns.count(),
               size_t(width) * 4);
    else
      for (int64_t begin = 0; begin < width; begin += kTile)
        for (int64_t o = 0; o < count; ++o)
          for (int64_t i = begin; i < std::min(width, begin + kTile); ++i)
            y[i * yStrides.position + o] = from[o * columns.count() + i];
  }
}

void ConvolutionRoutine::multiply(const Frame &frame, const Key &key,
                                  const float *a, const float *b,
                                  float *result) const {
  frame.worker.products.find(key)->second.run(a, b, result, frame.scratch);
}

/// Task: a group, a block of output channels, a block of columns.
void ConvolutionRoutine::forward(const Frame &frame, int64_t task) const {
  Columns columns = columnsAt(task % columnBlocks);
  int64_t block = task / columnBlocks % outputBlocks;
  int64_t group = task / columnBlocks / outputBlocks;
  int64_t output = block * outputsPerBlock;
  int64_t outputs = sizeOf(block, outputsPerBlock, c.outputs);
  float *y = packs ? packed(frame)
                   : yAt(frame, columns.sample, group, output) + columns.begin;
  for (int64_t b = 0; b < channelBlocks; ++b) {
    int64_t channel = b * channelsPerBlock;
    int64_t count = sizeOf(b, channelsPerBlock, c.channels);
    fill(frame, group, channel, count, columns);
    const float *w =
        frame.w + ((group * c.outputs + output) * c.channels + channel) * taps;
    multiply(frame, {outputs, count * taps, columns.count(), b > 0}, w,
             patches(frame), y);
  }
  if (packs)
    scatter(frame, group, output, outputs, columns);
}

/// All positions of `count` channels of one sample.
void ConvolutionRoutine::clear(float *x, int64_t count) const {
  if (!c.channelsLast) {
    memset(x, 0, size_t(count * plane) * 4);
    return;
  }
  for (int64_t i = 0; i < plane; ++i)
    memset(x + i * xStrides.position, 0, size_t(count) * 4);
}

/// Task: a group, a block of input channels, a block of samples.
void ConvolutionRoutine::backwardData(const Frame &frame, int64_t task) const {
  int64_t perSample = columnBlocks / sampleBlocks;
  int64_t block = task / sampleBlocks % channelBlocks;
  int64_t group = task / sampleBlocks / channelBlocks;
  int64_t channel = block * channelsPerBlock;
  int64_t count = sizeOf(block, channelsPerBlock, c.channels);
  const float *w = frame.w + (group * c.outputs * c.channels + channel) * taps;
  for (int64_t i = 0; i < perSample; ++i) {
    Columns columns = columnsAt(task % sampleBlocks * perSample + i);
    if (i == 0)
      for (int64_t s = 0; s < columns.samples; ++s)
        clear(xAt(frame, columns.sample + s, group, channel), count);
    const float *y = gather(frame, group, 0, c.outputs, columns);
    multiply(frame, {c.outputs, count * taps, columns.count(), false}, w, y,
             patches(frame));
    for (int64_t s = 0; s < columns.samples; ++s)
      addPatches(c, xAt(frame, columns.sample + s, group, channel), count,
                 columns.begin, columns.end, patches(frame) + s * positions,
                 columns.count());
  }
}

/// Task: a group, a block of input channels, a part of the columns. `result`
/// has the shape of w.
void ConvolutionRoutine::backwardWeights(const Frame &frame, int64_t task,
                                         float *result) const {
  int64_t part = task % parts;
  int64_t block = task / parts % channelBlocks;
  int64_t group = task / parts / channelBlocks;
  int64_t channel = block * channelsPerBlock;
  int64_t count = sizeOf(block, channelsPerBlock, c.channels);
  int64_t begin = columnBlocks * part / parts;
  int64_t end = columnBlocks * (part + 1) / parts;
  float *w = result + (group * c.outputs * c.channels + channel) * taps;
  for (int64_t i = begin; i < end; ++i) {
    Columns columns = columnsAt(i);
    fill(frame, group, channel, count, columns);
    const float *y = gather(frame, group, 0, c.outputs, columns);
    multiply(frame, {c.outputs, count * taps, columns.count(), i > begin}, y,
             patches(frame), w);
  }
}

void ConvolutionRoutine::run(char *const *operands, const int64_t *, size_t,
                             char *scratch) const {
  using Pass = Convolution::Pass;
  float *tensors[3];
  for (int i = 0; i < 3; ++i)
    tensors[i] = reinterpret_cast<float *>(operands[i]);
  char *partials = scratch + threadBytes * int64_t(workers.size());
  auto resultOf = [&](int64_t part) {
    return part == 0
               ? tensors[2]
               : reinterpret_cast<float *>(partials + (part - 1) * partBytes);
  };
  threads.split(tasks, 1, [&](int piece, int64_t begin, int64_t end) {
    char *own = scratch + piece * threadBytes;
    const Worker &worker = workers[size_t(piece)];
    for (int64_t task = begin; task < end; ++task)
      switch (c.pass) {
      case Pass::Forward:
        forward({worker, tensors[0], tensors[1], tensors[2], own}, task);
        break;
      case Pass::BackwardData:
        backwardData({worker, tensors[2], tensors[1], tensors[0], own}, task);
        break;
      case Pass::BackwardWeights:
        backwardWeights({worker, tensors[0], tensors[2], tensors[1], own}, task,
                        resultOf(task % parts));
        break;
      }
  });
  if (parts > 1)
    threads.split(elementsOf(c)[1], 4096, [&](int, int64_t begin, int64_t end) {
      for (int64_t part = 1; part < parts; ++part) {
        const float *from = resultOf(part);
        for (int64_t i = begin; i < end; ++i)
          tensors[2][i] += from[i];
      }
    });
}

/// The library's kernels where it has some, else `ours`.
template <class Routine>
static std::unique_ptr<LibraryRoutine> directOr(const Convolution &convolution,
                                                const Threads &threads,
                                                std::unique_ptr<Routine> ours) {
  bool isHalf = typeOfNarrow(convolution.narrow) == DType::F16;
  if (!convolution.channelsLast || isHalf)
    return ours;
  DirectSizes sizes(convolution, threads);
  int64_t bytes = std::max(ours->scratchBytes(), sizes.bytes());
  if (!convolution.narrow || computesBFloat16())
    if (auto direct = DirectConvolution::make(sizes, threads, bytes))
      return direct;
  ours->reserve(bytes);
  return ours;
}

std::unique_ptr<LibraryRoutine>
makeConvolution(const Op &op, const Threads &threads, KernelFunction) {
  Convolution convolution = convolutionOf(op.library);
  if (convolution.narrow)
    return directOr(convolution, threads,
                    std::make_unique<NarrowConvolution>(convolution, threads));
  return directOr(convolution, threads,
                  std::make_unique<ConvolutionRoutine>(convolution, threads));
}

} // namespace colossal::rank
