//===- KnownValues.cpp - Tensors that no data changes ---------------------===//

#include "KnownValues.h"
#include "colossal/Reference/Evaluate.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Iterations of one op that are worth computing at compile time.
static constexpr int64_t kMaxIterations = 1 << 16;

static bool isSmall(FactoredOp op) {
  int64_t iterations = 1;
  for (FactorAttr factor : op.getFactorList())
    if (llvm::MulOverflow(iterations, factor.getBound(), iterations))
      return false;
  return iterations <= kMaxIterations;
}

reference::TensorRef KnownValues::of(Value tensor) {
  // Depth first, without recursion: a chain of ops may be long. An op stays on
  // the stack until its operands are decided.
  SmallVector<Value> open = {tensor};
  while (!open.empty()) {
    Value value = open.back();
    if (values.contains(value)) {
      open.pop_back();
      continue;
    }
    auto op = value.getDefiningOp<FactoredOp>();
    if (!op || !isSmall(op)) {
      values[value] = nullptr;
      continue;
    }
    reference::Tensors operands;
    bool depends = false;
    for (Value operand : op->getOperands()) {
      auto decided = values.find(operand);
      if (decided == values.end()) {
        open.push_back(operand);
        break;
      }
      depends |= !decided->second;
      operands.push_back(decided->second);
      if (depends)
        break;
    }
    if (open.back() != value)
      continue;
    FailureOr<reference::Tensors> results = failure();
    if (!depends) {
      ScopedDiagnosticHandler silent(op->getContext(),
                                     [](Diagnostic &) { return success(); });
      reference::Options options;
      options.float32 = true;
      results = reference::evaluate(op, operands, reference::Place(), options);
    }
    for (auto [number, result] : llvm::enumerate(op->getResults()))
      values[result] = succeeded(results) ? (*results)[number] : nullptr;
  }
  return values.lookup(tensor);
}
