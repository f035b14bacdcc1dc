//===- Locations.h - What locations say ------------------------*- C++ -*-===//
//
// Import gives every op the location "module path / op . ordinal" around the
// Python call stack, innermost line first; every phase keeps it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_LOCATIONS_H
#define COLOSSAL_IR_LOCATIONS_H

#include "mlir/IR/Location.h"
#include <string>

namespace colossal {

/// The outermost name of a location, "h.0/eq.0"; empty if it has none.
llvm::StringRef nameOf(mlir::Location location);

/// "model.py:12", the innermost line of the model; empty if there is none. An
/// archive as a whole, which has no lines, is "model.pt:0", or passed over.
std::string sourceLineOf(mlir::Location location, bool skipArchives = false);

} // namespace colossal

#endif // COLOSSAL_IR_LOCATIONS_H
