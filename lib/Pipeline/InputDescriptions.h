//===- InputDescriptions.h - What values the inputs may have ----*- C++ -*-===//
//
// What a program can take is seen where its look-ups are still whole, before
// they are cut. The module carries it on, as `colossal.inputs`, so that a
// bundle is the same whatever phase's dump it is made from.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_PIPELINE_INPUTDESCRIPTIONS_H
#define COLOSSAL_LIB_PIPELINE_INPUTDESCRIPTIONS_H

#include "colossal/Run/Manifest.h"
#include "mlir/IR/BuiltinOps.h"

namespace colossal {

/// The inputs that the module says it has: name, and the values of integers.
std::vector<rank::InputSchema> inputsOf(mlir::ModuleOp module);

/// Adds the inputs of the module's functions, with what these can take, to what
/// the module says.
void describeInputs(mlir::ModuleOp module);

} // namespace colossal

#endif // COLOSSAL_LIB_PIPELINE_INPUTDESCRIPTIONS_H
