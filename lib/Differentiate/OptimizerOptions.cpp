//===- OptimizerOptions.cpp - Parses --optimizer --------------------------===//

#include "colossal/Differentiate/Optimizer.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"

#include <cfloat>

using namespace colossal;
using namespace llvm;

static Error invalid(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), "--optimizer: " + message);
}

namespace {
/// A setting that is a number: where it goes, and what it may be.
struct Setting {
  StringRef key;
  double *target;
  bool belowOne; ///< a decay: from 0 to below 1; otherwise any f32 from 0
};
} // namespace

/// The numbers that the kind of optimizer takes.
static SmallVector<Setting> settingsOf(OptimizerOptions &options) {
  SmallVector<Setting> settings;
  if (options.kind == OptimizerOptions::Kind::None)
    return settings;
  settings = {{"lr", &options.learningRate, false},
              {"weight-decay", &options.weightDecay, false}};
  if (options.kind == OptimizerOptions::Kind::AdamW)
    settings.append({{"beta1", &options.beta1, true},
                     {"beta2", &options.beta2, true},
                     {"eps", &options.epsilon, false}});
  else
    settings.push_back({"momentum", &options.momentum, true});
  return settings;
}

static Error parseNumber(const Setting &setting, StringRef text,
                         StringRef value) {
  // NaN compares false with everything.
  bool isNumber = !value.getAsDouble(*setting.target);
  double number = *setting.target;
  if (isNumber && number >= 0.0 &&
      (setting.belowOne ? number < 1.0 : number <= double(FLT_MAX)))
    return Error::success();
  return invalid("found '" + text + "', expected " + setting.key +
                 (setting.belowOne ? "= with a number from 0 to below 1"
                                   : "= with a finite number of at least 0"));
}

static Error parseSetting(OptimizerOptions &options, StringRef text,
                          StringRef kind) {
  auto [key, value] = text.split('=');
  bool trains = options.kind != OptimizerOptions::Kind::None;
  if (key == "no-decay" && trains) {
    int64_t rank = 0;
    if (!value.consume_front("rank<") || value.getAsInteger(10, rank) ||
        rank < 0 || rank > 64)
      return invalid("found '" + text +
                     "', expected no-decay=rank<N with N from 0 to 64");
    options.noDecayRank = rank;
    return Error::success();
  }
  if (key == "nesterov" && options.kind == OptimizerOptions::Kind::SGD) {
    if (text.contains('='))
      return invalid("found '" + text + "', expected 'nesterov' alone");
    options.nesterov = true;
    return Error::success();
  }
  std::string known;
  for (const Setting &setting : settingsOf(options)) {
    if (setting.key == key)
      return parseNumber(setting, text, value);
    known += setting.key.str() + "=, ";
  }
  if (!trains)
    return invalid("found the setting '" + text + "', expected none for '" +
                   kind + "'");
  known += "no-decay=";
  if (options.kind == OptimizerOptions::Kind::SGD)
    known += ", nesterov";
  return invalid("unknown setting '" + text + "' for '" + kind +
                 "', expected one of " + known);
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
  if (text.contains(':'))
    rest.split(settings, ',');
  StringSet<> seen;
  for (StringRef setting : settings) {
    if (!seen.insert(setting.split('=').first).second)
      return invalid("found '" + setting.split('=').first +
                     "' twice, expected it once");
    if (Error error = parseSetting(options, setting, kindText))
      return std::move(error);
  }
  if (options.nesterov && options.momentum == 0.0)
    return invalid("found 'nesterov' without momentum, expected momentum= "
                   "with a number above 0");
  return options;
}
