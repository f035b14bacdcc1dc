//===- Session.h - A run of a bundle from start to end ----------*- C++ -*-===//
//
// What the launcher `run` of a bundle does: checks the bundle against this
// machine and the data against the bundle, loads state, runs steps, reports.
// Every rank calls runBundle with the same options.
//
// Outputs: a progress line on stderr (rank 0), metrics as one JSON object a
// line, a report, state as .npy files. Errors: one line on stderr by the first
// rank that has one; the result is the exit code.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_SESSION_H
#define COLOSSAL_RUN_SESSION_H

#include "colossal/Run/Engine.h"
#include "colossal/Run/Manifest.h"

#include <map>

namespace colossal::rank {

struct RunOptions {
  std::string bundle;
  std::map<std::string, std::string> data; ///< input name -> file
  int64_t steps = 1;
  std::string metricsFile;
  std::string reportFile;
  std::string profileFile;
  std::string dumpFolder;
  std::map<std::string, double> controls; ///< overrides of the manifest's
  bool shuffle = true;
  uint64_t seed = 0;
  Transport transport = Transport::Auto;
  double timeoutSeconds = 120;
  int threads = 0; ///< 0: as the manifest says
  bool quiet = false;
};

/// Parses the command line of `run`. False: `message` holds an error, or the
/// help where `help` is set.
bool parseRunOptions(int argc, char **argv, RunOptions &options,
                     std::string &message, bool &help);

/// Initialises and finalises MPI.
int runBundle(const RunOptions &options);

/// Reads and checks the manifest of a bundle; on failure one line in `error`.
std::optional<Manifest> readBundleManifest(const std::string &bundle,
                                           std::string &error);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_SESSION_H
