//===- Passes.h - Passes of phase Emit --------------------------*- C++ -*-===//

#ifndef COLOSSAL_EMIT_PASSES_H
#define COLOSSAL_EMIT_PASSES_H

#include "mlir/Pass/Pass.h"

namespace colossal {

#define GEN_PASS_DECL
#include "colossal/Emit/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "colossal/Emit/Passes.h.inc"

} // namespace colossal

#endif // COLOSSAL_EMIT_PASSES_H
