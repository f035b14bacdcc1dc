//===- Options.cpp - Texts of options -------------------------------------===//

#include "colossal/Pipeline/Compile.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringSwitch.h"

using namespace colossal;
using llvm::StringRef;

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
  llvm::SmallVector<StringRef> settings;
  rest.split(settings, ',', -1, /*KeepEmpty=*/false);
  for (StringRef setting : settings) {
    auto [key, value] = setting.split('=');
    bool bad = false;
    if (key == "warmup")
      bad = value.getAsInteger(10, schedule.warmupSteps);
    else if (key == "total")
      bad = value.getAsInteger(10, schedule.totalSteps);
    else if (key == "min")
      bad = value.getAsDouble(schedule.minimumFactor);
    else
      bad = true;
    if (bad || schedule.warmupSteps < 0 || schedule.totalSteps < 0) {
      error = "--lr-schedule: found '" + setting.str() +
              "', expected 'warmup=STEPS', 'total=STEPS' or 'min=FACTOR'";
      return std::nullopt;
    }
  }
  return schedule;
}
