//===- Passes.h - Plan -----------------------------------------*- C++ -*-===//

#ifndef COLOSSAL_PLAN_PASSES_H
#define COLOSSAL_PLAN_PASSES_H

#include "Colossal/IR/ColossalDialect.h"
#include "colossal/Plan/Search.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace colossal {

#define GEN_PASS_DECL
#include "colossal/Plan/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "colossal/Plan/Passes.h.inc"

namespace plan {

struct PlanRequest {
  machine::Cluster cluster;
  SearchOptions search;
  std::string planFile; ///< read instead of searching, if not empty
};

struct PlanReport {
  Plan plan;
  std::string explanation;   ///< for people
  std::string planText;      ///< the plan file
  std::string configuration; ///< SearchResult::configuration; empty if read
  int64_t memoryBytes = 0;   ///< SearchResult::memoryBytes
  SharedState shared;        ///< for the plans of other programs
};

/// The pass as a function. Emits one error and fails if there is no plan.
mlir::FailureOr<PlanReport> planModule(mlir::ModuleOp module,
                                       const PlanRequest &request);

} // namespace plan
} // namespace colossal

#endif // COLOSSAL_PLAN_PASSES_H
