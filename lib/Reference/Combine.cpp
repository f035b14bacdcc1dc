//===- Combine.cpp - Combiners on tensors ---------------------------------===//

#include "colossal/Reference/Combine.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

void colossal::reference::combineElement(Combiner combiner, Type element,
                                         Tensor &into, int64_t i,
                                         const Tensor &from, int64_t j) {
  withCombiner(combiner, [&](auto constant) {
    constexpr Combiner c = constant();
    if (into.kind == ElementKind::Float)
      into.floats[i] = combine<c>(into.floats[i], from.floats[j]);
    else if (into.kind == ElementKind::Integer)
      into.integers[i] =
          llvm::SignExtend64(combine<c>(into.integers[i], from.integers[j]),
                             element.getIntOrFloatBitWidth());
    else
      into.booleans[i] = combine<c>(into.booleans[i], from.booleans[j]);
  });
}

void colossal::reference::combineTensor(Combiner combiner, Type element,
                                        Tensor &into, const Tensor &from) {
  for (int64_t i = 0, e = into.size(); i < e; ++i)
    combineElement(combiner, element, into, i, from, i);
}

void colossal::reference::setNeutral(Combiner combiner, Type element,
                                     Tensor &tensor, int64_t i) {
  TypedAttr neutral = neutralElement(combiner, element);
  if (auto real = dyn_cast<FloatAttr>(neutral))
    tensor.floats[i] = real.getValueAsDouble();
  else if (tensor.kind == ElementKind::Integer)
    tensor.integers[i] = cast<IntegerAttr>(neutral).getValue().getSExtValue();
  else
    tensor.booleans[i] = cast<IntegerAttr>(neutral).getValue().getZExtValue();
}
