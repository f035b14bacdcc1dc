//===- RandomInputs.cpp - Random state and batches for a program ----------===//

#include "colossal/Reference/RandomInputs.h"
#include "colossal/Reference/Compare.h"
#include "mlir/IR/Matchers.h"
#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

namespace {
class UseAnalysis {
public:
  void follow(Value value);
  IntegerUse result;

private:
  void followScalar(FactoredOp op, Value scalar);
  void compared(FactoredOp op, Value other);

  llvm::SmallDenseSet<Value> seen;
};
} // namespace

void UseAnalysis::compared(FactoredOp op, Value other) {
  if (auto index = other.getDefiningOp<IndexOp>()) {
    for (FactorAttr factor : op.getFactorList())
      if (factor.getName() == index.getFactor())
        result.extent = std::min(result.extent.value_or(factor.getExtent()),
                                 factor.getExtent());
    return;
  }
  APInt constant;
  if (matchPattern(other, m_ConstantInt(&constant)) && constant.isNegative())
    result.ignored = constant.getSExtValue();
}

void UseAnalysis::followScalar(FactoredOp op, Value scalar) {
  if (!seen.insert(scalar).second)
    return;
  for (OpOperand &use : scalar.getUses()) {
    Operation *user = use.getOwner();
    if (auto compare = dyn_cast<arith::CmpIOp>(user)) {
      compared(op, compare->getOperand(1 - use.getOperandNumber()));
    } else if (isa<YieldOp>(user)) {
      follow(op->getResult(use.getOperandNumber()));
    } else if (auto select = dyn_cast<arith::SelectOp>(user)) {
      if (use.getOperandNumber() > 0)
        followScalar(op, select.getResult());
    } else if (isa<arith::ExtSIOp, arith::ExtUIOp, arith::TruncIOp>(user)) {
      followScalar(op, user->getResult(0));
    }
  }
}

void UseAnalysis::follow(Value value) {
  if (!seen.insert(value).second)
    return;
  for (OpOperand &use : value.getUses()) {
    if (auto reshard = dyn_cast<ReshardOp>(use.getOwner()))
      follow(reshard.getResult());
    if (auto generic = dyn_cast<GenericOp>(use.getOwner()))
      followScalar(cast<FactoredOp>(use.getOwner()),
                   generic.getBody().getArgument(use.getOperandNumber()));
  }
}

IntegerUse colossal::reference::analyzeIntegerUse(Value value) {
  UseAnalysis analysis;
  analysis.follow(value);
  return analysis.result;
}

NamedTensors colossal::reference::randomInputs(func::FuncOp function,
                                               uint64_t seed) {
  NamedTensors values;
  Random random(seed);
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
    StringRef role = argumentRole(function, i);
    Tensor tensor = randomTensor(type, random, 1.0, 0, 1);
    if (role == "parameter") {
      // Scores and logits stay of moderate size.
      for (double &value : tensor.floats)
        value *= 0.25;
    } else if (role == "optimizer" || role == "buffer") {
      for (double &value : tensor.floats)
        value = 0.1 * std::fabs(value);
    } else if (role == "control") {
      auto source = function.getArgAttrOfType<DictionaryAttr>(i, names::source);
      auto fill = source ? source.getAs<FloatAttr>("fill") : FloatAttr();
      for (int64_t j = 0, n = tensor.size(); j < n; ++j)
        tensor.setNumber(j, fill ? fill.getValueAsDouble() : 2.0);
    } else if (tensor.kind == ElementKind::Integer) {
      IntegerUse use = analyzeIntegerUse(function.getArgument(i));
      for (int64_t &value : tensor.integers) {
        value = random.integer(0, use.extent.value_or(2) - 1);
        if (use.ignored && random.integer(0, 5) == 0)
          value = *use.ignored;
      }
    }
    values[argumentName(function, i)] = share(std::move(tensor));
  }
  return values;
}
