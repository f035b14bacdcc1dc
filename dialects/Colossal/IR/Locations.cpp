//===- Locations.cpp - What locations say ---------------------------------===//

#include "Colossal/IR/Locations.h"

using namespace mlir;

llvm::StringRef colossal::nameOf(Location location) {
  StringRef name;
  location->walk([&](Location inner) {
    auto named = dyn_cast<NameLoc>(inner);
    if (!named)
      return WalkResult::advance();
    name = named.getName().getValue();
    return WalkResult::interrupt();
  });
  return name;
}

std::string colossal::sourceLineOf(Location location, bool skipArchives) {
  std::string line;
  location->walk([&](Location inner) {
    auto file = dyn_cast<FileLineColLoc>(inner);
    if (!file || (skipArchives && file.getLine() == 0))
      return WalkResult::advance();
    line = file.getFilename().str() + ":" + std::to_string(file.getLine());
    return WalkResult::interrupt();
  });
  return line;
}
