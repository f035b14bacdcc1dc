//===- Engine.cpp - Executes a rank program -------------------------------===//

#include "Engine.h"

#include "CollectiveQueue.h"
#include "ProgramCheck.h"
#include "RunError.h"
#include "Staging.h"
#include "Transfers.h"
#include "colossal/Run/Elements.h"

#include <algorithm>
#include <cstring>
#include <sys/mman.h>
#include <tuple>

namespace colossal::rank {

namespace {

/// Anonymous memory on huge pages where the system grants them.
class Region {
public:
  ~Region() {
    if (base)
      munmap(base, size);
  }
  void reserve(int64_t bytes, const char *what) {
    if (bytes == 0)
      return;
    constexpr size_t huge = 2 << 20;
    size = (size_t(bytes) + huge - 1) / huge * huge;
    void *memory = mmap(nullptr, size + huge, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
      throw RunError(std::string(what) + ": cannot reserve " +
                     std::to_string(bytes) +
                     " bytes; compile with a smaller --memory");
    // Keep an aligned part: the ends go back.
    auto begin = reinterpret_cast<uintptr_t>(memory);
    uintptr_t aligned = (begin + huge - 1) / huge * huge;
    if (aligned > begin)
      munmap(memory, aligned - begin);
    munmap(reinterpret_cast<void *>(aligned + size), begin + huge - aligned);
    base = reinterpret_cast<char *>(aligned);
    madvise(base, size, MADV_HUGEPAGE);
    for (int64_t at = 0; at < bytes; at += 4096)
      base[at] = 0;
  }
  char *data() const { return base; }

private:
  char *base = nullptr;
  size_t size = 0;
};

/// One op, with everything looked up.
struct Action {
  const Op *op = nullptr;
  CompiledOps::Call call; ///< of what is compiled
  Group *group = nullptr;
  /// Kernel indices: constant and stride of the microbatch.
  std::vector<std::pair<int64_t, int64_t>> indices;
  // Room for the arguments of a call: a step allocates nothing.
  std::vector<char *> bufferValues;
  std::vector<int64_t> indexValues;
  // Measured.
  double seconds = 0;
  int64_t calls = 0;
};

/// A program, ready to run.
struct Loaded {
  const Program *program = nullptr;
  std::vector<std::vector<Action>> segments;
  /// The schedule as (segment number, microbatch).
  std::vector<std::pair<size_t, int64_t>> schedule;
  std::unique_ptr<Transfers> transfers;
};
} // namespace

struct Engine::Impl {
  Impl(const std::vector<const Program *> &programs, MPI_Comm world,
       const KernelLookup &kernels, const EngineOptions &options)
      : options(options), compiled(Threads(options.threads), kernels),
        fabric(world, *programs.front(), devicesOf(*programs.front()),
               options.transport, options.timeoutSeconds),
        collectives(fabric), queue(fabric, collectives) {
    fabric.whileWaiting = [this] { return queue.progress(); };
    for (const Program *program : programs) {
      loaded.emplace_back();
      loaded.back().program = program;
      arenaBytes = std::max(arenaBytes, program->arenaBytes);
      windowBytes = std::max(windowBytes, program->windowBytes);
    }
    current = &loaded.front();
  }

  static int64_t devicesOf(const Program &program) {
    int64_t devices = 1;
    for (const Axis &axis : program.mesh)
      devices *= axis.size;
    return devices;
  }

  const Program &program() const { return *current->program; }
  bool isUpdate(size_t segment) const {
    return program().segments[segment].name == "update";
  }
  void load(Loaded &one);
  Action prepare(const Op &op);
  /// `entry`: of the schedule, for the trace.
  void execute(Action &action, int64_t microbatch, size_t entry);
  /// Lets what is under way go on; between ops.
  void progress() {
    current->transfers->progress();
    queue.progress();
  }
  void fill(const Op &op, char *data);
  char *address(int64_t id, int64_t microbatch) const {
    const Buffer &buffer = program().buffers[id];
    char *base = buffer.space == Space::Arena ? arena.data() : window.data();
    int64_t slot = microbatch < 0 ? 0 : microbatch % buffer.slots;
    return base + buffer.offset + slot * buffer.slotStride;
  }

  EngineOptions options;
  CompiledOps compiled;
  Fabric fabric;
  Collectives collectives;
  CollectiveQueue queue;
  std::vector<Loaded> loaded;
  Loaded *current = nullptr;
  std::vector<TracedOp> *traced = nullptr;
  Region arena, window, scratch;
  int64_t arenaBytes = 0, windowBytes = 0;
};

Action Engine::Impl::prepare(const Op &op) {
  Action action;
  action.op = &op;
  Coordinate coordinate = coordinateOf(program(), fabric.device());
  for (const AffineOffset &affine : op.indices) {
    AffineOffset fixed = affine;
    int64_t perMicrobatch = 0;
    fixed.terms.clear();
    for (const auto &term : affine.terms) {
      if (term.first == "time")
        perMicrobatch += term.second;
      else
        fixed.terms.push_back(term);
    }
    action.indices.push_back({evaluate(fixed, coordinate), perMicrobatch});
  }
  if (CompiledOps::isCall(op.kind)) {
    std::string error;
    std::optional<CompiledOps::Call> call = compiled.prepare(op, error);
    if (!call)
      throw RunError(error);
    action.call = *call;
  }
  switch (op.kind) {
  case OpKind::AllReduce:
  case OpKind::AllGather:
  case OpKind::ReduceScatter:
  case OpKind::AllToAll:
    action.group = &fabric.group(op.collective.axes);
    break;
  default:
    break;
  }
  action.bufferValues.resize(op.operands.size() + op.scratch.size());
  action.indexValues.resize(op.indices.size());
  return action;
}

void Engine::Impl::load(Loaded &one) {
  std::map<std::string, size_t> numbers;
  for (const Segment &segment : one.program->segments) {
    numbers[segment.name] = one.segments.size();
    one.segments.emplace_back();
    for (const Op &op : segment.ops)
      one.segments.back().push_back(prepare(op));
  }
  for (const Step &step : one.program->schedule)
    one.schedule.push_back({numbers[step.segment], step.microbatch});
}

void Engine::Impl::fill(const Op &op, char *data) {
  const Buffer &buffer = program().buffers[op.operands[0].buffer];
  int64_t elements =
      (buffer.bytes - op.operands[0].offset) / bytesOf(buffer.dtype);
  withElement(buffer.dtype, [&](auto zero) {
    using T = decltype(zero);
    std::fill_n(reinterpret_cast<T *>(data), elements, elementOf<T>(op.value));
  });
}

void Engine::Impl::execute(Action &action, int64_t microbatch, size_t entry) {
  const Op &op = *action.op;
  char **buffers = action.bufferValues.data();
  size_t count = 0;
  for (const auto *list : {&op.operands, &op.scratch})
    for (const Operand &operand : *list)
      buffers[count++] = address(operand.buffer, microbatch) + operand.offset;
  switch (op.kind) {
  case OpKind::Kernel:
  case OpKind::Library:
  case OpKind::Gemm: {
    int64_t *indices = action.indexValues.data();
    for (size_t i = 0; i < action.indices.size(); ++i)
      indices[i] = action.indices[i].first +
                   action.indices[i].second * std::max<int64_t>(0, microbatch);
    return compiled.run(action.call, buffers, indices, scratch.data());
  }
  case OpKind::Fill:
    return fill(op, buffers[0]);
  case OpKind::Copy:
    memcpy(buffers[1], buffers[0], op.bytes);
    return;
  case OpKind::AllReduce:
  case OpKind::AllGather:
  case OpKind::ReduceScatter:
  case OpKind::AllToAll:
    if (op.queue == 0)
      return queue.run(op.kind, op.collective, *action.group, buffers[0],
                       buffers[1]);
    return queue.start(op, *action.group, buffers[0], buffers[1], entry,
                       options.profile ? &action.seconds : nullptr);
  case OpKind::Wait:
    return queue.wait(op.token);
  case OpKind::Send:
    return current->transfers->send(op, buffers[0]);
  case OpKind::Recv:
    return current->transfers->receive(op, buffers[0]);
  }
}

Engine::Engine(std::vector<const Program *> programs, MPI_Comm world,
               const KernelLookup &kernels, const EngineOptions &options)
    : impl(new Impl(programs, world, kernels, options)) {
  const Program &first = *programs.front();
  int64_t expected = first.groups * Impl::devicesOf(first);
  if (impl->fabric.size() != expected)
    throw RunError("found " + std::to_string(impl->fabric.size()) +
                   " ranks, but the bundle is compiled for " +
                   std::to_string(expected) + "; start it with -n " +
                   std::to_string(expected));
  for (Loaded &one : impl->loaded)
    impl->load(one);
}

void Engine::connect() {
  int64_t bytes = 0;
  for (const Loaded &one : impl->loaded)
    bytes += transferBytes(*one.program);
  impl->fabric.mapShared(bytes);
  int64_t offset = 0;
  for (Loaded &one : impl->loaded) {
    one.transfers = std::make_unique<Transfers>(
        impl->fabric, *one.program, offset,
        impl->options.transport != Transport::PointToPoint);
    offset += transferBytes(*one.program);
  }
}

Engine::~Engine() {
  for (Loaded &one : impl->loaded)
    if (one.transfers)
      one.transfers->finish();
}

void Engine::reserve() {
  impl->arena.reserve(impl->arenaBytes, "arena");
  impl->window.reserve(impl->windowBytes, "window");
  impl->scratch.reserve(impl->compiled.scratchBytes(), "scratch");
  impl->queue.connect(impl->arena.data());
}

void Engine::use(size_t program) { impl->current = &impl->loaded.at(program); }

size_t Engine::program() const {
  return size_t(impl->current - impl->loaded.data());
}

Fabric &Engine::fabric() { return impl->fabric; }

MemoryUse Engine::memory() const {
  return {impl->arenaBytes, impl->windowBytes, impl->fabric.ownBytes(),
          impl->compiled.scratchBytes()};
}

char *Engine::address(int64_t buffer, int64_t microbatch) const {
  return impl->address(buffer, microbatch);
}

void Engine::setControl(const std::string &name, double value) {
  for (const Control &control : impl->program().controls)
    if (control.name == name) {
      if (impl->program().buffers[control.buffer].dtype == DType::F64) {
        memcpy(address(control.buffer), &value, sizeof(value));
        continue;
      }
      float rounded = float(value);
      memcpy(address(control.buffer), &rounded, sizeof(rounded));
    }
}

float Engine::metric(const std::string &name) const {
  float value = 0;
  for (const Metric &metric : impl->program().metrics)
    if (metric.name == name)
      memcpy(&value, address(metric.buffer), sizeof(value));
  return value;
}

bool Engine::runStep(int64_t step, const std::function<bool()> &beforeUpdate) {
  Activity &activity = impl->fabric.activity;
  activity.step = step;
  bool asked = !beforeUpdate;
  std::vector<TracedOp> *traced = impl->traced;
  bool measures = impl->options.profile || traced;
  for (size_t entry = 0; entry < impl->current->schedule.size(); ++entry) {
    auto [segment, microbatch] = impl->current->schedule[entry];
    if (!asked && impl->isUpdate(segment)) {
      asked = true;
      // It looks at values, and the ranks meet in it anyway.
      impl->queue.finish();
      if (!beforeUpdate())
        return false;
    }
    for (Action &action : impl->current->segments[segment]) {
      activity.op = action.op->name.c_str();
      activity.source = action.op->source.c_str();
      double start = measures ? now() : 0;
      impl->execute(action, microbatch, entry);
      double end = measures ? now() : 0;
      impl->progress();
      if (!measures)
        continue;
      action.seconds += end - start;
      ++action.calls;
      if (traced)
        traced->push_back({action.op, entry, start, end});
    }
  }
  return asked || beforeUpdate();
}

void Engine::record(std::vector<TracedOp> *ops) {
  impl->traced = ops;
  impl->queue.record(ops);
}

size_t Engine::opsOfAStep() const {
  size_t count = 0;
  for (auto [segment, microbatch] : impl->current->schedule)
    for (const Action &action : impl->current->segments[segment])
      count += action.op->queue > 0 ? 3 : 1; // an AllReduce reads twice
  return count;
}

double Engine::now() { return Fabric::now(); }

void Engine::runAgain(const OpObserver &before, const OpObserver &after) {
  Activity &activity = impl->fabric.activity;
  for (auto [segment, microbatch] : impl->current->schedule) {
    if (impl->isUpdate(segment))
      break;
    const std::string &name = impl->program().segments[segment].name;
    for (Action &action : impl->current->segments[segment]) {
      activity.op = action.op->name.c_str();
      activity.source = action.op->source.c_str();
      before(*action.op, name, microbatch);
      impl->execute(action, microbatch, 0);
      impl->progress();
      // The observer looks at the result.
      if (action.op->queue > 0)
        impl->queue.wait(action.op->token);
      after(*action.op, name, microbatch);
    }
  }
}

void Engine::clearTemporaries() {
  const Program &program = impl->program();
  for (Space space : {Space::Arena, Space::Window}) {
    std::vector<std::pair<int64_t, int64_t>> kept;
    auto keep = [&](int64_t id) {
      const Buffer &buffer = program.buffers[id];
      if (buffer.space == space)
        kept.push_back({buffer.offset, endOf(buffer)});
    };
    for (const State &state : program.states)
      keep(state.buffer);
    for (const Input &input : program.inputs)
      keep(input.buffer);
    for (const Control &control : program.controls)
      keep(control.buffer);
    bool isArena = space == Space::Arena;
    int64_t end = isArena ? program.arenaBytes : program.windowBytes, at = 0;
    char *base = isArena ? impl->arena.data() : impl->window.data();
    kept.push_back({end, end});
    std::sort(kept.begin(), kept.end());
    for (auto [first, last] : kept) {
      if (first > at)
        memset(base + at, 0, size_t(first - at));
      at = std::max(at, last);
    }
  }
}

std::vector<ProfileEntry> Engine::profile() const {
  std::vector<ProfileEntry> entries;
  auto add = [&](const Action &action) {
    ProfileEntry entry;
    entry.kind = action.op->kind == OpKind::Library
                     ? action.op->library.function
                     : nameOf(action.op->kind);
    entry.name = action.op->name;
    if (action.op->kind == OpKind::Kernel)
      entry.name += " [" + action.op->symbol + "]";
    if (const MatrixProduct *product = action.call.product) {
      const Gemm &g = action.op->gemm;
      entry.flops = flopsOf(g) * double(action.calls);
      entry.name += " [" + std::to_string(g.m) + "x" + std::to_string(g.n) +
                    "x" + std::to_string(g.k) + " " +
                    product->implementation() + "]";
    }
    entry.seconds = action.seconds;
    entry.calls = action.calls;
    entries.push_back(std::move(entry));
  };
  for (const Loaded &one : impl->loaded)
    for (const auto &segment : one.segments)
      for (const Action &action : segment)
        add(action);
  std::sort(entries.begin(), entries.end(),
            [](const ProfileEntry &a, const ProfileEntry &b) {
              return std::tie(b.seconds, a.name) < std::tie(a.seconds, b.name);
            });
  return entries;
}

} // namespace colossal::rank
