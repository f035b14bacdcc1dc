//===- OneLine.cpp - MLIR's diagnostics as one line each ------------------===//

#include "colossal/Diagnostics/OneLine.h"
#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/IR/Locations.h"
#include "colossal/Diagnostics/Messages.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Support/Message.h"

using namespace mlir;
using namespace colossal;

/// More errors than this at once help nobody.
static constexpr unsigned kMaxErrors = 20;

/// "head/sqrt.0" is aten::sqrt in the module 'head'. Names of tensors and of
/// things that this compiler made have no ordinal.
static std::string describeOp(StringRef name, StringRef line) {
  auto [path, op] =
      name.contains('/') ? name.rsplit('/') : std::make_pair(StringRef(), name);
  auto [kind, ordinal] = op.rsplit('.');
  unsigned number = 0;
  if (ordinal.empty() || ordinal.getAsInteger(10, number))
    return "";
  std::string text = "'aten::" + kind.str() + "' in ";
  text += path.empty() ? "the root module" : "module path '" + path.str() + "'";
  return line.empty() ? text : text + " (" + line.str() + ")";
}

std::string colossal::placeOf(Location location) {
  std::string line = sourceLineOf(location, /*skipArchives=*/true);
  StringRef name = nameOf(location);
  // A tensor's name stands around the archive, which has no lines.
  if (!name.empty() && !line.empty())
    if (std::string op = describeOp(name, line); !op.empty())
      return op;
  // MLIR's own places have a column. An archive as a whole has no line: that
  // says nothing which the user does not know.
  auto text = dyn_cast<FileLineColLoc>(location);
  return !line.empty() && text && text.getColumn() > 0
             ? line + ":" + std::to_string(text.getColumn())
             : line;
}

OneLineDiagnostics::OneLineDiagnostics(MLIRContext *context)
    : ScopedDiagnosticHandler(context) {
  context->printOpOnDiagnostic(false);
  context->printStackTraceOnDiagnostic(false);
  setHandler([this](Diagnostic &diagnostic) {
    print(diagnostic);
    return success();
  });
}

OneLineDiagnostics::~OneLineDiagnostics() {
  if (errors > kMaxErrors)
    (void)reportError(Twine(errors - kMaxErrors) +
                      " further errors are not shown");
}

void OneLineDiagnostics::learnNames(ModuleOp module) {
  module.walk([&](FactoredOp op) {
    locationOf.try_emplace(op.getFactoredName(), op->getLoc());
  });
}

std::string OneLineDiagnostics::placeOfQuoted(StringRef text) const {
  for (size_t begin = text.find_first_of("'\""); begin != StringRef::npos;) {
    size_t end = text.find(text[begin], begin + 1);
    if (end == StringRef::npos)
      return "";
    auto known = locationOf.find(text.slice(begin + 1, end));
    if (known != locationOf.end())
      if (nameOf(known->second).size() ||
          !sourceLineOf(known->second, true).empty())
        return placeOf(known->second);
    // What closes one quotation may open the next.
    begin = text.find_first_of("'\"", begin + 1);
  }
  return "";
}

void OneLineDiagnostics::print(Diagnostic &diagnostic) {
  bool isError = diagnostic.getSeverity() == DiagnosticSeverity::Error;
  if (!isError && diagnostic.getSeverity() != DiagnosticSeverity::Warning)
    return;
  std::string text = diagnostic.str();
  for (Diagnostic &note : diagnostic.getNotes()) {
    std::string said = note.str(), place = placeOf(note.getLocation());
    // Operations that MLIR shows.
    if (StringRef(said).contains(": \n") || StringRef(said).contains("= \""))
      continue;
    text += "; " + said + (place.empty() ? "" : " (" + place + ")");
  }
  Location location = diagnostic.getLocation();
  std::string place = placeOf(location);
  if (nameOf(location).empty())
    if (std::string quoted = placeOfQuoted(text); !quoted.empty())
      place = quoted;
  std::string line = sourceLineOf(location, /*skipArchives=*/true);
  // Normalize says itself where it is.
  bool saysPlace = !line.empty() && StringRef(text).contains("(" + line + ")");
  std::string message = place.empty() || saysPlace ? text : place + ": " + text;
  if (!printed.insert(message).second)
    return; // the same of another op
  if (!isError) {
    say(Severity::Warning, message);
  } else if (++errors <= kMaxErrors) {
    (void)reportError(message);
  }
}
