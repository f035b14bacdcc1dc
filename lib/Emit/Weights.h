//===- Weights.h - Initial state in one file -------------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_EMIT_WEIGHTS_H
#define COLOSSAL_LIB_EMIT_WEIGHTS_H

#include "colossal/Run/RankProgram.h"
#include "llvm/ADT/StringRef.h"

namespace colossal::emit {

/// Copies the records that states of `programs` start from into the file
/// `path`, each once, in the state's type, checks their CRCs and lets `Initial`
/// point there (as `name`). Returns false and sets `error` if a record cannot
/// be read or is damaged. Writes no file if no state has a record.
bool writeWeights(std::vector<rank::Program> &programs, llvm::StringRef path,
                  llvm::StringRef name, std::string &error);

} // namespace colossal::emit

#endif // COLOSSAL_LIB_EMIT_WEIGHTS_H
