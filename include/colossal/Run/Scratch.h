//===- Scratch.h - Memory the runtime takes beside the arena ----*- C++ -*-===//
//
// What a rank of the engine reserves besides arena and window, exactly: the
// compiler adds it to its prediction, --memory judges the sum. It does not
// depend on the CPU, so it holds wherever the bundle runs (MatrixProduct.h).
//
// Library: ColossalRunProducts (oneDNN, no MPI).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_SCRATCH_H
#define COLOSSAL_RUN_SCRATCH_H

#include "colossal/Run/RankProgram.h"

namespace colossal::rank {

/// Scratch of one op with this number of threads, bytes. A rank reserves the
/// largest over its ops.
int64_t scratchBytes(const Gemm &gemm, int threads);

/// Scratch of a whole program: the largest of its ops. On failure one line in
/// `error`.
int64_t scratchBytes(const Program &program, int threads, std::string &error);

/// Staging for collectives and transfers of a rank that has these programs,
/// bytes.
int64_t stagingBytes(const std::vector<const Program *> &programs);

/// All that a rank which runs these programs in turn reserves: arena, windows,
/// scratch and staging. On failure one line in `error`.
int64_t reservedBytes(const std::vector<const Program *> &programs, int threads,
                      std::string &error);
/// The part of it that any collective at all needs, bytes.
int64_t collectiveStagingBytes();

} // namespace colossal::rank

#endif // COLOSSAL_RUN_SCRATCH_H
