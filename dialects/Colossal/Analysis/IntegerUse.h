//===- IntegerUse.h - Which integers a program can take --------*- C++ -*-===//
//
// Ids and labels are numbers of rows or classes: they reach a look-up, an
// equation `v == id` of colossal.where, and what its indices can add up to is
// their range. The analysis follows an integer through bodies and, where it is
// passed on, other ops. Reference makes random batches by it; Emit writes the
// allowed values of every integer input into the manifest, and the runtime
// refuses data with others.
//
// A comparison that the model itself makes is a question, not a look-up: no
// value is wrong there.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_ANALYSIS_INTEGERUSE_H
#define COLOSSAL_ANALYSIS_INTEGERUSE_H

#include "Colossal/IR/ColossalDialect.h"
#include "mlir/IR/Location.h"
#include <optional>

namespace colossal {

/// What the program does with an integer value.
struct IntegerUse {
  /// Smallest range of a look-up that it reaches, on any path.
  std::optional<int64_t> extent;
  /// The same over the look-ups that every value reaches: what is outside has
  /// no meaning. Nothing where a value may be replaced before (a mask).
  std::optional<int64_t> required;
  /// The look-up of `required`: the name and the place of its equation.
  std::string lookup;
  mlir::Location location;
  /// Negative numbers count from the end: the range starts at -required.
  bool fromEnd = false;
  /// Constants it is compared with for equality: padding, ignored labels.
  mlir::SmallVector<int64_t> constants;

  explicit IntegerUse(mlir::Location location) : location(location) {}
  /// A constant that is outside the range: the mark of ignored positions.
  std::optional<int64_t> ignored() const;
};

IntegerUse analyzeIntegerUse(mlir::Value value);

} // namespace colossal

#endif // COLOSSAL_ANALYSIS_INTEGERUSE_H
