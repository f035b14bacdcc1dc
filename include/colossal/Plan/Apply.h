//===- Apply.h - A plan, written into the IR --------------------*- C++ -*-===//

#ifndef COLOSSAL_PLAN_APPLY_H
#define COLOSSAL_PLAN_APPLY_H

#include "colossal/Plan/Extract.h"
#include "colossal/Plan/Plan.h"

namespace colossal::plan {

/// Writes segments, stages, axes, stored shardings and reshards as
/// docs/Architecture.md, section 1, describes them, and the mesh on `module`.
void applyPlan(mlir::ModuleOp module, mlir::func::FuncOp function,
               const ExtractedProgram &extracted, const Batching &batching,
               const Plan &plan);

} // namespace colossal::plan

#endif // COLOSSAL_PLAN_APPLY_H
