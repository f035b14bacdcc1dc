//===- RunReport.cpp - Predicted against measured -------------------------===//

#include "RunReport.h"

#include "Deadline.h"
#include "JsonFields.h"
#include "OutputFile.h"

#include <algorithm>
#include <cmath>

namespace colossal::rank {

namespace {

/// What travels to rank 0.
struct RankFigures {
  int64_t group, arena, window, staging, scratch, live, predicted, baseline,
      peak;
  double seconds;
};

} // namespace

std::string jsonNumber(double value) {
  if (!std::isfinite(value))
    return "null";
  char text[64];
  snprintf(text, sizeof(text), "%.9g", value);
  return text;
}

double RunReport::medianSeconds() const {
  std::vector<double> sorted(stepSeconds.begin() + (stepSeconds.size() > 1),
                             stepSeconds.end());
  if (sorted.empty())
    return 0;
  std::sort(sorted.begin(), sorted.end());
  size_t half = sorted.size() / 2;
  return sorted.size() % 2 ? sorted[half]
                           : (sorted[half - 1] + sorted[half]) / 2;
}

void RunReport::write(const Manifest &manifest, const Program &program,
                      Engine &engine, const std::string &path,
                      bool quiet) const {
  MemoryUse memory = engine.memory();
  const ProgramSchema &schema = *manifest.find(program.name);
  RankFigures own{program.group,
                  memory.arena,
                  memory.window,
                  memory.staging,
                  memory.scratch,
                  program.liveBytes,
                  manifest.predictedPeakBytes.empty()
                      ? 0
                      : manifest.predictedPeakBytes[size_t(program.group)],
                  baselinePss,
                  peakPss,
                  medianSeconds()};
  Fabric &fabric = engine.fabric();
  std::vector<RankFigures> all(size_t(fabric.size()));
  {
    Deadline deadline("collecting the report");
    MPI_Gather(&own, int(sizeof(own)), MPI_BYTE, all.data(), int(sizeof(own)),
               MPI_BYTE, 0, fabric.world());
  }
  if (fabric.rank() != 0)
    return;
  nlohmann::ordered_json document;
  document["steps"] = stepSeconds.size();
  document["tokens_per_step"] = schema.tokensPerStep;
  document["predicted_step_seconds"] = schema.predictedStepSeconds;
  document["measured_step_seconds_median"] = own.seconds;
  document["step_seconds"] = stepSeconds;
  for (size_t rank = 0; rank < all.size(); ++rank) {
    const RankFigures &figures = all[rank];
    nlohmann::ordered_json entry;
    entry["rank"] = rank;
    entry["group"] = figures.group;
    entry["step_seconds_median"] = figures.seconds;
    entry["arena_bytes"] = figures.arena;
    entry["window_bytes"] = figures.window;
    entry["staging_bytes"] = figures.staging;
    entry["scratch_bytes"] = figures.scratch;
    entry["live_bytes"] = figures.live;
    entry["predicted_peak_bytes"] = figures.predicted;
    entry["baseline_pss_bytes"] = figures.baseline;
    entry["peak_pss_bytes"] = figures.peak;
    entry["measured_bytes"] = figures.peak - figures.baseline;
    document["ranks"].push_back(entry);
  }
  if (!path.empty())
    writeOutput("--report", path, json::textOf(document, 2) + "\n");
  if (quiet || stepSeconds.empty())
    return;
  int64_t predicted = 0, measured = 0;
  for (const RankFigures &figures : all) {
    predicted = std::max(predicted, figures.predicted);
    measured = std::max(measured, figures.peak - figures.baseline);
  }
  fprintf(stderr,
          "step time: predicted %.4f s, measured %.4f s (median); memory of "
          "the largest rank: predicted %.1f MiB, measured %.1f MiB\n",
          schema.predictedStepSeconds, own.seconds, double(predicted) / 1048576,
          double(measured) / 1048576);
}

void writeProfile(const std::string &path, int rank, const Engine &engine) {
  if (rank != 0)
    return;
  std::string text;
  for (const ProfileEntry &entry : engine.profile()) {
    char line[512];
    double calls = double(std::max<int64_t>(1, entry.calls));
    snprintf(line, sizeof(line), "%10.3f ms  %6lld calls  %8.1f us  %s %s",
             entry.seconds * 1e3, static_cast<long long>(entry.calls),
             entry.seconds * 1e6 / calls, entry.kind.c_str(),
             entry.name.c_str());
    text += line;
    if (entry.flops > 0 && entry.seconds > 0) {
      snprintf(line, sizeof(line), "  %.1f GFLOP/s",
               entry.flops / entry.seconds * 1e-9);
      text += line;
    }
    text += "\n";
  }
  writeOutput("--profile", path, text);
}

} // namespace colossal::rank
