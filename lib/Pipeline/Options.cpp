//===- Options.cpp - Texts of options -------------------------------------===//

#include "colossal/Pipeline/Compile.h"
#include "llvm/ADT/StringExtras.h"

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
  schedule.kind = text.split(':').first.str();
  std::string fault;
  if (text.contains(':'))
    for (StringRef setting : llvm::split(text.split(':').second, ','))
      if (fault.empty())
        fault = rank::addScheduleSetting(schedule, setting.str());
  if (fault.empty())
    fault = rank::checkSchedule(schedule);
  if (fault.empty())
    return schedule;
  error = "--lr-schedule: " + fault;
  return std::nullopt;
}
