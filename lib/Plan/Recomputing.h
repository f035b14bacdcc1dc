//===- Recomputing.h - Ops of forward, again in backward --------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PLAN_RECOMPUTING_H
#define COLOSSAL_LIB_PLAN_RECOMPUTING_H

#include "Colossal/IR/ColossalDialect.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

#include <vector>

namespace colossal::plan {

/// Clones the ops that make some values of segment forward into backward, right
/// before the first use there, and makes backward use the clones. A clone's
/// operands are clones of such values, or what forward has kept.
class Recomputing {
public:
  explicit Recomputing(llvm::ArrayRef<mlir::Value> values);
  void run();

private:
  mlir::Operation *firstUser(mlir::Operation *op) const;
  mlir::Operation *cloneBefore(mlir::Operation *op, mlir::Operation *user);

  llvm::DenseSet<mlir::Value> values;
  std::vector<mlir::Operation *> ops; ///< that make them, in order
  /// Per op of the block its place; per op of `ops` the user that its clone
  /// stands in front of.
  llvm::DenseMap<mlir::Operation *, int> place;
  llvm::DenseMap<mlir::Operation *, mlir::Operation *> user;
  llvm::DenseMap<mlir::Value, mlir::Value> clones;
};

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_RECOMPUTING_H
