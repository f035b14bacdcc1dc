//===- colossal-translate.cpp - TorchScript archive to MLIR ---------------===//
//
//   colossal-translate --import-torchscript model.pt -o model.mlir
//       [--input NAME=8x512xi64 ...] [--batch NAME[:DIM|:none] ...]
//       [--memory-limit BYTES] [--time-limit SECONDS] [--parent PROCESS]
//
// The only tool that links LibTorch. The archive is untrusted: colossal-compile
// runs this tool as a child, with limits.
//
//===----------------------------------------------------------------------===//

#include "colossal/Diagnostics/OneLine.h"
#include "colossal/Diagnostics/Report.h"
#include "colossal/Import/ImportGraph.h"
#include "colossal/Import/ReadTorchScript.h"
#include "colossal/Support/Files.h"
#include "colossal/Support/Message.h"

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Support/CommandLine.h"

#include <csignal>
#include <iterator>
#include <new>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace colossal::torchscript;
namespace cl = llvm::cl;

namespace {

int fail(const llvm::Twine &message) {
  (void)colossal::reportError(message);
  return colossal::endTool(1);
}

/// Only what may be called inside a signal handler.
extern "C" void outOfTime(int) {
  static const char message[] =
      "colossal-translate: error: importing took longer than --time-limit\n";
  (void)!write(STDERR_FILENO, message, sizeof message - 1);
  _exit(1);
}

/// Any `new` that fails, in libraries without exceptions, too.
void outOfMemory() {
  static const char message[] = "colossal-translate: error: importing needs "
                                "more memory than --memory-limit allows\n";
  (void)!write(STDERR_FILENO, message, sizeof message - 1);
  _exit(1);
}

/// LibTorch's parser recurses without a bound: code that is nested too deep
/// overflows the stack. To the user this is a bad archive, not a crash.
extern "C" void crashed(int) {
  static const char message[] =
      "colossal-translate: error: the archive is refused: its code makes "
      "LibTorch crash\n";
  (void)!write(STDERR_FILENO, message, sizeof message - 1);
  _exit(1);
}

/// While it lives, crashes are reported by `crashed`, on a stack of their own.
class CrashGuard {
public:
  CrashGuard() {
    stack_t stack{};
    stack.ss_sp = memory;
    stack.ss_size = sizeof memory;
    sigaltstack(&stack, nullptr);
    struct sigaction action{};
    action.sa_handler = crashed;
    action.sa_flags = SA_ONSTACK;
    for (size_t i = 0; i < std::size(signals); ++i)
      sigaction(signals[i], &action, &before[i]);
  }
  ~CrashGuard() {
    for (size_t i = 0; i < std::size(signals); ++i)
      sigaction(signals[i], &before[i], nullptr);
    stack_t off{};
    off.ss_flags = SS_DISABLE;
    sigaltstack(&off, nullptr);
  }

private:
  static constexpr int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
  struct sigaction before[std::size(signals)];
  alignas(16) char memory[65536];
};

/// Ends this process with the one that started it. False where that has ended.
bool endWith(pid_t parent) {
  return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

void setLimits(uint64_t memory, unsigned seconds) {
  std::set_new_handler(outOfMemory);
  if (memory > 0) {
    rlimit limit{memory, memory};
    setrlimit(RLIMIT_DATA, &limit);
  }
  if (seconds > 0) {
    signal(SIGXCPU, outOfTime);
    signal(SIGALRM, outOfTime);
    rlimit limit{seconds, seconds + 5};
    setrlimit(RLIMIT_CPU, &limit);
    alarm(seconds); // waiting counts, too
  }
}

} // namespace

int main(int argc, char **argv) {
  cl::OptionCategory category("colossal-translate options");
  cl::opt<std::string> archive(
      "import-torchscript", cl::desc("Archive written by torch.jit.save"),
      cl::value_desc("model.pt"), cl::Required, cl::cat(category));
  cl::list<std::string> inputTexts(
      "input",
      cl::desc("Shape of an input, instead of the archive's example input"),
      cl::value_desc("NAME=8x512xi64"), cl::cat(category));
  cl::list<std::string> batchTexts(
      "batch",
      cl::desc("Batch dimension of an input (default: dimension 0 of each)"),
      cl::value_desc("NAME[:DIM|:none]"), cl::cat(category));
  cl::opt<std::string> output("o", cl::desc("Output file"), cl::init("-"),
                              cl::value_desc("model.mlir"), cl::cat(category));
  cl::opt<uint64_t> memoryLimit(
      "memory-limit", cl::desc("Largest data segment in bytes (0: none)"),
      cl::init(0), cl::cat(category));
  cl::opt<unsigned> timeLimit("time-limit",
                              cl::desc("Longest run in seconds (0: none)"),
                              cl::init(0), cl::cat(category));
  cl::opt<int> parent("parent",
                      cl::desc("End when this process, which started this "
                               "one, ends (0: do not)"),
                      cl::init(0), cl::cat(category));
  cl::HideUnrelatedOptions(category);
  colossal::beginTool("colossal-translate: ");
  if (!colossal::parseCommandLine(
          argc, argv,
          "imports a TorchScript archive into the colossal "
          "dialect\n"))
    return colossal::endTool(1);
  if (parent != 0 && !endWith(parent))
    return fail("--parent: found " + llvm::Twine(getppid()) + ", expected " +
                llvm::Twine(parent));
  setLimits(memoryLimit, timeLimit);

  std::string error;
  ReadOptions options;
  options.path = archive;
  for (const std::string &text : inputTexts) {
    auto input = parseInput(text, error);
    if (!input)
      return fail(error);
    for (const Input &other : options.inputs)
      if (other.name == input->name)
        return fail("--input: found '" + input->name +
                    "' twice, expected it once");
    options.inputs.push_back(std::move(*input));
  }
  BatchDimensions dimensions;
  for (const std::string &text : batchTexts)
    if (!parseBatch(text, dimensions, error))
      return fail(error);

  std::optional<Graph> graph;
  {
    CrashGuard guard;
    graph = readTorchScript(options, error);
  }
  if (!graph)
    return fail(error);
  for (const std::string &warning : graph->warnings)
    llvm::errs() << "colossal-translate: warning: "
                 << colossal::oneLine(warning) << "\n";
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importGraph(*graph, dimensions, &context, error);
  if (!module)
    return fail("'" + archive + "': " + error);
  colossal::OneLineDiagnostics diagnostics(&context);
  if (failed(mlir::verify(*module)))
    return colossal::endTool(1);

  mlir::OpPrintingFlags flags;
  flags.enableDebugInfo(/*enable=*/true, /*prettyForm=*/false);
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, flags);
  stream << "\n";
  if (output == "-")
    llvm::outs() << text;
  else if (!colossal::writeTextFile(output, text, error))
    return fail(error);
  return colossal::endTool(0);
}
