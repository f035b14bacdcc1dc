//===- Phases.h - The phases of the compiler, in order ---------*- C++ -*-===//

#ifndef COLOSSAL_PIPELINE_PHASES_H
#define COLOSSAL_PIPELINE_PHASES_H

#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace colossal {

/// The name of a phase is also that of its folders, its page in docs/Phases,
/// its value of --stop-after and its dump. Run is the runtime's.
enum class Phase {
  Import = 1,
  Normalize,
  Differentiate,
  Plan,
  Partition,
  Schedule,
  Lower,
  Emit,
  Run,
};

/// "import", "normalize", ...
llvm::StringRef nameOf(Phase phase);
std::optional<Phase> phaseOf(llvm::StringRef name);

/// `04-plan.mlir`.
std::string dumpNameOf(Phase phase);

} // namespace colossal

#endif // COLOSSAL_PIPELINE_PHASES_H
