//===- Direct.h - Convolution by oneDNN, channels last ----------*- C++ -*-===//
//
// Where channels are last in memory, oneDNN's direct kernels read and write
// images as they lie there. Only the weights change their order, in scratch.
//
// A task is a block of samples, or of samples and channels of the image that is
// not read in full (y; backward, data: x), which then passes through scratch.
// The library does a task on one thread. How the work is divided follows from
// the sizes alone, so the threads do not change the bits.
//
// What is left to ConvolutionRoutine: what the library has no direct kernel for
// on this CPU, and what needs more scratch than DirectSizes foresees.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_CONVOLUTION_RUN_DIRECT_H
#define COLOSSAL_OPS_CONVOLUTION_RUN_DIRECT_H

#include "Colossal/Ops/Convolution/Run/Call.h"

namespace colossal::rank {

/// How a call is divided, and its scratch: the same on every CPU.
struct DirectSizes {
  DirectSizes(const Convolution &convolution, const Threads &threads);

  /// One tap and a stride: only every so many positions of x count. They are
  /// picked (backward, data: put back), the rest is a convolution without
  /// stride.
  bool picks = false;
  Convolution given, library; ///< what is asked, what the library does
  /// Channels of y, or of x (backward, data), all groups.
  int64_t channels = 1;
  int64_t samplesPerTask = 1, sampleTasks = 1;
  int64_t channelsPerTask = 1, channelTasks = 1;
  int64_t workers = 1;

  int64_t tasks() const { return sampleTasks * channelTasks; }
  int64_t channelsOf(int64_t block) const {
    return block + 1 < channelTasks ? channelsPerTask
                                    : channels - block * channelsPerTask;
  }
  /// Weights of a block of channels in any order of the library, bytes; of as
  /// many sums as there are blocks of samples.
  int64_t weightBytes = 0, weightCopies = 1;
  /// A thread's: the library's, picked positions, the block of channels.
  int64_t libraryBytes = 0, pickedBytes = 0, blockBytes = 0;
  int64_t threadBytes() const {
    return libraryBytes + pickedBytes + blockBytes;
  }
  int64_t bytes() const {
    return weightBytes * weightCopies * channelTasks + threadBytes() * workers;
  }
};

class DirectConvolution : public LibraryRoutine {
public:
  /// Null if the library has no direct kernel. `bytes`: what scratchBytes()
  /// says.
  static std::unique_ptr<DirectConvolution>
  make(const DirectSizes &sizes, const Threads &threads, int64_t bytes);
  ~DirectConvolution() override;

  int64_t scratchBytes() const override;
  void run(char *const *operands, const int64_t *indices, size_t indexCount,
           char *scratch) const override;

private:
  struct Impl;
  explicit DirectConvolution(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace colossal::rank

#endif // COLOSSAL_OPS_CONVOLUTION_RUN_DIRECT_H
