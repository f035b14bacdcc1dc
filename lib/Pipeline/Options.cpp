//===- Options.cpp - Texts of options -------------------------------------===//

#include "colossal/Pipeline/Compile.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSet.h"

using namespace colossal;
using llvm::StringRef;

/// More than any run has; products of it stay inside a double's integers.
static constexpr int64_t maximumSteps = 1000000000000;

std::optional<int64_t> colossal::parseBytes(StringRef text) {
  static const std::pair<StringRef, double> units[] = {{"KiB", 1024.0},
                                                       {"MiB", 1048576.0},
                                                       {"GiB", 1073741824.0},
                                                       {"TiB", 1099511627776.0},
                                                       {"KB", 1e3},
                                                       {"MB", 1e6},
                                                       {"GB", 1e9},
                                                       {"TB", 1e12},
                                                       {"B", 1.0}};
  double factor = 1.0;
  for (auto [unit, bytes] : units)
    if (text.consume_back(unit)) {
      factor = bytes;
      break;
    }
  double number = 0.0;
  if (text.trim().getAsDouble(number) || !(number >= 0.0) ||
      number * factor > 9e18)
    return std::nullopt;
  return int64_t(number * factor);
}

std::optional<rank::LearningRate> colossal::parseSchedule(StringRef text,
                                                          std::string &error) {
  rank::LearningRate schedule;
  auto [kind, rest] = text.split(':');
  if (kind != "constant" && kind != "linear" && kind != "cosine") {
    error = "--lr-schedule: found '" + kind.str() +
            "', expected 'constant', 'linear' or 'cosine'";
    return std::nullopt;
  }
  schedule.kind = kind.str();
  auto fail = [&](const llvm::Twine &message) {
    error = ("--lr-schedule: " + message).str();
    return std::nullopt;
  };
  llvm::SmallVector<StringRef> settings;
  if (text.contains(':'))
    rest.split(settings, ',');
  llvm::StringSet<> seen;
  for (StringRef setting : settings) {
    auto [key, value] = setting.split('=');
    if (!seen.insert(key).second)
      return fail("found '" + key + "' twice, expected it once");
    bool bad = false;
    if (key == "warmup")
      bad = value.getAsInteger(10, schedule.warmupSteps);
    else if (key == "total")
      bad = value.getAsInteger(10, schedule.totalSteps);
    else if (key == "min")
      bad = value.getAsDouble(schedule.minimumFactor);
    else
      bad = true;
    // NaN is not at least 0 either.
    if (bad || schedule.warmupSteps < 0 || schedule.totalSteps < 0 ||
        schedule.warmupSteps > maximumSteps ||
        schedule.totalSteps > maximumSteps ||
        !(schedule.minimumFactor >= 0.0 && schedule.minimumFactor <= 1.0))
      return fail("found '" + setting +
                  "', expected 'warmup=STEPS', 'total=STEPS' or 'min=FACTOR' "
                  "with 0 to 10^12 steps and a factor from 0 to 1");
  }
  if (schedule.totalSteps != 0 && schedule.totalSteps < schedule.warmupSteps)
    return fail("found total=" + llvm::Twine(schedule.totalSteps) +
                ", expected at least the warmup of " +
                llvm::Twine(schedule.warmupSteps) + " steps");
  return schedule;
}
