//===- LossScale.cpp - Parses --loss-scale --------------------------------===//

#include "colossal/Differentiate/LossScale.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/Twine.h"

#include <cfloat>

using namespace colossal;
using namespace llvm;

static Error invalid(const Twine &message) {
  return createStringError(inconvertibleErrorCode(),
                           "--loss-scale: " + message);
}

/// A number that is above 0 and finite as f32.
static bool readNumber(StringRef text, double &number) {
  return !text.getAsDouble(number) && number <= double(FLT_MAX) &&
         float(number) > 0.0f;
}

/// Likewise, as f32.
static bool readScale(StringRef text, double &number) {
  if (!readNumber(text, number))
    return false;
  number = float(number);
  return true;
}

static Error parseSetting(StringRef text, LossScale &scale) {
  auto [name, value] = text.split('=');
  auto expected = [&](StringRef what) {
    return invalid("found '" + text + "', expected " + what + " for " + name);
  };
  double number = 0;
  if (name == "init")
    return readScale(value, scale.initial)
               ? Error::success()
               : expected("a finite number above 0");
  if (name == "growth") {
    if (!readNumber(value, number) || number <= 1.0)
      return expected("a finite number above 1");
    scale.growth = number;
    return Error::success();
  }
  if (name == "backoff") {
    if (!readNumber(value, number) || number >= 1.0)
      return expected("a number between 0 and 1");
    scale.backoff = number;
    return Error::success();
  }
  if (name == "interval") {
    int64_t steps = 0;
    if (value.getAsInteger(10, steps) || steps < 1 || steps > INT32_MAX)
      return expected("a number of steps, 1 or more");
    scale.interval = steps;
    return Error::success();
  }
  return invalid("found '" + text +
                 "', expected init=, growth=, backoff= or interval=");
}

Expected<LossScale> LossScale::parse(StringRef text) {
  LossScale scale;
  if (text == "none")
    return scale;
  if (readScale(text, scale.initial)) {
    scale.kind = Kind::Fixed;
    return scale;
  }
  scale = dynamic();
  auto [name, settings] = text.split(':');
  if (name != "dynamic" || (settings.empty() && text.contains(':')))
    return invalid("found '" + text +
                   "', expected none, a finite number above 0, dynamic or "
                   "dynamic:init=65536,growth=2,backoff=0.5,interval=2000");
  StringSet<> seen;
  while (!settings.empty()) {
    StringRef one;
    std::tie(one, settings) = settings.split(',');
    if (Error error = parseSetting(one, scale))
      return std::move(error);
    if (!seen.insert(one.split('=').first).second)
      return invalid("found " + one.split('=').first + "= twice");
  }
  return scale;
}
