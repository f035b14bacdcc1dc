//===- Routine.h - Convolution as products of patches -----------*- C++ -*-===//
//
// The patches of x are a matrix (Patches.h) of which a block at a time is made
// in scratch: some input channels (its rows, with their taps) by some output
// positions (its columns) of one sample, or of several where a sample has few.
//
//   forward:           y  = w * patches
//   backward, data:    patches = w^T * y, added into x
//   backward, weights: w += y * patches^T
//
// A task owns a part of the result and walks the blocks it needs in order;
// threads take tasks. How the work is divided follows from the sizes alone, so
// the threads do not change the bits.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_CONVOLUTION_RUN_ROUTINE_H
#define COLOSSAL_OPS_CONVOLUTION_RUN_ROUTINE_H

#include "Patches.h"
#include "colossal/Run/MatrixProduct.h"

#include <map>
#include <tuple>

namespace colossal::rank {

class ConvolutionRoutine : public LibraryRoutine {
public:
  ConvolutionRoutine(const Convolution &convolution, const Threads &threads);

  int64_t scratchBytes() const override {
    return std::max(reserved, threadBytes * int64_t(workers.size()) +
                                  (parts - 1) * partBytes);
  }
  /// Scratch does not depend on the CPU, the routine does: what the one that
  /// another CPU takes needs.
  void reserve(int64_t bytes) { reserved = bytes; }
  void run(char *const *operands, const int64_t *indices, size_t indexCount,
           char *scratch) const override;

private:
  /// Outputs, rows and columns of a block, and whether it adds to its result.
  using Key = std::tuple<int64_t, int64_t, int64_t, bool>;
  struct Worker {
    std::map<Key, MatrixProduct> products;
  };
  /// Columns: samples [sample, sample + samples), positions [begin, end) of
  /// each (all of them, where there are several samples).
  struct Columns {
    int64_t sample, samples, begin, end;
    int64_t count() const { return samples * (end - begin); }
  };
  /// Of x, w and y, the result among them, and a thread's scratch.
  struct Frame {
    const Worker &worker;
    float *x, *w, *y;
    char *scratch;
  };

  MatrixProduct makeProduct(const Key &key) const;
  Columns columnsAt(int64_t block) const;
  void fill(const Frame &frame, int64_t group, int64_t channel, int64_t count,
            const Columns &columns) const;
  /// Rows of y as the product reads them.
  const float *gather(const Frame &frame, int64_t group, int64_t output,
                      int64_t count, const Columns &columns) const;
  /// Rows of y from where the product left them to where they belong.
  void scatter(const Frame &frame, int64_t group, int64_t output, int64_t count,
               const Columns &columns) const;
  void multiply(const Frame &frame, const Key &key, const float *a,
                const float *b, float *c) const;
  void forward(const Frame &frame, int64_t task) const;
  void clear(float *x, int64_t count) const;
  void backwardData(const Frame &frame, int64_t task) const;
  void backwardWeights(const Frame &frame, int64_t task, float *result) const;

  float *patches(const Frame &frame) const {
    return reinterpret_cast<float *>(frame.scratch + patchesAt);
  }
  float *packed(const Frame &frame) const {
    return reinterpret_cast<float *>(frame.scratch + packedAt);
  }
  float *yAt(const Frame &frame, int64_t sample, int64_t group,
             int64_t output) const {
    return frame.y + sample * c.groups * c.outputs * positions +
           (group * c.outputs + output) * yStrides.channel;
  }
  float *xAt(const Frame &frame, int64_t sample, int64_t group,
             int64_t channel) const {
    return frame.x + sample * c.groups * c.channels * plane +
           (group * c.channels + channel) * xStrides.channel;
  }

  Convolution c;
  const Threads &threads;
  std::vector<Worker> workers;
  int64_t taps, positions, plane; ///< of w, y and x, points of one channel
  ImageStrides xStrides, yStrides;
  /// Rows of y are packed: they are of several samples, or not contiguous.
  bool packs = false;
  /// Sizes of blocks, and how many there are.
  int64_t outputsPerBlock, channelsPerBlock, columnsPerBlock, samplesPerBlock;
  int64_t outputBlocks, channelBlocks, columnBlocks, sampleBlocks;
  int64_t tasks = 1;
  /// Backward, weights: sums over parts of the columns, added up at the end.
  int64_t parts = 1, partBytes = 0;
  int64_t threadBytes = 0, patchesAt = 0, packedAt = 0, reserved = 0;
};

} // namespace colossal::rank

#endif // COLOSSAL_OPS_CONVOLUTION_RUN_ROUTINE_H
