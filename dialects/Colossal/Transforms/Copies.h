//===- Copies.h - Values in another decomposition --------------*- C++ -*-===//
//
// Where two ops need decompositions of a value that have no common refinement,
// or a window that a cut does not meet, one of them works on a copy. The copy
// is in one dimension a sum over the positions of its operand, of which an
// equation of indices leaves one (Analysis/Selection.h). So the two sides of it
// share no factor in that dimension and are cut independently; in the others
// they are cut alike.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TRANSFORMS_COPIES_H
#define COLOSSAL_TRANSFORMS_COPIES_H

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringSet.h"

namespace colossal {

class CopyInserter {
public:
  explicit CopyInserter(mlir::func::FuncOp function);

  /// Frees dimension `dim` of operand `number` from the op, but for its first
  /// `kept` sub-dimensions. Data movement becomes the copy itself: null is
  /// returned, and the op has one more factor, the last. Else the op reads a
  /// copy of the value, which is returned.
  mlir::Value freeOperand(FactoredOp op, unsigned number, unsigned dim,
                          unsigned kept);

  /// Frees dimension `dim` of a result, in the same way: either the dimensions
  /// of the operand that have factors in common with it are freed (null), or
  /// all users read the copy that is returned.
  mlir::Value freeResult(FactoredOp op, unsigned number, unsigned dim);

  /// A copy of `value` before `user`, free in dimension `dim` below `stride`
  /// elements (0: in all of it).
  mlir::Value copyBefore(mlir::Operation *user, mlir::Value value, unsigned dim,
                         int64_t stride = 0);

  /// Lets equal copies of a value be one.
  void mergeEqual();

private:
  /// A copy at the builder's place with the attributes of `like`.
  mlir::Value copy(mlir::OpBuilder &builder, mlir::Location loc,
                   mlir::Value value, unsigned dim, int64_t stride,
                   mlir::Operation *like);
  /// Data movement, or a copy already, of elements that can be summed.
  bool isFreed(FactoredOp op) const;
  /// Replaces the sub-dimensions of dimension `dim` of the operand, from
  /// `first` on, by places that equations determine.
  void free(GenericOp op, unsigned dim, unsigned first);
  std::string uniqueName(llvm::StringRef base);

  llvm::StringSet<> names;
  llvm::SmallPtrSet<mlir::Operation *, 8> freed;
  llvm::SmallVector<GenericOp> inserted;
};

} // namespace colossal

#endif // COLOSSAL_TRANSFORMS_COPIES_H
