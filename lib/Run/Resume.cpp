//===- Resume.cpp - Where a run goes on -----------------------------------===//

#include "Resume.h"

#include "Checkpoint.h"
#include "CheckpointFolder.h"
#include "RunError.h"
#include "colossal/Run/BundleFiles.h"

#include <nlohmann/json.hpp>

#include <sys/stat.h>

namespace colossal::rank {

std::string chooseCheckpoint(const RunOptions &options) {
  const std::string &folder = options.checkpointFolder;
  std::vector<int64_t> steps;
  if (!folder.empty())
    steps = checkpointsIn(folder);
  std::string newest =
      steps.empty() ? "" : folder + "/" + checkpointName(steps.back());
  if (!options.resume) {
    if (!steps.empty())
      throw RunError("--checkpoint " + folder + ": found " +
                     checkpointName(steps.back()) +
                     " of an earlier run, expected a folder without "
                     "checkpoints; go on with --resume, or choose another one");
    return "";
  }
  if (options.resume->empty())
    return newest;
  std::string chosen = *options.resume;
  if (chosen.find('/') == std::string::npos && !folder.empty())
    chosen = folder + "/" + chosen;
  while (chosen.size() > 1 && chosen.back() == '/')
    chosen.pop_back();
  std::string error;
  std::optional<TrainingRecord> record = readCheckpointRecord(chosen, error);
  if (!record)
    throw RunError("--resume: " + error);
  // The next --resume would take that one.
  if (!steps.empty() && steps.back() > record->step)
    throw RunError("--resume: found " + newest + ", which is newer than " +
                   chosen +
                   "; remove it, or choose another folder for --checkpoint");
  return chosen;
}

namespace {

bool isSame(const LearningRate &a, const LearningRate &b) {
  return a.kind == b.kind && a.settings == b.settings && a.rates == b.rates;
}

/// Whether factors depend on the number of steps of the run.
bool dependsOnSteps(const LearningRate &schedule, int64_t a, int64_t b) {
  for (int64_t step = 1; step <= std::min(a, b); step += 1 + step / 64)
    if (scheduleFactor(schedule, step, a) != scheduleFactor(schedule, step, b))
      return true;
  return false;
}

std::string readable(double value) {
  char text[64];
  snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

} // namespace

void applyRecord(const TrainingRecord &record, const Manifest &manifest,
                 RunOptions &options, std::vector<std::string> &notes) {
  if (options.seed && *options.seed != record.seed)
    throw RunError("--seed: found " + std::to_string(*options.seed) +
                   ", but the checkpoint's run has " +
                   std::to_string(record.seed) +
                   "; leave the option out to go on");
  if (options.shuffle && *options.shuffle != record.shuffle)
    throw RunError(std::string("found --") +
                   (*options.shuffle ? "shuffle" : "no-shuffle") +
                   ", but the checkpoint's run has the other order of samples; "
                   "leave the option out to go on");
  options.seed = record.seed;
  options.shuffle = record.shuffle;
  for (const auto &[name, value] : record.controls) {
    bool known = manifest.learningRate.rates.count(name) > 0;
    for (const ControlValue &control : manifest.controls)
      known |= control.name == name;
    if (!known)
      notes.push_back("the checkpoint's run has set control '" + name +
                      "', which the bundle does not have");
    else if (options.controls.emplace(name, value).second)
      notes.push_back("control '" + name + "' is " + readable(value) +
                      ", as in the checkpoint's run");
  }
  if (!isSame(record.learningRate, manifest.learningRate))
    notes.push_back("the bundle's learning rates are not those of the "
                    "checkpoint's run");
  else if (record.steps != options.steps &&
           dependsOnSteps(manifest.learningRate, record.steps, options.steps))
    notes.push_back("the learning rate's schedule is one of " +
                    std::to_string(options.steps) + " steps now, of " +
                    std::to_string(record.steps) +
                    " in the checkpoint's run (--steps)");
}

void continueData(const TrainingRecord &record, DataSet &data,
                  std::vector<std::string> &notes) {
  DataCursor next = record.next;
  if (data.samples() != record.samples) {
    notes.push_back("the data have " + std::to_string(data.samples()) +
                    " samples, those of the checkpoint's run " +
                    std::to_string(record.samples) +
                    ": they start with an epoch of their own");
    next = {record.next.epoch + 1, 0};
  }
  data.startAt(record.step + 1, next);
}

int64_t metricsUpTo(const std::string &path, int64_t step) {
  struct stat status;
  if (stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode))
    return 0;
  std::string error;
  std::optional<std::string> text = readRegularFile(path, error);
  if (!text)
    throw RunError("--metrics " + error);
  // A line that a run could not finish has no end.
  size_t end = text->rfind('\n') + 1;
  while (end > 0) {
    size_t before = end >= 2 ? text->rfind('\n', end - 2) + 1 : 0;
    nlohmann::json line =
        nlohmann::json::parse(text->begin() + int64_t(before),
                              text->begin() + int64_t(end), nullptr, false);
    if (!line.is_object() || !line.contains("step") ||
        !line["step"].is_number_integer())
      throw RunError("--metrics " + path +
                     ": found a last line that is none of a run's, expected "
                     "the metrics of the run that goes on");
    if (line["step"].get<int64_t>() <= step)
      break;
    end = before;
  }
  return int64_t(end);
}

} // namespace colossal::rank
