//===- RunOptions.cpp - The command line of a bundle's launcher -----------===//

#include "colossal/Run/RunOptions.h"

#include <cstdlib>
#include <cstring>

namespace colossal::rank {

namespace {

const char *kHelp =
    R"(Trains a bundle: mpirun -n N model.colossal/run [options]

  --data NAME=FILE.npy   samples of an input (first dimension counts samples);
                         once for each input
  --steps K              number of steps (default 1)
  --metrics FILE         one JSON object per step: step, loss, seconds,
                         tokens_per_second, lr
  --report FILE          predicted and measured time and memory, as JSON
  --dump-state DIR       after the last step: every state tensor, unsharded
  --control NAME=VALUE   changes a control (lr: the base learning rate)
  --seed S               seed of the order of samples (default 0)
  --shuffle, --no-shuffle  a new order in each epoch (default), or file order
  --transport auto|window|p2p  how ranks of a node move bytes; bitwise equal
  --timeout SECONDS      a rank that waits longer ends the job (default 120)
  --threads T            threads per rank (default: as compiled)
  --profile FILE         seconds per op
  --bundle DIR           the bundle (default: the folder of this program)
  --quiet                no progress line
  --help
)";

} // namespace

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
    if (name == "--shuffle" || name == "--no-shuffle") {
      options.shuffle = name == "--shuffle";
      continue;
    }
    if (name == "--quiet") {
      options.quiet = true;
      continue;
    }
    static const char *known[] = {"--data",    "--steps",      "--metrics",
                                  "--report",  "--dump-state", "--control",
                                  "--seed",    "--transport",  "--timeout",
                                  "--threads", "--profile",    "--bundle"};
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
    auto number = [&](double &to, double least) {
      char *end = nullptr;
      to = std::strtod(value.c_str(), &end);
      return !value.empty() && *end == 0 && to >= least;
    };
    double parsed = 0;
    std::string key, text;
    if (name == "--data") {
      if (!pair(key, text))
        return fail("--data: found '" + value + "', expected NAME=FILE.npy");
      options.data[key] = text;
    } else if (name == "--control") {
      if (pair(key, text)) {
        char *end = nullptr;
        parsed = std::strtod(text.c_str(), &end);
        if (!text.empty() && *end == 0) {
          options.controls[key] = parsed;
          continue;
        }
      }
      return fail("--control: found '" + value + "', expected NAME=NUMBER");
    } else if (name == "--steps" || name == "--threads" || name == "--seed") {
      double least = name == "--seed" ? 0 : 1;
      if (!number(parsed, least) || parsed != double(int64_t(parsed)))
        return fail(name + ": found '" + value +
                    "', expected an integer of "
                    "at least " +
                    std::to_string(int(least)));
      if (name == "--steps")
        options.steps = int64_t(parsed);
      else if (name == "--threads")
        options.threads = int(parsed);
      else
        options.seed = uint64_t(parsed);
    } else if (name == "--timeout") {
      if (!number(options.timeoutSeconds, 0.001))
        return fail("--timeout: found '" + value + "', expected seconds");
    } else if (name == "--transport") {
      if (value == "auto")
        options.transport = Transport::Auto;
      else if (value == "window")
        options.transport = Transport::Window;
      else if (value == "p2p")
        options.transport = Transport::PointToPoint;
      else
        return fail("--transport: found '" + value +
                    "', expected auto, window or p2p");
    } else if (name == "--metrics") {
      options.metricsFile = value;
    } else if (name == "--report") {
      options.reportFile = value;
    } else if (name == "--dump-state") {
      options.dumpFolder = value;
    } else if (name == "--profile") {
      options.profileFile = value;
    } else {
      options.bundle = value;
    }
  }
  return true;
}

} // namespace colossal::rank
