//===- LossOptions.cpp - Parses --loss ------------------------------------===//

#include "colossal/Normalize/Loss.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"

using namespace colossal;
using namespace llvm;

static Error invalid(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), "--loss: " + message);
}

/// One setting of cross entropy; false where it is none.
static Expected<bool> parseOfLabels(LossOptions &options, StringRef text) {
  auto [key, value] = text.split('=');
  if (key == "shift") {
    if (text.contains('='))
      return invalid("found '" + text + "', expected 'shift' alone");
    options.shift = true;
  } else if (key == "ignore") {
    if (value.getAsInteger(10, options.ignored))
      return invalid("found '" + text +
                     "', expected ignore= with an integer, such as -100");
  } else if (key == "smoothing") {
    // NaN is not at least 0 either.
    if (value.getAsDouble(options.smoothing) || !(options.smoothing >= 0.0) ||
        !(options.smoothing <= 1.0))
      return invalid("found '" + text +
                     "', expected smoothing= with a number from 0 to 1");
  } else if (key == "classes") {
    if (value != "1" && value != "last")
      return invalid("found '" + text +
                     "', expected classes=1, the second dimension, or "
                     "classes=last");
    options.classes = value == "1" ? LossOptions::Classes::Second
                                   : LossOptions::Classes::Last;
  } else {
    return false;
  }
  return true;
}

Expected<LossOptions> LossOptions::parse(StringRef text) {
  LossOptions options;
  auto [kind, rest] = text.split(':');
  if (kind == "mse")
    options.kind = Kind::SquaredError;
  else if (kind == "bce")
    options.kind = Kind::BinaryCrossEntropy;
  else if (kind != "cross-entropy")
    return invalid("found '" + kind +
                   "', expected 'cross-entropy', 'mse' or 'bce'");
  bool ofLabels = options.kind == Kind::CrossEntropy;
  SmallVector<StringRef> settings;
  if (text.contains(':'))
    rest.split(settings, ',');
  StringSet<> seen;
  for (StringRef setting : settings) {
    auto [key, value] = setting.split('=');
    if (!seen.insert(key).second)
      return invalid("found '" + key + "' twice, expected it once");
    if (key == "output" || key == "labels") {
      if (value.empty())
        return invalid("found '" + setting + "', expected " + key +
                       "= with a name");
      (key == "output" ? options.output : options.labels) = value.str();
      continue;
    }
    if (ofLabels) {
      Expected<bool> known = parseOfLabels(options, setting);
      if (!known)
        return known.takeError();
      if (*known)
        continue;
    }
    return invalid("unknown setting '" + setting + "' for '" + kind +
                   "', expected one of output=, labels=" +
                   (ofLabels ? ", ignore=, shift, smoothing=, classes=" : ""));
  }
  return options;
}
