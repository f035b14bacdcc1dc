//===- Pieces.h - Repeated blocks of a program ------------------*- C++ -*-===//
//
// The forward program is cut where few values cross: between blocks
// with residual connections, between layers. A piece holds
// the forward nodes between two cuts and the backward and update nodes that
// belong to them. Pieces of equal structure (hashes over everything but names)
// are copies of one representative. Pipeline stages are runs of pieces.
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
  /// Per piece, from its values (own and outside ones) to the corresponding
  /// ones of the representative.
  std::vector<std::map<int, int>> counterparts;
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

/// Cuts and matches blocks. Without `joinBlocks` every cut is kept; else pieces
/// are joined to the largest blocks that repeat.
Pieces findPieces(const Program &program, const Batching &batching,
                  const std::vector<OpNode> &nodes, bool joinBlocks = true);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_PIECES_H
