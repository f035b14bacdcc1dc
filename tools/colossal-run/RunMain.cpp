//===- RunMain.cpp - Starts the ranks of a bundle -------------------------===//

#include "LaunchJob.h"
#include "SessionFolder.h"
#include "colossal/Run/BundleFiles.h"
#include "colossal/Run/RunOptions.h"
#include "colossal/Run/Threads.h"
#include "colossal/Support/Message.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <unistd.h>

using namespace colossal::rank;

namespace {

const char *kHelp =
    R"(Trains a bundle: colossal-run -n N model.colossal --data NAME=FILE ... --steps K

  -n N              number of ranks: what the bundle is compiled for (default)
  --mpirun PROGRAM  the launcher (default: mpirun)
  --hostfile FILE   passed to the launcher
  --dry-run         prints the command instead of running it

With --checkpoint the first SIGINT or SIGTERM ends the run after its step, with a
checkpoint; the second ends it at once.

All other options go to the bundle's launcher; `model.colossal/run --help` lists them.
)";

int fail(const std::string &message) {
  std::cerr << "colossal-run: error: " << colossal::oneLine(message) << "\n";
  return 1;
}

} // namespace

int main(int argc, char **argv) {
  // A rank's stderr is a pipe to the launcher: it is told what is behind.
  if (isatty(STDERR_FILENO))
    setenv("COLOSSAL_TERMINAL", "1", 1);
  std::string bundle, ranks, launcher = "mpirun", hostfile;
  std::vector<std::string> rest;
  bool dryRun = false;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    auto value = [&](const char *name, std::string &to) {
      std::string prefix = std::string(name) + "=";
      if (argument.compare(0, prefix.size(), prefix) == 0)
        to = argument.substr(prefix.size());
      else if (argument == name)
        to = i + 1 < argc ? argv[++i] : "";
      else
        return false;
      return true;
    };
    if (argument == "--help") {
      std::cout << kHelp;
      return 0;
    }
    if (argument == "--dry-run")
      dryRun = true;
    else if (value("-n", ranks) || value("--mpirun", launcher) ||
             value("--hostfile", hostfile))
      continue;
    else if (argument.compare(0, 1, "-") == 0) {
      rest.push_back(argument);
      // Options of the launcher take a value unless they say so.
      bool alone = argument.find('=') != std::string::npos || isFlag(argument);
      if (!alone && i + 1 < argc)
        rest.push_back(argv[++i]);
    } else if (bundle.empty())
      bundle = argument;
    else
      return fail("found a second bundle '" + argument +
                  "', expected one (see --help)");
  }
  if (bundle.empty())
    return fail("found no bundle, expected model.colossal (see --help)");
  while (bundle.size() > 1 && bundle.back() == '/')
    bundle.pop_back();

  RunOptions options;
  std::string message;
  bool help = false;
  std::vector<char *> words = {argv[0]};
  for (std::string &word : rest)
    words.push_back(word.data());
  if (!parseRunOptions(int(words.size()), words.data(), options, message, help))
    return fail(message);

  std::string path = bundle + "/manifest.json", error;
  std::optional<std::string> text = readRegularFile(path, error);
  if (!text)
    return fail(error + "; is " + bundle + " a bundle?");
  std::optional<Manifest> manifest =
      readManifest(*text, path, error, options.allowEdited);
  if (!manifest)
    return fail(error);
  std::vector<std::string> faults = checkManifest(*manifest);
  if (!faults.empty())
    return fail(path + ": " + faults[0]);
  std::string world = std::to_string(manifest->worldSize);
  if (!ranks.empty() && ranks != world)
    return fail("found -n " + ranks + ", but " + bundle + " is compiled for " +
                world + " ranks; use -n " + world +
                " or compile for another cluster");
  // Before anything of the bundle is executed.
  if (!checkBundleFiles(bundle, *manifest, error)) {
    if (!options.allowEdited)
      return fail(error);
    std::cerr << "colossal-run: warning: " << colossal::oneLine(error) << "\n";
  }
  std::string engine = bundle + "/run";
  if (access(engine.c_str(), X_OK) != 0)
    return fail(engine + ": found " + std::strerror(errno) +
                ", expected the bundle's launcher");

  std::vector<std::string> command = {launcher, "-n", world};
  if (geteuid() == 0)
    command.push_back("--allow-run-as-root");
  if (!hostfile.empty())
    command.insert(command.end(), {"--hostfile", hostfile});
  else
    command.push_back("--oversubscribe");
  command.insert(command.end(),
                 {"--bind-to", "none", "--mca", "mpi_yield_when_idle", "1",
                  "--mca", "odls_base_sigkill_timeout", "0"});
  command.push_back(engine.find('/') == 0 ? engine : "./" + engine);
  if (engine.compare(0, 2, "./") == 0)
    command.back() = engine;
  command.insert(command.end(), rest.begin(), rest.end());
  if (dryRun) {
    for (const std::string &word : command)
      std::cout << colossal::printable(word)
                << (&word == &command.back() ? "\n" : " ");
    return 0;
  }
  if (!hostfile.empty() && access(hostfile.c_str(), R_OK) != 0)
    return fail("--hostfile " + hostfile + ": found " + std::strerror(errno) +
                ", expected a file with one host a line");
  // See EngineMain.cpp; ranks on this node inherit it.
  if (!getenv("OMP_WAIT_POLICY"))
    setenv(kSpinVariable, kSpins, 0);
  // With hosts it is up to them where sessions may be.
  std::optional<SessionFolder> session;
  if (hostfile.empty())
    session.emplace();
  return launchJob(command, !options.checkpointFolder.empty());
}
