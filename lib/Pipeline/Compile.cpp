//===- Compile.cpp - From models to a bundle ------------------------------===//

#include "colossal/Pipeline/Compile.h"
#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/IR/Locations.h"
#include "Colossal/IR/MeshAttribute.h"
#include "Colossal/IR/Programs.h"
#include "Colossal/Transforms/Passes.h"
#include "CompiledProgram.h"
#include "ImportModel.h"
#include "InputDescriptions.h"
#include "PredictedEntries.h"
#include "colossal/Diagnostics/Messages.h"
#include "colossal/Diagnostics/OneLine.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Emit/Bundle.h"
#include "colossal/Emit/LinkPrograms.h"
#include "colossal/Lower/Passes.h"
#include "colossal/Machine/Calibrate.h"
#include "colossal/Normalize/Passes.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Run/Scratch.h"
#include "colossal/Schedule/Passes.h"
#include "colossal/Support/Files.h"
#include "colossal/Support/Message.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace colossal;

namespace {

class Compilation {
public:
  Compilation(MLIRContext &context, const CompileOptions &options);
  LogicalResult run();

private:
  using Work = llvm::function_ref<LogicalResult(CompiledProgram &)>;
  /// Runs `work` on every program as a phase: progress, dump, stop. What the
  /// file of a program is the dump of is done.
  LogicalResult phase(Phase which, Work work);
  LogicalResult dump(Phase which, CompiledProgram &program);
  LogicalResult printAll(Phase which);
  LogicalResult writeText(const std::string &path,
                          llvm::function_ref<void(raw_ostream &)>);
  bool makesBundle() const {
    return !options.stopAfter || *options.stopAfter == Phase::Emit;
  }
  LogicalResult import(CompiledProgram &program);
  LogicalResult normalize(CompiledProgram &program);
  LogicalResult differentiateProgram(CompiledProgram &program);
  LogicalResult findCluster();
  LogicalResult plan(CompiledProgram &program);
  LogicalResult partition(CompiledProgram &program);
  LogicalResult scheduleProgram(CompiledProgram &program);
  LogicalResult lower(CompiledProgram &program);
  LogicalResult emit();
  void print(Phase which, CompiledProgram &program, raw_ostream &stream);

  MLIRContext &context;
  const CompileOptions &options;
  OneLineDiagnostics diagnostics;
  std::vector<CompiledProgram> programs; ///< "train" first
  std::optional<machine::Cluster> cluster;
  bool stopped = false;
};

} // namespace

Compilation::Compilation(MLIRContext &context, const CompileOptions &options)
    : context(context), options(options), diagnostics(&context) {
  auto add = [&](const char *name, const std::string &model) {
    programs.emplace_back();
    programs.back().name = name;
    programs.back().model = model;
  };
  add("train", options.model);
  if (!options.evaluation.empty())
    add("evaluate", options.evaluation);
}

//===----------------------------------------------------------------------===//
// Texts
//===----------------------------------------------------------------------===//

LogicalResult
Compilation::writeText(const std::string &path,
                       llvm::function_ref<void(raw_ostream &)> write) {
  std::string text, error;
  llvm::raw_string_ostream stream(text);
  write(stream);
  return writeTextFile(path, text, error) ? success() : reportError(error);
}

void Compilation::print(Phase which, CompiledProgram &program,
                        raw_ostream &stream) {
  OpPrintingFlags flags;
  flags.enableDebugInfo(true, false);
  OwningOpRef<ModuleOp> partitioned;
  if (which == Phase::Partition && program.done == Phase::Schedule) {
    partitioned = program.module->clone();
    schedule::detachSchedule(*partitioned);
  }
  (partitioned ? *partitioned : *program.module).print(stream, flags);
  stream << "\n";
  if (which != Phase::Schedule)
    return;
  // The same for people.
  std::string text;
  llvm::raw_string_ostream table(text);
  if (auto schedules = schedule::readSchedule(*program.module, kernelPlanner());
      succeeded(schedules))
    for (const schedule::RankSchedule &schedule : *schedules)
      schedule::printSchedule(schedule, table);
  SmallVector<StringRef> lines;
  StringRef(text).split(lines, '\n', -1, false);
  for (StringRef line : lines)
    stream << "// " << printable(line.str()) << "\n";
}

/// DIR/04-plan.mlir, DIR/evaluate/04-plan.mlir.
LogicalResult Compilation::dump(Phase which, CompiledProgram &program) {
  SmallString<128> path(options.dumpFolder);
  if (!program.isTraining())
    llvm::sys::path::append(path, program.name);
  if (std::error_code error =
          llvm::sys::fs::create_directories(path, true, llvm::sys::fs::all_all))
    return reportError("--dump-ir: cannot create '" + path +
                       "': " + error.message());
  llvm::sys::path::append(path, dumpNameOf(which));
  return writeText(path.str().str(),
                   [&](raw_ostream &stream) { print(which, program, stream); });
}

LogicalResult Compilation::printAll(Phase which) {
  auto write = [&](raw_ostream &stream) {
    for (CompiledProgram &program : programs) {
      if (&program != &programs.front())
        stream << "// -----\n";
      print(which, program, stream);
    }
  };
  if (!options.output.empty() && options.output != "-")
    return writeText(options.output, write);
  write(llvm::outs());
  return success();
}

LogicalResult Compilation::phase(Phase which, Work work) {
  if (stopped)
    return success();
  double seconds = 0;
  bool worked = false;
  for (CompiledProgram &program : programs) {
    if (which != Phase::Import && which <= program.done)
      continue;
    worked = true;
    Stopwatch watch(seconds);
    if (failed(work(program)))
      return failure();
    if (which < Phase::Partition)
      diagnostics.learnNames(*program.module);
  }
  for (const CompiledProgram &program : programs)
    for (auto [later, spent] : program.spentInPlan)
      seconds += which == later ? spent : which == Phase::Plan ? -spent : 0;
  if (!options.quiet && worked)
    say(Severity::Note,
        llvm::formatv("{0,-14}{1,8:F2} s\n", nameOf(which), seconds));
  for (CompiledProgram &program : programs) {
    bool isNew = which == Phase::Import || which > program.done;
    if (!options.dumpFolder.empty() && isNew && failed(dump(which, program)))
      return failure();
    bool isKept = which == Phase::Differentiate || which == Phase::Plan ||
                  which == Phase::Partition;
    bool isThere = which >= program.done || (which == Phase::Partition &&
                                             program.done == Phase::Schedule);
    if (isKept && isThere) {
      std::string text;
      llvm::raw_string_ostream stream(text);
      print(which, program, stream);
      program.kept.push_back({dumpNameOf(which), text});
    }
  }
  if (options.stopAfter != which)
    return success();
  stopped = true;
  return which == Phase::Emit ? success() : printAll(which);
}

//===----------------------------------------------------------------------===//
// Phases of a program
//===----------------------------------------------------------------------===//

Phase colossal::phaseOf(ModuleOp module) {
  bool hasAten = false;
  module.walk([&](Operation *op) {
    hasAten |= isa<AtenOp, AtenConstantOp>(op);
    return hasAten ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (module.lookupSymbol<ModuleOp>(rank::names::kernels))
    return Phase::Lower;
  if (!module.getOps<rank::ProgramOp>().empty())
    return Phase::Schedule;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    if (function->hasAttr(names::stage))
      return Phase::Partition;
  if (meshOf(module))
    return Phase::Plan;
  func::FuncOp program = programOf(module);
  if (hasAten || !program)
    return Phase::Import;
  return program.getName() == "forward" ? Phase::Normalize
                                        : Phase::Differentiate;
}

LogicalResult Compilation::import(CompiledProgram &program) {
  program.module = importModel(context, program.model, options);
  if (!program.module)
    return failure();
  if (!StringRef(program.model).ends_with(".mlir"))
    return success();
  program.done = phaseOf(*program.module);
  if (!options.mixedPrecision.empty() && program.done >= Phase::Normalize)
    return reportError("--precision: found '" + program.model +
                       "', which is normalized already, expected a model or "
                       "the dump of import: types are chosen in between");
  if (program.done < Phase::Partition && program.done > Phase::Normalize)
    describeInputs(*program.module);
  // What Schedule has split says less of its axes: its rank programs are
  // checked.
  if (program.done != Phase::Partition)
    return success();
  // Somebody may have moved a collective.
  PassManager passes(&context);
  passes.addPass(createCheckCollectivesPass());
  return passes.run(*program.module);
}

/// Of --batch what names an input of this program; all programs must have the
/// others, so that the error names them.
static std::vector<std::string>
batchOf(ModuleOp module, const std::vector<std::string> &entries) {
  std::vector<std::string> found;
  for (const std::string &entry : entries)
    for (func::FuncOp function : module.getOps<func::FuncOp>())
      for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
        if (auto name = function.getArgAttrOfType<StringAttr>(i, names::name);
            name && StringRef(entry).split(':').first == name.getValue())
          found.push_back(entry);
  return found;
}

LogicalResult Compilation::normalize(CompiledProgram &program) {
  std::optional<LossOptions> loss = options.loss;
  std::vector<std::string> batch = options.batch;
  if (!program.isTraining()) {
    if (!batch.empty())
      batch = batchOf(*program.module, batch);
    if (loss && llvm::is_contained(options.batch, loss->labels))
      batch.push_back(loss->labels);
  }
  if (failed(markBatch(*program.module, batch, loss)))
    return failure();
  describeInputs(*program.module);
  PassManager passes(&context);
  passes.addPass(createNormalizePass(loss, !program.isTraining()));
  passes.addNestedPass<func::FuncOp>(createWidenStoredFloatsPass());
  if (!options.mixedPrecision.empty())
    passes.addNestedPass<func::FuncOp>(
        createPrecisionPass({options.mixedPrecision}));
  passes.addNestedPass<func::FuncOp>(createFuseElementwisePass());
  passes.addNestedPass<func::FuncOp>(createChannelsLastPass());
  passes.addNestedPass<func::FuncOp>(createRefineFactorsPass());
  std::string said;
  ModuleOp training;
  if (!program.isTraining())
    training = *programs.front().module;
  if (failed(passes.run(*program.module)) ||
      failed(checkTypes(*program.module)) ||
      failed(setStartValues(*program.module, options.start, said, training)))
    return failure();
  if (!program.isTraining())
    return success();
  if (!said.empty() && !options.quiet)
    say(Severity::Note, "start values: " + oneLine(said) + "\n");
  // A plan needs no values, a bundle does.
  return makesBundle() ? checkStartValues(*program.module) : success();
}

/// Types of the state of a program, by name.
static llvm::StringMap<std::pair<Type, ArgumentRole>>
stateTypes(ModuleOp module) {
  llvm::StringMap<std::pair<Type, ArgumentRole>> types;
  for (func::FuncOp function : module.getOps<func::FuncOp>())
    for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i) {
      auto role = function.getArgAttrOfType<RoleAttr>(i, names::role);
      auto name = function.getArgAttrOfType<StringAttr>(i, names::name);
      if (role && name && isState(role.getValue()))
        types[name.getValue()] = {function.getArgumentTypes()[i],
                                  role.getValue()};
    }
  return types;
}

/// Evaluation works on what is trained: its parameters are those of training.
static LogicalResult checkSameModel(ModuleOp train, ModuleOp evaluation) {
  auto trained = stateTypes(train), evaluated = stateTypes(evaluation);
  std::vector<std::string> missing;
  for (auto &entry : evaluated) {
    auto known = trained.find(entry.getKey());
    if (known == trained.end()) {
      if (entry.getValue().second == ArgumentRole::Parameter)
        missing.push_back("'" + entry.getKey().str() + "'");
      continue;
    }
    if (known->second.first != entry.getValue().first)
      return evaluation.emitError("--evaluate: found '")
             << entry.getKey() << "' of type " << entry.getValue().first
             << ", expected " << known->second.first << " as in training";
  }
  llvm::sort(missing);
  if (missing.empty())
    return success();
  std::vector<std::string> known;
  for (auto &entry : trained)
    if (entry.getValue().second == ArgumentRole::Parameter)
      known.push_back("'" + entry.getKey().str() + "'");
  llvm::sort(known);
  return evaluation.emitError("--evaluate: found the parameters ")
         << firstFew(missing)
         << ", which training does not have, expected the same model: its "
            "parameters are "
         << firstFew(known)
         << " (trace both in the same module, so that names agree)";
}

LogicalResult Compilation::differentiateProgram(CompiledProgram &program) {
  LogicalResult made = program.isTraining()
                           ? differentiate(*program.module, options.optimizer)
                           : makeEvaluation(*program.module, options.outputs);
  if (failed(made))
    return failure();
  describeInputs(*program.module);
  return success();
}

LogicalResult Compilation::findCluster() {
  if (cluster)
    return success();
  std::string error, disturbed;
  cluster = machine::clusterOf(options.cluster, error, &disturbed);
  if (!disturbed.empty() && !options.quiet)
    say(Severity::Warning, disturbed);
  return cluster ? success() : reportError(error);
}

LogicalResult Compilation::plan(CompiledProgram &program) {
  plan::PlanRequest request;
  std::string error;
  if (failed(findCluster()))
    return failure();
  std::optional<plan::Pins> pins = plan::Pins::parse(options.pins, error);
  if (!pins)
    return reportError(error);
  if (!program.isTraining() &&
      failed(checkSameModel(*programs.front().module, *program.module)))
    return failure();
  request.cluster = *cluster;
  request.search.memoryBytes = options.memoryBytes;
  request.search.deadline = plan::deadlineAfter(options.searchSeconds, error);
  if (!request.search.deadline)
    return reportError(error);
  request.search.stagingBytes = rank::collectiveStagingBytes();
  if (program.isTraining()) {
    request.search.pins = *pins;
    request.planFile = options.planFile;
  } else if (programs.front().done >= Phase::Plan) {
    return reportError("--evaluate: found a training program that is planned "
                       "and an evaluation that is not, expected both from one "
                       "phase");
  } else {
    request.search.shared = &programs.front().report.shared;
  }
  if (!options.quiet)
    request.search.progress = [](const std::string &label, size_t done,
                                 size_t all) {
      say(Severity::Progress, "planning: " + Twine(done) + " of " + Twine(all) +
                                  " divisions tried, now " + label);
    };
  SmallVector<CompiledProgram *> all;
  for (CompiledProgram &one : programs) {
    all.push_back(&one);
    if (&one == &program)
      break;
  }
  if (failed(planWithinMemory(all, request, options.quiet)))
    return failure();
  // The others have states too.
  if (all.size() < programs.size())
    for (CompiledProgram *one : all) {
      one->scheduled = nullptr;
      one->lowered = nullptr;
    }
  if (!options.quiet)
    say(Severity::Note, (program.isTraining() ? "" : program.name + ":\n") +
                            program.report.explanation);
  if (!options.emitPlan.empty() && program.isTraining())
    return writeText(options.emitPlan, [&](raw_ostream &stream) {
      stream << program.report.planText;
    });
  return success();
}

LogicalResult Compilation::partition(CompiledProgram &program) {
  PassManager passes(&context);
  if (program.partitioned)
    program.module = std::move(program.partitioned);
  else
    passes.addPass(createPartitionPass());
  passes.addPass(createCheckCollectivesPass());
  return passes.run(*program.module);
}

//===----------------------------------------------------------------------===//
// Phases of the bundle
//===----------------------------------------------------------------------===//

LogicalResult Compilation::scheduleProgram(CompiledProgram &program) {
  if (program.scheduled) {
    program.module = std::move(program.scheduled);
    return success();
  }
  SmallVector<ModuleOp> modules;
  for (CompiledProgram &one : programs)
    modules.push_back(*one.module);
  FailureOr<schedule::StateSchema> schema = schedule::stateOf(modules);
  if (failed(schema))
    return failure();
  PassManager passes(&context);
  passes.addPass(createSchedulePass(std::move(*schema), kernelPlanner()));
  return passes.run(*program.module);
}

LogicalResult Compilation::lower(CompiledProgram &program) {
  if (program.lowered) {
    program.module = std::move(program.lowered);
    return success();
  }
  PassManager passes(&context);
  passes.addPass(createLowerPass());
  return passes.run(*program.module);
}

LogicalResult Compilation::emit() {
  emit::BundleInput input;
  input.output = options.output;
  input.model = llvm::sys::path::filename(options.model).str();
  if (failed(findCluster()))
    return failure();
  input.threadsPerRank = cluster->device.threads;
  SmallVector<ModuleOp> modules;
  SmallVector<std::string> names;
  SmallVector<bool> isChecked;
  for (CompiledProgram &program : programs) {
    modules.push_back(*program.module);
    names.push_back(program.name);
    isChecked.push_back(program.done < Phase::Lower);
  }
  FailureOr<emit::LinkedPrograms> linked =
      emit::linkPrograms(modules, names, isChecked);
  if (failed(linked))
    return failure();
  for (auto [program, groups] : llvm::zip_equal(programs, linked->programs)) {
    emit::ProgramInput one;
    one.name = program.name;
    one.groups = std::move(groups);
    one.inputs = inputsOf(*program.module);
    one.predictedStepSeconds = double(program.report.plan.stepNs) * 1e-9;
    one.predicted = predictedEntries(program.report.plan, *cluster);
    one.texts = program.kept;
    if (!program.report.planText.empty()) {
      one.texts.push_back({"plan.json", program.report.planText});
      one.texts.push_back({"plan.txt", program.report.explanation});
    }
    input.programs.push_back(std::move(one));
  }
  input.kernels = *linked->kernels;
  input.targetCpu = options.targetCpu;
  input.learningRate = options.learningRate;
  for (const auto &[control, rate] : options.optimizer.rates())
    input.learningRate.rates[control] = rate;
  if (options.optimizer.clipNorm)
    input.controls.push_back({"clip_norm", *options.optimizer.clipNorm});
  input.toolFolder = options.toolFolder;
  return emit::writeBundle(input);
}

LogicalResult Compilation::run() {
  // Told now and not after the work.
  std::string error;
  if (makesBundle() && !emit::checkOutput(options.output, error))
    return reportError(error);
  auto each = [&](LogicalResult (Compilation::*step)(CompiledProgram &)) {
    return [this, step](CompiledProgram &program) {
      return (this->*step)(program);
    };
  };
  // Of all programs at once.
  auto once = [&](CompiledProgram &program) {
    return program.isTraining() ? emit() : success();
  };
  return failure(
      failed(phase(Phase::Import, each(&Compilation::import))) ||
      failed(phase(Phase::Normalize, each(&Compilation::normalize))) ||
      failed(phase(Phase::Differentiate,
                   each(&Compilation::differentiateProgram))) ||
      failed(phase(Phase::Plan, each(&Compilation::plan))) ||
      failed(phase(Phase::Partition, each(&Compilation::partition))) ||
      failed(phase(Phase::Schedule, each(&Compilation::scheduleProgram))) ||
      failed(phase(Phase::Lower, each(&Compilation::lower))) ||
      failed(phase(Phase::Emit, once)));
}

LogicalResult colossal::compile(MLIRContext &context,
                                const CompileOptions &options) {
  return Compilation(context, options).run();
}
