//===- Session.cpp - A run of a bundle from start to end ------------------===//

#include "colossal/Run/Session.h"

#include "Agreement.h"
#include "Deadline.h"
#include "Engine.h"
#include "Evaluation.h"
#include "Metrics.h"
#include "OutputFile.h"
#include "ProcessMemory.h"
#include "Resume.h"
#include "RunCheckpoints.h"
#include "RunReport.h"
#include "SkippedSteps.h"
#include "StartWeights.h"
#include "StateFile.h"
#include "StopSignal.h"
#include "Trace.h"
#include "ValueCheck.h"
#include "colossal/Run/BundleFiles.h"
#include "colossal/Run/DataSet.h"
#include "colossal/Support/SkippedStep.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace colossal::rank {

namespace {

double now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string readFile(const std::string &path) {
  std::string error;
  std::optional<std::string> text = readRegularFile(path, error);
  if (!text)
    throw RunError(error + "; is this a whole bundle?");
  return *text;
}

void throwFirst(const std::vector<std::string> &faults,
                const std::string &prefix) {
  if (faults.empty())
    return;
  std::string more =
      faults.size() > 1
          ? " (and " + std::to_string(faults.size() - 1) + " more faults)"
          : "";
  throw RunError(prefix + faults[0] + more);
}

class Session {
public:
  explicit Session(const RunOptions &given)
      : options(given), checkpoints(options, manifest) {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
  }
  int run();

private:
  void open();
  void readPrograms();
  void openData();
  void openOutputs();
  void loadKernels();
  void fillInputs(int64_t step);
  void setControls(int64_t step);
  void findState();
  bool loadStates();
  void steps();
  void evaluate(int64_t step);
  void reportEvaluation(int64_t step, double seconds);
  const ProgramSchema &training() const { return *manifest.find("train"); }
  bool beforeUpdate(int64_t step);
  void judgeMetrics(int64_t step);
  void progress(int64_t step);
  bool report();
  int64_t tracedStep(int64_t first) const;

  RunOptions options;
  int rank = 0, size = 1;
  Manifest manifest;
  RunCheckpoints checkpoints;
  std::vector<Program>
      programs;    ///< of this rank's device group, as in the manifest
  Program program; ///< training
  std::unique_ptr<KernelFile> kernels;
  std::unique_ptr<Engine> engine;
  RankState state;
  std::optional<DataSet> data;
  std::unique_ptr<Evaluation> evaluation;
  Metrics metrics;
  SkippedSteps skipped;
  RunReport reporter;
  Trace trace;
  std::unique_ptr<OutputFile> metricsFile;
  std::unique_ptr<ValueCheck> values;
  int64_t lastBadStep = 0; ///< with a metric that is not finite, as known here
  // Rank 0: about steps whose metrics are not finite.
  std::string origin;      ///< of this step's first such value
  std::string stopReason;  ///< why the run ends before its last step
  int64_t badSteps = 0;    ///< in a row
  int64_t doneStep = 0;    ///< the last
  bool isStopping = false; ///< a signal ends the run after this step
  bool hasFailed = false;  ///< a checkpoint could not be written
  double learningRateNow = 0, started = 0, lastPrint = 0;
};

void Session::open() {
  std::string error;
  std::optional<Manifest> read =
      readBundleManifest(options.bundle, error, options.allowEdited);
  if (!read)
    throw RunError(error);
  manifest = *read;
  if (manifest.worldSize != size)
    throw RunError(options.bundle + ": found " + std::to_string(size) +
                   " ranks, but the bundle is compiled for " +
                   std::to_string(manifest.worldSize) + "; start it with -n " +
                   std::to_string(manifest.worldSize));
  if (!manifest.mpi.empty() && manifest.mpi != mpiAbi())
    throw RunError(options.bundle + ": found MPI " + mpiAbi() +
                   ", but the bundle is compiled for " + manifest.mpi);
  for (const auto &control : options.controls) {
    bool known = manifest.learningRate.rates.count(control.first) > 0;
    for (const ControlValue &value : manifest.controls)
      known |= value.name == control.first;
    if (!known)
      throw RunError("--control: found '" + control.first +
                     "', expected a control of the bundle");
  }
  if (options.evaluates || options.evaluateEvery > 0)
    if (!manifest.find("evaluate"))
      throw RunError(
          std::string(options.evaluates ? "--evaluate" : "--evaluate-every") +
          ": " + options.bundle +
          " has no evaluation; compile it with --evaluate MODEL");
  readPrograms();
}

void Session::readPrograms() {
  std::string error;
  int64_t devices = size / manifest.groups, own = rank / devices;
  // colossal-run has looked at every file; mpirun alone has not, and the files
  // of another node may be others.
  if (!options.allowEdited &&
      !checkGroupFiles(options.bundle, manifest, own, error))
    throw RunError(error);
  auto readGroup = [&](const ProgramSchema &schema, int64_t group) {
    std::string path = options.bundle + "/" + schema.files[size_t(group)];
    std::optional<Program> one = readProgram(readFile(path), path, error);
    if (!one)
      throw RunError(error);
    throwFirst(checkManifest(manifest, *one), path + ": ");
    if (one->name != schema.name || one->group != group)
      throw RunError(path + ": found program '" + one->name + "' of group " +
                     std::to_string(one->group) + ", expected '" + schema.name +
                     "' of group " + std::to_string(group));
    return *one;
  };
  // The ranks of a node may see other files than those of another node, so
  // each checks its own programs; rank 0 checks the device groups together.
  for (const ProgramSchema &schema : manifest.programs) {
    programs.push_back(readGroup(schema, own));
    if (rank == 0) {
      std::vector<Program> groups;
      for (int64_t group = 0; group < manifest.groups; ++group)
        groups.push_back(group == own ? programs.back()
                                      : readGroup(schema, group));
      throwFirst(checkPrograms(groups), options.bundle + ": ");
    } else if (rank % devices == 0) {
      throwFirst(checkProgram(programs.back()), options.bundle + ": ");
    }
  }
  throwFirst(checkShared(programs), options.bundle + ": ");
  program = programs.front();
}

void Session::loadKernels() {
  if (manifest.kernels.empty())
    return;
  std::string error;
  kernels = KernelFile::open(options.bundle, manifest, error);
  if (!kernels)
    throw RunError(error);
}

void Session::openData() {
  std::string error;
  if (!options.evaluates) {
    data =
        DataSet::open(training(), options.data, options.shuffle.value_or(true),
                      options.seed.value_or(0), error);
    // Every rank looks at another part.
    if (!data || !data->check(rank, size, error))
      throw RunError(error);
    checkpoints.continueData(*data);
    for (const std::string &name : training().unusedInputs)
      if (rank == 0 && options.data.count(name))
        say("note", "input '" + name +
                        "' is not used by the program; its data is not read");
  }
  for (size_t number = 0; number < manifest.programs.size(); ++number) {
    const ProgramSchema &schema = manifest.programs[number];
    if (schema.name != "evaluate" ||
        !(options.evaluates || options.evaluateEvery > 0))
      continue;
    // Alone it has no other data.
    std::map<std::string, std::string> files = options.evaluationData;
    if (options.evaluates)
      files.insert(options.data.begin(), options.data.end());
    evaluation =
        std::make_unique<Evaluation>(programs[number], schema, number, files);
    if (!evaluation->dataSet().check(rank, size, error))
      throw RunError(error);
  }
}

/// Makes a folder if it is not there; throws where nothing can be written into
/// it.
static void makeFolder(const std::string &option, const std::string &folder) {
  struct stat status;
  if (mkdir(folder.c_str(), 0777) != 0 &&
      (errno != EEXIST || stat(folder.c_str(), &status) != 0 ||
       !S_ISDIR(status.st_mode)))
    throw RunError(option + " " + folder + ": found " + std::strerror(errno) +
                   ", expected a folder");
  if (access(folder.c_str(), W_OK | X_OK) != 0)
    throw RunError(option + " " + folder + ": found " + std::strerror(errno) +
                   ", expected a folder that can be written");
}

void Session::openOutputs() {
  if (rank != 0)
    return;
  if (!options.dumpFolder.empty())
    makeFolder("--dump-state", options.dumpFolder);
  if (!options.outputFolder.empty())
    makeFolder("--outputs", options.outputFolder);
  if (!options.metricsFile.empty()) {
    const std::string &file = options.metricsFile;
    metricsFile = std::make_unique<OutputFile>(
        "--metrics", file,
        checkpoints.isResumed() ? metricsUpTo(file, checkpoints.doneSteps())
                                : 0);
    metricsFile->keep();
  }
}

void Session::fillInputs(int64_t step) {
  std::string error;
  for (const Input &input : program.inputs) {
    const Buffer &buffer = program.buffers[size_t(input.buffer)];
    for (int64_t slot = 0; slot < buffer.slots; ++slot)
      if (!data->fill(
              input, coordinateOf(program, engine->fabric().device(), slot),
              buffer.dtype, step, engine->address(input.buffer, slot), error))
        throw RunError(error);
  }
}

void Session::setControls(int64_t step) {
  int64_t update = skipped.optimizerStep(step);
  double factor = scheduleFactor(manifest.learningRate, update, options.steps);
  for (const auto &[control, base] : manifest.learningRate.rates) {
    auto changed = options.controls.find(control);
    double rate =
        factor * (changed == options.controls.end() ? base : changed->second);
    engine->setControl(control, rate);
    if (control == "lr")
      learningRateNow = rate;
  }
  engine->setControl("step", double(step));
  engine->setControl(kOptimizerStepControl, double(update));
  for (const ControlValue &control : manifest.controls) {
    auto changed = options.controls.find(control.name);
    engine->setControl(control.name, changed == options.controls.end()
                                         ? control.value
                                         : changed->second);
  }
}

/// The launcher's stderr counts: that of a rank is a pipe to it.
static bool isOnTerminal() {
  static const bool terminal =
      isatty(STDERR_FILENO) || getenv("COLOSSAL_TERMINAL") != nullptr;
  return terminal;
}

/// Seconds between two lines of progress: a log is read afterwards.
static double progressInterval() { return isOnTerminal() ? 0.5 : 30.0; }

/// 65536, 1e+10.
static std::string readableScale(float scale) {
  char text[32];
  snprintf(text, sizeof(text), "%g", double(scale));
  return text;
}

void Session::progress(int64_t step) {
  double seconds = reporter.stepSeconds.back();
  double tokens = double(training().tokensPerStep) / seconds;
  if (metricsFile) {
    std::string line = "{\"step\": " + std::to_string(step);
    for (size_t i = 0; i < metrics.count(); ++i)
      if (!skipped.isOwn(i))
        line +=
            ", \"" + metrics.name(i) + "\": " + jsonNumber(metrics.value(i));
    // JSON has no such numbers: which of them a null is stands beside it.
    std::string others;
    for (size_t i = 0; i < metrics.count(); ++i)
      if (!std::isfinite(metrics.value(i)))
        others += (others.empty() ? "\"" : ", \"") + metrics.name(i) +
                  "\": \"" + readable(metrics.value(i)) + "\"";
    line += ", \"seconds\": " + jsonNumber(seconds) +
            ", \"tokens_per_second\": " + jsonNumber(tokens) +
            ", \"lr\": " + jsonNumber(learningRateNow) +
            (others.empty() ? "" : ", \"not_finite\": {" + others + "}") +
            (skipped.wasSkipped() ? ", \"skipped\": true" : "") + "}\n";
    metricsFile->write(line.data(), int64_t(line.size()));
    metricsFile->keep();
  }
  double time = now();
  int64_t first = checkpoints.doneSteps() + 1;
  if (options.quiet || (step != options.steps && step != first &&
                        time - lastPrint < progressInterval()))
    return;
  lastPrint = time;
  double left = (time - started) / double(step - first + 1) *
                double(options.steps - step);
  std::string values;
  for (size_t i = 0; i < metrics.count(); ++i)
    if (!skipped.isOwn(i))
      values +=
          "  " + oneLine(metrics.name(i)) + " " +
          (metrics.name(i) == kLossScaleMetric ? readableScale(metrics.value(i))
                                               : readable(metrics.value(i)));
  if (skipped.wasSkipped())
    values += "  skipped";
  // On a terminal one line that moves; what is printed next writes over it.
  const char *format =
      !isOnTerminal() ? "step %lld/%lld%s  %.0f tokens/s  ETA %lld:%02lld\n"
      : step == options.steps
          ? "\033[Kstep %lld/%lld%s  %.0f tokens/s  ETA %lld:%02lld\n"
          : "\033[Kstep %lld/%lld%s  %.0f tokens/s  ETA %lld:%02lld\r";
  fprintf(stderr, format, static_cast<long long>(step),
          static_cast<long long>(options.steps), values.c_str(), tokens,
          static_cast<long long>(left) / 60, static_cast<long long>(left) % 60);
}

/// Called between backward and update. All ranks agree whether a metric is not
/// finite; then they look together for the op that made it so.
bool Session::beforeUpdate(int64_t step) {
  enum { kInfinite = 1, kNan = 2, kLook = 4, kStop = 8, kLast = 16 };
  int flags = 0;
  // In a row of such steps the first says it all.
  Badness own = values->ofMetrics();
  if (own != Badness::None) {
    if (lastBadStep != step - 1 || step == 1)
      flags |= own == Badness::Nan ? kNan : kInfinite;
    lastBadStep = step;
  }
  if (options.checkValues)
    flags |= kLook;
  if (!stopReason.empty())
    flags |= kStop;
  if (isAskedToStop())
    flags |= kLast;
  flags = engine->fabric().agree(flags, "the agreement before the update",
                                 "end of the last backward pass");
  isStopping = (flags & kLast) != 0;
  if (flags & kStop)
    return false;
  if (flags & (kInfinite | kNan))
    lastBadStep = step;
  if (flags & (kInfinite | kNan | kLook))
    origin = values->findOrigin(flags & kNan        ? Badness::Nan
                                : flags & kInfinite ? Badness::Infinite
                                                    : Badness::None,
                                [&] { fillInputs(step); });
  return true;
}

/// Rank 0: says which steps were skipped and where the first value that is not
/// finite came from, and ends a run that stays so.
void Session::judgeMetrics(int64_t step) {
  std::string bad;
  bool isLossFinite = true;
  for (size_t i = 0; i < metrics.count(); ++i) {
    if (std::isfinite(metrics.value(i)))
      continue;
    bad += (bad.empty() ? "" : ", ") + metrics.name(i) + " is " +
           readable(metrics.value(i));
    isLossFinite &= metrics.name(i) != "loss";
  }
  bool isSkipped = skipped.wasSkipped();
  if (bad.empty() && isSkipped)
    bad = "a gradient is not finite";
  if (bad.empty() && !origin.empty() && options.checkValues)
    bad = "a value is not finite";
  bool isFirst = !bad.empty() && badSteps == 0;
  // A dynamic loss scale falls until the gradients are finite.
  std::optional<float> scale = skipped.lossScale(metrics);
  bool isSearching = isSkipped && isLossFinite && scale && *scale > 1.0f;
  badSteps = bad.empty() ? 0 : badSteps + !isSearching;
  std::string maker;
  if (isSearching)
    bad += " at the loss scale " + readableScale(*scale);
  if (!origin.empty())
    maker = "; first made by " + origin;
  else if (isFirst && !isSearching)
    maker = isSkipped ? " (--check-values finds the op that made it)"
                      : "; first made by an op of the update";
  if (isFirst || isSkipped)
    say("warning", "step " + std::to_string(step) +
                       (isSkipped ? " skipped: " : ": ") + bad + maker);
  origin.clear();
  if (options.nonfiniteSteps > 0 && badSteps >= options.nonfiniteSteps)
    stopReason = "step " + std::to_string(step) + ": " + bad + ", as in " +
                 std::to_string(badSteps) +
                 " steps in a row; the run ends (see the warning above; "
                 "--nonfinite-steps)";
}

void Session::findState() {
  state.group = program.group;
  state.coordinate = coordinateOf(program, engine->fabric().device());
  for (const State &one : program.states) {
    const Buffer &buffer = program.buffers[size_t(one.buffer)];
    state.shards.push_back(
        {&one, buffer.dtype, engine->address(one.buffer), buffer.bytes});
  }
  findOwned(state, manifest.states);
}

/// The first two steps meet cold caches and pages.
int64_t Session::tracedStep(int64_t first) const {
  return options.traceStep > 0 ? options.traceStep
                               : std::min(first + 2, options.steps);
}

void Session::steps() {
  started = lastPrint = now();
  int64_t first = checkpoints.doneSteps() + 1;
  for (int64_t step = first; step <= options.steps; ++step) {
    bool traces = !options.traceFile.empty() && step == tracedStep(first);
    if (traces)
      trace.begin(*engine, step);
    double start = now();
    setControls(step);
    fillInputs(step);
    if (!engine->runStep(step, [&] { return beforeUpdate(step); }))
      return;
    if (traces)
      trace.end(*engine);
    metrics.read(*engine);
    skipped.learn(engine->fabric(), metrics);
    noteStep(step);
    doneStep = step;
    reporter.stepSeconds.push_back(now() - start);
    if (rank == 0) {
      progress(step);
      judgeMetrics(step);
    }
    if (step == first || step == options.steps)
      reporter.peakPss = std::max(reporter.peakPss, proportionalSetSize());
    if (size == 1 && !stopReason.empty())
      return;
    if (evaluation &&
        (step % options.evaluateEvery == 0 || step == options.steps))
      evaluate(step);
    hasFailed = !checkpoints.afterStep(
        step, isStopping || step == options.steps,
        badSteps == 0 || skipped.wasSkipped(), skipped.count(), *data, state);
    if (hasFailed || isStopping)
      return;
  }
}

/// Of the state as it is after `step`.
void Session::evaluate(int64_t step) {
  double start = lastPrint = now();
  bool isLast = options.evaluates || step == options.steps;
  evaluation->run(
      *engine, [&] { setControls(std::max<int64_t>(step, 1)); },
      [&](int64_t done) {
        if (rank != 0 || options.quiet ||
            now() - lastPrint < progressInterval())
          return;
        lastPrint = now();
        fprintf(stderr, "%sevaluating: %lld of %lld samples%s",
                isOnTerminal() ? "\033[K" : "", static_cast<long long>(done),
                static_cast<long long>(evaluation->samples()),
                isOnTerminal() ? "\r" : "\n");
      },
      isLast ? options.outputFolder : "");
  if (rank == 0)
    reportEvaluation(step, now() - start);
}

void Session::reportEvaluation(int64_t step, double seconds) {
  std::string values, json;
  for (const auto &[name, value] : evaluation->results()) {
    values += "  " + oneLine(name) + " " + readable(value);
    json += ", \"" + name + "\": " + jsonNumber(value);
  }
  long long samples = evaluation->samples();
  if (!options.quiet)
    fprintf(stderr, "%sevaluation%s:%s  %lld samples\n",
            isOnTerminal() ? "\033[K" : "",
            step > 0 ? (" after step " + std::to_string(step)).c_str() : "",
            values.c_str(), samples);
  if (!metricsFile)
    return;
  std::string line =
      "{\"step\": " + std::to_string(step) +
      ", \"evaluation\": {\"samples\": " + std::to_string(samples) + json +
      ", \"seconds\": " + jsonNumber(seconds) + "}}\n";
  metricsFile->write(line.data(), int64_t(line.size()));
  metricsFile->keep();
}

bool Session::report() {
  if (!options.profileFile.empty() &&
      !allAgree([&] { writeProfile(options.profileFile, rank, *engine); }))
    return false;
  if (trace.hasStep() && !allAgree([&] {
        trace.write(manifest, program, *engine, options.traceFile);
      }))
    return false;
  return allAgree([&] {
    reporter.write(manifest, program, *engine, options.reportFile,
                   options.quiet);
  });
}

bool Session::loadStates() {
  findState();
  // A run that goes on has its parameters from the checkpoint.
  if (checkpoints.isResumed())
    return checkpoints.load(state);
  std::optional<StartWeights> weights;
  if (!allAgree([&] {
        if (!options.weights.empty())
          weights.emplace(options.weights, manifest.states);
        loadState(program, *engine, options.bundle,
                  weights ? weights->names() : std::set<std::string>());
      }))
    return false;
  if (!weights)
    return true;
  if (rank == 0 && !options.quiet)
    say("note", "--weights: " + weights->said());
  return weights->load(state);
}

int Session::run() {
  if (!allAgree([&] { open(); }) || !checkpoints.open() || !allAgree([&] {
        checkpoints.resume();
        openData();
        loadKernels();
        openOutputs();
      }))
    return 1;
  EngineOptions engineOptions;
  engineOptions.transport = options.transport;
  engineOptions.timeoutSeconds = options.timeoutSeconds;
  engineOptions.threads =
      options.threads ? options.threads : int(manifest.threadsPerRank);
  engineOptions.profile = !options.profileFile.empty();
  if (!allAgree([&] {
        std::vector<const Program *> all;
        for (const Program &one : programs)
          all.push_back(&one);
        engine = std::make_unique<Engine>(
            all, MPI_COMM_WORLD,
            [&](const std::string &symbol) -> KernelFunction {
              return kernels ? kernels->find(symbol) : nullptr;
            },
            engineOptions);
      }))
    return 1;
  // A step allocates nothing; after a million steps one in many does.
  reporter.stepSeconds.reserve(
      size_t(std::min<int64_t>(options.steps, 1 << 20)));
  reporter.baselinePss = reporter.peakPss = proportionalSetSize();
  if (!allAgree([&] { engine->connect(); }) ||
      !allAgree([&] { engine->reserve(); }) || !loadStates())
    return 1;
  metrics.connect(engine->fabric(), program);
  skipped.start(metrics, checkpoints.skippedSteps());
  if (evaluation)
    evaluation->connect(*engine);
  if (rank == 0)
    checkpoints.tell();
  values = std::make_unique<ValueCheck>(program, *engine);
  try {
    if (options.evaluates)
      evaluate(checkpoints.isResumed() ? checkpoints.doneSteps() : 0);
    else
      steps();
  } catch (const std::exception &error) {
    // Peers may be inside a collective: only ending the job reaches them.
    say("error", "rank " + std::to_string(rank) + ": " + reasonOf(error));
    metricsFile.reset();
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  if (hasFailed || !allAgree([&] {
        if (!stopReason.empty())
          throw RunError(stopReason);
      }))
    return 1;
  if (isStopping && doneStep < options.steps) {
    checkpoints.tellStop(doneStep);
    return allAgree([&] {
      if (metricsFile)
        metricsFile->close();
    })
               ? kStoppedCode
               : 1;
  }
  if (!options.dumpFolder.empty() &&
      !allAgree([&] { dumpState(program, *engine, options.dumpFolder); }))
    return 1;
  if ((!options.evaluates && !report()) || !allAgree([&] {
        if (metricsFile)
          metricsFile->close();
      }))
    return 1;
  return 0;
}

} // namespace

std::optional<Manifest> readBundleManifest(const std::string &bundle,
                                           std::string &error,
                                           bool allowEdited) {
  std::string path = bundle + "/manifest.json";
  try {
    std::optional<Manifest> manifest =
        readManifest(readFile(path), path, error, allowEdited);
    if (!manifest)
      return std::nullopt;
    std::vector<std::string> faults = checkManifest(*manifest);
    if (faults.empty())
      return manifest;
    error = path + ": " + faults[0];
  } catch (const RunError &fault) {
    error = fault.what();
  }
  return std::nullopt;
}

namespace {

void startMpi() {
  Deadline deadline("starting MPI");
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
}

void endMpi() {
  Deadline deadline("ending MPI");
  MPI_Finalize();
}

} // namespace

int failTogether(const std::string &message) {
  watchDeadlines(0);
  startMpi();
  allAgree([&] { throw RunError(message); });
  endMpi();
  return 1;
}

int runBundle(const RunOptions &options) {
  // A file that grows beyond its limit is an error of write(), not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
  watchDeadlines(options.timeoutSeconds);
  startMpi();
  int code = 1;
  try {
    Session session(options);
    code = session.run();
  } catch (const std::exception &error) {
    // Between the agreements: only ending the job reaches the others.
    say("error", reasonOf(error));
    MPI_Abort(MPI_COMM_WORLD, 1);
  }
  endMpi();
  return code;
}

} // namespace colossal::rank
