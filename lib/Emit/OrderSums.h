//===- OrderSums.h - Sums keep their order once vectorised ------*- C++ -*-===//

#ifndef COLOSSAL_LIB_EMIT_ORDERSUMS_H
#define COLOSSAL_LIB_EMIT_ORDERSUMS_H

#include "llvm/IR/PassManager.h"

namespace colossal::emit {

/// Takes the permission to reorder from sums and products. Kernels give it to
/// sums along a row, so that these can be vectorised, in a way that is fixed by
/// their loop (KernelFrame.cpp). What comes after the loop vectoriser reorders
/// by what else is around, and then the bits of a sum would depend on the
/// kernel that it is in. A product that such a sum adds becomes part of a fused
/// multiply-add, whoever else uses it, for the same reason.
class OrderSums : public llvm::PassInfoMixin<OrderSums> {
public:
  /// `hasFma`: the target has the instruction; else a call would do it.
  explicit OrderSums(bool hasFma) : hasFma(hasFma) {}
  llvm::PreservedAnalyses run(llvm::Function &function,
                              llvm::FunctionAnalysisManager &);

private:
  bool hasFma;
};

} // namespace colossal::emit

#endif // COLOSSAL_LIB_EMIT_ORDERSUMS_H
