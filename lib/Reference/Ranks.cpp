//===- Ranks.cpp - N ranks in one process ---------------------------------===//

#include "colossal/Reference/Ranks.h"
#include "Colossal/IR/MeshAttribute.h"
#include "RankTask.h"
#include "colossal/Reference/Collectives.h"
#include "colossal/Reference/Compare.h"
#include "colossal/Timeline/Schedule.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

//===----------------------------------------------------------------------===//
// Mesh and steps
//===----------------------------------------------------------------------===//

std::optional<Mesh> Mesh::get(ModuleOp module, std::string &error) {
  Mesh mesh;
  MeshAttr axes = meshOf(module);
  if (!axes) {
    error = "found no 'colossal.mesh' on the module, expected a partitioned "
            "program";
    return std::nullopt;
  }
  for (MeshAxisAttr axis : axes.getAxes())
    mesh.axes.push_back({axis.getName().str(), axis.getSize()});
  mesh.stages = stagesOf(module).value_or(Stages());
  mesh.microbatches = microbatchesOf(module).value_or(1);
  mesh.schedule = scheduleOf(module);
  return mesh;
}

int64_t Mesh::devices() const {
  int64_t count = 1;
  for (const auto &[axis, size] : axes)
    count *= size;
  return count;
}

Place Mesh::placeOf(int64_t rank) const {
  Place place;
  int64_t device = rank % devices();
  for (const auto &[axis, size] : llvm::reverse(axes)) {
    place.sizes[axis] = size;
    place.coordinates[axis] = device % size;
    device /= size;
  }
  return place;
}

std::vector<int64_t> Mesh::membersOf(int64_t rank,
                                     ArrayRef<std::string> axes) const {
  Place place = placeOf(rank);
  std::map<int64_t, int64_t> members; // by number
  int64_t first = rank / devices() * devices();
  for (int64_t other = first; other < first + devices(); ++other) {
    Place there = placeOf(other);
    bool inGroup = llvm::all_of(this->axes, [&](const auto &axis) {
      return llvm::is_contained(axes, axis.first) ||
             there.coordinate(axis.first) == place.coordinate(axis.first);
    });
    int64_t number = 0;
    for (const std::string &axis : axes)
      number = number * there.sizes[axis] + there.coordinate(axis);
    if (inGroup)
      members[number] = other;
  }
  std::vector<int64_t> result;
  for (auto [number, member] : members)
    result.push_back(member);
  return result;
}

void Mesh::setMicrobatch(Place &place, int64_t microbatch) const {
  std::string time = names::timeAxis.str();
  place.sizes[time] = microbatch >= 0 ? microbatches : 1;
  if (microbatch >= 0)
    place.coordinates[time] = microbatch;
  else
    place.coordinates.erase(time);
}

TensorRef colossal::reference::shardArgument(func::FuncOp function,
                                             unsigned index,
                                             const TensorRef &whole,
                                             const Place &place,
                                             std::string &error) {
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[index]);
  std::optional<Layout> layout =
      Layout::get(function.getArgAttrDict(index), type, place, error);
  if (!layout)
    return nullptr;
  if (whole->shape != layout->globalShape() ||
      whole->kind != elementKindOf(type.getElementType())) {
    error = "the value given for '" + argumentName(function, index) +
            "' has another shape or type";
    return nullptr;
  }
  return layout->shard(whole, place);
}

std::optional<std::vector<std::vector<RankStep>>>
colossal::reference::rankSteps(ModuleOp module, const Mesh &mesh,
                               std::string &error) {
  std::map<std::string, func::FuncOp> functions;
  for (func::FuncOp function : module.getOps<func::FuncOp>()) {
    if (!isExecutable(function, error))
      return std::nullopt;
    functions[function.getName().str()] = function;
  }
  std::vector<std::vector<RankStep>> steps;
  for (int64_t group = 0; group < mesh.stages.groups; ++group) {
    std::vector<RankStep> list;
    for (const timeline::Step &step : timeline::scheduleOrder(
             mesh.schedule, group, mesh.stages, mesh.microbatches)) {
      auto found = functions.find(functionOf(step.segment));
      if (found != functions.end())
        list.push_back({found->second, step.microbatch, nullptr});
    }
    steps.insert(steps.end(), mesh.devices(), list);
  }
  if (llvm::all_of(steps, [](const auto &list) { return list.empty(); })) {
    error = "found no function @stage0.forward, expected a partitioned program";
    return std::nullopt;
  }
  return steps;
}

//===----------------------------------------------------------------------===//
// Execution
//===----------------------------------------------------------------------===//

namespace {
class Execution {
public:
  Execution(const Mesh &mesh, const std::vector<std::vector<RankStep>> &steps,
            const NamedTensors &values, const RankOptions &options)
      : mesh(mesh), random(options.seed), checker(options.checker) {
    for (int64_t rank = 0; rank < mesh.ranks(); ++rank)
      tasks.emplace_back(rank, mesh, steps[rank], values, options);
  }

  bool run(std::string &error);
  std::optional<StepResult> results(std::string &error);

private:
  enum class Progress { Moved, Waits, Fails };
  Progress advance(int64_t rank, std::string &error);
  Progress meet(int64_t rank, Operation *op, std::string &error);
  Progress transfer(int64_t rank, Operation *op, std::string &error);
  std::string describeAll() const;

  struct Message {
    TensorRef value;
    Operation *sender;
    int64_t microbatch;
  };

  const Mesh &mesh;
  Random random;
  RankChecker *checker;
  std::vector<RankTask> tasks;
  /// Values on their way: sender, receiver, tag.
  std::map<std::tuple<int64_t, int64_t, int64_t>, Message> messages;
};
} // namespace

std::string Execution::describeAll() const {
  std::string text;
  for (const RankTask &task : tasks)
    text += "\n  " + task.describe();
  return text;
}

/// Whether two ranks execute the same collective.
static bool matches(Operation *a, Operation *b) {
  if (a == b)
    return true;
  return a->getName() == b->getName() &&
         a->getAttrDictionary() == b->getAttrDictionary() &&
         a->getOperandTypes() == b->getOperandTypes() &&
         a->getResultTypes() == b->getResultTypes();
}

Execution::Progress Execution::meet(int64_t rank, Operation *op,
                                    std::string &error) {
  for (const std::string &axis : axesOf(op))
    if (llvm::none_of(mesh.axes,
                      [&](const auto &entry) { return entry.first == axis; })) {
      error = tasks[rank].describe() + ": found axis '" + axis +
              "', expected axes of the mesh";
      return Progress::Fails;
    }
  std::vector<int64_t> group = mesh.membersOf(rank, axesOf(op));
  bool allHere = true, equal = true;
  for (int64_t other : group) {
    Operation *there = tasks[other].current(error);
    if (!there && !tasks[other].isFinished())
      return Progress::Fails;
    if (!there || !isCollective(there) ||
        mesh.membersOf(other, axesOf(there)) != group) {
      allHere = false;
      continue;
    }
    equal &= matches(op, there) &&
             tasks[other].microbatch() == tasks[rank].microbatch();
  }
  if (!equal) {
    error = "the ranks of a group are at different collectives:";
    for (int64_t other : group)
      error += "\n  " + tasks[other].describe();
    return Progress::Fails;
  }
  if (!allHere)
    return Progress::Waits;
  Tensors inputs;
  for (int64_t other : group)
    inputs.push_back(tasks[other].operand(0));
  Tensors results = evaluateCollective(op, inputs);
  for (auto [other, result] : llvm::zip(group, results))
    if (!tasks[other].complete(result, error))
      return Progress::Fails;
  return Progress::Moved;
}

Execution::Progress Execution::transfer(int64_t rank, Operation *op,
                                        std::string &error) {
  int64_t device = rank % mesh.devices();
  auto send = dyn_cast<SendOp>(op);
  auto receive = dyn_cast<RecvOp>(op);
  int64_t peer = send ? send.getPeer() : receive.getPeer();
  int64_t tag = send ? send.getTag() : receive.getTag();
  if (peer < 0 || peer >= mesh.stages.groups) {
    error =
        tasks[rank].describe() + ": found a device group that does not exist";
    return Progress::Fails;
  }
  int64_t other = peer * mesh.devices() + device;
  if (send) {
    Message message = {tasks[rank].operand(0), op, tasks[rank].microbatch()};
    if (!messages.try_emplace({rank, other, tag}, message).second)
      return Progress::Waits;
    return tasks[rank].complete({}, error) ? Progress::Moved : Progress::Fails;
  }
  auto found = messages.find({other, rank, tag});
  if (found == messages.end())
    return Progress::Waits;
  const Message &message = found->second;
  auto sent = cast<SendOp>(message.sender);
  if (sent.getName() != receive.getName() ||
      message.microbatch != tasks[rank].microbatch() ||
      sent.getInput().getType() != receive.getType()) {
    error = tasks[rank].describe() + ": found \"" + sent.getName().str() +
            "\" of microbatch " + std::to_string(message.microbatch) +
            " from rank " + std::to_string(other) +
            ", expected the value of the same name, type and microbatch";
    return Progress::Fails;
  }
  TensorRef value = message.value;
  messages.erase(found);
  return tasks[rank].complete(value, error) ? Progress::Moved : Progress::Fails;
}

Execution::Progress Execution::advance(int64_t rank, std::string &error) {
  Operation *op = tasks[rank].current(error);
  if (!op)
    return error.empty() ? Progress::Waits : Progress::Fails;
  if (isCollective(op))
    return meet(rank, op, error);
  if (isa<SendOp, RecvOp>(op))
    return transfer(rank, op, error);
  return tasks[rank].executeLocal(error) ? Progress::Moved : Progress::Fails;
}

bool Execution::run(std::string &error) {
  // Ranks that may be able to move; one that waits comes back when another
  // rank has moved past a collective or a transfer.
  std::vector<int64_t> ready, waiting;
  for (int64_t rank = 0; rank < mesh.ranks(); ++rank)
    ready.push_back(rank);
  while (!ready.empty()) {
    size_t pick = random.integer(0, ready.size() - 1);
    int64_t rank = ready[pick];
    bool communicated = false, waits = false;
    for (int64_t count = random.integer(1, 8); count > 0 && !waits; --count) {
      Operation *op = tasks[rank].current(error);
      switch (advance(rank, error)) {
      case Progress::Fails:
        return false;
      case Progress::Waits:
        waits = true;
        break;
      case Progress::Moved:
        communicated |= isCollective(op) || isa<SendOp, RecvOp>(op);
        break;
      }
    }
    if (waits) {
      ready.erase(ready.begin() + pick);
      if (!tasks[rank].isFinished())
        waiting.push_back(rank);
    }
    if (communicated) {
      ready.insert(ready.end(), waiting.begin(), waiting.end());
      waiting.clear();
    }
  }
  if (!waiting.empty()) {
    error = "deadlock: no rank can go on:" + describeAll();
    return false;
  }
  for (const auto &[key, message] : messages) {
    error = "rank " + std::to_string(std::get<0>(key)) + " sends \"" +
            cast<SendOp>(message.sender).getName().str() + "\", but rank " +
            std::to_string(std::get<1>(key)) + " does not receive it";
    return false;
  }
  return true;
}

std::optional<StepResult> Execution::results(std::string &error) {
  StepResult result;
  std::map<std::string, Gatherer> gatherers, outputs;
  for (auto [rank, task] : llvm::enumerate(tasks)) {
    auto fail = [&](const std::string &what, const std::string &reason) {
      error = "rank " + std::to_string(rank) + ": " + what + ": " + reason;
      return std::nullopt;
    };
    std::string reason;
    for (auto &[name, update] : task.updates) {
      auto &gatherer =
          gatherers.try_emplace(name, update.layout, update.value->kind)
              .first->second;
      if (!gatherer.add(update.value, task.place(), reason))
        return fail("state '" + name + "'", reason);
    }
    for (const RankTask::Returned &returned : task.outputs) {
      const LocalOutput &output = returned.output;
      auto &gatherer =
          outputs.try_emplace(output.name, returned.layout, output.value->kind)
              .first->second;
      if (!gatherer.add(output.value, returned.place, reason))
        return fail("output '" + output.name + "'", reason);
    }
    if (checker) {
      NamedTensors state;
      for (auto &[name, update] : task.updates)
        state[name] = update.value;
      std::vector<LocalOutput> outputs;
      for (const RankTask::Returned &returned : task.outputs)
        outputs.push_back(returned.output);
      if (!checker->finished(rank, state, task.metrics, outputs, reason)) {
        error = "rank " + std::to_string(rank) + ": " + reason;
        return std::nullopt;
      }
    }
    for (auto &[name, value] : task.metrics) {
      TensorRef &other = result.metrics.try_emplace(name, value).first->second;
      if (relativeError(*value, *other) != 0.0)
        return fail("metric '" + name + "'",
                    "found " + std::to_string(value->number(0)) +
                        ", expected " + std::to_string(other->number(0)) +
                        " as on another rank");
    }
  }
  auto finish = [&](std::map<std::string, Gatherer> &all, const char *kind,
                    NamedTensors &to) {
    for (auto &[name, gatherer] : all) {
      std::string reason;
      TensorRef whole = gatherer.finish(reason);
      if (!whole) {
        error = std::string(kind) + " '" + name + "': " + reason;
        return false;
      }
      to[name] = whole;
    }
    return true;
  };
  if (!finish(gatherers, "state", result.state) ||
      !finish(outputs, "output", result.outputs))
    return std::nullopt;
  return result;
}

std::optional<StepResult>
colossal::reference::runStep(const Mesh &mesh,
                             const std::vector<std::vector<RankStep>> &steps,
                             const NamedTensors &values,
                             const RankOptions &options, std::string &error) {
  error.clear();
  Execution execution(mesh, steps, values, options);
  if (!execution.run(error))
    return std::nullopt;
  return execution.results(error);
}

std::optional<StepResult>
colossal::reference::runStep(ModuleOp module, const NamedTensors &values,
                             const RankOptions &options, std::string &error) {
  std::optional<Mesh> mesh = Mesh::get(module, error);
  if (!mesh)
    return std::nullopt;
  auto steps = rankSteps(module, *mesh, error);
  if (!steps)
    return std::nullopt;
  return runStep(*mesh, *steps, values, options, error);
}
