//===- Pins.cpp - What the user fixes -------------------------------------===//

#include "colossal/Plan/Search.h"

using namespace colossal;
using namespace colossal::plan;

static std::optional<int64_t> parseCount(const std::string &text) {
  if (text.empty() || text.size() > 9 ||
      text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoll(text);
}

std::optional<Pins> Pins::parse(const std::string &text, std::string &error) {
  Pins pins;
  auto fail = [&](const std::string &item, const std::string &expected) {
    error = "pin: found '" + item + "', expected " + expected;
    return std::nullopt;
  };
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find(',', begin), text.size());
    std::string item = text.substr(begin, end - begin);
    begin = end + 1;
    size_t equals = item.find('=');
    std::string name = item.substr(0, equals);
    std::string value =
        equals == std::string::npos ? "" : item.substr(equals + 1);
    if (name == "schedule") {
      pins.schedule = timeline::scheduleKindOf(value);
      if (!pins.schedule)
        return fail(item, "schedule=gpipe or schedule=1f1b");
      continue;
    }
    std::optional<int64_t> *target = name == "data"       ? &pins.data
                                     : name == "tensor"   ? &pins.tensor
                                     : name == "pipeline" ? &pins.pipeline
                                     : name == "microbatches"
                                         ? &pins.microbatches
                                     : name == "zero" ? &pins.zero
                                                      : nullptr;
    if (!target)
      return fail(item, "data=, tensor=, pipeline=, microbatches=, zero= or "
                        "schedule=");
    std::optional<int64_t> count = parseCount(value);
    if (!count || (name == "zero" ? *count > 1 : *count < 1))
      return fail(item, name == "zero" ? "zero=0 or zero=1"
                                       : name + "= and a positive number");
    if (*target && **target != *count)
      return fail(item, "'" + name + "' only once");
    *target = count;
  }
  return pins;
}

std::string Pins::toString() const {
  std::string text;
  auto add = [&](const char *name, const std::string &value) {
    text += (text.empty() ? "" : ",") + std::string(name) + "=" + value;
  };
  auto addCount = [&](const char *name, const std::optional<int64_t> &value) {
    if (value)
      add(name, std::to_string(*value));
  };
  addCount("data", data);
  addCount("tensor", tensor);
  addCount("pipeline", pipeline);
  addCount("microbatches", microbatches);
  addCount("zero", zero);
  if (schedule)
    add("schedule", timeline::nameOf(*schedule));
  return text;
}
