//===- colossal-compile.cpp - From a model to a bundle --------------------===//

#include "Colossal/Ops/WholeOps.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Pipeline/Compile.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"

#include <cfloat>

namespace cl = llvm::cl;

namespace {

/// LLVM's libraries register options of their own under some of these names;
/// they are made after those are gone.
struct Options {
  cl::OptionCategory category{"colossal-compile"};
  cl::opt<std::string> model{cl::Positional, cl::Required,
                             cl::desc("<model.pt or model.mlir>"),
                             cl::cat(category)};
  cl::list<std::string> inputs{
      "input", cl::desc("an input's shape and type, NAME=8x512xi64"),
      cl::value_desc("NAME=SHAPE"), cl::cat(category)};
  cl::list<std::string> batch{
      "batch", cl::desc("inputs with a batch dimension (all, 0)"),
      cl::value_desc("NAME[:DIM]"), cl::cat(category)};
  cl::opt<std::string> loss{
      "loss",
      cl::desc("a loss of what forward returns: cross-entropy:ignore=-100,"
               "shift,smoothing=,classes= | mse | bce, :output=,labels="),
      cl::cat(category)};
  cl::opt<std::string> weights{
      "weights",
      cl::desc("values of parameters and buffers: a safetensors file, its "
               "index, or their folder"),
      cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<std::string> init{
      "init",
      cl::desc("random parameters, normal:0.02,seed=N; biases 0, norms 1"),
      cl::cat(category)};
  cl::opt<std::string> precision{
      "precision",
      cl::desc("f32, bf16 or f16: products, convolutions and attention in "
               "it, all else, and the state, in f32"),
      cl::init("f32"), cl::cat(category)};
  /// As the tables have them.
  std::string optimizerText = colossal::describeOptimizers();
  std::string scheduleText = colossal::rank::describeSchedules();
  cl::opt<std::string> optimizer{"optimizer", cl::desc(optimizerText),
                                 cl::value_desc("NAME:SETTINGS"),
                                 cl::init("adamw:lr=1e-3"), cl::cat(category)};
  cl::list<std::string> groups{
      "group",
      cl::desc("parameters with other settings, name=*.bias|*norm*:lr=1e-4 or "
               "rank<2:weight-decay=0; the first that matches counts"),
      cl::value_desc("WHICH:SETTINGS"), cl::cat(category)};
  cl::opt<double> clipNorm{"clip-norm",
                           cl::desc("largest global gradient norm"),
                           cl::init(0.0), cl::cat(category)};
  cl::opt<std::string> schedule{"lr-schedule", cl::desc(scheduleText),
                                cl::value_desc("NAME:SETTINGS"),
                                cl::init("constant"), cl::cat(category)};
  cl::opt<std::string> lossScale{
      "loss-scale",
      cl::desc("what gradients are multiplied by until the update: none, a "
               "number, or dynamic:init=65536,growth=2,backoff=0.5,"
               "interval=2000 (with f16: dynamic); implies --skip-nonfinite"),
      cl::value_desc("SCALE"), cl::cat(category)};
  cl::opt<bool> skipNonfinite{
      "skip-nonfinite",
      cl::desc("steps whose loss or gradients are not finite change neither "
               "parameters nor optimizer state"),
      cl::cat(category)};
  cl::opt<std::string> reduceGradients{
      "reduce-gradients",
      cl::desc("f32, or bf16 or f16: gradients are rounded to it before ranks "
               "add them up"),
      cl::value_desc("TYPE"), cl::init("f32"), cl::cat(category)};
  cl::opt<bool> keepGradients{"keep-gradients",
                              cl::desc("store gradients as state NAME#grad"),
                              cl::cat(category)};
  cl::opt<std::string> evaluation{
      "evaluate",
      cl::desc("the model in evaluation mode (.pt, .mlir): a second program "
               "of the bundle, over the same state"),
      cl::value_desc("MODEL"), cl::cat(category)};
  cl::list<std::string> outputs{
      "outputs", cl::CommaSeparated,
      cl::desc("what evaluation gives back, by name (all)"),
      cl::value_desc("NAME,..."), cl::cat(category)};
  cl::opt<std::string> cluster{"cluster",
                               cl::desc("a cluster file, or local:N"),
                               cl::init("local:1"), cl::cat(category)};
  cl::opt<std::string> memory{"memory", cl::desc("budget of a device, 20GiB"),
                              cl::cat(category)};
  cl::opt<std::string> pin{"pin",
                           cl::desc("data=,tensor=,pipeline=,chunks=,"
                                    "microbatches=,zero=,recompute=,schedule="),
                           cl::cat(category)};
  cl::opt<double> searchTime{
      "search-time",
      cl::desc("seconds after which the best plan so far is taken"),
      cl::value_desc("SECONDS"), cl::init(60), cl::cat(category)};
  cl::opt<std::string> planFile{"plan", cl::desc("use this plan"),
                                cl::cat(category)};
  cl::opt<std::string> emitPlan{"emit-plan", cl::desc("write the plan"),
                                cl::cat(category)};
  cl::opt<std::string> targetCpu{
      "target-cpu", cl::desc("LLVM's name of the CPU (this machine's)"),
      cl::cat(category)};
  cl::opt<std::string> stopAfter{
      "stop-after",
      cl::desc("import, normalize, differentiate, plan, partition, "
               "schedule, lower or emit"),
      cl::cat(category)};
  cl::opt<std::string> dumpFolder{
      "dump-ir", cl::desc("write NN-<phase>.mlir after each phase"),
      cl::value_desc("DIR"), cl::cat(category)};
  cl::opt<std::string> output{"o", cl::desc("the bundle, model.colossal"),
                              cl::value_desc("FILE"), cl::cat(category)};
  cl::opt<bool> quiet{"quiet", cl::desc("no progress, no explanation"),
                      cl::cat(category)};
};

} // namespace

static llvm::LogicalResult fail(const llvm::Twine &message) {
  return colossal::reportError(message);
}

/// What the texts of the options say. Errors are reported.
static llvm::LogicalResult read(const Options &given,
                                colossal::CompileOptions &options) {
  options.model = given.model;
  options.evaluation = given.evaluation;
  if (given.evaluation.getNumOccurrences() > 0 && given.evaluation.empty())
    return fail("--evaluate: found '', expected a file");
  options.outputs.assign(given.outputs.begin(), given.outputs.end());
  if (!options.outputs.empty() && options.evaluation.empty())
    return fail("--outputs: found no --evaluate, whose outputs they are");
  options.inputs.assign(given.inputs.begin(), given.inputs.end());
  options.batch.assign(given.batch.begin(), given.batch.end());
  if (given.loss.getNumOccurrences() > 0) {
    auto loss = colossal::LossOptions::parse(given.loss);
    if (!loss)
      return fail(llvm::toString(loss.takeError()));
    options.loss = *loss;
  }
  options.start.weights = given.weights;
  if (given.weights.getNumOccurrences() > 0 && given.weights.empty())
    return fail("--weights: found '', expected a file");
  if (given.init.getNumOccurrences() > 0) {
    auto init = colossal::InitOptions::parse(given.init);
    if (!init)
      return fail(llvm::toString(init.takeError()));
    options.start.init = *init;
  }
  bool isHalf = given.precision == "f16";
  if (isHalf || given.precision == "bf16")
    options.mixedPrecision = given.precision;
  else if (given.precision != "f32")
    return fail("--precision: found '" + given.precision +
                "', expected f32, bf16 or f16");
  auto parsed = colossal::OptimizerOptions::parse(
      given.optimizer,
      std::vector<std::string>(given.groups.begin(), given.groups.end()));
  if (!parsed)
    return fail(llvm::toString(parsed.takeError()));
  options.optimizer = *parsed;
  if (given.clipNorm.getNumOccurrences() > 0) {
    double norm = given.clipNorm;
    if (!(norm > 0.0 && norm <= double(FLT_MAX)))
      return fail("--clip-norm: found " + llvm::formatv("{0}", norm) +
                  ", expected a finite number above 0");
    options.optimizer.clipNorm = norm;
  }
  options.optimizer.skipNonfinite = given.skipNonfinite || isHalf;
  if (given.lossScale.getNumOccurrences() > 0) {
    auto scale = colossal::LossScale::parse(given.lossScale);
    if (!scale)
      return fail(llvm::toString(scale.takeError()));
    if (scale->isUsed() && !options.optimizer.rule)
      return fail("--loss-scale: found --optimizer none, whose gradients no "
                  "update unscales, expected an optimizer");
    options.optimizer.lossScale = *scale;
  } else if (isHalf && options.optimizer.rule) {
    options.optimizer.lossScale = colossal::LossScale::dynamic();
  }
  if (llvm::Error error =
          options.optimizer.parseGradientReduction(given.reduceGradients))
    return fail(llvm::toString(std::move(error)));
  if (!options.optimizer.gradientReduction.empty() && !options.optimizer.rule)
    return fail("--reduce-gradients: found --optimizer none, which has no "
                "update that reads them, expected an optimizer");
  options.optimizer.keepGradients = given.keepGradients;
  bool stopsEarly =
      given.stopAfter.getNumOccurrences() > 0 && given.stopAfter != "emit";
  if (!options.optimizer.rule && !given.keepGradients && !stopsEarly)
    return fail("--optimizer none: found a bundle that would change nothing, "
                "expected an optimizer, or --keep-gradients (the bundle then "
                "computes loss and gradients alone)");
  std::string error;
  auto rate = colossal::parseSchedule(given.schedule, error);
  if (!rate)
    return fail(error);
  options.learningRate = *rate;
  options.cluster = given.cluster;
  if (given.memory.getNumOccurrences() > 0) {
    auto bytes = colossal::parseBytes(given.memory);
    if (!bytes || *bytes <= 0)
      return fail("--memory: found '" + given.memory +
                  "', expected a size such as 20GiB or 512MiB");
    options.memoryBytes = *bytes;
  }
  options.searchSeconds = given.searchTime;
  if (!(options.searchSeconds >= 0))
    return fail("--search-time: found " +
                llvm::formatv("{0}", options.searchSeconds) +
                ", expected seconds, 0 or more");
  options.pins = given.pin;
  options.planFile = given.planFile;
  options.emitPlan = given.emitPlan;
  options.targetCpu = given.targetCpu;
  if (given.stopAfter.getNumOccurrences() > 0) {
    options.stopAfter = colossal::phaseOf(given.stopAfter);
    if (!options.stopAfter || *options.stopAfter == colossal::Phase::Run)
      return fail("--stop-after: found '" + given.stopAfter +
                  "', expected import, normalize, differentiate, plan, "
                  "partition, schedule, lower or emit");
  }
  if (!options.emitPlan.empty() && options.stopAfter &&
      *options.stopAfter < colossal::Phase::Plan)
    return fail("--emit-plan: found --stop-after " + given.stopAfter +
                ", expected plan or a later phase: there is no plan to write");
  options.dumpFolder = given.dumpFolder;
  options.output = given.output;
  options.quiet = given.quiet;
  if (given.output.empty() &&
      (!options.stopAfter || *options.stopAfter == colossal::Phase::Emit))
    return fail("found no -o, expected -o model.colossal");
  return llvm::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  colossal::beginTool("");
  cl::ResetCommandLineParser();
  Options given;
  if (!colossal::parseCommandLine(
          argc, argv,
          "Compiles a model for training on N devices: finds a plan, proves "
          "the\npieces fit together, writes a bundle that trains without "
          "Python.\n"))
    return colossal::endTool(1);
  colossal::CompileOptions options;
  if (failed(read(given, options)))
    return colossal::endTool(1);
  llvm::SmallString<128> tools(
      llvm::sys::fs::getMainExecutable(argv[0], (void *)&main));
  llvm::sys::path::remove_filename(tools);
  options.toolFolder = tools.str().str();

  mlir::DialectRegistry registry;
  colossal::registerDialects(registry);
  mlir::MLIRContext context(registry);
  context.disableMultithreading();
  context.loadAllAvailableDialects();
  bool done = llvm::succeeded(colossal::compile(context, options));
  return colossal::endTool(done ? 0 : 1);
}
