//===- PlanProgram.cpp - The pass that plans a module ---------------------===//

#include "Colossal/IR/Programs.h"
#include "colossal/Plan/Apply.h"
#include "colossal/Plan/Passes.h"
#include "colossal/Plan/PlanFile.h"
#include "colossal/Support/Files.h"

namespace colossal {
#define GEN_PASS_DEF_PLANPASS
#include "colossal/Plan/Passes.h.inc"
} // namespace colossal

using namespace mlir;
using namespace colossal;

FailureOr<plan::PlanReport> plan::planModule(ModuleOp module,
                                             const PlanRequest &request) {
  func::FuncOp function = programOf(module);
  if (!function)
    return emitError(module.getLoc(),
                     "found no function to plan, expected @train_step "
                     "or a single function");
  FailureOr<BatchedProgram> read = readBatchedProgram(function);
  if (failed(read))
    return failure();
  const ExtractedProgram &extracted = read->extracted;
  const Batching &batching = read->batching;
  const Program &program = extracted.program;
  PlanReport report;
  std::string error;
  std::vector<Candidate> candidates;
  std::string remark;
  if (!request.planFile.empty()) {
    std::optional<std::string> text = readTextFile(request.planFile, error);
    std::optional<Plan> plan;
    if (text)
      plan = readPlan(program, request.cluster, *text, request.planFile, error);
    if (plan)
      error = contradictionOf(request.search.pins, program, *plan);
    if (!error.empty())
      return emitError(function.getLoc(), error);
    report.plan = std::move(*plan);
  } else {
    std::optional<SearchResult> found =
        searchPlan(program, request.cluster, request.search, error);
    if (!found)
      return emitError(function.getLoc(), error);
    report.plan = std::move(found->plan);
    report.configuration = std::move(found->configuration);
    report.memoryBytes = found->memoryBytes;
    candidates = std::move(found->candidates);
    if (!found->remark.empty())
      remark = found->remark + "\n";
  }
  report.shared = sharedStateOf(program, report.plan);
  report.explanation = explainPlan(program, report.plan, candidates) + remark;
  report.planText = writePlan(program, request.cluster, report.plan);
  applyPlan(module, function, extracted, batching, report.plan);
  return report;
}

namespace {
struct PlanPass : colossal::impl::PlanPassBase<PlanPass> {
  using PlanPassBase::PlanPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::string error;
    plan::PlanRequest request;
    std::optional<machine::Cluster> read =
        machine::readClusterFile(cluster, error);
    std::optional<plan::Pins> pins = plan::Pins::parse(pin, error);
    if (!read || !pins) {
      emitError(module.getLoc(), error);
      return signalPassFailure();
    }
    request.cluster = *read;
    request.search.pins = *pins;
    request.search.memoryBytes = memory;
    request.search.memoryExcess = excess;
    request.search.deadline = plan::deadlineAfter(searchTime, error);
    if (!request.search.deadline) {
      emitError(module.getLoc(), error);
      return signalPassFailure();
    }
    request.planFile = plan;
    FailureOr<plan::PlanReport> report = plan::planModule(module, request);
    if (failed(report))
      return signalPassFailure();
    if (explain)
      llvm::errs() << report->explanation;
    if (!emitPlan.empty() &&
        !writeTextFile(emitPlan, report->planText, error)) {
      emitError(module.getLoc(), error);
      signalPassFailure();
    }
  }
};
} // namespace
