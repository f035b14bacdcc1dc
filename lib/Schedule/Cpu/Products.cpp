//===- Products.cpp - Products that the runtime's library computes --------===//

#include "Products.h"
#include "Colossal/Analysis/Contraction.h"

using namespace mlir;
using namespace colossal;
using Role = cost::FactorRole;

bool schedule::cpu::isLibraryProduct(GenericOp op) {
  FactoredOp factored(op.getOperation());
  std::optional<Contraction> contraction = analyzeContraction(op);
  if (!contraction || !hasLibraryTypes(op))
    return false;
  auto size = [&](Role role) { return contraction->size(factored, role); };
  return cost::isWorthALibraryCall(size(Role::Batch), size(Role::Rows),
                                   size(Role::Columns), size(Role::Inner));
}
