//===- Linearity.h - Is an op linear in these operands? ---------*- C++ -*-===//
//
// `FactoredOp::getLinearOperandSets` lists the sets that are worth a strategy:
// single operands, all of them, pairs. There may be many more (a sum of n
// products of two has 2^n). Whoever has a set in hand asks for it here.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_LINEARITY_H
#define COLOSSAL_IR_LINEARITY_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// Whether the results are partial sums where the operands of `set` are, and
/// the others complete: every result is homogeneous of degree one in them. In
/// time linear in the body.
bool isLinearIn(FactoredOp op, llvm::ArrayRef<unsigned> set);

} // namespace colossal

#endif // COLOSSAL_IR_LINEARITY_H
