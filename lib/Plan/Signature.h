//===- Signature.h - What a piece computes, without names -------*- C++ -*-===//
//
// Two pieces with the same signature do the same: their values correspond one
// by one, in the order of their first appearance.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_PLAN_SIGNATURE_H
#define COLOSSAL_LIB_PLAN_SIGNATURE_H

#include "colossal/Plan/Nodes.h"

namespace colossal::plan {

struct Signature {
  uint64_t hash = 0;
  std::vector<int> values; ///< in the order of their first appearance
};

class Signer {
public:
  Signer(const Program &program, const Batching &batching,
         const std::vector<OpNode> &nodes);

  /// The signature of a piece: its nodes, in order.
  Signature sign(const std::vector<int> &piece) const;

private:
  const Program &program;
  const Batching &batching;
  const std::vector<OpNode> &nodes;
  std::vector<std::vector<int>> users;
  std::vector<int> nodeOfOp;
};

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_SIGNATURE_H
