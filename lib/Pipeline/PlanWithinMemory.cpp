//===- PlanWithinMemory.cpp - A plan whose schedule fits ------------------===//

#include "CompiledProgram.h"
#include "colossal/Diagnostics/Messages.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Lower/BuildProgram.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Support/Message.h"
#include "mlir/Pass/PassManager.h"

using namespace mlir;
using namespace colossal;

/// What ranks of a device group reserve for all `programs`, which are
/// partitioned: one entry for each group. Arena, windows, staging of
/// collectives and scratch of the library are known once groups are lowered, so
/// programs are scheduled and lowered. Errors are reported.
static FailureOr<std::vector<int64_t>>
reservedBytes(ArrayRef<CompiledProgram *> programs, int64_t threadsPerRank,
              bool overlaps) {
  SmallVector<ModuleOp> modules;
  for (CompiledProgram *program : programs) {
    // Schedule prepares what it groups.
    program->scheduled = program->partitioned->clone();
    modules.push_back(*program->scheduled);
  }
  FailureOr<schedule::StateSchema> schema = schedule::stateOf(modules);
  if (failed(schema))
    return failure();
  std::vector<std::vector<rank::Program>> groups;
  for (CompiledProgram *program : programs) {
    FailureOr<std::vector<schedule::RankSchedule>> scheduled = failure();
    {
      Stopwatch watch(programs.back()->spentInPlan[Phase::Schedule]);
      scheduled = schedule::scheduleRanks(*program->scheduled, *schema,
                                          kernelPlanner(), overlaps);
    }
    if (failed(scheduled))
      return failure();
    Stopwatch watch(programs.back()->spentInPlan[Phase::Lower]);
    auto lowered = lower::lowerRanks(*program->scheduled, *scheduled);
    if (failed(lowered))
      return failure();
    schedule::attachSchedule(*program->scheduled, *scheduled);
    program->lowered = std::move(lowered->module);
    groups.resize(std::max(groups.size(), scheduled->size()));
    for (auto [group, one] : llvm::enumerate(lowered->programs))
      groups[group].push_back(std::move(one));
  }
  std::vector<int64_t> bytes;
  for (const std::vector<rank::Program> &group : groups) {
    std::vector<const rank::Program *> all;
    for (const rank::Program &program : group)
      all.push_back(&program);
    std::string error;
    bytes.push_back(
        kernelPlanner().reservedBytes(all, int(threadsPerRank), error));
    if (!error.empty())
      return reportError(error);
  }
  return bytes;
}

static bool makesForEachUse(const plan::Plan &plan) {
  return llvm::any_of(plan.recomputed, [](const plan::RecomputedCopy &copy) {
    return copy.forEachUse;
  });
}

/// The schedule knows the peak to the byte; Plan predicts it. A schedule
/// without collectives under way needs the least: it is tried before another
/// plan. Where the prediction was too low, plan again with the excess: first
/// that of the configuration alone, so that others keep their room, and after
/// three times of everything. What is left is the leanest plan, which does not
/// depend on the budget, with values made for each use in backward or held
/// between uses: a prediction cannot tell what kernels keep for either. If
/// neither fits, the budget that the smaller one needs is named, and with that
/// budget it is found again.
LogicalResult colossal::planWithinMemory(ArrayRef<CompiledProgram *> programs,
                                         plan::PlanRequest request,
                                         bool quiet) {
  CompiledProgram &program = *programs.back();
  MLIRContext &context = *program.module->getContext();
  int64_t budget = request.search.memoryBytes
                       ? request.search.memoryBytes
                       : request.cluster.device.memoryBytes;
  OwningOpRef<ModuleOp> unplanned = program.module->clone();
  std::vector<Diagnostic> refusals;
  plan::SolutionCache solved;
  request.search.cache = &solved;
  std::optional<std::pair<int64_t, std::vector<plan::StagePrediction>>> leanest;
  for (int attempt = 0;; ++attempt) {
    FailureOr<plan::PlanReport> planned = failure();
    {
      ScopedDiagnosticHandler keep(&context, [&](Diagnostic &diagnostic) {
        refusals.push_back(std::move(diagnostic));
        return success();
      });
      planned = plan::planModule(*program.module, request);
    }
    bool isLast = request.search.leanest || !request.planFile.empty();
    if (failed(planned) && (isLast || budget == 0)) {
      // The first refusal: of a budget, or what stands against any plan.
      context.getDiagEngine().emit(std::move(refusals.front()));
      return failure();
    }
    if (failed(planned)) {
      request.search.leanest = true;
      program.module = unplanned->clone();
      continue;
    }
    program.report = std::move(*planned);
    {
      Stopwatch watch(program.spentInPlan[Phase::Partition]);
      program.partitioned = program.module->clone();
      PassManager passes(&context);
      passes.addPass(createPartitionPass());
      if (failed(passes.run(*program.partitioned)))
        return failure();
    }
    int64_t peak = 0;
    // Collectives under way keep their bytes for longer.
    for (bool overlaps : {true, false}) {
      FailureOr<std::vector<int64_t>> bytes =
          reservedBytes(programs, request.cluster.device.threads, overlaps);
      if (failed(bytes))
        return failure();
      peak = *llvm::max_element(*bytes);
      if (budget == 0 || peak <= budget)
        break;
    }
    if (budget == 0 || peak <= budget)
      return success();
    if (!request.planFile.empty())
      return reportError("the plan needs " + Twine(peak) +
                         " bytes on a device, the budget is " + Twine(budget) +
                         " bytes; " + Twine(peak - budget) +
                         " bytes are missing");
    if (isLast) {
      if (!leanest || peak < leanest->first)
        leanest = {peak, program.report.plan.stages};
      if (!request.search.holdsRepeated &&
          makesForEachUse(program.report.plan)) {
        request.search.holdsRepeated = true;
        program.module = unplanned->clone();
        continue;
      }
      return reportError(plan::memoryRefusal(leanest->second, leanest->first,
                                             budget, request.search.pins));
    }
    if (!quiet)
      say(Severity::Note, "planning again: the schedule needs " +
                              Twine(peak - budget) +
                              " bytes more than the budget\n");
    // Plans of this prediction and above do not fit.
    int64_t excess = peak - program.report.memoryBytes;
    int64_t &ofConfiguration =
        request.search.excessOf[program.report.configuration];
    if (attempt < 3)
      ofConfiguration = excess - request.search.memoryExcess;
    else
      request.search.memoryExcess = excess - ofConfiguration;
    request.search.leanest = attempt >= 6;
    program.module = unplanned->clone();
  }
}
