//===- Report.h - What a tool says when it fails ----------------*- C++ -*-===//
//
// One line an error, on stderr, by every way in which a tool can end:
//
//   int main(int argc, char **argv) {
//     beginTool("colossal-verify: ");
//     ...
//     return endTool(status);
//   }
//
// Between the two, memory or disk that runs out, LLVM's fatal errors and
// exceptions that nobody catches end the tool with one line and exit code 1;
// what was half-written is removed.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_DIAGNOSTICS_REPORT_H
#define COLOSSAL_DIAGNOSTICS_REPORT_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/LogicalResult.h"

#include <string>

namespace colossal {

/// `prefix`: what stands before "error:"; "" or "colossal-verify: ".
void beginTool(llvm::StringRef prefix);

/// Flushes what was printed. Returns `status`, or 1 with an error where stdout
/// did not take everything.
int endTool(int status);

/// LLVM's parser of options, whose errors it reports on one line each; false
/// after one. --help and --version end the tool.
bool parseCommandLine(int argc, const char *const *argv,
                      llvm::StringRef overview);

/// What `beginTool` was given.
llvm::StringRef toolPrefix();

/// Says an error (Messages.h). Returns failure, for `return`.
llvm::LogicalResult reportError(const llvm::Twine &message);

/// A folder or file that is removed when the tool ends by itself, by one of the
/// ways above or by a signal that a user sends; until `keep`.
class Unfinished {
public:
  explicit Unfinished(llvm::StringRef path);
  ~Unfinished();
  Unfinished(const Unfinished &) = delete;
  void keep();

private:
  std::string path;
};

} // namespace colossal

#endif // COLOSSAL_DIAGNOSTICS_REPORT_H
