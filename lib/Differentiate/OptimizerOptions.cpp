//===- OptimizerOptions.cpp - Parses --optimizer and --group --------------===//

#include "OptimizerRule.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/GlobPattern.h"

#include <cfloat>

using namespace colossal;
using namespace llvm;

//===----------------------------------------------------------------------===//
// Settings
//===----------------------------------------------------------------------===//

double OptimizerSettings::operator[](StringRef name) const {
  auto it = numbers.find(name.str());
  assert(it != numbers.end() && "a setting that the rule does not list");
  return it->second;
}

std::string OptimizerSettings::textWithoutDecay() const {
  std::string text;
  raw_string_ostream stream(text);
  for (const auto &[name, value] : numbers)
    if (name != "weight-decay")
      stream << name << '=' << formatv("{0:E17}", value) << ' ';
  return text;
}

static OptimizerSettings initialSettings(const OptimizerRule &rule) {
  OptimizerSettings settings;
  for (const OptimizerSetting &setting : rule.settings)
    settings.set(setting.name, setting.initial);
  return settings;
}

OptimizerOptions::OptimizerOptions()
    : rule(&adamwRule()), settings(initialSettings(*rule)) {}

std::string colossal::rateOfGroup(size_t number) {
  return "lr." + std::to_string(number + 1);
}

std::vector<std::pair<std::string, double>> OptimizerOptions::rates() const {
  if (!rule)
    return {};
  std::vector<std::pair<std::string, double>> rates = {{"lr", settings["lr"]}};
  for (auto [number, group] : enumerate(groups))
    if (group.hasOwnRate)
      rates.push_back({rateOfGroup(number), group.settings["lr"]});
  return rates;
}

std::string colossal::describeOptimizers() {
  std::string text = "what trains, one of";
  for (const OptimizerRule *rule : optimizerRules()) {
    text += "\n" + rule->name.str() + ":";
    for (const OptimizerSetting &setting : rule->settings)
      text += setting.name.str() +
              (setting.range == SettingRange::Switch ? "," : "=,");
    text += "no-decay=rank<N (" + rule->source.str() + ")";
  }
  return text + "\nnone (loss and gradients)";
}

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

static bool isIn(SettingRange range, double number) {
  // NaN compares false with everything.
  switch (range) {
  case SettingRange::AtLeastZero:
    return number >= 0.0 && number <= double(FLT_MAX);
  case SettingRange::BelowOne:
    return number >= 0.0 && number < 1.0;
  case SettingRange::UpToOne:
    return number >= 0.0 && number <= 1.0;
  case SettingRange::AtLeastOne:
    return number >= 1.0 && number <= double(FLT_MAX);
  case SettingRange::AtMostZero:
    return number <= 0.0 && number >= -double(FLT_MAX);
  case SettingRange::Switch:
    return number == 0.0 || number == 1.0;
  }
  llvm_unreachable("all ranges are handled");
}

static StringRef describe(SettingRange range) {
  switch (range) {
  case SettingRange::AtLeastZero:
    return "a finite number of at least 0";
  case SettingRange::BelowOne:
    return "a number from 0 to below 1";
  case SettingRange::UpToOne:
    return "a number from 0 to 1";
  case SettingRange::AtLeastOne:
    return "a finite number of at least 1";
  case SettingRange::AtMostZero:
    return "a finite number of at most 0";
  case SettingRange::Switch:
    return "true or false";
  }
  llvm_unreachable("all ranges are handled");
}

namespace {

/// The settings of one option: `lr=0.1,nesterov`.
class SettingsParser {
public:
  SettingsParser(const OptimizerRule &rule, StringRef option,
                 OptimizerSettings &settings)
      : rule(rule), option(option), settings(settings) {}

  /// no-decay= is among them if there is a place for it.
  Error parse(StringRef text, int64_t *noDecayRank);
  bool isGiven(StringRef name) const { return seen.contains(name); }

private:
  Error invalid(const Twine &message) const {
    return createStringError(inconvertibleErrorCode(), option + ": " + message);
  }
  Error parseOne(StringRef text, int64_t *noDecayRank);
  Error parseValue(const OptimizerSetting &setting, StringRef text);
  std::string known(bool noDecay) const;

  const OptimizerRule &rule;
  StringRef option;
  OptimizerSettings &settings;
  StringSet<> seen;
};

} // namespace

static Error parseRank(StringRef option, StringRef text, StringRef value,
                       StringRef form, int64_t &rank) {
  if (value.consume_front("rank<") && !value.getAsInteger(10, rank) &&
      rank >= 0 && rank <= 64)
    return Error::success();
  return createStringError(inconvertibleErrorCode(),
                           option + ": found '" + text + "', expected " + form +
                               "rank<N with N from 0 to 64");
}

std::string SettingsParser::known(bool noDecay) const {
  std::string text;
  for (const OptimizerSetting &setting : rule.settings)
    text += (text.empty() ? "" : ", ") + setting.name.str() +
            (setting.range == SettingRange::Switch ? "" : "=");
  return noDecay ? text + ", no-decay=" : text;
}

Error SettingsParser::parseValue(const OptimizerSetting &setting,
                                 StringRef text) {
  auto [key, value] = text.split('=');
  double number = 0.0;
  bool isRead;
  if (setting.range == SettingRange::Switch) {
    number = value != "false";
    isRead = !text.contains('=') || value == "true" || value == "false";
  } else {
    isRead = !value.getAsDouble(number);
  }
  if (!isRead || !isIn(setting.range, number))
    return invalid("found '" + text + "', expected " + key + "= with " +
                   describe(setting.range));
  settings.set(key, number);
  return Error::success();
}

Error SettingsParser::parseOne(StringRef text, int64_t *noDecayRank) {
  auto [key, value] = text.split('=');
  if (!seen.insert(key).second)
    return invalid("found '" + key + "' twice, expected it once");
  if (key == "no-decay" && noDecayRank)
    return parseRank(option, text, value, "no-decay=", *noDecayRank);
  for (const OptimizerSetting &setting : rule.settings)
    if (setting.name == key)
      return parseValue(setting, text);
  return invalid("unknown setting '" + text + "' for '" + rule.name +
                 "', expected one of " + known(noDecayRank));
}

Error SettingsParser::parse(StringRef text, int64_t *noDecayRank) {
  for (StringRef setting : split(text, ','))
    if (Error error = parseOne(setting, noDecayRank))
      return error;
  std::string conflict = rule.conflict ? rule.conflict(settings) : "";
  return conflict.empty() ? Error::success() : invalid(conflict);
}

static Error parseSelector(StringRef text, ParameterGroup &group) {
  auto invalid = [&](const Twine &message) {
    return createStringError(inconvertibleErrorCode(), "--group: " + message);
  };
  StringRef selector = text.split(':').first;
  if (selector.starts_with("rank<")) {
    int64_t rank = 0;
    if (Error error = parseRank("--group", selector, selector, "", rank))
      return error;
    group.belowRank = rank;
    return Error::success();
  }
  if (!selector.consume_front("name="))
    return invalid("found '" + text +
                   "', expected name=PATTERN|PATTERN:SETTINGS or "
                   "rank<N:SETTINGS");
  for (StringRef pattern : split(selector, '|')) {
    if (pattern.empty())
      return invalid("found '" + text + "', expected a pattern");
    Expected<GlobPattern> glob = GlobPattern::create(pattern, 1024);
    if (!glob)
      return invalid(
          "found the pattern '" + pattern +
          "', expected one as of files: " + toString(glob.takeError()));
    group.patterns.push_back(pattern.str());
  }
  return Error::success();
}

static Expected<ParameterGroup> parseGroup(StringRef text,
                                           const OptimizerOptions &options) {
  ParameterGroup group;
  group.text = text.str();
  group.settings = options.settings;
  if (Error error = parseSelector(text, group))
    return std::move(error);
  StringRef settings = text.split(':').second;
  if (settings.empty())
    return createStringError(inconvertibleErrorCode(),
                             "--group: found '" + text +
                                 "' without settings, expected such as "
                                 "weight-decay=0 after a colon");
  SettingsParser parser(*options.rule, "--group", group.settings);
  if (Error error = parser.parse(settings, nullptr))
    return std::move(error);
  group.hasOwnRate = parser.isGiven("lr");
  group.hasOwnDecay = parser.isGiven("weight-decay");
  return group;
}

/// Null, without an error: none.
static Expected<const OptimizerRule *> parseName(StringRef text) {
  StringRef name = text.split(':').first;
  std::string known;
  for (const OptimizerRule *rule : optimizerRules()) {
    if (rule->name == name)
      return rule;
    known += "'" + rule->name.str() + "', ";
  }
  auto invalid = [](const Twine &message) {
    return createStringError(inconvertibleErrorCode(),
                             "--optimizer: " + message);
  };
  if (name != "none")
    return invalid("found '" + name + "', expected " +
                   StringRef(known).drop_back(2) + " or 'none'");
  if (text.contains(':'))
    return invalid("found the setting '" + text.split(':').second +
                   "', expected none for 'none'");
  return nullptr;
}

Expected<OptimizerOptions>
OptimizerOptions::parse(StringRef text, ArrayRef<std::string> groups) {
  OptimizerOptions options;
  Expected<const OptimizerRule *> rule = parseName(text);
  if (!rule)
    return rule.takeError();
  options.rule = *rule;
  if (!options.rule) {
    if (!groups.empty())
      return createStringError(inconvertibleErrorCode(),
                               "--group: found '" + groups.front() +
                                   "', expected an optimizer: nothing is "
                                   "trained without one");
    return options;
  }
  options.settings = initialSettings(*options.rule);
  SettingsParser parser(*options.rule, "--optimizer", options.settings);
  if (text.contains(':'))
    if (Error error =
            parser.parse(text.split(':').second, &options.noDecayRank))
      return std::move(error);
  for (StringRef one : groups) {
    Expected<ParameterGroup> group = parseGroup(one, options);
    if (!group)
      return group.takeError();
    options.groups.push_back(std::move(*group));
  }
  return options;
}

Error OptimizerOptions::parseGradientReduction(StringRef text) {
  if (text != "f32" && text != "bf16" && text != "f16")
    return createStringError(inconvertibleErrorCode(),
                             "--reduce-gradients: found '" + text +
                                 "', expected f32, bf16 or f16");
  gradientReduction = text == "f32" ? "" : text.str();
  return Error::success();
}
