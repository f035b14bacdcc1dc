//===- Pieces.h - Repeated blocks of a program ------------------*- C++ -*-===//
//
// The forward program is cut where few bytes of the batch cross: between blocks
// with residual connections, between layers, between the steps of a decoder
// that all read an encoder's result. A piece holds the forward nodes between
// two cuts and the backward and update nodes that belong to them: values go to
// later pieces, gradients to earlier ones, and what a gradient needs from
// later pieces comes with it. Pieces of equal structure (hashes over everything
// but names) are copies of one representative. Pipeline stages are runs of
// pieces.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_PLAN_PIECES_H
#define COLOSSAL_PLAN_PIECES_H

#include "colossal/Plan/Nodes.h"

#include <map>

namespace colossal::plan {

struct Pieces {
  std::vector<int> ofNode;             ///< per node its piece
  std::vector<std::vector<int>> nodes; ///< per piece, in order
  std::vector<int> representatives;    ///< per piece
  /// Per piece, from its values (own and outside ones, rising) to the
  /// corresponding ones of the representative.
  std::vector<std::vector<std::pair<int, int>>> counterparts;
  /// The last piece may hold what belongs to all (the global norm); it is not
  /// part of the order of blocks. -1: none.
  int common = -1;

  int count() const { return int(nodes.size()); }
  /// Pieces that stages may divide: all but the common one.
  int stageable() const { return count() - (common >= 0); }
  /// How many pieces a representative stands for.
  int64_t weight(int piece) const;
  int counterpart(int piece, int value) const;
};

/// One piece that holds everything.
Pieces wholeProgram(const Program &program, const std::vector<OpNode> &nodes);

enum class Granularity {
  Blocks, ///< the largest blocks that repeat, and what is left between them
  Cuts,   ///< every place where fewer bytes cross than beside it
  Nodes   ///< every forward node
};

/// Cuts and matches blocks.
Pieces findPieces(const Program &program, const Batching &batching,
                  const std::vector<OpNode> &nodes,
                  Granularity granularity = Granularity::Blocks);

/// Per value whether it is computed from batch, controls and constants alone,
/// or from controls, constants and state that no step changes: a stage that
/// needs it computes it, instead of waiting for it.
std::vector<bool> valuesOfEveryStage(const Program &program);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_PIECES_H
