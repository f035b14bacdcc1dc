//===- Passes.h - Normalize -------------------------------------*- C++ -*-===//
//
// colossal-normalize: `colossal.aten` programs, as Import writes them, become
// programs of `colossal.generic` and whole ops: functional, with
// static shapes and types, without aliases, dead ops and dead arguments; every
// op has a unique name.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_NORMALIZE_PASSES_H
#define COLOSSAL_NORMALIZE_PASSES_H

#include "colossal/Normalize/Loss.h"
#include "mlir/Pass/Pass.h"

namespace colossal {

/// With a loss, @forward returns it in place of the model's outputs, and has
/// its labels as last argument. `namesOutputs`: results have the attribute
/// `colossal.output`, the path to them in what the model returns ("logits",
/// "0", "hidden.1"), and stay beside a loss.
std::unique_ptr<mlir::Pass>
createNormalizePass(std::optional<LossOptions> loss = std::nullopt,
                    bool namesOutputs = false);

void registerNormalizePasses();

} // namespace colossal

#endif // COLOSSAL_NORMALIZE_PASSES_H
