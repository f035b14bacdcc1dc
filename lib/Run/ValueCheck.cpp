//===- ValueCheck.cpp - Which op made a value that is not finite ----------===//

#include "ValueCheck.h"

#include "Deadline.h"

#include "colossal/Run/NarrowRows.h"
#include "colossal/Support/SkippedStep.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <set>

namespace colossal::rank {

namespace {

bool isReal(const Buffer &buffer) {
  return buffer.dtype == DType::F32 || buffer.dtype == DType::F64 ||
         isNarrow(buffer.dtype);
}

/// How many values are NaN and infinite.
struct Counts {
  int64_t nan = 0, infinite = 0, all = 0;
};

template <class T>
Counts countTyped(const char *data, const char *before, int64_t bytes) {
  Counts counts;
  counts.all = bytes / int64_t(sizeof(T));
  auto *values = reinterpret_cast<const T *>(data);
  for (int64_t i = 0; i < counts.all; ++i) {
    std::conditional_t<std::is_same_v<T, double>, double, float> value =
        values[i];
    if (std::isfinite(value))
      continue;
    // What an op did not write is not its own.
    if (before &&
        memcmp(before + i * int64_t(sizeof(T)), &values[i], sizeof(T)) == 0)
      continue;
    ++(std::isnan(value) ? counts.nan : counts.infinite);
  }
  return counts;
}

Counts count(const Buffer &buffer, const char *data, const char *before,
             int64_t bytes) {
  switch (buffer.dtype) {
  case DType::F32:
    return countTyped<float>(data, before, bytes);
  case DType::F64:
    return countTyped<double>(data, before, bytes);
  case DType::BF16:
    return countTyped<BFloat16>(data, before, bytes);
  case DType::F16:
    return countTyped<Float16>(data, before, bytes);
  default: // no floats
    return {};
  }
}

bool overlap(const Buffer &a, const Buffer &b) {
  auto end = [](const Buffer &buffer) {
    return buffer.offset + (buffer.slots - 1) * buffer.slotStride +
           buffer.bytes;
  };
  return a.space == b.space && a.offset < end(b) && b.offset < end(a);
}

std::string placeOf(const Op &op) {
  return "'" + op.name + "'" +
         (op.source.empty() ? "" : " (" + op.source + ")");
}

/// Moves bytes between ranks or microbatches and makes no value.
bool isMove(OpKind kind) {
  return kind == OpKind::Copy || kind == OpKind::AllReduce ||
         kind == OpKind::AllGather || kind == OpKind::ReduceScatter ||
         kind == OpKind::AllToAll || kind == OpKind::Send ||
         kind == OpKind::Recv;
}

/// What one rank found: a smaller key comes first in the step.
struct Finding {
  std::array<int64_t, 4> key;
  char text[496];
};

constexpr const char *kIsInfinite = " is infinite";

constexpr int64_t kNothing = std::numeric_limits<int64_t>::max();

/// Watches the ops of one rank.
class Observer {
public:
  Observer(const Program &program, Engine &engine)
      : program(program), engine(engine) {
    origin.key.fill(kNothing);
    infinity.key.fill(kNothing);
    late.key.fill(kNothing);
  }

  void before(const Op &op, int64_t microbatch);
  void after(const Op &op, const std::string &segment, int64_t microbatch);

  Finding origin;   ///< NaN of inputs without one
  Finding infinity; ///< infinite of finite inputs
  Finding late;     ///< NaN at all: from another rank

  void set(Finding &finding, std::array<int64_t, 4> key,
           const std::string &text) {
    finding.key = key;
    snprintf(finding.text, sizeof(finding.text), "%s", text.c_str());
  }

private:
  char *dataOf(const Operand &operand, int64_t microbatch) const {
    return engine.address(operand.buffer, microbatch) + operand.offset;
  }
  int64_t bytesOf(const Operand &operand) const {
    return program.buffers[size_t(operand.buffer)].bytes - operand.offset;
  }
  std::vector<Operand> outputsOf(const Op &op) const {
    // A send has none.
    size_t outputs = op.kind == OpKind::Send ? 0 : size_t(op.numOutputs);
    return {op.operands.end() - std::ptrdiff_t(outputs), op.operands.end()};
  }

  const Program &program;
  Engine &engine;
  std::vector<std::vector<char>> saved; ///< outputs, before the op
  Counts inputs;
  std::string infiniteInput; ///< a buffer's name
  int64_t position = 0;
};

/// Where ops of a segment come among those of all device groups for one
/// microbatch: prologue, forward or later; then the stage, or from the last
/// stage to the first.
static std::pair<int64_t, int64_t> orderOf(const std::string &segment,
                                           int64_t group) {
  int64_t phase = segment == "prologue"              ? 0
                  : segment.rfind("forward", 0) == 0 ? 1
                                                     : 2;
  static const std::string kStage = ".stage";
  size_t at = segment.find(kStage);
  int64_t stage = at == std::string::npos
                      ? group
                      : std::stoll(segment.substr(at + kStage.size()));
  return {phase, phase == 2 ? -stage : stage};
}

void Observer::before(const Op &op, int64_t microbatch) {
  inputs = {};
  infiniteInput.clear();
  if (origin.key[0] != kNothing)
    return;
  std::vector<Operand> outputs = outputsOf(op);
  for (size_t i = 0; i + outputs.size() < op.operands.size(); ++i) {
    const Operand &operand = op.operands[i];
    const Buffer &buffer = program.buffers[size_t(operand.buffer)];
    Counts counts =
        count(buffer, dataOf(operand, microbatch), nullptr, bytesOf(operand));
    inputs.nan += counts.nan;
    inputs.infinite += counts.infinite;
    if (counts.infinite && infiniteInput.empty())
      infiniteInput = "'" + buffer.name + "'";
  }
  saved.clear();
  for (const Operand &operand : outputs) {
    const char *data = dataOf(operand, microbatch);
    saved.emplace_back(data, data + bytesOf(operand));
  }
}

void Observer::after(const Op &op, const std::string &segment,
                     int64_t microbatch) {
  ++position;
  if (origin.key[0] != kNothing)
    return;
  std::vector<Operand> outputs = outputsOf(op);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Operand &operand = outputs[i];
    const Buffer &buffer = program.buffers[size_t(operand.buffer)];
    Counts counts = count(buffer, dataOf(operand, microbatch), saved[i].data(),
                          bytesOf(operand));
    if (!counts.nan && !counts.infinite)
      continue;
    auto [phase, place] = orderOf(segment, program.group);
    std::array<int64_t, 4> key = {std::max<int64_t>(0, microbatch), phase,
                                  place, position};
    std::string text =
        placeOf(op) + " on rank " + std::to_string(engine.fabric().rank());
    if (program.microbatches > 1 && microbatch >= 0)
      text += ", microbatch " + std::to_string(microbatch);
    int64_t bad = counts.nan ? counts.nan : counts.infinite;
    text += ": " + std::to_string(bad) + " of " + std::to_string(counts.all) +
            " values of '" + buffer.name + "' are " +
            (counts.nan ? "nan" : "infinite");
    if (counts.nan && !inputs.nan && !isMove(op.kind)) {
      text += infiniteInput.empty()
                  ? ", its inputs are finite"
                  : ", no input is nan, but " + infiniteInput + kIsInfinite;
      set(origin, key, text);
      return;
    }
    if (counts.nan && late.key[0] == kNothing)
      set(late, key, text);
    if (counts.infinite && !inputs.infinite && !inputs.nan &&
        !isMove(op.kind) && infinity.key[0] == kNothing)
      set(infinity, key, text);
  }
}

} // namespace

std::string readable(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value > 0 ? "inf" : "-inf";
  char text[64];
  snprintf(text, sizeof(text), "%.4f", value);
  return text;
}

ValueCheck::ValueCheck(const Program &program, Engine &engine)
    : program(program), engine(engine) {
  findRoots();
}

void ValueCheck::findRoots() {
  // A gradient norm is computed from all gradients: too much to look at.
  constexpr int64_t kLargest = 64 << 10;
  std::set<int64_t> needed;
  // Under a dynamic loss scale gradients overflow now and then.
  bool isScaled = false;
  for (const Metric &metric : program.metrics)
    isScaled |= metric.name == kLossScaleMetric;
  for (const Metric &metric : program.metrics)
    if (!isScaled || metric.name == "loss")
      needed.insert(metric.buffer);
  for (const Segment &segment : program.segments) {
    if (segment.name != "update")
      continue;
    for (size_t i = segment.ops.size(); i-- > 0;) {
      const Op &op = segment.ops[i];
      size_t outputs = op.kind == OpKind::Send ? 0 : size_t(op.numOutputs);
      size_t inputs = op.operands.size() - outputs;
      std::vector<int64_t> written;
      for (int64_t buffer : needed)
        for (size_t j = inputs; j < op.operands.size(); ++j)
          if (overlap(program.buffers[size_t(buffer)],
                      program.buffers[size_t(op.operands[j].buffer)]))
            written.push_back(buffer);
      for (int64_t buffer : written)
        needed.erase(buffer);
      for (size_t j = 0; j < inputs && !written.empty(); ++j)
        needed.insert(op.operands[j].buffer);
    }
  }
  for (int64_t buffer : needed)
    if (isReal(program.buffers[size_t(buffer)]) &&
        program.buffers[size_t(buffer)].bytes <= kLargest)
      roots.push_back(buffer);
}

Badness ValueCheck::ofMetrics() const {
  Badness worst = Badness::None;
  for (int64_t root : roots) {
    const Buffer &buffer = program.buffers[size_t(root)];
    for (int64_t slot = 0; slot < buffer.slots; ++slot) {
      Counts counts =
          count(buffer, engine.address(root, slot), nullptr, buffer.bytes);
      if (counts.nan)
        return Badness::Nan;
      if (counts.infinite)
        worst = Badness::Infinite;
    }
  }
  return worst;
}

std::string ValueCheck::findOrigin(Badness wanted,
                                   const std::function<void()> &fillInputs) {
  // A program may move running statistics before its update: they move once.
  std::vector<std::pair<char *, std::vector<char>>> states;
  for (const State &state : program.states) {
    if (state.role != "buffer")
      continue;
    char *data = engine.address(state.buffer);
    states.emplace_back(
        data, std::vector<char>(
                  data, data + program.buffers[size_t(state.buffer)].bytes));
  }
  // What is left of the first time would look as if an op had made it.
  engine.clearTemporaries();
  fillInputs();
  Observer observer(program, engine);
  Finding &origin = observer.origin;
  for (const State &state : program.states) {
    const Buffer &buffer = program.buffers[size_t(state.buffer)];
    Counts counts =
        count(buffer, engine.address(state.buffer), nullptr, buffer.bytes);
    bool bad = counts.nan || (counts.infinite && state.role != "buffer");
    if (bad && origin.key[0] == kNothing)
      observer.set(origin, {-2, 0, 0, 0},
                   "the update of an earlier step: " + state.role + " '" +
                       state.name + "' holds " +
                       (counts.nan ? "nan" : "an infinity") +
                       " (run again with --check-values to see the op whose "
                       "gradient does)");
  }
  for (const Input &input : program.inputs) {
    const Buffer &buffer = program.buffers[size_t(input.buffer)];
    for (int64_t slot = 0; slot < buffer.slots; ++slot)
      if (origin.key[0] == kNothing &&
          count(buffer, engine.address(input.buffer, slot), nullptr,
                buffer.bytes)
              .nan)
        observer.set(origin, {-1, 0, 0, 0},
                     "the data: input '" + input.name + "' has nan");
  }
  engine.runAgain(
      [&](const Op &op, const std::string &, int64_t microbatch) {
        observer.before(op, microbatch);
      },
      [&](const Op &op, const std::string &segment, int64_t microbatch) {
        observer.after(op, segment, microbatch);
      });
  for (auto &[data, bytes] : states)
    memcpy(data, bytes.data(), bytes.size());

  std::array<Finding, 3> own = {origin, observer.late, observer.infinity};
  Fabric &fabric = engine.fabric();
  std::vector<std::array<Finding, 3>> all(size_t(fabric.size()));
  {
    Deadline deadline("looking for the first value that is not finite");
    MPI_Gather(own.data(), int(sizeof(own)), MPI_BYTE, all.data(),
               int(sizeof(own)), MPI_BYTE, 0, fabric.world());
  }
  if (fabric.rank() != 0)
    return "";
  bool isOfState = false; ///< or of the data: before any op
  for (const auto &rank : all)
    isOfState |= rank[0].key[0] < 0;
  auto firstOf = [&](size_t kind) {
    const Finding *first = nullptr;
    for (const auto &rank : all)
      if (rank[kind].key[0] != kNothing &&
          (!first || rank[kind].key < first->key))
        first = &rank[kind];
    return std::string(first ? first->text : "");
  };
  std::string text = firstOf(0), infinite = firstOf(2);
  if (wanted == Badness::Infinite && !infinite.empty() && !isOfState)
    return infinite;
  // Where the infinity is no mask it is what went wrong.
  if (text.find(kIsInfinite) != std::string::npos && !infinite.empty())
    text += "; the first infinity is of " + infinite;
  if (text.empty())
    text = firstOf(1);
  return text.empty() && wanted != Badness::None ? infinite : text;
}

} // namespace colossal::rank
