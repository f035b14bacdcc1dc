//===- LearningRate.cpp - The table of schedules --------------------------===//

#include "colossal/Run/LearningRate.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>

namespace colossal::rank {

namespace {

/// More than any run has; products of it stay inside a double's integers.
constexpr double kMaximumSteps = 1e12;

enum class Range { Steps, StepList, Fraction, Positive, Switch };

struct Setting {
  const char *name;
  Range range;
  double initial = 0.0;
};

/// A schedule's numbers, with the defaults of those that are not given.
class Numbers;

struct Kind {
  const char *name;
  std::vector<Setting> settings;
  double (*factor)(const Numbers &settings, double t, double total);
};

class Numbers {
public:
  Numbers(const Kind &kind, const LearningRate &schedule)
      : kind(kind), schedule(schedule) {}
  double operator[](const char *name) const {
    auto it = schedule.settings.find(name);
    if (it != schedule.settings.end())
      return it->second.front();
    for (const Setting &setting : kind.settings)
      if (std::string(name) == setting.name)
        return setting.initial;
    return 0.0;
  }
  /// Null: not given.
  const std::vector<double> *list(const char *name) const {
    auto it = schedule.settings.find(name);
    return it == schedule.settings.end() ? nullptr : &it->second;
  }

private:
  const Kind &kind;
  const LearningRate &schedule;
};

//===----------------------------------------------------------------------===//
// Factors, after the warm-up
//===----------------------------------------------------------------------===//

double constantFactor(const Numbers &, double, double) { return 1.0; }

/// What is left of the way from W to T: 1 to 0.
double remaining(const Numbers &settings, double t, double total) {
  return std::max(0.0, (total - t) / std::max(1.0, total - settings["warmup"]));
}

double above(double floor, double factor) {
  return floor + (1 - floor) * factor;
}

double linearFactor(const Numbers &settings, double t, double total) {
  return above(settings["min"], remaining(settings, t, total));
}

double cosineFactor(const Numbers &settings, double t, double total) {
  double warmup = settings["warmup"];
  double way = std::min(1.0, (t - warmup) / std::max(1.0, total - warmup));
  return above(settings["min"], (1 + std::cos(M_PI * way)) / 2);
}

double polynomialFactor(const Numbers &settings, double t, double total) {
  return above(settings["min"],
               std::pow(remaining(settings, t, total), settings["power"]));
}

double stepFactor(const Numbers &settings, double t, double) {
  double since = t - settings["warmup"];
  double count = std::floor(since / settings["every"]);
  if (const std::vector<double> *at = settings.list("at"))
    count = double(std::count_if(at->begin(), at->end(),
                                 [&](double step) { return step <= since; }));
  return std::pow(settings["gamma"], count);
}

double inverseRootFactor(const Numbers &settings, double t, double) {
  double warmup = settings["warmup"], scale = settings["timescale"];
  if (scale == 0.0)
    scale = warmup > 0.0 ? warmup : 10000.0;
  return 1.0 / std::sqrt((t - warmup + scale) / scale);
}

double oneCycleFactor(const Numbers &settings, double t, double total) {
  struct Phase {
    double end, from, to;
  };
  double low = 1.0 / settings["div"], last = low / settings["final-div"];
  double rise = settings["pct-start"] * total;
  std::vector<Phase> phases = {{rise - 1, low, 1.0}};
  if (settings["three-phase"] != 0.0)
    phases.push_back({2 * rise - 2, 1.0, low});
  phases.push_back({total - 1, phases.back().to, last});
  double begin = 0.0;
  for (const Phase &phase : phases) {
    if (t <= phase.end || &phase == &phases.back()) {
      double length = phase.end - begin;
      double way = length > 0.0 ? std::min(1.0, (t - begin) / length) : 1.0;
      if (settings["linear"] != 0.0)
        return phase.from + (phase.to - phase.from) * way;
      return phase.to +
             (phase.from - phase.to) * (1 + std::cos(M_PI * way)) / 2;
    }
    begin = phase.end;
  }
  return last;
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

const std::vector<Kind> &kinds() {
  static const Setting warmup{"warmup", Range::Steps};
  static const Setting total{"total", Range::Steps};
  static const Setting least{"min", Range::Fraction};
  static const std::vector<Kind> all = {
      // Total and min of a constant mean nothing, but scripts that change the
      // name alone may keep them.
      {"constant", {warmup, total, least}, constantFactor},
      {"linear", {warmup, total, least}, linearFactor},
      {"cosine", {warmup, total, least}, cosineFactor},
      {"polynomial",
       {warmup, total, least, {"power", Range::Positive, 1.0}},
       polynomialFactor},
      {"step",
       {warmup,
        {"every", Range::Steps, 0.0},
        {"at", Range::StepList},
        {"gamma", Range::Fraction, 0.1}},
       stepFactor},
      {"inverse-sqrt",
       {warmup, {"timescale", Range::Steps}},
       inverseRootFactor},
      {"one-cycle",
       {total,
        {"pct-start", Range::Fraction, 0.3},
        {"div", Range::Positive, 25.0},
        {"final-div", Range::Positive, 1e4},
        {"linear", Range::Switch},
        {"three-phase", Range::Switch}},
       oneCycleFactor}};
  return all;
}

const Kind *kindOf(const std::string &name) {
  for (const Kind &kind : kinds())
    if (name == kind.name)
      return &kind;
  return nullptr;
}

const Setting *settingOf(const Kind &kind, const std::string &name) {
  for (const Setting &setting : kind.settings)
    if (name == setting.name)
      return &setting;
  return nullptr;
}

bool isIn(Range range, double number) {
  // NaN compares false with everything.
  switch (range) {
  case Range::Steps:
  case Range::StepList:
    return number >= 0.0 && number <= kMaximumSteps &&
           number == std::floor(number);
  case Range::Fraction:
    return number >= 0.0 && number <= 1.0;
  case Range::Positive:
    return number > 0.0 && number <= 1e30;
  case Range::Switch:
    return number == 1.0;
  }
  return false;
}

std::string formOf(const Setting &setting) {
  std::string name = setting.name;
  switch (setting.range) {
  case Range::Steps:
    return name + "=STEPS (an integer from 0 to 10^12)";
  case Range::StepList:
    return name + "=STEP/STEP/... (integers from 0 to 10^12 in order)";
  case Range::Fraction:
    return name + "=FACTOR (a number from 0 to 1)";
  case Range::Positive:
    return name + "=NUMBER (above 0, up to 1e30)";
  case Range::Switch:
    return name + " alone";
  }
  return name;
}

/// Digits alone for steps: "1e3" is a slip more often than a number.
bool readNumber(const std::string &text, Range range, double &number) {
  bool isCount = range == Range::Steps || range == Range::StepList;
  if (text.empty() ||
      (isCount && text.find_first_not_of("0123456789") != std::string::npos))
    return false;
  char *end = nullptr;
  number = std::strtod(text.c_str(), &end);
  return *end == 0 && !std::isspace(static_cast<unsigned char>(text[0]));
}

bool areSound(const Setting &setting, const std::vector<double> &values) {
  if (values.empty() || (values.size() > 1 && setting.range != Range::StepList))
    return false;
  return std::is_sorted(values.begin(), values.end()) &&
         std::all_of(values.begin(), values.end(),
                     [&](double value) { return isIn(setting.range, value); });
}

std::string namesOfKinds() {
  std::string text;
  for (const Kind &kind : kinds())
    text += (text.empty()               ? "'"
             : &kind == &kinds().back() ? " or '"
                                        : ", '") +
            std::string(kind.name) + "'";
  return text;
}

} // namespace

double scheduleFactor(const LearningRate &schedule, int64_t step,
                      int64_t runSteps) {
  const Kind *kind = kindOf(schedule.kind);
  if (!kind)
    return 1.0;
  Numbers settings(*kind, schedule);
  double t = double(step - 1), warmup = settings["warmup"];
  if (t < warmup)
    return t / warmup;
  double total =
      settings["total"] != 0.0 ? settings["total"] : double(runSteps);
  return kind->factor(settings, t, total);
}

std::string addScheduleSetting(LearningRate &schedule,
                               const std::string &text) {
  const Kind *kind = kindOf(schedule.kind);
  if (!kind)
    return checkSchedule(schedule);
  size_t at = text.find('=');
  std::string name = text.substr(0, at);
  const Setting *setting = settingOf(*kind, name);
  if (!setting) {
    std::string known;
    for (const Setting &one : kind->settings)
      known += std::string(known.empty() ? "" : ", ") + one.name;
    return "found '" + text + "', expected a setting of '" + kind->name +
           "': " + known;
  }
  if (schedule.settings.count(name))
    return "found '" + name + "' twice, expected it once";
  std::vector<double> values;
  bool isRead = (at == std::string::npos) == (setting->range == Range::Switch);
  if (setting->range == Range::Switch)
    values = {1.0};
  for (size_t begin = at; isRead && begin != std::string::npos;) {
    size_t end = setting->range == Range::StepList ? text.find('/', begin + 1)
                                                   : std::string::npos;
    double number = 0.0;
    isRead = readNumber(text.substr(begin + 1, end == std::string::npos
                                                   ? end
                                                   : end - begin - 1),
                        setting->range, number);
    values.push_back(number);
    begin = end;
  }
  if (!isRead || !areSound(*setting, values))
    return "found '" + text + "', expected " + formOf(*setting);
  schedule.settings[name] = values;
  return "";
}

std::string checkSchedule(const LearningRate &schedule) {
  const Kind *kind = kindOf(schedule.kind);
  if (!kind)
    return "found '" + schedule.kind + "', expected " + namesOfKinds();
  for (const auto &[name, values] : schedule.settings) {
    const Setting *setting = settingOf(*kind, name);
    if (!setting)
      return "found the setting '" + name + "', which '" + schedule.kind +
             "' has not, expected another";
    if (!areSound(*setting, values))
      return "found a value of '" + name + "' out of range, expected " +
             formOf(*setting);
  }
  Numbers settings(*kind, schedule);
  auto steps = [&](const char *name) {
    return std::to_string(int64_t(settings[name]));
  };
  if (settings["total"] != 0.0 && settings["total"] < settings["warmup"])
    return "found total=" + steps("total") +
           ", expected at least the warmup of " + steps("warmup") + " steps";
  bool hasEvery = settings["every"] != 0.0, hasAt = settings.list("at");
  if (schedule.kind == "step" && hasEvery == hasAt)
    return std::string("found ") +
           (hasAt ? "both every= and at=" : "neither every= nor at=") +
           " for 'step', expected one of them";
  return "";
}

std::string describeSchedules() {
  std::string text = "learning rates from step to step, one of";
  for (const Kind &kind : kinds()) {
    text += "\n" + std::string(kind.name);
    char separator = ':';
    for (const Setting &setting : kind.settings) {
      text += separator + std::string(setting.name) +
              (setting.range == Range::Switch ? "" : "=");
      separator = ',';
    }
  }
  return text;
}

} // namespace colossal::rank
