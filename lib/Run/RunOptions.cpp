//===- RunOptions.cpp - The command line of a bundle's launcher -----------===//

#include "colossal/Run/RunOptions.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

namespace colossal::rank {

namespace {

const char *kHelp =
    R"(Trains a bundle: mpirun -n N model.colossal/run [options]

  --data NAME=FILE.npy   samples of an input (first dimension counts samples);
                         once for each input
  --steps K              number of steps (default 1)
  --evaluate             does not train: runs the bundle's evaluation program on
                         its state, over every sample of --evaluate-data
  --evaluate-every K     evaluates after every K steps of training, and the last
  --evaluate-data NAME=FILE.npy  samples of an input of evaluation
  --outputs DIR          what evaluation gives back, DIR/NAME.npy, a row for each
                         sample; of the last evaluation
  --metrics FILE         one JSON object per step: step, loss, seconds,
                         tokens_per_second, lr
  --report FILE          predicted and measured time and memory, as JSON
  --dump-state DIR       after the last step: every state tensor, unsharded
  --weights PATH         starts from the parameters of a safetensors file, an
                         index or a folder with one of the two
  --checkpoint DIR       writes the state to DIR/step-00000120 and so on: at the
                         end, and where SIGTERM or SIGINT ends the run
  --every K              and after every K steps
  --keep N               keeps the newest N checkpoints (default: all)
  --resume[=NAME]        goes on from the newest checkpoint in DIR, if there is
                         one, or from NAME (step-00000100, or a path with '/')
  --max-file-bytes B     checkpoints have files with at most B bytes of data, or
                         one tensor (default 5e9)
  --control NAME=VALUE   changes a control (lr: the base learning rate;
                         lr.2: that of the second --group)
  --seed S               seed of the order of samples (default 0)
  --shuffle, --no-shuffle  a new order in each epoch (default), or file order
  --transport auto|direct|window|p2p  how ranks of a node move bytes (they read
                         each other's memory, or share some, or send messages);
                         bitwise equal
  --timeout SECONDS      a rank that waits longer ends the job (default 120)
  --nonfinite-steps K    steps in a row with a loss that is NaN or infinite, or
                         that were skipped (--skip-nonfinite of the compiler),
                         after which the run ends (default 10; 0: never)
  --check-values         looks for NaN after every op of every step (slow)
  --allow-edited         runs a bundle whose files are not those compiled
  --threads T            threads per rank (default: as compiled)
  --profile FILE         seconds per op
  --trace FILE           the timeline of a step, predicted and measured, of all
                         ranks, for Perfetto (ui.perfetto.dev)
  --trace-step N         that step (default: the third, or the last)
  --bundle DIR           the bundle (default: the folder of this program)
  --quiet                no progress line
  --help
)";

/// More threads than any machine has cores.
constexpr int64_t kMostThreads = 4096;

} // namespace

bool isFlag(const std::string &option) {
  for (const char *flag :
       {"--evaluate", "--shuffle", "--no-shuffle", "--quiet", "--check-values",
        "--allow-edited", "--resume", "--help"})
    if (option == flag)
      return true;
  return false;
}

bool parseRunOptions(int argc, char **argv, RunOptions &options,
                     std::string &message, bool &help) {
  help = false;
  auto fail = [&](const std::string &text) {
    message = text;
    return false;
  };
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i], value;
    bool hasValue = false;
    size_t equal = argument.find('=');
    if (argument.compare(0, 2, "--") != 0)
      return fail("found argument '" + argument +
                  "', expected an option (see --help)");
    std::string name = argument.substr(0, equal);
    if (equal != std::string::npos) {
      value = argument.substr(equal + 1);
      hasValue = true;
    }
    if (name == "--help") {
      help = true;
      message = kHelp;
      return false;
    }
    if (name == "--shuffle" || name == "--no-shuffle")
      options.shuffle = name == "--shuffle";
    if (name == "--resume") {
      if (hasValue && value.empty())
        return fail("--resume=: found no name, expected step-... or a path");
      options.resume = value;
      continue;
    }
    if (isFlag(name)) {
      if (hasValue)
        return fail(name + ": found '" + value + "', expected no value");
      options.evaluates |= name == "--evaluate";
      options.quiet |= name == "--quiet";
      options.checkValues |= name == "--check-values";
      options.allowEdited |= name == "--allow-edited";
      continue;
    }
    static const char *known[] = {
        "--data",    "--steps",          "--metrics",         "--report",
        "--control", "--seed",           "--dump-state",      "--transport",
        "--timeout", "--threads",        "--nonfinite-steps", "--profile",
        "--trace",   "--trace-step",     "--bundle",          "--checkpoint",
        "--every",   "--keep",           "--max-file-bytes",  "--weights",
        "--outputs", "--evaluate-every", "--evaluate-data"};
    bool isKnown = false;
    for (const char *option : known)
      isKnown |= name == option;
    if (!isKnown)
      return fail("found option '" + name +
                  "', expected one of those in --help");
    if (!hasValue) {
      if (i + 1 == argc)
        return fail(name + ": found no value, expected one (see --help)");
      value = argv[++i];
    }
    auto pair = [&](std::string &key, std::string &text) {
      size_t at = value.find('=');
      if (at == std::string::npos || at == 0)
        return false;
      key = value.substr(0, at);
      text = value.substr(at + 1);
      return true;
    };
    auto number = [&](double &to, double least, double most) {
      char *end = nullptr;
      to = std::strtod(value.c_str(), &end);
      return !value.empty() && *end == 0 && to >= least && to <= most;
    };
    double parsed = 0;
    std::string key, text;
    if (name == "--data" || name == "--evaluate-data") {
      if (!pair(key, text))
        return fail(name + ": found '" + value + "', expected NAME=FILE.npy");
      (name == "--data" ? options.data : options.evaluationData)[key] = text;
    } else if (name == "--control") {
      if (pair(key, text)) {
        char *end = nullptr;
        parsed = std::strtod(text.c_str(), &end);
        if (!text.empty() && *end == 0 && std::isfinite(parsed)) {
          options.controls[key] = parsed;
          continue;
        }
      }
      return fail("--control: found '" + value +
                  "', expected NAME=NUMBER with a finite number");
    } else if (name == "--steps" || name == "--threads" || name == "--seed" ||
               name == "--evaluate-every" || name == "--nonfinite-steps" ||
               name == "--every" || name == "--keep" ||
               name == "--max-file-bytes" || name == "--trace-step") {
      int64_t least = name == "--seed" || name == "--nonfinite-steps" ? 0 : 1;
      // 2^53: beyond it a double skips integers.
      int64_t most = name == "--threads" ? kMostThreads : int64_t(1) << 53;
      if (!number(parsed, double(least), double(most)) ||
          parsed != double(int64_t(parsed)))
        return fail(name + ": found '" + value +
                    "', expected an integer from " + std::to_string(least) +
                    " to " + std::to_string(most));
      if (name == "--steps")
        options.steps = int64_t(parsed);
      else if (name == "--evaluate-every")
        options.evaluateEvery = int64_t(parsed);
      else if (name == "--threads")
        options.threads = int(parsed);
      else if (name == "--seed")
        options.seed = uint64_t(parsed);
      else if (name == "--trace-step")
        options.traceStep = int64_t(parsed);
      else if (name == "--every")
        options.checkpointEvery = int64_t(parsed);
      else if (name == "--keep")
        options.checkpointsKept = int64_t(parsed);
      else if (name == "--max-file-bytes")
        options.checkpointFileBytes = int64_t(parsed);
      else
        options.nonfiniteSteps = int64_t(parsed);
    } else if (name == "--timeout") {
      if (!number(options.timeoutSeconds, 0.001, 1e9))
        return fail("--timeout: found '" + value +
                    "', expected seconds from 0.001 to 1e9");
    } else if (name == "--transport") {
      if (value == "auto")
        options.transport = Transport::Auto;
      else if (value == "direct")
        options.transport = Transport::Direct;
      else if (value == "window")
        options.transport = Transport::Window;
      else if (value == "p2p")
        options.transport = Transport::PointToPoint;
      else
        return fail("--transport: found '" + value +
                    "', expected auto, direct, window or p2p");
    } else if (name == "--metrics") {
      options.metricsFile = value;
    } else if (name == "--report") {
      options.reportFile = value;
    } else if (name == "--dump-state") {
      options.dumpFolder = value;
    } else if (name == "--outputs") {
      options.outputFolder = value;
    } else if (name == "--trace") {
      options.traceFile = value;
    } else if (name == "--profile") {
      options.profileFile = value;
    } else if (name == "--weights") {
      options.weights = value;
    } else if (name == "--checkpoint") {
      if (value.empty())
        return fail("--checkpoint: found no name, expected a folder");
      options.checkpointFolder = value;
    } else {
      options.bundle = value;
    }
  }
  if (options.traceStep > 0 && options.traceFile.empty())
    return fail("--trace-step: found no --trace, expected its file");
  if (options.evaluates && !options.traceFile.empty())
    return fail("--trace: found --evaluate, expected training: a trace is of a "
                "step");
  if (options.evaluates && options.evaluateEvery > 0)
    return fail("--evaluate: found --evaluate-every as well, expected one: "
                "--evaluate does not train");
  bool evaluates = options.evaluates || options.evaluateEvery > 0;
  if (!evaluates && !options.evaluationData.empty())
    return fail("--evaluate-data: found no --evaluate and no "
                "--evaluate-every, which use it");
  if (!evaluates && !options.outputFolder.empty())
    return fail("--outputs: found no --evaluate and no --evaluate-every, whose "
                "outputs they are");
  while (options.checkpointFolder.size() > 1 &&
         options.checkpointFolder.back() == '/')
    options.checkpointFolder.pop_back();
  if (options.checkpointFolder.empty()) {
    if (options.checkpointEvery || options.checkpointsKept)
      return fail(std::string(options.checkpointEvery ? "--every" : "--keep") +
                  ": found no --checkpoint, expected its folder");
    if (options.resume && options.resume->empty())
      return fail("--resume: found no --checkpoint, expected its folder, or "
                  "--resume=PATH");
  }
  return true;
}

} // namespace colossal::rank
