//===- Messages.cpp - What the compiler says, and to whom -----------------===//

#include "colossal/Diagnostics/Messages.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Support/Message.h"
#include "llvm/Support/raw_ostream.h"

#include <chrono>

using namespace colossal;

/// On a terminal a line of progress moves and disappears; a log is read
/// afterwards, and gets one every half minute.
static void printProgress(llvm::StringRef text) {
  using Clock = std::chrono::steady_clock;
  static Clock::time_point shown = Clock::now();
  bool terminal = llvm::errs().is_displayed();
  auto now = Clock::now();
  if (now - shown < (terminal ? std::chrono::milliseconds(500)
                              : std::chrono::milliseconds(30000)))
    return;
  shown = now;
  llvm::errs() << (terminal ? "\033[K" : "") << text
               << (terminal ? "\r" : "\n");
}

static void print(Severity severity, llvm::StringRef text) {
  if (severity == Severity::Progress)
    return printProgress(text);
  if (llvm::errs().is_displayed())
    llvm::errs() << "\033[K";
  if (severity == Severity::Error)
    llvm::errs() << toolPrefix() << "error: " << text << "\n";
  else if (severity == Severity::Warning)
    llvm::errs() << "warning: " << text << "\n";
  else
    llvm::errs() << text;
}

/// Lives until the process ends: threads may fail while others leave main.
static MessageSink &sink() {
  static auto *instance = new MessageSink(print);
  return *instance;
}

void colossal::say(Severity severity, const llvm::Twine &text) {
  bool isLine = severity != Severity::Note;
  sink()(severity, isLine ? oneLine(text.str()) : printable(text.str()));
}

ScopedMessages::ScopedMessages(MessageSink next)
    : before(std::exchange(sink(), std::move(next))) {}

ScopedMessages::~ScopedMessages() { sink() = std::move(before); }
