//===- Call.h - Attention as a library function -----------------*- C++ -*-===//
//
// The functions "attention" and "attention_backward" of a LibraryCall.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_OPS_ATTENTION_RUN_CALL_H
#define COLOSSAL_OPS_ATTENTION_RUN_CALL_H

#include "colossal/Run/LibraryFunction.h"

namespace colossal::rank {

/// Fused attention over local (batch, head) pairs, in f32; where `narrow`
/// (Run/NarrowRows.h) is not 0, Q, K, V, out and the gradients are of 16 bits,
/// widened when they are read and rounded when they are written:
///   s[q][k] = scale * sum_f Q[q][f] K[k][f], masked; lse[q] = log sum_k exp s;
///   out[q][f] = sum_k exp(s[q][k] - lse[q]) V[k][f].
/// A row without a visible key gives out = 0 and lse = -infinity.
/// Operands, forward:  Q, K, V, extras of the mask..., out, lse.
/// Operands, backward: Q, K, V, out, lse, dOut, extras..., dQ, dK, dV.
/// `strides[i]` belongs to operands[i] and holds elements per step of (batch,
/// head, position, feature); lse's last entry is ignored; extras may have an
/// empty entry. `kernel` is a generated kernel that turns scores (already
/// scaled) into masked scores in place, empty if there is none: buffers are
/// {scores, extras...}, `scores` a row-major [queries, keys] matrix of one
/// (batch, head) of which only rows [begin, end) may be touched; indices are
/// Op::indices, then the local batch and the local head number.
struct Attention {
  bool backward = false;
  int64_t batch = 1, heads = 1, queries = 1, keys = 1, qkFeatures = 1,
          vFeatures = 1;
  double scale = 1.0;
  bool causal = false; ///< key > query + causalOffset never contributes
  int64_t causalOffset = 0;
  int64_t narrow = 0;
  std::vector<std::vector<int64_t>> strides;
  std::string kernel;
};

/// Fields of the struct are the parameters' names.
LibraryCall callOf(const Attention &attention);
/// Parameters that are missing keep their defaults.
Attention attentionOf(const LibraryCall &call);

/// Operands before the extras.
inline size_t inputsOf(const Attention &attention) {
  return attention.backward ? 6 : 3;
}
inline size_t outputsOf(const Attention &attention) {
  return attention.backward ? 3 : 2;
}
/// Operands that the mask reads; the op has at least the others.
inline size_t extrasOf(const Attention &attention, const Op &op) {
  return op.operands.size() - inputsOf(attention) - outputsOf(attention);
}

void checkAttention(OperandFaults &faults, const std::string &place,
                    const Op &op);
std::unique_ptr<LibraryRoutine>
makeAttention(const Op &op, const Threads &threads, KernelFunction mask);

} // namespace colossal::rank

#endif // COLOSSAL_OPS_ATTENTION_RUN_CALL_H
