//===- Trace.cpp - The timeline of a step, predicted and measured ---------===//

#include "Trace.h"

#include "Deadline.h"
#include "JsonFields.h"
#include "OutputFile.h"
#include "colossal/Run/Layout.h"

#include <algorithm>

namespace colossal::rank {

namespace {

/// The threads of a process: ops in the order of the schedule, and those that
/// queues do in the background.
constexpr int kSchedule = 0, kQueue = 1;

/// Events, one a line, as they stand in the list of the file.
class EventList {
public:
  void name(const char *what, int64_t process, const std::string &name,
            int thread = kSchedule) {
    json::Json event = {{"ph", "M"}, {"name", what}, {"pid", process}};
    event["tid"] = thread;
    event["args"] = {{"name", name}};
    add(event);
  }
  void sortIndex(int64_t process, int64_t index) {
    json::Json event = {
        {"ph", "M"}, {"name", "process_sort_index"}, {"pid", process}};
    event["args"] = {{"sort_index", index}};
    add(event);
  }
  /// `begin` and `end` in seconds.
  void slice(int64_t process, const std::string &name, const char *category,
             double begin, double end, json::Json arguments,
             int thread = kSchedule) {
    json::Json event = {{"ph", "X"}, {"name", name}, {"cat", category}};
    event["pid"] = process;
    event["tid"] = thread;
    event["ts"] = begin * 1e6;
    event["dur"] = (end - begin) * 1e6;
    if (!arguments.empty())
      event["args"] = std::move(arguments);
    add(event);
  }
  std::string text;

private:
  void add(const json::Json &event) {
    text += (text.empty() ? "" : ",\n") + json::textOf(event);
  }
};

} // namespace

static std::string entryName(const std::string &segment, int64_t microbatch) {
  return microbatch < 0 ? segment
                        : segment + "[" + std::to_string(microbatch) + "]";
}

static const char *categoryOf(const Op &op) {
  switch (op.kind) {
  case OpKind::AllReduce:
  case OpKind::AllGather:
  case OpKind::ReduceScatter:
  case OpKind::AllToAll:
  case OpKind::Send:
  case OpKind::Recv:
  case OpKind::Wait:
    return "communication";
  case OpKind::Fill:
  case OpKind::Copy:
    return "memory";
  default:
    return "compute";
  }
}

/// "rank 3 (device group 1, data = 1)".
static std::string nameOfRank(const Program &program, int rank,
                              int64_t device) {
  Coordinate coordinate = coordinateOf(program, device);
  std::string text = "rank " + std::to_string(rank) + " (device group " +
                     std::to_string(program.group);
  for (const Axis &axis : program.mesh)
    text += ", " + axis.name + " = " +
            std::to_string(coordinate.positionOf(axis.name));
  return text + ")";
}

void Trace::begin(Engine &engine, int64_t number) {
  step = number;
  // Room beforehand: a step allocates nothing.
  ops.reserve(engine.opsOfAStep());
  {
    Deadline deadline("starting a trace");
    MPI_Barrier(engine.fabric().world());
  }
  origin = Engine::now();
  engine.record(&ops);
}

void Trace::end(Engine &engine) { engine.record(nullptr); }

void Trace::write(const Manifest &manifest, const Program &program,
                  Engine &engine, const std::string &file) const {
  Fabric &fabric = engine.fabric();
  int rank = fabric.rank();
  int64_t predicted = 2 * rank, measured = 2 * rank + 1;
  std::string own = nameOfRank(program, rank, fabric.device());
  EventList events;
  events.name("process_name", predicted, own + ": predicted");
  events.name("process_name", measured, own + ": measured");
  for (int64_t process : {predicted, measured}) {
    events.name("thread_name", process, "schedule");
    events.sortIndex(process, process);
  }
  for (const PredictedEntry &entry : manifest.find(program.name)->predicted)
    if (entry.group == program.group)
      events.slice(predicted, entryName(entry.segment, entry.microbatch),
                   "schedule", entry.beginSeconds, entry.endSeconds,
                   json::Json::object());
  auto addOp = [&](const TracedOp &traced) {
    const Op &op = *traced.op;
    json::Json arguments = {{"kind", nameOf(op.kind)}};
    if (!op.source.empty())
      arguments["source"] = op.source;
    if (op.kind == OpKind::Kernel)
      arguments["kernel"] = op.symbol;
    if (op.token > 0)
      arguments["token"] = op.token;
    events.slice(measured, op.name.empty() ? nameOf(op.kind) : op.name,
                 categoryOf(op), traced.begin - origin, traced.end - origin,
                 std::move(arguments), traced.background ? kQueue : kSchedule);
  };
  std::vector<TracedOp> inOrder, background;
  for (const TracedOp &op : ops)
    (op.background ? background : inOrder).push_back(op);
  for (auto first = inOrder.begin(); first != inOrder.end();) {
    auto last = std::find_if(first, inOrder.end(), [&](const TracedOp &op) {
      return op.entry != first->entry;
    });
    const Step &entry = program.schedule[first->entry];
    events.slice(measured, entryName(entry.segment, entry.microbatch),
                 "schedule", first->begin - origin, (last - 1)->end - origin,
                 json::Json::object());
    std::for_each(first, last, addOp);
    first = last;
  }
  if (!background.empty())
    events.name("thread_name", measured, "communication", kQueue);
  std::for_each(background.begin(), background.end(), addOp);
  // Rank by rank: the events of one fit into a message.
  Deadline deadline("collecting the trace");
  if (rank != 0) {
    int64_t length = int64_t(events.text.size());
    MPI_Send(&length, 1, MPI_INT64_T, 0, 0, fabric.world());
    MPI_Send(events.text.data(), int(length), MPI_CHAR, 0, 0, fabric.world());
    return;
  }
  std::string text =
      "{\"displayTimeUnit\": \"ms\", \"otherData\": {\"model\": " +
      json::textOf(json::Json(manifest.model)) +
      ", \"step\": " + std::to_string(step) + ", \"predictedStepSeconds\": " +
      json::textOf(
          json::Json(manifest.find(program.name)->predictedStepSeconds)) +
      "},\n\"traceEvents\": [\n" + events.text;
  for (int other = 1; other < fabric.size(); ++other) {
    int64_t length = 0;
    MPI_Recv(&length, 1, MPI_INT64_T, other, 0, fabric.world(),
             MPI_STATUS_IGNORE);
    std::string theirs(size_t(length), ' ');
    MPI_Recv(theirs.data(), int(length), MPI_CHAR, other, 0, fabric.world(),
             MPI_STATUS_IGNORE);
    text += ",\n" + theirs;
  }
  writeOutput("--trace", file, text + "\n]}\n");
}

} // namespace colossal::rank
