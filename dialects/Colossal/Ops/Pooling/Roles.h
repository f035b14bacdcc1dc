//===- Roles.h - Roles of a pool's factors, and its windows -----*- C++ -*-===//

#ifndef COLOSSAL_OPS_POOLING_ROLES_H
#define COLOSSAL_OPS_POOLING_ROLES_H

#include "Colossal/IR/ColossalDialect.h"
#include "Run/Window.h"

namespace colossal::pooling {

enum class Role { Batch, Input, Output, None };

/// A pool of one of the four ops, which is valid.
struct Pool {
  bool max = false, backward = false, countPadding = false;
  int64_t divisor = 0;
  llvm::SmallVector<rank::PoolDim> dims;
  llvm::SmallVector<Role> roles; ///< per factor

  explicit Pool(FactoredOp op);

  llvm::SmallVector<unsigned> factorsOf(Role role) const;
  int64_t windowElements() const; ///< of the largest window
};

/// Where x (or dx) and y (or dy) are: maps of the one and of the other.
IndexMapAttr inputMap(FactoredOp op);
IndexMapAttr outputMap(FactoredOp op);

} // namespace colossal::pooling

#endif // COLOSSAL_OPS_POOLING_ROLES_H
