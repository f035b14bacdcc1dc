//===- Passes.h - Passes of phase Lower -------------------------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_PASSES_H
#define COLOSSAL_LOWER_PASSES_H

#include "mlir/Pass/Pass.h"

namespace colossal {

#define GEN_PASS_DECL
#include "colossal/Lower/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "colossal/Lower/Passes.h.inc"

} // namespace colossal

#endif // COLOSSAL_LOWER_PASSES_H
