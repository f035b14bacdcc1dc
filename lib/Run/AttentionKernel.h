//===- AttentionKernel.h - Attention over (batch, head) pairs ---*- C++ -*-===//
//
// Each thread takes whole (batch, head) pairs and walks them in blocks of
// queries: scores of one block against the keys it may see are a matrix in
// scratch, made and consumed by the library's products, with the soft maximum
// in between. With a causal mask the keys beyond the block are never computed.
// Backward recomputes the probabilities from the saved log-sum-exp.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_ATTENTIONKERNEL_H
#define COLOSSAL_LIB_RUN_ATTENTIONKERNEL_H

#include "MatrixProduct.h"
#include "Threads.h"

namespace colossal::rank {

class AttentionKernel {
public:
  /// `mask` is the generated kernel, or null; `extras` the number of its
  /// further buffers.
  AttentionKernel(const Attention &attention, bool backward,
                  const Threads &threads, KernelFunction mask, size_t extras);

  /// For all threads together.
  int64_t scratchBytes() const;
  /// Operands in the order of RankProgram.h; `indices` are those of the op.
  void run(char *const *operands, const int64_t *indices, size_t indexCount,
           char *scratch) const;

private:
  /// Queries [begin, end) and the number of leading keys they may see.
  struct Block {
    int64_t begin, end, keys;
    std::vector<MatrixProduct> products; ///< see the two run functions
  };
  struct Worker {
    std::vector<Block> blocks;
    int64_t productScratch = 0;
  };
  void forward(const Worker &worker, int64_t pair, char *const *operands,
               char *scratch, int64_t *indices, size_t indexCount) const;
  void backwardPass(const Worker &worker, int64_t pair, char *const *operands,
                    char *scratch, int64_t *indices, size_t indexCount) const;
  void maskScores(const Block &block, float *scores, int64_t batch,
                  int64_t head, char *const *operands, int64_t *indices,
                  size_t indexCount) const;
  float *at(char *const *operands, size_t operand, int64_t batch, int64_t head,
            int64_t position) const {
    const std::vector<int64_t> &s = attention.strides[operand];
    return reinterpret_cast<float *>(operands[operand]) + batch * s[0] +
           head * s[1] + position * s[2];
  }

  Attention attention;
  bool backward;
  const Threads &threads;
  KernelFunction mask;
  size_t extras, firstExtra;
  bool scaleFirst; ///< scores are scaled before the soft maximum, not in it
  std::vector<Worker> workers;
  int64_t rowsPerBlock, threadBytes;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_ATTENTIONKERNEL_H
