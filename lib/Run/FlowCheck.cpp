//===- FlowCheck.cpp - Bytes of the arena through one step ----------------===//

#include "ProgramCheck.h"

#include <algorithm>
#include <map>
#include <set>

namespace colossal::rank {

namespace {

/// The last writer of a piece of memory.
struct Writer {
  int64_t end = 0;
  int64_t root = 0; ///< see Flow::rootOf
  int64_t buffer = 0;
  std::string place;
  bool scratch = false;
};

class Flow {
public:
  Flow(const Program &program, std::vector<std::string> &faults)
      : program(program), faults(faults) {}
  void run();

private:
  struct Range {
    Space space;
    int64_t begin, end;
  };

  /// Buffers inside the bytes of one state, input or control are views of it
  /// and share its root; every other buffer is its own root.
  void findRoots();
  int64_t rootOf(int64_t buffer) const { return roots[buffer]; }

  Range rangeOf(const Operand &operand, int64_t bytes, int64_t microbatch) {
    const Buffer &buffer = program.buffers[operand.buffer];
    int64_t slot = microbatch < 0 ? 0 : microbatch % buffer.slots;
    int64_t begin = buffer.offset + slot * buffer.slotStride;
    int64_t end =
        bytes < 0 ? begin + buffer.bytes : begin + operand.offset + bytes;
    return {buffer.space, begin + operand.offset, end};
  }
  void write(const Range &range, int64_t buffer, const std::string &place,
             bool scratch = false);
  void read(const Range &range, int64_t buffer, const std::string &place);
  void visit(const Segment &segment, size_t index, int64_t microbatch);
  /// An op that was started and not waited for.
  struct Started {
    int64_t queue, token;
    std::string place;
    std::vector<Range> reads, writes;
  };
  void checkStarted(const Op &op, const std::string &place,
                    const std::vector<Range> &reads,
                    const std::vector<Range> &writes);
  void wait(const Op &op, const std::string &place);
  void checkOverlap(const Op &op, const std::string &place, int64_t microbatch);
  void report(const std::string &message) {
    if (reported.insert(message).second)
      faults.push_back(message);
  }

  const Program &program;
  std::vector<std::string> &faults;
  std::vector<int64_t> roots;
  std::map<int64_t, Writer> memory[2]; ///< per space, by first byte
  std::vector<Started> started;
  std::set<std::string> reported;
};

void Flow::findRoots() {
  roots.resize(program.buffers.size());
  for (size_t i = 0; i < roots.size(); ++i)
    roots[i] = int64_t(i);
  std::vector<int64_t> persistent;
  for (const State &state : program.states)
    persistent.push_back(state.buffer);
  for (const Input &input : program.inputs)
    persistent.push_back(input.buffer);
  for (const Control &control : program.controls)
    persistent.push_back(control.buffer);
  // Sorted by place, so that a view finds its storage by bisection.
  auto before = [&](int64_t a, int64_t b) {
    const Buffer &x = program.buffers[a], &y = program.buffers[b];
    return std::make_pair(x.space, x.offset) <
           std::make_pair(y.space, y.offset);
  };
  std::sort(persistent.begin(), persistent.end(), before);
  for (size_t i = 0; i < roots.size(); ++i) {
    auto it = std::upper_bound(persistent.begin(), persistent.end(), int64_t(i),
                               before);
    if (it == persistent.begin())
      continue;
    const Buffer &storage = program.buffers[*--it];
    const Buffer &view = program.buffers[i];
    if (storage.space == view.space && view.offset >= storage.offset &&
        endOf(view) <= endOf(storage))
      roots[i] = *it;
  }
}

void Flow::write(const Range &range, int64_t buffer, const std::string &place,
                 bool scratch) {
  if (range.begin >= range.end)
    return;
  auto &map = memory[static_cast<int>(range.space)];
  // Cut the pieces that reach into the range.
  auto split = [&](int64_t at) {
    auto it = map.upper_bound(at);
    if (it == map.begin())
      return;
    --it;
    if (it->first < at && it->second.end > at) {
      Writer tail = it->second;
      it->second.end = at;
      map.emplace(at, tail);
    }
  };
  split(range.begin);
  split(range.end);
  map.erase(map.lower_bound(range.begin), map.lower_bound(range.end));
  map[range.begin] = Writer{range.end, rootOf(buffer), buffer, place, scratch};
}

void Flow::read(const Range &range, int64_t buffer, const std::string &place) {
  auto &map = memory[static_cast<int>(range.space)];
  std::string what = describeBuffer(program.buffers[buffer]);
  int64_t at = range.begin;
  auto it = map.upper_bound(at);
  if (it != map.begin())
    --it;
  while (at < range.end) {
    if (it == map.end() || it->first > at || it->second.end <= at) {
      if (it != map.end() && it->second.end <= at &&
          std::next(it) != map.end() && std::next(it)->first <= at) {
        ++it;
        continue;
      }
      return report(place + ": found " + what +
                    " read before anything writes it, expected a write "
                    "earlier in the schedule");
    }
    const Writer &writer = it->second;
    if (writer.root != rootOf(buffer) || writer.scratch)
      return report(place + ": found " + what + " overwritten through " +
                    describeBuffer(program.buffers[writer.buffer]) + " by " +
                    writer.place + ", expected bytes that stay until this use");
    at = writer.end;
    ++it;
  }
}

void Flow::checkOverlap(const Op &op, const std::string &place,
                        int64_t microbatch) {
  size_t inputs = op.operands.size() - op.numOutputs;
  bool inPlace = op.kind == OpKind::Kernel || op.kind == OpKind::AllReduce;
  auto check = [&](const Operand &output, const Operand &other,
                   const char *role, bool equalAllowed) {
    if (output.buffer == other.buffer && output.offset != other.offset)
      return;
    Range a = rangeOf(output, -1, microbatch),
          b = rangeOf(other, -1, microbatch);
    if (a.space != b.space || a.begin >= b.end || b.begin >= a.end)
      return;
    if (equalAllowed && a.begin == b.begin &&
        (a.end == b.end || op.kind == OpKind::AllReduce))
      return;
    report(place + ": found output " +
           describeBuffer(program.buffers[output.buffer]) + " over " + role +
           " " + describeBuffer(program.buffers[other.buffer]) + ", expected " +
           (equalAllowed ? "equal or separate bytes" : "separate bytes"));
  };
  for (size_t o = inputs; o < op.operands.size(); ++o) {
    for (size_t i = 0; i < inputs; ++i)
      check(op.operands[o], op.operands[i], "input", inPlace);
    for (size_t p = o + 1; p < op.operands.size(); ++p)
      check(op.operands[o], op.operands[p], "output", false);
    for (const Operand &scratch : op.scratch)
      check(op.operands[o], scratch, "scratch", false);
  }
  for (size_t i = 0; i < inputs; ++i)
    for (const Operand &scratch : op.scratch)
      check(scratch, op.operands[i], "input", false);
}

/// What a started op reads stays, and what it writes is left alone, until it is
/// waited for.
void Flow::checkStarted(const Op &op, const std::string &place,
                        const std::vector<Range> &reads,
                        const std::vector<Range> &writes) {
  auto overlap = [](const std::vector<Range> &a, const std::vector<Range> &b) {
    for (const Range &x : a)
      for (const Range &y : b)
        if (x.space == y.space && x.begin < y.end && y.begin < x.end)
          return true;
    return false;
  };
  for (const Started &other : started) {
    const char *found = overlap(reads, other.writes)    ? "read of what"
                        : overlap(writes, other.writes) ? "write over what"
                        : overlap(writes, other.reads)  ? "write into what"
                                                        : nullptr;
    if (found)
      report(place + ": found a " + found + " is under way in " + other.place +
             ", expected a wait for token " + std::to_string(other.token) +
             " before");
  }
}

void Flow::wait(const Op &op, const std::string &place) {
  auto rest =
      std::remove_if(started.begin(), started.end(), [&](const Started &other) {
        return other.token == op.token;
      });
  bool found = rest != started.end();
  started.erase(rest, started.end());
  if (!found)
    report(place + ": found nothing that was started with token " +
           std::to_string(op.token) + ", expected an op before it");
}

void Flow::visit(const Segment &segment, size_t index, int64_t microbatch) {
  const Op &op = segment.ops[index];
  std::string place = describePlace(program, segment, index);
  if (microbatch >= 0)
    place += " of microbatch " + std::to_string(microbatch);
  if (op.kind == OpKind::Wait)
    return wait(op, place);
  size_t inputs = op.operands.size() - op.numOutputs;
  bool sized = op.kind == OpKind::Copy || op.kind == OpKind::Send ||
               op.kind == OpKind::Recv;
  int64_t bytes = sized ? op.bytes : -1;
  if (!started.empty() || op.queue > 0) {
    std::vector<Range> reads, writes;
    for (size_t i = 0; i < op.operands.size(); ++i)
      (i < inputs ? reads : writes)
          .push_back(rangeOf(op.operands[i], bytes, microbatch));
    for (const Operand &scratch : op.scratch)
      writes.push_back(rangeOf(scratch, -1, microbatch));
    checkStarted(op, place, reads, writes);
    if (op.queue > 0)
      started.push_back(
          {op.queue, op.token, place, std::move(reads), std::move(writes)});
  }
  for (size_t i = 0; i < inputs; ++i)
    read(rangeOf(op.operands[i], bytes, microbatch), op.operands[i].buffer,
         place);
  if (op.kind == OpKind::Gemm && op.gemm.accumulate)
    read(rangeOf(op.operands[2], -1, microbatch), op.operands[2].buffer, place);
  checkOverlap(op, place, microbatch);
  for (const Operand &scratch : op.scratch)
    write(rangeOf(scratch, -1, microbatch), scratch.buffer, place, true);
  for (size_t i = inputs; i < op.operands.size(); ++i)
    write(rangeOf(op.operands[i], bytes, microbatch), op.operands[i].buffer,
          place);
}

void Flow::run() {
  findRoots();
  auto whole = [&](int64_t id) {
    const Buffer &buffer = program.buffers[id];
    return Range{buffer.space, buffer.offset, endOf(buffer)};
  };
  for (const State &state : program.states)
    write(whole(state.buffer), state.buffer, "state '" + state.name + "'");
  for (const Input &input : program.inputs)
    write(whole(input.buffer), input.buffer, "input '" + input.name + "'");
  for (const Control &control : program.controls)
    write(whole(control.buffer), control.buffer,
          "control '" + control.name + "'");
  std::map<std::string, const Segment *> segments;
  for (const Segment &segment : program.segments)
    segments[segment.name] = &segment;
  for (const Step &step : program.schedule)
    for (size_t i = 0; i < segments[step.segment]->ops.size(); ++i)
      visit(*segments[step.segment], i, step.microbatch);
  for (const Started &op : started)
    report(op.place + ": found no wait for its token " +
           std::to_string(op.token) + " in the step, expected one");
  std::string end =
      "device group " + std::to_string(program.group) + ": end of the step: ";
  for (const Metric &metric : program.metrics) {
    Range range = whole(metric.buffer);
    range.end = range.begin + 4;
    read(range, metric.buffer, end + "metric '" + metric.name + "'");
  }
  for (const Output &output : program.outputs) {
    const Buffer &buffer = program.buffers[output.buffer];
    for (int64_t slot = 0; slot < buffer.slots; ++slot)
      read(rangeOf({output.buffer, 0}, -1, slot), output.buffer,
           end + "output '" + output.name + "'");
  }
  for (const State &state : program.states)
    read(whole(state.buffer), state.buffer, end + "state '" + state.name + "'");
}

} // namespace

void checkFlow(const Program &program, std::vector<std::string> &faults) {
  Flow(program, faults).run();
}

} // namespace colossal::rank
