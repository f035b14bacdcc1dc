//===- Routine.h - Attention over (batch, head) pairs -----------*- C++ -*-===//
//
// Each thread takes whole (batch, head) pairs. What it needs of a pair is
// packed into its scratch (heads lie side by side in memory, the library is
// fastest on dense matrices); then it walks blocks of queries: the scores of a
// block against the keys it may see are one product, the soft maximum runs over
// its rows, the next product consumes it. With a causal mask the keys beyond a
// block are never computed. Backward recomputes the probabilities from the
// saved log-sum-exp. Where the CPU multiplies pairs of bf16, operands of bf16
// stay that; probabilities and gradients of scores are rounded to it for the
// products that read them, as PyTorch does. Scores, soft maximum and all sums
// are f32.
//
// The order of all additions depends on the op alone, not on the threads.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_ATTENTION_RUN_ROUTINE_H
#define COLOSSAL_OPS_ATTENTION_RUN_ROUTINE_H

#include "Colossal/Ops/Attention/Run/Call.h"
#include "colossal/Run/MatrixProduct.h"

namespace colossal::rank {

/// The mask's buffers and the indices of a call are copied for each thread.
constexpr int64_t kMostIndices = 60, kMostExtras = 60;

class AttentionRoutine : public LibraryRoutine {
public:
  /// `mask` is the generated kernel, or null; `extras` the number of its
  /// further buffers.
  AttentionRoutine(const Attention &attention, const Threads &threads,
                   KernelFunction mask, size_t extras);

  int64_t scratchBytes() const override {
    return threadBytes * int64_t(workers.size());
  }
  void run(char *const *operands, const int64_t *indices, size_t indexCount,
           char *scratch) const override;

private:
  /// Queries [begin, end) and the number of leading keys they may see.
  struct Block {
    int64_t begin, end, keys;
    std::vector<MatrixProduct> products; ///< see the two run functions
  };
  struct Worker {
    std::vector<Block> blocks;
  };
  /// One call for one pair on one thread.
  struct Pair {
    int64_t batch, head;
    char *const *operands;
    char *scratch;
    int64_t *indices;
    size_t indexCount;
  };
  void makeBlocks(Worker &worker);
  void forward(const Worker &worker, const Pair &pair) const;
  void backwardPass(const Worker &worker, const Pair &pair) const;
  void scale(const Block &block, float *scores, const Pair &pair) const;
  int64_t visible(int64_t query, int64_t keys) const;

  /// The operand's element at a position.
  template <class T>
  T *at(const Pair &pair, size_t operand, int64_t position) const {
    const std::vector<int64_t> &s = attention.strides[operand];
    return reinterpret_cast<T *>(pair.operands[operand]) + pair.batch * s[0] +
           pair.head * s[1] + position * s[2];
  }
  /// Rows [from, from + rows) of an operand as a product reads them: a dense
  /// matrix of f32, packed into `place`, or where they are if they are that or
  /// if pairs of bf16 are multiplied.
  const void *pack(const Pair &pair, size_t operand, int64_t from, int64_t rows,
                   int64_t features, float *place) const;
  /// Probabilities, or gradients of scores, as a product reads them: these, or
  /// rounded to bf16.
  const void *leftOperand(const Pair &pair, const float *numbers,
                          int64_t count) const;
  void unpack(const Pair &pair, size_t operand, int64_t from, int64_t rows,
              int64_t features, const float *dense) const;
  /// Products of out and its gradient, added up over the features of a query.
  template <class T> float gradientOfSum(const Pair &pair, int64_t query) const;
  float *place(const Pair &pair, int64_t offset) const {
    return reinterpret_cast<float *>(pair.scratch + offset);
  }

  Attention attention;
  const Threads &threads;
  KernelFunction mask;
  size_t extras, firstExtra;
  bool scaleFirst; ///< scores are scaled before the soft maximum, not in it
  /// The CPU multiplies the operands as they are; else they are widened.
  bool multipliesPairs;
  std::vector<Worker> workers;
  int64_t rowsPerBlock = 0, productScratch = 0, threadBytes = 0;
  /// Offsets in a thread's scratch.
  int64_t scoresAt = 0, narrowAt = 0, gradientAt = 0, queryAt = 0, keyAt = 0,
          valueAt = 0, resultAt = 0, dKeyAt = 0, dValueAt = 0;
};

} // namespace colossal::rank

#endif // COLOSSAL_OPS_ATTENTION_RUN_ROUTINE_H
