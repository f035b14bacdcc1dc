//===- Selections.h - Which values have rows that data select ---*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_SELECTIONS_H
#define COLOSSAL_LIB_NORMALIZE_SELECTIONS_H

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

namespace colossal::normalize {

/// A dimension with a row for every element of a mask, where those of false
/// elements are not there.
struct SelectedDim {
  unsigned dim = 0;
  std::string selection; ///< the op that first selected by this mask
  mlir::Value present;   ///< the mask, [rows], i1
};

class Selections {
public:
  /// The result of the op `name` has in dimension `dim` the rows that `mask`
  /// selects; `flat` is the mask with one dimension. `selection` names it if no
  /// equal mask came before.
  void note(llvm::StringRef name, unsigned dim, mlir::Value mask,
            mlir::Value flat, llvm::StringRef selection);
  /// The mask of one dimension that was noted for `mask` or an equal one; null.
  mlir::Value flatOf(mlir::Value mask) const;
  /// The op `name` leaves out what is not there: its result has all rows.
  void settle(llvm::StringRef name) { settled.insert(name); }

  bool empty() const { return noted.empty(); }
  /// `count` (0-d) is the number of rows that are there of `rows`.
  void noteCount(mlir::Value count, int64_t rows) { counts[count] = rows; }
  /// The rows that a dimension has whose size in PyTorch is `count`.
  std::optional<int64_t> rowsOf(mlir::Value count) const {
    auto known = counts.find(count);
    return known == counts.end() ? std::nullopt : std::optional(known->second);
  }

  /// What is known of `value`, an op's result, from the ops up to it.
  std::optional<SelectedDim> of(mlir::Value value);

  /// Reports an op that mixes selected rows with those that are not there: it
  /// sums over them, or returns them.
  mlir::LogicalResult check(mlir::func::FuncOp function) const;

private:
  using Values = llvm::DenseMap<mlir::Value, SelectedDim>;
  mlir::LogicalResult follow(FactoredOp op, Values &values, bool report) const;
  const SelectedDim *equalMask(mlir::Value mask) const;

  llvm::StringMap<SelectedDim> noted; ///< by the op's name
  std::vector<std::pair<mlir::Value, SelectedDim>> masks;
  llvm::StringSet<> settled;
  llvm::DenseMap<mlir::Value, int64_t> counts;
  Values known; ///< of the ops up to `last`
  mlir::Operation *last = nullptr;
};

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_SELECTIONS_H
