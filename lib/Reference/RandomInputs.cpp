//===- RandomInputs.cpp - Random state and batches for a program ----------===//

#include "colossal/Reference/RandomInputs.h"
#include "Colossal/Analysis/IntegerUse.h"
#include "colossal/Reference/Compare.h"
#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

NamedTensors colossal::reference::randomInputs(func::FuncOp function,
                                               uint64_t seed, Signs signs) {
  NamedTensors values;
  Random random(seed);
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
    auto type = cast<RankedTensorType>(function.getArgumentTypes()[i]);
    StringRef role = argumentRole(function, i);
    Tensor tensor = randomTensor(type, random, 1.0, 0, 1);
    bool isPositive =
        role == "batch" ? signs != Signs::Both : signs == Signs::Positive;
    if (isPositive)
      for (double &value : tensor.floats)
        value = 0.1 + std::fabs(value);
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
      std::optional<int64_t> ignored =
          use.extent ? use.ignored() : std::nullopt;
      for (int64_t &value : tensor.integers) {
        value = random.integer(0, use.extent.value_or(2) - 1);
        if (ignored && random.integer(0, 5) == 0)
          value = *ignored;
      }
    }
    values[argumentName(function, i)] = share(std::move(tensor));
  }
  return values;
}
