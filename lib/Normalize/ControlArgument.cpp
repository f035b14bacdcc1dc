//===- ControlArgument.cpp - What the runtime sets before a step ----------===//

#include "colossal/Normalize/ControlArgument.h"

using namespace mlir;
using namespace colossal;

Value colossal::controlArgument(func::FuncOp function, StringRef name,
                                std::optional<double> fill) {
  Builder builder(function.getContext());
  Attribute control =
                RoleAttr::get(function.getContext(), ArgumentRole::Control),
            own = builder.getStringAttr(name);
  unsigned count = function.getNumArguments();
  // Controls are behind what the model has.
  for (unsigned i = count; i-- > 0;)
    if (function.getArgAttr(i, names::role) == control &&
        function.getArgAttr(i, names::name) == own)
      return function.getArgument(i);
  SmallVector<NamedAttribute> attributes = {
      builder.getNamedAttr(names::role, control),
      builder.getNamedAttr(names::name, own)};
  if (fill)
    attributes.push_back(builder.getNamedAttr(
        names::source, builder.getDictionaryAttr({builder.getNamedAttr(
                           "fill", builder.getF64FloatAttr(*fill))})));
  (void)function.insertArgument(
      count, RankedTensorType::get({}, builder.getF64Type()),
      builder.getDictionaryAttr(attributes), builder.getUnknownLoc());
  return function.getArgument(count);
}
