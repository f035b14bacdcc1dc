//===- OptimizerOptions.cpp - Parses --optimizer --------------------------===//

#include "colossal/Differentiate/Optimizer.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSwitch.h"

using namespace colossal;
using namespace llvm;

static Error invalid(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), "--optimizer: " + message);
}

Expected<OptimizerOptions> OptimizerOptions::parse(StringRef text) {
  OptimizerOptions options;
  auto [kindText, rest] = text.split(':');
  if (kindText == "adamw") {
    options.kind = Kind::AdamW;
    options.weightDecay = 0.01; // PyTorch's default
  } else if (kindText == "sgd") {
    options.kind = Kind::SGD;
  } else if (kindText == "none") {
    options.kind = Kind::None;
  } else {
    return invalid("found '" + kindText +
                   "', expected 'adamw', 'sgd' or 'none'");
  }
  SmallVector<StringRef> settings;
  rest.split(settings, ',', -1, /*KeepEmpty=*/false);
  for (StringRef setting : settings) {
    auto [key, value] = setting.split('=');
    if (key == "no-decay") {
      int64_t rank = 0;
      if (!value.consume_front("rank<") || value.getAsInteger(10, rank))
        return invalid("found 'no-decay=" + value +
                       "', expected 'no-decay=rank<N'");
      options.noDecayRank = rank;
      continue;
    }
    if (key == "nesterov" && options.kind == Kind::SGD) {
      options.nesterov = true;
      continue;
    }
    double *target = StringSwitch<double *>(key)
                         .Case("lr", &options.learningRate)
                         .Case("weight-decay", &options.weightDecay)
                         .Default(nullptr);
    if (!target && options.kind == Kind::AdamW)
      target = StringSwitch<double *>(key)
                   .Case("beta1", &options.beta1)
                   .Case("beta2", &options.beta2)
                   .Case("eps", &options.epsilon)
                   .Default(nullptr);
    if (!target && options.kind == Kind::SGD && key == "momentum")
      target = &options.momentum;
    if (!target)
      return invalid("unknown setting '" + key + "' for '" + kindText + "'");
    if (value.getAsDouble(*target))
      return invalid("found '" + setting + "', expected a number after '='");
  }
  return options;
}
