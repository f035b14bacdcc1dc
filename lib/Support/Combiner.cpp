//===- Combiner.cpp - Names of combiners ----------------------------------===//

#include "colossal/Support/Combiner.h"

using namespace colossal;

std::optional<Combiner> colossal::combinerNamed(const std::string &name) {
  for (const CombinerFacts &facts : combiners)
    if (name == facts.name)
      return facts.combiner;
  return std::nullopt;
}

std::vector<std::string> colossal::combinerTexts() {
  std::vector<std::string> names;
  for (const CombinerFacts &facts : combiners)
    if (!facts.isTuple())
      names.push_back(facts.name);
  return names;
}

std::string colossal::combinerNames(std::optional<bool> ofBooleans) {
  std::vector<std::string> names;
  for (const CombinerFacts &facts : combiners)
    if (!facts.isTuple() && (!ofBooleans || *ofBooleans == facts.ofBooleans))
      names.push_back(facts.name);
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  return text;
}
