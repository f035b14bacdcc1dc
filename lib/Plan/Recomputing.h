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
/// operands are clones of such values, or what forward has kept. Of the values
/// `forEachUse` there is a clone for each use that others of backward lie in
/// front of.
class Recomputing {
public:
  Recomputing(llvm::ArrayRef<mlir::Value> values,
              llvm::ArrayRef<mlir::Value> forEachUse);
  void run();

private:
  /// Where clones of an op stand: in front of these ops, in order.
  std::vector<mlir::Operation *> sitesOf(mlir::Operation *op) const;
  mlir::Operation *cloneBefore(mlir::Operation *op, mlir::Operation *site,
                               llvm::StringRef suffix);
  /// What a use at an op reads in place of a value: the last clone in front.
  mlir::Value againAt(mlir::Value value, mlir::Operation *site) const;

  llvm::DenseSet<mlir::Value> values, forEachUse;
  std::vector<mlir::Operation *> ops; ///< that make them, in order
  /// Per op of the block its place; per op of `ops` its sites.
  llvm::DenseMap<mlir::Operation *, int> place;
  llvm::DenseMap<mlir::Operation *, std::vector<mlir::Operation *>> sites;
  /// Per value the clones, with the places of their sites.
  llvm::DenseMap<mlir::Value, std::vector<std::pair<int, mlir::Value>>> clones;
};

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_RECOMPUTING_H
