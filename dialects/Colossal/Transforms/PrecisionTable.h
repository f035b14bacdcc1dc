//===- PrecisionTable.h - Which ops compute in 16 bits ----------*- C++ -*-===//
//
// The rule of `--precision bf16` and `f16`, in one place; docs/Precision.md is
// the same for readers. It is that of torch.autocast: an op is judged by the
// ATen op that it comes from, which its name says, and by what it computes.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TRANSFORMS_PRECISIONTABLE_H
#define COLOSSAL_TRANSFORMS_PRECISIONTABLE_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

enum class PrecisionRule {
  Narrow, ///< operands are cast to 16 bits, the result has 16 bits
  Wide,   ///< operands are cast to f32, the result is f32
  Promote ///< the widest type of the operands
};

/// What the table says of a forward op.
PrecisionRule precisionRuleOf(FactoredOp op);

/// The call of an ATen op that an op belongs to, `fc/linear.0` of
/// `fc/linear.0.bias`: the module path, the ATen op and its number.
llvm::StringRef atenCallOf(llvm::StringRef name);

} // namespace colossal

#endif // COLOSSAL_TRANSFORMS_PRECISIONTABLE_H
