//===- RandomInputs.cpp - Random state and batches for a program ----------===//

#include "colossal/Reference/RandomInputs.h"
#include "Colossal/Analysis/IntegerUse.h"
#include "Colossal/IR/UnsignedByte.h"
#include "colossal/Reference/Compare.h"
#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

llvm::ArrayRef<Draw> colossal::reference::allDraws() {
  static constexpr Draw all[] = {
      Draw::Any,           Draw::PositiveBatch, Draw::Positive, Draw::Small,
      Draw::SmallPositive, Draw::LargePositive, Draw::Opposed};
  return all;
}

StringRef colossal::reference::describe(Draw draw) {
  switch (draw) {
  case Draw::Any:
    return "numbers of both signs";
  case Draw::PositiveBatch:
    return "a positive batch";
  case Draw::Positive:
    return "positive numbers alone";
  case Draw::Small:
    return "small numbers";
  case Draw::SmallPositive:
    return "small positive numbers";
  case Draw::LargePositive:
    return "large positive numbers";
  case Draw::Opposed:
    return "a positive batch and negative parameters";
  }
  return "";
}

NamedTensors colossal::reference::randomInputs(func::FuncOp function,
                                               uint64_t seed, Draw draw) {
  bool isSmall = draw == Draw::Small || draw == Draw::SmallPositive;
  double scale = isSmall ? 0.1 : draw == Draw::LargePositive ? 4.0 : 1.0;
  NamedTensors values;
  Random random(seed);
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
    std::optional<ArgumentRole> role = argumentRole(function, i);
    Tensor tensor = randomTensor(type, random, 1.0, 0, 1);
    bool isBatch = role == ArgumentRole::Batch;
    bool isPositive = draw == Draw::Positive || draw == Draw::SmallPositive ||
                      draw == Draw::LargePositive || draw == Draw::Opposed ||
                      (draw == Draw::PositiveBatch && isBatch);
    bool isNegative = draw == Draw::Opposed && role == ArgumentRole::Parameter;
    if (isPositive)
      for (double &value : tensor.floats)
        value = (0.1 + std::fabs(value)) * (isNegative ? -1 : 1);
    if (isBatch || role == ArgumentRole::Parameter)
      for (double &value : tensor.floats)
        value *= scale;
    if (role == ArgumentRole::Parameter) {
      // Scores and logits stay of moderate size.
      for (double &value : tensor.floats)
        value *= 0.25;
    } else if (role == ArgumentRole::Optimizer ||
               role == ArgumentRole::Buffer) {
      for (double &value : tensor.floats)
        value = 0.1 * std::fabs(value);
    } else if (role == ArgumentRole::Control) {
      auto source = function.getArgAttrOfType<DictionaryAttr>(i, names::source);
      auto fill = source ? source.getAs<FloatAttr>("fill") : FloatAttr();
      for (int64_t j = 0, n = tensor.size(); j < n; ++j)
        tensor.setNumber(j, fill ? fill.getValueAsDouble() : 2.0);
    } else if (tensor.kind == ElementKind::Integer) {
      IntegerUse use = analyzeIntegerUse(function.getArgument(i));
      std::optional<int64_t> ignored =
          use.extent ? use.ignored() : std::nullopt;
      // Of narrow types any number, as of pixels.
      Type element = type.getElementType();
      bool isAny = !use.extent && element.getIntOrFloatBitWidth() < 32;
      for (int64_t &value : tensor.integers) {
        value = isAny ? wrapped(element, random.integer(0, 65535))
                      : random.integer(0, use.extent.value_or(2) - 1);
        if (ignored && random.integer(0, 5) == 0)
          value = *ignored;
      }
    }
    values[argumentName(function, i)] = share(std::move(tensor));
  }
  return values;
}
