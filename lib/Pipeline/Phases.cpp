//===- Phases.cpp - Names of phases ---------------------------------------===//

#include "colossal/Pipeline/Phases.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/FormatVariadic.h"

using namespace colossal;

llvm::StringRef colossal::nameOf(Phase phase) {
  switch (phase) {
  case Phase::Import:
    return "import";
  case Phase::Normalize:
    return "normalize";
  case Phase::Differentiate:
    return "differentiate";
  case Phase::Plan:
    return "plan";
  case Phase::Partition:
    return "partition";
  case Phase::Schedule:
    return "schedule";
  case Phase::Lower:
    return "lower";
  case Phase::Emit:
    return "emit";
  case Phase::Run:
    return "run";
  }
  return "";
}

std::optional<Phase> colossal::phaseOf(llvm::StringRef name) {
  for (int number = int(Phase::Import); number <= int(Phase::Run); ++number)
    if (nameOf(Phase(number)) == name)
      return Phase(number);
  return std::nullopt;
}

std::string colossal::dumpNameOf(Phase phase) {
  return llvm::formatv("{0,0+2}-{1}.mlir", int(phase), nameOf(phase)).str();
}
