//===- Routine.h - Pools over rows of the batch -----------------*- C++ -*-===//
//
// Each thread takes elements of the batch (images of one channel) by itself. A
// row of windows is pooled over all its lines first, element by element along
// the last dimension; then the windows along that line. Where channels are
// innermost in memory, all steps go along the channels instead ("lanes").
//
// The order of all additions depends on the op alone, not on the threads.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_POOLING_RUN_ROUTINE_H
#define COLOSSAL_OPS_POOLING_RUN_ROUTINE_H

#include "Colossal/Ops/Pooling/Run/Call.h"

#include <array>

namespace colossal::rank {

class PoolRoutine : public LibraryRoutine {
public:
  PoolRoutine(const Pool &pool, const Threads &threads);

  int64_t scratchBytes() const override {
    return threadBytes * threads.count();
  }
  void run(char *const *operands, const int64_t *indices, size_t indexCount,
           char *scratch) const override;

private:
  static constexpr size_t kMostOperands = 3;
  /// One tensor at one element of the batch.
  struct Image {
    float *data;
    const int64_t *strides; ///< per dimension
  };
  /// x or none, y or dy, dx or none.
  struct Piece {
    Image x, y, dx;
    char *scratch;
    int64_t lanes;
  };
  /// A window over the two outer dimensions.
  struct Rows {
    const PoolWindow *outer, *middle;
    int64_t count() const { return outer->size() * middle->size(); }
  };

  float divisorOf(int64_t outer, int64_t middle, int64_t inner) const;
  /// The data of the row-th line of an image in `rows`.
  static float *lineOf(const Image &image, const Rows &rows, int64_t row);
  /// A line of x as it lies in memory, or in `place` without gaps.
  const float *denseLine(const Piece &piece, const Rows &rows, int64_t row,
                         float *place) const;
  /// The lines of `rows`, element by element: combine(into, line, count).
  template <class Combine>
  void combineRows(const Piece &piece, const Rows &rows, float *into,
                   float *dense, Combine &&combine) const;
  template <class F> void forEachRow(F &&visit) const;

  void maximumForward(const Piece &piece) const;
  void averageForward(const Piece &piece) const;
  void maximumBackward(const Piece &piece) const;
  void averageBackward(const Piece &piece) const;
  void clear(const Image &image, int64_t lanes) const;
  /// All four, along the lanes.
  void alongLanes(const Piece &piece) const;

  Pool pool;
  const Threads &threads;
  std::array<PoolDim, 3> dims;
  std::array<std::vector<PoolWindow>, 3> windows;
  /// Per operand: strides of the dimensions.
  std::array<std::array<int64_t, 3>, kMostOperands> strides{};
  int64_t lanes = 0; ///< 0: along lines
  int64_t units = 1, chunks = 1, line = 0, threadBytes = 0;
};

} // namespace colossal::rank

#endif // COLOSSAL_OPS_POOLING_RUN_ROUTINE_H
