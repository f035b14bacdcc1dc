//===- RunOptions.h - What a user asks of a run -----------------*- C++ -*-===//
//
// The command line of a bundle's launcher, as data. colossal-run checks it
// before it starts ranks, the launcher itself parses it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_RUNOPTIONS_H
#define COLOSSAL_RUN_RUNOPTIONS_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace colossal::rank {

enum class Transport {
  Auto,        ///< of a group: the first of the others that works
  Direct,      ///< ranks of a node read each other's memory; small ones: window
  Window,      ///< memory that the ranks of a node share
  PointToPoint ///< MPI messages only
};

struct RunOptions {
  std::string bundle;
  std::map<std::string, std::string> data; ///< input name -> file
  int64_t steps = 1;
  bool evaluates = false;    ///< evaluates the state, and does not train
  int64_t evaluateEvery = 0; ///< steps; 0: no evaluation while training
  std::map<std::string, std::string> evaluationData; ///< as `data`
  std::string outputFolder;
  std::string metricsFile;
  std::string reportFile;
  std::string profileFile;
  std::string traceFile;
  int64_t traceStep = 0; ///< 0: the third, or the last
  std::string dumpFolder;
  std::map<std::string, double> controls; ///< overrides of the manifest's
  /// Not given: as in the checkpoint that the run goes on from, or true and 0.
  std::optional<bool> shuffle;
  std::optional<uint64_t> seed;
  Transport transport = Transport::Auto;
  double timeoutSeconds = 120;
  int threads = 0; ///< 0: as the manifest says
  bool quiet = false;
  /// Steps in a row with a metric that is not finite, or skipped, after which
  /// the run ends; 0: it never does.
  int64_t nonfiniteSteps = 10;
  bool checkValues = false; ///< look for the first NaN after every op
  std::string weights;      ///< safetensors: where parameters start
  std::string checkpointFolder;
  int64_t checkpointEvery = 0; ///< steps; 0: at the end only
  int64_t checkpointsKept = 0; ///< 0: all
  /// Of data in one file; Hugging Face's number.
  int64_t checkpointFileBytes = 5'000'000'000;
  /// The checkpoint to go on from: a name or path; empty: the newest.
  std::optional<std::string> resume;
  bool allowEdited = false; ///< files of the bundle may differ from its list
};

/// Options that stand alone.
bool isFlag(const std::string &option);

/// Parses the command line of `run`. False: `message` holds an error, or the
/// help where `help` is set.
bool parseRunOptions(int argc, char **argv, RunOptions &options,
                     std::string &message, bool &help);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_RUNOPTIONS_H
