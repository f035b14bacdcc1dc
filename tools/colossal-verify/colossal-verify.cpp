//===- colossal-verify.cpp - Evaluates programs and compares them ---------===//

#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/IR/Programs.h"
#include "Colossal/Ops/WholeOps.h"
#include "RunInArena.h"
#include "colossal/Diagnostics/OneLine.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Partition/Passes.h"
#include "colossal/Reference/Arguments.h"
#include "colossal/Reference/Npy.h"
#include "colossal/Reference/RandomInputs.h"
#include "colossal/Reference/Shrink.h"
#include "colossal/Reference/Verify.h"
#include "colossal/Run/BundleFiles.h"
#include "colossal/Support/Message.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
namespace cl = llvm::cl;

static cl::OptionCategory category("colossal-verify");
static cl::list<std::string> files(cl::Positional, cl::cat(category),
                                   cl::desc("<bundle or program(s)>"));
static cl::opt<bool>
    evaluateOnly("evaluate", cl::cat(category),
                 cl::desc("evaluate a function and write its results"));
static cl::opt<std::string>
    functionName("function", cl::cat(category), cl::value_desc("name"),
                 cl::desc("the function (default: the only one)"));
static cl::list<std::string>
    inputs("input", cl::cat(category), cl::value_desc("name=file.npy"),
           cl::desc("value of an argument, by its name"));
static cl::list<std::string> controls("control", cl::cat(category),
                                      cl::value_desc("name=value"),
                                      cl::desc("value of a control"));
static cl::opt<bool>
    weights("weights", cl::init(true), cl::cat(category),
            cl::desc("read parameters from their sources (default)"));
static cl::opt<bool> float32("float32", cl::cat(category),
                             cl::desc("round every f32 op to f32"));
static cl::opt<uint64_t> seed("seed", cl::init(1), cl::cat(category),
                              cl::desc("of state, batch and rank order"));
static cl::opt<double> tolerance("tolerance", cl::init(1e-10),
                                 cl::cat(category),
                                 cl::desc("relative error by norm (1e-10)"));
static cl::opt<bool> shrinks(
    "shrink", cl::cat(category),
    cl::desc("verify the plan on smaller sizes of the same divisibility"));
static cl::opt<bool>
    inArena("arena", cl::init(true), cl::cat(category),
            cl::desc("execute the rank programs inside arenas, too (default)"));
static cl::opt<bool> callsKernels(
    "kernels", cl::cat(category),
    cl::desc("call the bundle's compiled code, too, and compare it op by op"));
static cl::opt<bool>
    allowEdited("allow-edited", cl::cat(category),
                cl::desc("accept a bundle whose files are not those compiled"));
static cl::opt<std::string>
    against("against", cl::cat(category), cl::value_desc("program.mlir"),
            cl::desc("the unsharded program of a bundle that has none: one "
                     "compiled from an edited dump"));
static cl::opt<std::string> output("o", cl::cat(category),
                                   cl::value_desc("folder"),
                                   cl::desc("where results are written"));

/// One message, exit code 1.
static int fail(const Twine &message) {
  llvm::outs().flush();
  (void)reportError(message);
  return 1;
}

static OwningOpRef<ModuleOp> readModule(const std::string &path,
                                        MLIRContext &context) {
  return parseSourceFile<ModuleOp>(path, &context);
}

/// The function that --function names, else the only one, else the training
/// step.
static func::FuncOp findFunction(ModuleOp module, std::string &error) {
  SmallVector<func::FuncOp> functions(module.getOps<func::FuncOp>());
  if (functionName.empty())
    if (func::FuncOp program = programOf(module))
      return program;
  std::string known;
  for (func::FuncOp function : functions) {
    if (function.getName() == functionName)
      return function;
    known += " @" + function.getName().str();
  }
  error =
      functionName.empty()
          ? "found several functions, expected --function with one of" + known
          : "found no function @" + functionName + ", expected one of" +
                (known.empty() ? " (none)" : known);
  return {};
}

/// Reads NAME=FILE.npy and NAME=VALUE.
static bool readGiven(NamedTensors &given, std::string &error) {
  for (const std::string &text : inputs) {
    auto [name, path] = StringRef(text).split('=');
    std::optional<Tensor> tensor;
    if (path.empty())
      error = "--input: found '" + text + "', expected NAME=FILE.npy";
    else
      tensor = readNpy(path.str(), error);
    if (!tensor)
      return false;
    given[name.str()] = share(std::move(*tensor));
  }
  for (const std::string &text : controls) {
    auto [name, value] = StringRef(text).split('=');
    double number = 0.0;
    if (value.empty() || value.getAsDouble(number)) {
      error = "--control: found '" + text + "', expected NAME=NUMBER";
      return false;
    }
    given[name.str()] = share(Tensor::scalar(number));
  }
  return true;
}

static int evaluateFile(MLIRContext &context) {
  if (files.size() != 1)
    return fail("--evaluate: found " + Twine(files.size()) +
                " files, expected one program");
  if (output.empty())
    return fail("--evaluate: expected -o FOLDER for the results");
  OwningOpRef<ModuleOp> module = readModule(files[0], context);
  if (!module)
    return 1;
  std::string error;
  func::FuncOp function = findFunction(*module, error);
  if (!function)
    return fail(files[0] + ": " + error);
  NamedTensors given;
  if (!readGiven(given, error))
    return fail(error);
  std::optional<Tensors> arguments = bindArguments(
      function, given,
      {llvm::sys::path::parent_path(files[0]).str(), std::string()}, error);
  if (!arguments)
    return fail(error);
  Options options;
  options.float32 = float32;
  FailureOr<Tensors> results = evaluate(function, *arguments, options);
  if (failed(results))
    return 1;
  if (std::error_code code = llvm::sys::fs::create_directories(
          output, true, llvm::sys::fs::all_all))
    return fail(output + ": " + code.message());
  for (unsigned i = 0; i < results->size(); ++i) {
    std::string name = resultName(function, i);
    std::replace(name.begin(), name.end(), '/', '_');
    if (!writeNpy(output + "/" + name + ".npy", *(*results)[i], error))
      return fail(error);
    const Tensor &tensor = *(*results)[i];
    if (tensor.shape.empty())
      llvm::outs() << printable(name) << " = "
                   << llvm::format("%.17g", tensor.number(0)) << "\n";
  }
  return 0;
}

/// The programs of a bundle: the folders of its ir/, training first.
static std::vector<std::string> programsOf(const std::string &bundle) {
  std::error_code code;
  std::vector<std::string> found;
  for (llvm::sys::fs::directory_iterator it(bundle + "/ir", code), end;
       it != end && !code; it.increment(code))
    if (llvm::sys::fs::is_directory(it->path()))
      found.push_back(llvm::sys::path::filename(it->path()).str());
  llvm::sort(found, [](const std::string &a, const std::string &b) {
    return std::make_pair(a != "train", a) < std::make_pair(b != "train", b);
  });
  return found;
}

/// The file of a program's ir/<program>/ in a bundle that a phase has written;
/// empty if none.
static std::string findPhase(const std::string &bundle,
                             const std::string &program, StringRef phase) {
  std::error_code code;
  std::string found;
  for (llvm::sys::fs::directory_iterator it(bundle + "/ir/" + program, code),
       end;
       it != end && !code; it.increment(code)) {
    StringRef file = llvm::sys::path::filename(it->path());
    // "05-partition.mlir": digits may be there or not.
    if (file.ltrim("0123456789-") == (phase + ".mlir").str())
      found = it->path();
  }
  return found;
}

static std::string inMebibytes(int64_t bytes, const char *form) {
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format(form, double(bytes) / double(1 << 20)) << " MiB";
  return text;
}

static void sayExecuted(const BundleContents &bundle, int64_t arenas) {
  if (bundle.callsKernels)
    llvm::outs()
        << "kernels, products and library calls compute what their ops "
           "say, within rounding\n";
  llvm::outs() << "rank programs do what the sharded program says: executed in "
                  "arenas of "
               << inMebibytes(arenas, "%.1f") << "\n";
}

/// Executes the rank programs by themselves, and says what is wrong with them.
static bool verifyPrograms(ModuleOp module, const BundleContents &bundle,
                           const NamedTensors &values,
                           const StepResult &expected, std::string &error) {
  RankOptions options;
  options.seed = seed;
  options.evaluation.float32 = float32;
  int64_t arenas = 0;
  auto found = runInArena(module, bundle, values, options, arenas, error);
  if (!found && error.empty()) {
    llvm::outs() << "rank programs are not executed: all ranks' arenas are "
                 << inMebibytes(arenas, "%.0f") << "\n";
    return true;
  }
  if (found)
    error = compareSteps(*found, expected, tolerance);
  if (!error.empty())
    return false;
  sayExecuted(bundle, arenas);
  return true;
}

/// Both programs on the same random values; prints what was found.
static int verifyModules(func::FuncOp function, ModuleOp sharded,
                         const std::string &name,
                         const BundleContents &bundle) {
  std::string error;
  VerifyOptions options;
  options.seed = seed;
  options.tolerance = tolerance;
  options.evaluation.float32 = float32;
  NamedTensors given;
  if (!readGiven(given, error))
    return fail(error);
  NamedTensors values;
  std::optional<VerifyReport> report;
  // One run proves both that the program is right and that its values are in
  // their places, where that is so.
  int64_t arenas = 0;
  if (inArena)
    options.run = [&](const RankOptions &ranks) -> std::optional<StepResult> {
      ScopedDiagnosticHandler quiet(sharded->getContext(),
                                    [](Diagnostic &) { return success(); });
      std::string fault;
      // Schedule rewrites it.
      OwningOpRef<ModuleOp> scheduled = sharded.clone();
      return runInArena(*scheduled, bundle, values, ranks, arenas, fault);
    };
  // A program may be NaN on numbers that it is not meant for: another try. The
  // last is with other numbers of the first kind.
  size_t tries = allDraws().size() + 1;
  for (size_t i = 0; i < tries; ++i) {
    bool isLast = i + 1 == tries;
    options.seed = isLast ? seed + 1 : uint64_t(seed);
    options.skipsMeaningless = !isLast;
    values = randomInputs(function, options.seed, allDraws()[isLast ? 0 : i]);
    for (auto &[argument, value] : given) {
      if (!values.count(argument))
        return fail("found a value for '" + argument + "', but @" +
                    function.getName() + " has no argument of this name");
      values[argument] = value;
    }
    report = verify(function, sharded, values, options, error);
    if (!report)
      return fail(name + ": " + error);
    if (isLast || !llvm::any_of(report->comparisons, [](const Comparison &c) {
          return c.meaningless;
        }))
      break;
    llvm::outs() << "not finite on these random inputs"
                 << (report->firstNotFinite.empty()
                         ? ""
                         : " (first in " + printable(report->firstNotFinite) +
                               ")")
                 << "; once more with "
                 << (i + 2 == tries ? "another seed"
                                    : describe(allDraws()[i + 1]))
                 << "\n";
  }
  std::string table;
  llvm::raw_string_ostream stream(table);
  report->print(stream);
  llvm::outs() << printable(table);
  if (report->agrees() && report->whyMeaningless().empty() && inArena) {
    if (report->ran)
      sayExecuted(bundle, arenas);
    else if (!verifyPrograms(sharded, bundle, values, report->sharded, error))
      return fail(name + ": rank programs: " + error);
  }
  report->printVerdict(llvm::outs(), options);
  std::string reason = report->whyMeaningless();
  if (report->agrees() && !reason.empty())
    return fail(name + ": found no proof: " + reason +
                "; give values on which the program is finite (--input "
                "NAME=FILE.npy, --seed)");
  return report->agrees() ? 0 : 1;
}

/// The planned program on smaller sizes, partitioned here.
static int verifyShrunk(MLIRContext &context, const std::string &planned) {
  OwningOpRef<ModuleOp> module = readModule(planned, context);
  if (!module)
    return 1;
  std::string error;
  func::FuncOp function = findFunction(*module, error);
  std::optional<Mesh> mesh = Mesh::get(*module, error);
  if (!function || !mesh || !isExecutable(function, error))
    return fail(planned + ": " + error);
  llvm::outs() << "the same plan on smaller sizes:";
  for (auto [size, smaller] : shrink(function, *mesh))
    llvm::outs() << " " << size << " -> " << smaller;
  llvm::outs() << "\n";
  OwningOpRef<ModuleOp> sharded = module->clone();
  if (failed(mlir::verify(*module)) ||
      failed(partition::partitionModule(*sharded)))
    return 1;
  return verifyModules(function, *sharded, planned, {});
}

/// The manifest of a bundle whose files are all those that were compiled, or
/// may be others; then it may also be a folder of IR alone, without programs.
static std::optional<rank::Manifest> readBundle(const std::string &bundle) {
  std::string error, path = bundle + "/manifest.json";
  if (allowEdited && !llvm::sys::fs::exists(path))
    return rank::Manifest();
  std::optional<std::string> text = rank::readRegularFile(path, error);
  std::optional<rank::Manifest> manifest;
  if (text)
    manifest = rank::readManifest(*text, path, error, allowEdited);
  if (manifest &&
      (allowEdited || rank::checkBundleFiles(bundle, *manifest, error)))
    return manifest;
  fail(error);
  return std::nullopt;
}

/// An unsharded and a partitioned program, in files.
static int verifyPair(MLIRContext &context, const std::string &unsharded,
                      const std::string &sharded,
                      const BundleContents &bundle) {
  OwningOpRef<ModuleOp> first = readModule(unsharded, context);
  OwningOpRef<ModuleOp> second = first ? readModule(sharded, context) : nullptr;
  if (!first || !second)
    return 1;
  std::string error;
  func::FuncOp function = findFunction(*first, error);
  if (!function || !isExecutable(function, error))
    return fail(unsharded + ": " + error);
  return verifyModules(function, *second, sharded, bundle);
}

/// Every program of a bundle.
static int verifyBundle(MLIRContext &context, const std::string &bundle) {
  std::optional<rank::Manifest> manifest = readBundle(bundle);
  if (!manifest)
    return 1;
  std::vector<std::string> programs = programsOf(bundle);
  if (programs.empty())
    return fail(bundle + ": found no folder in ir/, expected a bundle");
  for (const std::string &program : programs) {
    if (programs.size() > 1)
      llvm::outs() << printable(program) << ":\n";
    std::string place = bundle + "/ir/" + program;
    std::string planned = findPhase(bundle, program, "plan");
    if (shrinks) {
      if (planned.empty())
        return fail(place + ": found no *plan.mlir, expected a bundle");
      if (int code = verifyShrunk(context, planned))
        return code;
      continue;
    }
    std::string unsharded = findPhase(bundle, program, "differentiate");
    std::string sharded = findPhase(bundle, program, "partition");
    if (!against.empty() && program == "train")
      unsharded = against;
    if (sharded.empty())
      return fail(place + ": found no *partition.mlir, expected a bundle");
    if (unsharded.empty())
      return fail(place + ": found no *differentiate.mlir: a bundle that was "
                          "compiled from a later dump is compared with the "
                          "program of --against");
    std::optional<BundleContents> contents;
    std::string error;
    if (const rank::ProgramSchema *schema = manifest->find(program))
      contents = readContents(bundle, *manifest, *schema, callsKernels, error);
    else if (manifest->programs.empty() && !callsKernels)
      contents.emplace();
    else
      error = bundle + "/manifest.json: found no program '" + program +
              "', of which ir/ has a folder";
    if (!contents)
      return fail(error);
    if (int code = verifyPair(context, unsharded, sharded, *contents))
      return code;
  }
  return 0;
}

static int verifyFiles(MLIRContext &context) {
  bool isBundle = files.size() == 1 && llvm::sys::fs::is_directory(files[0]);
  if (callsKernels && (!isBundle || shrinks || !inArena))
    return fail("--kernels: expected a bundle, without --shrink or "
                "--arena=false: its code is called as its rank programs say");
  if (files.empty() || files.size() > (shrinks ? 1 : 2))
    return fail("found " + Twine(files.size()) + " files, expected " +
                (shrinks ? "a bundle or a planned program"
                         : "a bundle, or an unsharded and a partitioned "
                           "program"));
  if (isBundle)
    return verifyBundle(context, files[0]);
  if (shrinks)
    return verifyShrunk(context, files[0]);
  if (files.size() == 1)
    return fail(files[0] + ": found no bundle and no second program, expected "
                           "a bundle, or an unsharded and a partitioned "
                           "program");
  return verifyPair(context, files[0], files[1], {});
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  beginTool("colossal-verify: ");
  if (!parseCommandLine(
          argc, argv,
          "Colossal: evaluates programs in f64 and compares them\n"))
    return endTool(1);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  loadDialects(context);
  OneLineDiagnostics diagnostics(&context);
  return endTool(evaluateOnly ? evaluateFile(context) : verifyFiles(context));
}
