//===- FactorEditing.h - Changes factors and operands of an op -*- C++ -*-===//
//
// Passes that reshape iteration spaces (refinement, fusion, differentiation)
// edit an op through this class: read, change, apply. The body is kept
// consistent: indices of split factors become expressions, and terms of
// equations.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TRANSFORMS_FACTOREDITING_H
#define COLOSSAL_TRANSFORMS_FACTOREDITING_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

class FactorEditor {
public:
  explicit FactorEditor(FactoredOp op);

  llvm::SmallVector<FactorAttr> factors;
  llvm::SmallVector<IndexMapAttr> operandMaps;
  llvm::SmallVector<IndexMapAttr> resultMaps;

  /// Splits factor `number` into factors of `sizes`, major to minor. The first
  /// takes its place, the others follow it; later factors are renumbered. Names
  /// are `<name>.0`, `<name>.1`... Fails if a clipped use has a window that
  /// does not consist of whole minor parts.
  mlir::LogicalResult split(unsigned number, llvm::ArrayRef<int64_t> sizes);

  /// Removes factors of bound 1: they become the constant index 0.
  void dropUnitFactors();

  /// Removes factor `number`, which no map uses; an index of it reads 0.
  void erase(unsigned number);

  /// A name that no factor has, from `base`.
  std::string uniqueName(llvm::StringRef base) const;

  /// Writes factors and maps to the op and rewrites its body.
  void apply();

private:
  FactoredOp op;
  /// Pending rewrites of colossal.index: old name -> list of (new name,
  /// stride).
  llvm::SmallVector<std::pair<
      std::string, llvm::SmallVector<std::pair<std::string, int64_t>>>>
      indexRewrites;
};

/// The result of a step that updates a state argument (`colossal.updates`);
/// null for other values and where the state stays as it is.
mlir::Value newValueOfState(mlir::Value value);

/// How a value's dimensions decompose, as an op that defines or uses it sees
/// it: per dimension the sizes of the sub-dimensions. State that no op reads is
/// seen as its new value is.
llvm::SmallVector<llvm::SmallVector<int64_t>>
decompositionOf(mlir::Value value);

/// The elements of a value, one by one: a parallel factor per sub-dimension,
/// and the map that indexes the value by them.
struct IdentitySpace {
  llvm::SmallVector<FactorAttr> factors;
  IndexMapAttr map;
};
IdentitySpace identitySpaceOf(mlir::Value value);

/// Creates a generic. `body` gets the block arguments and returns the yields.
GenericOp createGeneric(
    mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef name,
    llvm::ArrayRef<FactorAttr> factors, mlir::ValueRange operands,
    llvm::ArrayRef<IndexMapAttr> operandMaps,
    llvm::ArrayRef<mlir::Type> elementTypes,
    llvm::ArrayRef<IndexMapAttr> resultMaps,
    llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &,
                                                      mlir::ValueRange)>
        body);

/// Simplifies all bodies under `root` (folds, powers with small exponents, dead
/// ops), removes dead factored ops, merges equal operands and drops unused
/// ones.
void simplifyBodies(mlir::Operation *root);

/// The body yields its only block argument: data movement.
bool isMovement(GenericOp op);

} // namespace colossal

#endif // COLOSSAL_TRANSFORMS_FACTOREDITING_H
