//===- PlanFile.cpp - Plans as JSON ---------------------------------------===//

#include "colossal/Plan/PlanFile.h"
#include "colossal/Support/Json.h"

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <set>

using namespace colossal;
using namespace colossal::plan;

static const char *const formatName = "colossal-plan";
constexpr int64_t formatVersion = 1;

static std::string hexOf(uint64_t hash) {
  char text[17];
  snprintf(text, sizeof(text), "%016llx", (unsigned long long)hash);
  return text;
}

static std::string clusterHash(const machine::Cluster &cluster) {
  return hexOf(hashText(machine::writeCluster(cluster)));
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

namespace {
class Writer {
public:
  Writer(const Program &program, const Plan &plan)
      : program(program), plan(plan) {}

  json::Value write(const machine::Cluster &cluster) const {
    json::Value root = json::Value::object();
    root.append("format", formatName);
    root.append("version", formatVersion);
    root.append("structure", hexOf(program.structureHash()));
    root.append("cluster", clusterHash(cluster));
    json::Value mesh = json::Value::array();
    for (const Axis &axis : plan.mesh.axes) {
      json::Value pair = json::Value::array();
      pair.append(axis.name);
      pair.append(axis.size);
      mesh.append(pair);
    }
    root.append("mesh", mesh);
    root.append("stages", plan.mesh.stages.count());
    root.append("device_groups", plan.mesh.stages.groups);
    root.append("microbatches", plan.microbatches);
    root.append("schedule", nameOf(plan.schedule));
    root.append("predicted", predicted());
    json::Value arguments = json::Value::object();
    for (const auto &[value, state] : plan.arguments)
      arguments.append(program.values[value].name, shardingOf(state));
    root.append("arguments", arguments);
    json::Value ops = json::Value::object();
    for (size_t i = 0; i < plan.ops.size(); ++i)
      ops.append(program.ops[i].name, opOf(int(i)));
    root.append("ops", ops);
    json::Value reshards = json::Value::array();
    for (const PlannedReshard &reshard : plan.reshards)
      reshards.append(reshardOf(reshard));
    root.append("reshards", reshards);
    json::Value uses = json::Value::array();
    for (const PlannedUse &use : plan.uses) {
      json::Value entry = json::Value::object();
      entry.append("op", program.ops[use.op].name);
      entry.append("operand", use.operand);
      entry.append("copy", use.copy);
      uses.append(entry);
    }
    root.append("uses", uses);
    json::Value results = json::Value::object();
    for (auto [value, copy] : plan.results)
      if (copy != originalCopy)
        results.append(program.values[value].name, copy);
    root.append("results", results);
    json::Value recomputed = json::Value::array();
    for (const RecomputedCopy &copy : plan.recomputed) {
      json::Value entry = json::Value::object();
      entry.append("value", program.values[copy.value].name);
      if (copy.copy != originalCopy)
        entry.append("copy", copy.copy);
      if (copy.forEachUse)
        entry.append("for_each_use", true);
      recomputed.append(entry);
    }
    if (!plan.recomputed.empty())
      root.append("recomputed", recomputed);
    return root;
  }

private:
  /// Which sub-dimension an axis cuts, and where the value is partial; what is
  /// empty is left out.
  json::Value shardingOf(const Placements &state) const {
    json::Value cut = json::Value::object(), partial = json::Value::object();
    for (size_t a = 0; a < state.size(); ++a) {
      const std::string &name = plan.mesh.axes[a].name;
      if (state[a] >= 0)
        cut.append(name, state[a]);
      else if (state[a] != replicated)
        partial.append(name, factsOf(combinerOf(state[a])).name);
    }
    json::Value object = json::Value::object();
    if (!cut.elements().empty())
      object.append("cut", cut);
    if (!partial.elements().empty())
      object.append("partial", partial);
    return object;
  }

  json::Value opOf(int index) const {
    const PlannedOp &op = plan.ops[index];
    json::Value object = json::Value::object();
    object.append("stage", op.stage);
    object.append("segment", nameOf(op.segment));
    json::Value axes = json::Value::object(), linear = json::Value::object();
    for (size_t a = 0; a < op.axes.size(); ++a) {
      const std::string &name = plan.mesh.axes[a].name;
      if (op.axes[a].factor >= 0)
        axes.append(name, program.ops[index].factors[op.axes[a].factor].name);
      if (op.axes[a].linear.empty())
        continue;
      json::Value operands = json::Value::array();
      for (int operand : op.axes[a].linear)
        operands.append(operand);
      linear.append(name, operands);
    }
    if (!axes.elements().empty())
      object.append("axes", axes);
    if (!linear.elements().empty())
      object.append("linear", linear);
    return object;
  }

  json::Value reshardOf(const PlannedReshard &reshard) const {
    json::Value object = json::Value::object();
    object.append("value", program.values[reshard.value].name);
    if (reshard.source != originalCopy)
      object.append("copy", reshard.source);
    object.append("segment", nameOf(reshard.segment));
    object.append("stage", reshard.stage);
    object.append("from", shardingOf(reshard.from));
    object.append("to", shardingOf(reshard.to));
    return object;
  }

  json::Value predicted() const {
    json::Value object = json::Value::object();
    object.append("step_ns", plan.stepNs);
    json::Value stages = json::Value::array();
    for (const StagePrediction &stage : plan.stages) {
      json::Value entry = json::Value::object();
      entry.append("prologue_ns", stage.times.prologueNs);
      entry.append("forward_ns", stage.times.forwardNs);
      entry.append("backward_ns", stage.times.backwardNs);
      if (stage.recomputeNs > 0)
        entry.append("recompute_ns", stage.recomputeNs);
      entry.append("update_ns", stage.times.updateNs);
      entry.append("communication_ns", stage.communicationNs);
      entry.append("state_bytes", stage.stateBytes);
      entry.append("accumulator_bytes", stage.accumulatorBytes);
      entry.append("activation_bytes", stage.activationBytes);
      entry.append("in_flight", stage.inFlight);
      entry.append("transient_bytes", stage.transientBytes);
      entry.append("peak_bytes", stage.peakBytes);
      stages.append(entry);
    }
    object.append("stages", stages);
    return object;
  }

  const Program &program;
  const Plan &plan;
};
} // namespace

std::string colossal::plan::writePlan(const Program &program,
                                      const machine::Cluster &cluster,
                                      const Plan &plan) {
  return json::write(Writer(program, plan).write(cluster));
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// The enumerator of a word; an error is recorded if it is none.
template <class Enum, size_t count>
static Enum wordOf(const json::Reader &reader, const Enum (&all)[count]) {
  std::vector<std::string> names;
  for (Enum value : all)
    names.push_back(nameOf(value));
  return all[reader.choice(names)];
}

namespace {
class PlanReader {
public:
  PlanReader(const Program &program, int64_t devices)
      : program(program), devices(devices) {
    for (size_t i = 0; i < program.ops.size(); ++i)
      ops.emplace(program.ops[i].name, int(i));
    for (size_t v = 0; v < program.values.size(); ++v)
      values.emplace(program.values[v].name, int(v));
  }

  Plan read(const json::Reader &root) {
    for (const json::Reader &pair : root.field("mesh").elements()) {
      std::vector<json::Reader> parts = pair.elements();
      if (parts.size() != 2) {
        pair.fail("a name and a size");
        return plan;
      }
      plan.mesh.axes.push_back({parts[0].text(), parts[1].integer(1, 1 << 24)});
    }
    plan.microbatches = root.field("microbatches").integer(1, 1 << 24);
    if (!readStages(root) || !checkMesh(root))
      return plan;
    plan.schedule = wordOf(root.field("schedule"), allSchedules);
    readPrediction(root.field("predicted"));
    json::Reader arguments = root.field("arguments");
    for (const std::string &name : arguments.fieldNames()) {
      int value = find(values, name, "value", arguments);
      plan.arguments[value] = sharding(arguments.field(name), value);
    }
    plan.ops.resize(program.ops.size());
    json::Reader planned = root.field("ops");
    for (const Op &op : program.ops)
      readOp(planned.field(op.name), plan.ops[ops[op.name]], op);
    for (const json::Reader &entry : root.field("reshards").elements())
      readReshard(entry);
    for (const json::Reader &entry : root.field("uses").elements()) {
      PlannedUse use;
      use.op = find(ops, entry.field("op").text(), "op", entry.field("op"));
      use.operand = int(entry.field("operand").integer(
          0, int64_t(program.ops[use.op].operands.size()) - 1));
      use.copy = copy(entry.field("copy"));
      plan.uses.push_back(use);
    }
    json::Reader results = root.field("results");
    for (const std::string &name : results.fieldNames())
      plan.results[find(values, name, "value", results)] =
          copy(results.field(name));
    if (root.has("recomputed"))
      for (const json::Reader &entry : root.field("recomputed").elements()) {
        RecomputedCopy recomputed;
        recomputed.value = find(values, entry.field("value").text(), "value",
                                entry.field("value"));
        if (entry.has("copy"))
          recomputed.copy = copy(entry.field("copy"));
        recomputed.forEachUse =
            entry.has("for_each_use") && entry.field("for_each_use").boolean();
        plan.recomputed.push_back(recomputed);
      }
    return plan;
  }

private:
  /// By default each stage has a device group of its own.
  bool readStages(const json::Reader &root) {
    int64_t count = root.field("stages").integer(1, 1 << 24);
    Stages &stages = plan.mesh.stages;
    stages.groups = root.has("device_groups")
                        ? root.field("device_groups").integer(1, 1 << 24)
                        : count;
    stages.chunks = count / stages.groups;
    if (stages.count() != count) {
      root.field("device_groups").fail("a divisor of the number of stages");
      return false;
    }
    if (stages.groups == 1 && stages.chunks > 1) {
      root.field("stages").fail("one stage where there is one device group");
      return false;
    }
    return true;
  }

  /// Axes of distinct names on as many devices as there are.
  bool checkMesh(const json::Reader &root) {
    int64_t count = plan.mesh.stages.groups;
    std::set<std::string> names = {"time", "linear"};
    for (const Axis &axis : plan.mesh.axes) {
      if (axis.name.empty() || !names.insert(axis.name).second) {
        root.field("mesh").fail("axes of distinct names, not 'time'");
        return false;
      }
      count = count > devices ? count : count * axis.size;
    }
    if (count == devices)
      return true;
    root.field("mesh").fail("axes and device groups for " +
                            std::to_string(devices) +
                            " devices, as many as the cluster has");
    return false;
  }

  int find(const std::map<std::string, int> &names, const std::string &name,
           const char *what, const json::Reader &at) {
    auto it = names.find(name);
    if (it != names.end())
      return it->second;
    at.fail(std::string("the name of a ") + what + " of the program");
    return 0;
  }

  int axis(const std::string &name, const json::Reader &at) {
    for (size_t a = 0; a < plan.mesh.axes.size(); ++a)
      if (plan.mesh.axes[a].name == name)
        return int(a);
    at.fail("an axis of the mesh");
    return -1;
  }

  Placements sharding(const json::Reader &reader, int value) {
    Placements state(plan.mesh.axes.size(), replicated);
    int64_t subDims = int64_t(program.values[value].subDims().size());
    for (const char *kind : {"cut", "partial"}) {
      if (!reader.has(kind))
        continue;
      json::Reader axes = reader.field(kind);
      for (const std::string &name : axes.fieldNames()) {
        int a = axis(name, axes);
        if (a < 0)
          continue;
        if (kind == std::string("cut"))
          state[a] = int(axes.field(name).integer(0, subDims - 1));
        else
          state[a] =
              partialOf(Combiner(axes.field(name).choice(combinerTexts())));
      }
    }
    return state;
  }

  int copy(const json::Reader &reader) {
    return int(reader.integer(0, int64_t(plan.reshards.size()) - 1));
  }

  void readOp(const json::Reader &reader, PlannedOp &planned, const Op &op) {
    planned.stage =
        int(reader.field("stage").integer(0, plan.mesh.stages.count() - 1));
    planned.segment = wordOf(reader.field("segment"), allSegments);
    planned.axes.resize(plan.mesh.axes.size());
    if (reader.has("axes"))
      for (const std::string &name : reader.field("axes").fieldNames()) {
        json::Reader entry = reader.field("axes").field(name);
        int a = axis(name, entry);
        std::string factor = entry.text();
        auto it =
            std::find_if(op.factors.begin(), op.factors.end(),
                         [&](const Factor &f) { return f.name == factor; });
        if (a < 0 || it == op.factors.end() || !it->shardable) {
          entry.fail("a factor of the op that can be cut");
          continue;
        }
        planned.axes[a].factor = int(it - op.factors.begin());
      }
    if (reader.has("linear"))
      for (const std::string &name : reader.field("linear").fieldNames()) {
        json::Reader entry = reader.field("linear").field(name);
        int a = axis(name, entry);
        std::vector<int> operands;
        for (const json::Reader &operand : entry.elements())
          operands.push_back(int(operand.integer(0, 1 << 20)));
        if (a < 0 ||
            !std::count(op.linear.begin(), op.linear.end(), operands)) {
          entry.fail("operands in which the op is linear");
          continue;
        }
        planned.axes[a].linear = operands;
      }
  }

  void readReshard(const json::Reader &reader) {
    PlannedReshard reshard;
    reshard.value = find(values, reader.field("value").text(), "value",
                         reader.field("value"));
    if (reader.has("copy"))
      reshard.source = copy(reader.field("copy"));
    reshard.segment = wordOf(reader.field("segment"), allSegments);
    reshard.stage =
        int(reader.field("stage").integer(0, plan.mesh.stages.count() - 1));
    reshard.from = sharding(reader.field("from"), reshard.value);
    reshard.to = sharding(reader.field("to"), reshard.value);
    plan.reshards.push_back(std::move(reshard));
  }

  void readPrediction(const json::Reader &reader) {
    plan.stepNs = reader.field("step_ns").integer(0);
    for (const json::Reader &entry : reader.field("stages").elements()) {
      StagePrediction stage;
      auto get = [&](const char *name) { return entry.field(name).integer(0); };
      stage.times.prologueNs = get("prologue_ns");
      stage.times.forwardNs = get("forward_ns");
      stage.times.backwardNs = get("backward_ns");
      if (entry.has("recompute_ns"))
        stage.recomputeNs = get("recompute_ns");
      stage.times.updateNs = get("update_ns");
      stage.communicationNs = get("communication_ns");
      stage.stateBytes = get("state_bytes");
      stage.accumulatorBytes = get("accumulator_bytes");
      stage.activationBytes = get("activation_bytes");
      stage.inFlight = get("in_flight");
      stage.transientBytes = get("transient_bytes");
      stage.peakBytes = get("peak_bytes");
      plan.stages.push_back(stage);
    }
  }

  const Program &program;
  int64_t devices;
  std::map<std::string, int> ops, values;
  Plan plan;
};
} // namespace

std::optional<Plan> colossal::plan::readPlan(const Program &program,
                                             const machine::Cluster &cluster,
                                             const std::string &text,
                                             const std::string &file,
                                             std::string &error) {
  error.clear();
  json::Document document(file);
  json::Reader root = document.parse(text);
  auto expect = [&](const char *field, const std::string &value,
                    const std::string &meaning) {
    if (document.ok() && root.field(field).text() != value)
      root.field(field).fail("\"" + value + "\", " + meaning);
  };
  expect("format", formatName, "a plan file");
  root.field("version").integer(formatVersion, formatVersion);
  expect("structure", hexOf(program.structureHash()),
         "the structure of this program: the plan was made for another one");
  expect("cluster", clusterHash(cluster),
         "the hash of this cluster: the plan was made for another one");
  Plan plan;
  if (document.ok())
    plan = PlanReader(program, cluster.devices).read(root);
  if (!document.ok()) {
    error = document.error();
    return std::nullopt;
  }
  std::vector<std::string> faults = verifyPlan(program, plan);
  if (!faults.empty()) {
    error = file + ": " + faults.front();
    return std::nullopt;
  }
  return plan;
}
