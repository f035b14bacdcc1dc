//===- Gradient.cpp - From pools to their backward ops --------------------===//

#include "colossal/Differentiate/Gradient.h"
#include "Models.h"
#include "Roles.h"
#include "colossal/Normalize/GenericBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::pooling;

static Value differentiate(OpBuilder &builder, FactoredOp op, Value x, Value dy,
                           StringRef name) {
  Pool pool(op);
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (auto [factor, role] : llvm::zip(factors, pool.roles))
    if (role != Role::Batch)
      factor = FactorAttr::get(
          builder.getContext(), factor.getName(), factor.getBound(),
          role == Role::Output ? FactorKind::Sum : FactorKind::Parallel,
          factor.getExtent(), factor.getTerms());
  SmallVector<Value> inputs = {dy};
  SmallVector<IndexMapAttr> maps = {op.getResultMap(0)};
  IndexMapAttr read = op.getOperandMap(0), result = gradientMapOf(read);
  if (pool.max) {
    inputs.insert(inputs.begin(), x);
    maps.insert(maps.begin(), read);
  }
  Type type = RankedTensorType::get(result.getShape(), getElementTypeOrSelf(x));
  SmallVector<NamedAttribute> attributes;
  for (StringRef parameter : {"input", "output", "kernel", "stride", "padding",
                              "dilation", "divisor", "count_padding"})
    if (Attribute value = op->getAttr(parameter))
      attributes.push_back(builder.getNamedAttr(parameter, value));
  Operation *backward = createFactored(
      builder, op->getLoc(),
      pool.max ? MaxPoolBackwardOp::getOperationName()
               : AveragePoolBackwardOp::getOperationName(),
      name, factors, inputs, maps, type, result, attributes, {},
      [](ScalarBuilder &, ValueRange) { return SmallVector<Value>(); });
  return embedGradient(builder, op->getLoc(), backward->getResult(0), factors,
                       read, (name + ".part").str());
}

namespace {
template <class Op>
struct Derivative : DifferentiableOp::ExternalModel<Derivative<Op>, Op> {
  FailureOr<SmallVector<Value>>
  buildGradients(Operation *op, OpBuilder &builder, ValueRange operands,
                 ValueRange results, ArrayRef<Value> cotangents,
                 StringRef name) const {
    return SmallVector<Value>{differentiate(builder, FactoredOp(op),
                                            operands[0], cotangents[0], name)};
  }
};
} // namespace

void colossal::pooling::attachDerivative(MLIRContext *context) {
  MaxPoolOp::attachInterface<Derivative<MaxPoolOp>>(*context);
  AveragePoolOp::attachInterface<Derivative<AveragePoolOp>>(*context);
}
