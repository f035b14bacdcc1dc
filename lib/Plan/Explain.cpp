//===- Explain.cpp - Plans in words ---------------------------------------===//

#include "colossal/Plan/PlanFile.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <set>

using namespace colossal;
using namespace colossal::plan;

static std::string format(const char *pattern, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, pattern);
  vsnprintf(text, sizeof(text), pattern, arguments);
  va_end(arguments);
  return text;
}

static double milliseconds(int64_t ns) { return double(ns) * 1e-6; }
/// "12.3 MiB", "4.5 KiB".
static std::string sizeText(int64_t bytes) {
  if (bytes >= 10 << 20)
    return format("%.1f MiB", double(bytes) / double(1 << 20));
  return format("%.1f KiB", double(bytes) / double(1 << 10));
}

/// What an axis does with parameters, gradients that wait for the update, and
/// optimizer state.
static std::string describeAxis(const Program &program, const Plan &plan,
                                size_t axis) {
  struct Share {
    int64_t all = 0, cut = 0;
    void add(const ProgramValue &value, bool isCut) {
      int64_t bytes = value.elements() * value.elementBytes;
      all += bytes;
      cut += isCut ? bytes : 0;
    }
    int percent() const { return all == 0 ? 0 : int(100 * cut / all); }
  };
  Share parameters, gradients, state;
  for (const auto &[index, sharding] : plan.arguments) {
    const ProgramValue &value = program.values[index];
    if (value.role == Role::Parameter)
      parameters.add(value, sharding[axis] >= 0);
    else if (value.role == Role::Optimizer)
      state.add(value, sharding[axis] >= 0);
  }
  for (const auto &[value, sharding] : leftByBackward(program, plan))
    gradients.add(program.values[value], sharding[axis] >= 0);
  return format("cuts %d%% of the parameters, %d%% of the gradients and %d%% "
                "of the optimizer state",
                parameters.percent(), gradients.percent(), state.percent());
}

/// Gathers of tuples in a segment: one for each result of an op that is cut
/// along what it reduces.
static int countTupleGathers(const Program &program, const Plan &plan,
                             Segment segment) {
  int count = 0;
  for (size_t i = 0; i < plan.ops.size(); ++i) {
    const Op &op = program.ops[i];
    bool isCut =
        std::any_of(plan.ops[i].axes.begin(), plan.ops[i].axes.end(),
                    [&](const PlannedAxis &axis) {
                      return axis.factor >= 0 &&
                             op.factors[axis.factor].combiner &&
                             isTuple(*op.factors[axis.factor].combiner);
                    });
    if (isCut && plan.ops[i].segment == segment)
      count += int(op.results.size());
  }
  return count;
}

/// Reshards by segment and kind: "forward: 24 all-reduce, 2 all-gather".
static std::string describeReshards(const Program &program, const Plan &plan) {
  std::string text;
  for (int s = 0; s < segmentCount; ++s) {
    std::map<std::string, int> counts;
    if (int gathers = countTupleGathers(program, plan, Segment(s)))
      counts["all-gather"] = gathers;
    for (const PlannedReshard &reshard : plan.reshards) {
      if (int(reshard.segment) != s)
        continue;
      for (size_t a = 0; a < reshard.from.size(); ++a) {
        int from = reshard.from[a], to = reshard.to[a];
        if (from == to)
          continue;
        ++counts[isPartial(from) && to == replicated ? "all-reduce"
                 : isPartial(from)                   ? "reduce-scatter"
                 : from >= 0 && to == replicated     ? "all-gather"
                 : from >= 0                         ? "all-to-all"
                                                     : "slice"];
      }
    }
    std::string line;
    for (const auto &[kind, count] : counts)
      line += (line.empty() ? "" : ", ") + std::to_string(count) + " " + kind;
    if (!line.empty())
      text += std::string("  ") + nameOf(Segment(s)) + ": " + line + "\n";
  }
  return text;
}

std::string
colossal::plan::explainPlan(const Program &program, const Plan &plan,
                            const std::vector<Candidate> &candidates) {
  std::string text = format(
      "plan for %lld devices: ",
      (long long)(plan.mesh.stages.groups * plan.mesh.devicesPerGroup()));
  const Stages &stages = plan.mesh.stages;
  text += format("%lld stage%s", (long long)stages.count(),
                 stages.count() == 1 ? "" : "s");
  if (stages.chunks > 1)
    text += format(" on %lld device groups", (long long)stages.groups);
  text += ", mesh ";
  if (plan.mesh.axes.empty())
    text += "of one device";
  for (size_t a = 0; a < plan.mesh.axes.size(); ++a)
    text += format("%s%s=%lld", a ? " x " : "", plan.mesh.axes[a].name.c_str(),
                   (long long)plan.mesh.axes[a].size);
  text +=
      format(", %lld microbatch%s, schedule %s\n", (long long)plan.microbatches,
             plan.microbatches == 1 ? "" : "es", nameOf(plan.schedule));
  if (Batching batching = analyzeBatching(program); !batching.divisible)
    text += "  one microbatch: with more the result would be another one, " +
            batching.reason + "\n";
  for (size_t a = 0; a < plan.mesh.axes.size(); ++a)
    text += "  axis " + plan.mesh.axes[a].name + " " +
            describeAxis(program, plan, a) + "\n";
  text += format("predicted step: %.3f ms\n", milliseconds(plan.stepNs));
  for (size_t s = 0; s < plan.stages.size(); ++s) {
    const StagePrediction &stage = plan.stages[s];
    text += format(
        "  stage %zu: forward %.3f ms, backward %.3f ms (each microbatch), "
        "prologue and update %.3f ms, communication %.3f ms of the step\n",
        s, milliseconds(stage.times.forwardNs),
        milliseconds(stage.times.backwardNs),
        milliseconds(stage.times.prologueNs + stage.times.updateNs),
        milliseconds(stage.communicationNs));
    if (stage.recomputeNs > 0)
      text += format("    computes again in backward: %.3f ms (each "
                     "microbatch)\n",
                     milliseconds(stage.recomputeNs));
    text += "    memory " + sizeText(stage.peakBytes) + " at the peak: state " +
            sizeText(stage.stateBytes) + ", gradients " +
            sizeText(stage.accumulatorBytes) + ", activations " +
            sizeText(stage.activationBytes * stage.inFlight) +
            format(" (%lld in flight), buffers ", (long long)stage.inFlight) +
            sizeText(stage.transientBytes) + "\n";
  }
  std::string reshards = describeReshards(program, plan);
  if (!reshards.empty())
    text += "collectives and slices:\n" + reshards;
  // The best of every other division.
  std::set<std::string> seen;
  std::string others;
  for (const Candidate &candidate : candidates) {
    if (!seen.insert(candidate.label).second)
      continue;
    if (candidate.isBound) {
      others += format("  %-28s %10.3f ms or more\n", candidate.label.c_str(),
                       milliseconds(candidate.stepNs));
      continue;
    }
    others +=
        format("  %-28s %10.3f ms, ", candidate.label.c_str(),
               milliseconds(candidate.stepNs)) +
        sizeText(candidate.memoryBytes) +
        format(", %lld microbatch%s%s\n", (long long)candidate.microbatches,
               candidate.microbatches == 1 ? "" : "es",
               candidate.fits ? "" : ", does not fit");
  }
  if (!others.empty())
    text += "best of each division (axis: free to serve anything):\n" + others;
  return text;
}
