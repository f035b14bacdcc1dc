//===- Compile.cpp - From a model to a bundle -----------------------------===//

#include "colossal/Pipeline/Compile.h"
#include "Colossal/Analysis/IntegerUse.h"
#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/IR/Locations.h"
#include "Colossal/Transforms/Passes.h"
#include "ImportModel.h"
#include "colossal/Diagnostics/OneLine.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Emit/Bundle.h"
#include "colossal/Lower/BuildProgram.h"
#include "colossal/Machine/Calibrate.h"
#include "colossal/Normalize/Passes.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Plan/Passes.h"
#include "colossal/Run/Scratch.h"
#include "colossal/Schedule/StageSchedule.h"
#include "colossal/Support/Files.h"
#include "colossal/Support/Message.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

#include <chrono>

using namespace mlir;
using namespace colossal;

namespace {

class Compilation {
public:
  Compilation(MLIRContext &context, const CompileOptions &options)
      : context(context), options(options), diagnostics(&context) {}
  LogicalResult run();

private:
  /// Runs `work` as a phase: progress, dump, stop.
  LogicalResult phase(Phase which, llvm::function_ref<LogicalResult()> work);
  LogicalResult writeText(const std::string &path,
                          llvm::function_ref<void(raw_ostream &)>);
  bool makesBundle() const {
    return !options.stopAfter || *options.stopAfter == Phase::Emit;
  }
  LogicalResult normalize();
  void describeInputs();
  LogicalResult plan();
  LogicalResult measurePeaks(ModuleOp partitioned);
  LogicalResult partition();
  LogicalResult lower();
  LogicalResult emit();
  void print(Phase which, raw_ostream &stream);

  MLIRContext &context;
  const CompileOptions &options;
  OneLineDiagnostics diagnostics;
  OwningOpRef<ModuleOp> module;
  /// IR that goes into the bundle: after Differentiate, Plan, Partition.
  std::vector<std::pair<std::string, std::string>> kept;
  std::vector<schedule::StageSchedule> stages;
  std::unique_ptr<lower::Lowering> lowering;
  std::vector<rank::Program> programs;
  std::vector<rank::InputSchema> inputs;
  plan::PlanReport report;
  /// Of a rank of each stage, exactly; found by Plan, which judges it.
  std::vector<int64_t> peakBytes;
  int64_t budget = 0;
  int64_t threadsPerRank = 1;
  bool stopped = false;
};

} // namespace

LogicalResult
Compilation::writeText(const std::string &path,
                       llvm::function_ref<void(raw_ostream &)> write) {
  std::string text, error;
  llvm::raw_string_ostream stream(text);
  write(stream);
  return writeTextFile(path, text, error) ? success() : reportError(error);
}

void Compilation::print(Phase which, raw_ostream &stream) {
  OpPrintingFlags flags;
  flags.enableDebugInfo(true, false);
  module->print(stream, flags);
  stream << "\n";
  // What Schedule and Lower add has no form in the IR: comments.
  std::string text;
  llvm::raw_string_ostream added(text);
  if (which == Phase::Schedule)
    for (const schedule::StageSchedule &stage : stages)
      schedule::printSchedule(stage, added);
  if (which == Phase::Lower)
    for (const rank::Program &program : programs)
      added << rank::writeProgram(program);
  SmallVector<StringRef> lines;
  StringRef(text).split(lines, '\n', -1, false);
  for (StringRef line : lines)
    stream << "// " << printable(line.str()) << "\n";
  if (which == Phase::Lower)
    lowering->module().print(stream, flags);
}

LogicalResult Compilation::phase(Phase which,
                                 llvm::function_ref<LogicalResult()> work) {
  if (stopped)
    return success();
  auto begin = std::chrono::steady_clock::now();
  if (failed(work()))
    return failure();
  if (which < Phase::Partition)
    diagnostics.learnNames(*module);
  double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  if (!options.quiet)
    llvm::errs() << llvm::formatv("{0,-14}{1,8:F2} s\n", nameOf(which),
                                  seconds);
  if (!options.dumpFolder.empty()) {
    if (std::error_code error = llvm::sys::fs::create_directories(
            options.dumpFolder, true, llvm::sys::fs::all_all))
      return reportError("--dump-ir: cannot create '" + options.dumpFolder +
                         "': " + error.message());
    SmallString<128> path(options.dumpFolder);
    llvm::sys::path::append(path, dumpNameOf(which));
    if (failed(writeText(path.str().str(),
                         [&](raw_ostream &stream) { print(which, stream); })))
      return failure();
  }
  if (which == Phase::Differentiate || which == Phase::Plan ||
      which == Phase::Partition) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    print(which, stream);
    kept.push_back({dumpNameOf(which), text});
  }
  if (options.stopAfter == which) {
    stopped = true;
    if (which == Phase::Emit) // the bundle is the output
      return success();
    if (options.output.empty() || options.output == "-") {
      print(which, llvm::outs());
      return success();
    }
    return writeText(options.output,
                     [&](raw_ostream &stream) { print(which, stream); });
  }
  return success();
}

/// The inputs by name, with what the program can take.
void Compilation::describeInputs() {
  for (func::FuncOp function : module->getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments()) {
      unsigned number = argument.getArgNumber();
      auto role = function.getArgAttrOfType<RoleAttr>(number, names::role);
      auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
      if (!role || !name || role.getValue() != ArgumentRole::Batch)
        continue;
      auto it = llvm::find_if(inputs, [&](const rank::InputSchema &input) {
        return input.name == name.getValue();
      });
      if (it == inputs.end())
        it = inputs.emplace(inputs.end());
      it->name = name.str();
      Type type = getElementTypeOrSelf(argument.getType());
      if (!type.isInteger(64) && !type.isInteger(32))
        continue;
      IntegerUse use = analyzeIntegerUse(argument);
      if (!use.required)
        continue;
      it->lowest = use.fromEnd ? -*use.required : 0;
      it->highest = *use.required - 1;
      it->otherValues.clear();
      for (int64_t constant : use.constants)
        if (constant < it->lowest || constant > it->highest)
          it->otherValues.push_back(constant);
      it->lookup = "'" + use.lookup + "'";
      if (std::string line = sourceLineOf(use.location); !line.empty())
        it->lookup += " (" + line + ")";
    }
}

LogicalResult Compilation::normalize() {
  std::optional<LossOptions> loss = options.loss;
  if (failed(markBatch(*module, options, loss)))
    return failure();
  describeInputs();
  PassManager passes(&context);
  passes.addPass(createNormalizePass(loss));
  passes.addNestedPass<func::FuncOp>(createFuseElementwisePass());
  passes.addNestedPass<func::FuncOp>(createChannelsLastPass());
  passes.addNestedPass<func::FuncOp>(createRefineFactorsPass());
  std::string said;
  if (failed(passes.run(*module)) || failed(checkTypes(*module)) ||
      failed(setStartValues(*module, options.start, said)))
    return failure();
  if (!said.empty() && !options.quiet)
    llvm::errs() << "start values: " << oneLine(said) << "\n";
  // A plan needs no values, a bundle does.
  return makesBundle() ? checkStartValues(*module) : success();
}

/// What a rank of each stage reserves: arena, windows, staging of collectives
/// and scratch of the library, which is known once groups are lowered.
LogicalResult Compilation::measurePeaks(ModuleOp partitioned) {
  auto scheduled = schedule::scheduleStages(partitioned);
  if (failed(scheduled))
    return failure();
  lower::Lowering trial(&context);
  peakBytes.clear();
  for (schedule::StageSchedule &stage : *scheduled) {
    FailureOr<rank::Program> program = lower::buildProgram(stage, trial);
    if (failed(program))
      return failure();
    std::string error;
    int64_t scratch = rank::scratchBytes(*program, int(threadsPerRank), error);
    if (!error.empty())
      return reportError(error);
    peakBytes.push_back(program->arenaBytes + program->windowBytes + scratch +
                        rank::stagingBytes(*program));
  }
  return success();
}

LogicalResult Compilation::plan() {
  plan::PlanRequest request;
  std::string error, disturbed;
  std::optional<machine::Cluster> cluster =
      machine::clusterOf(options.cluster, error, &disturbed);
  if (!disturbed.empty() && !options.quiet)
    llvm::errs() << "warning: " << oneLine(disturbed) << "\n";
  if (!cluster)
    return reportError(error);
  std::optional<plan::Pins> pins = plan::Pins::parse(options.pins, error);
  if (!pins)
    return reportError(error);
  threadsPerRank = cluster->device.threads;
  budget =
      options.memoryBytes ? options.memoryBytes : cluster->device.memoryBytes;
  request.cluster = *cluster;
  request.search.pins = *pins;
  request.search.memoryBytes = options.memoryBytes;
  request.search.stagingBytes = rank::collectiveStagingBytes();
  request.planFile = options.planFile;
  auto shown = std::chrono::steady_clock::now();
  if (!options.quiet)
    request.search.progress = [&](const std::string &label, size_t done,
                                  size_t all) {
      auto now = std::chrono::steady_clock::now();
      // On a terminal one line that moves and disappears; a log is read
      // afterwards.
      bool terminal = llvm::errs().is_displayed();
      if (now - shown < (terminal ? std::chrono::milliseconds(500)
                                  : std::chrono::milliseconds(30000)))
        return;
      shown = now;
      llvm::errs() << (terminal ? "\033[K" : "") << "planning: " << done
                   << " of " << all << " divisions tried, now " << label
                   << (terminal ? "\r" : "\n");
    };

  // The schedule knows the peak to the byte; Plan predicts it. Where the
  // prediction was too low, plan again with the excess: first that of the
  // configuration alone, so that others keep their room, and after three times
  // of everything. What is left is the leanest plan, which does not depend on
  // the budget: if it does not fit, the budget that it needs is named, and with
  // that budget it is found again.
  OwningOpRef<ModuleOp> unplanned = module->clone();
  std::vector<Diagnostic> refusals;
  plan::SolutionCache solved;
  request.search.cache = &solved;
  for (int attempt = 0;; ++attempt) {
    FailureOr<plan::PlanReport> planned = failure();
    {
      ScopedDiagnosticHandler keep(&context, [&](Diagnostic &diagnostic) {
        refusals.push_back(std::move(diagnostic));
        return success();
      });
      planned = plan::planModule(*module, request);
    }
    bool isLast = request.search.leanest || !request.planFile.empty();
    if (failed(planned) && (isLast || budget == 0)) {
      // The first refusal: of a budget, or what stands against any plan.
      context.getDiagEngine().emit(std::move(refusals.front()));
      return failure();
    }
    if (failed(planned)) {
      request.search.leanest = true;
      module = unplanned->clone();
      continue;
    }
    report = std::move(*planned);
    OwningOpRef<ModuleOp> trial = module->clone();
    PassManager passes(&context);
    passes.addPass(createPartitionPass());
    if (failed(passes.run(*trial)))
      return failure();
    if (failed(measurePeaks(*trial)))
      return failure();
    int64_t peak = *llvm::max_element(peakBytes);
    if (budget == 0 || peak <= budget)
      break;
    if (!request.planFile.empty())
      return reportError("the plan needs " + Twine(peak) +
                         " bytes on a device, the budget is " + Twine(budget) +
                         " bytes; " + Twine(peak - budget) +
                         " bytes are missing");
    if (isLast)
      return reportError(plan::memoryRefusal(report.plan.stages, peak, budget,
                                             request.search.pins));
    if (!options.quiet)
      llvm::errs() << "planning again: the schedule needs " << peak - budget
                   << " bytes more than the budget\n";
    if (attempt < 3)
      request.search.excessOf[report.configuration] += peak - budget;
    else
      request.search.memoryExcess += peak - budget;
    request.search.leanest = attempt >= 6;
    module = unplanned->clone();
  }
  if (!options.quiet)
    llvm::errs() << (llvm::errs().is_displayed() ? "\033[K" : "")
                 << printable(report.explanation);
  if (!options.emitPlan.empty())
    return writeText(options.emitPlan,
                     [&](raw_ostream &stream) { stream << report.planText; });
  return success();
}

LogicalResult Compilation::partition() {
  PassManager passes(&context);
  passes.addPass(createPartitionPass());
  passes.addPass(createCheckCollectivesPass());
  return passes.run(*module);
}

LogicalResult Compilation::lower() {
  lowering = std::make_unique<lower::Lowering>(&context);
  for (schedule::StageSchedule &stage : stages) {
    FailureOr<rank::Program> program = lower::buildProgram(stage, *lowering);
    if (failed(program))
      return failure();
    programs.push_back(std::move(*program));
  }
  bool sound = true;
  auto report = [&](const std::vector<std::string> &faults) {
    for (const std::string &fault : faults) {
      (void)reportError("rank program: " + fault);
      sound = false;
    }
  };
  report(rank::checkPrograms(programs));
  return success(sound);
}

LogicalResult Compilation::emit() {
  emit::BundleInput input;
  input.output = options.output;
  input.model = llvm::sys::path::filename(options.model).str();
  input.programs = programs;
  input.kernels = lowering->module();
  input.targetCpu = options.targetCpu;
  input.learningRate = options.learningRate;
  for (const auto &[control, rate] : options.optimizer.rates())
    input.learningRate.rates[control] = rate;
  if (options.optimizer.clipNorm)
    input.controls.push_back({"clip_norm", *options.optimizer.clipNorm});
  input.inputs = inputs;
  input.threadsPerRank = threadsPerRank;
  input.peakBytes = peakBytes;
  input.predictedStepSeconds = double(report.plan.stepNs) * 1e-9;
  input.texts = kept;
  input.texts.push_back({"plan.json", report.planText});
  input.texts.push_back({"plan.txt", report.explanation});
  input.toolFolder = options.toolFolder;
  return emit::writeBundle(input);
}

LogicalResult Compilation::run() {
  // Told now and not after the work.
  std::string error;
  if (makesBundle() && !emit::checkOutput(options.output, error))
    return reportError(error);
  if (failed(phase(Phase::Import, [&]() -> LogicalResult {
        module = importModel(context, options);
        return success(bool(module));
      })))
    return failure();
  return failure(
      failed(phase(Phase::Normalize, [&] { return normalize(); })) ||
      failed(phase(Phase::Differentiate,
                   [&]() -> LogicalResult {
                     if (failed(differentiate(*module, options.optimizer)))
                       return failure();
                     describeInputs();
                     return success();
                   })) ||
      failed(phase(Phase::Plan, [&] { return plan(); })) ||
      failed(phase(Phase::Partition, [&] { return partition(); })) ||
      failed(phase(Phase::Schedule,
                   [&]() -> LogicalResult {
                     auto scheduled = schedule::scheduleStages(*module);
                     if (failed(scheduled))
                       return failure();
                     stages = std::move(*scheduled);
                     return success();
                   })) ||
      failed(phase(Phase::Lower, [&] { return lower(); })) ||
      failed(phase(Phase::Emit, [&] { return emit(); })));
}

LogicalResult colossal::compile(MLIRContext &context,
                                const CompileOptions &options) {
  return Compilation(context, options).run();
}
