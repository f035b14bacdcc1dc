//===- Messages.h - What the compiler says, and to whom ---------*- C++ -*-===//
//
// Everything that a phase has to say goes through `say`: by default to stderr,
// one line a message, as the tools do; a program that uses the compiler as a
// library takes the messages itself:
//
//   std::vector<std::string> errors;
//   ScopedMessages messages([&](Severity severity, llvm::StringRef text) {
//     if (severity == Severity::Error)
//       errors.push_back(text.str());
//   });
//   compile(context, options);
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_DIAGNOSTICS_MESSAGES_H
#define COLOSSAL_DIAGNOSTICS_MESSAGES_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"

#include <functional>

namespace colossal {

enum class Severity {
  Error,    ///< the work ends; one line, without "error:"
  Warning,  ///< it goes on; one line, without "warning:"
  Note,     ///< of interest: times of phases, the explanation of a plan; lines
  Progress, ///< where long work is; the next one takes its place
};

using MessageSink = std::function<void(Severity, llvm::StringRef text)>;

/// Text of an error or a warning is printable and on one line for the sink,
/// whatever it holds.
void say(Severity severity, const llvm::Twine &text);

/// Takes the messages of this process while it lives; such scopes nest.
class ScopedMessages {
public:
  explicit ScopedMessages(MessageSink sink);
  ~ScopedMessages();
  ScopedMessages(const ScopedMessages &) = delete;

private:
  MessageSink before;
};

} // namespace colossal

#endif // COLOSSAL_DIAGNOSTICS_MESSAGES_H
