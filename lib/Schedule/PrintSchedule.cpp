//===- PrintSchedule.cpp - A schedule as a table --------------------------===//

#include "colossal/Schedule/RankSchedule.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

void schedule::printSchedule(const RankSchedule &schedule,
                             raw_ostream &stream) {
  const rank::Program &program = schedule.program;
  stream << llvm::formatv("device group {0}: arena {1} bytes, live {2} bytes\n",
                          program.group, program.arenaBytes, program.liveBytes);
  stream << "order:";
  for (const rank::Step &step : program.schedule) {
    stream << " " << step.segment;
    if (step.microbatch >= 0)
      stream << "." << step.microbatch;
  }
  llvm::SmallDenseSet<int64_t> zeroed;
  forEachOwnOp(
      schedule, nameOf(Segment::Prologue), rank::OpKind::Fill,
      [&](const rank::Op &fill) { zeroed.insert(fill.operands[0].buffer); });
  stream << "\nbuffers:\n";
  for (const rank::Buffer &buffer : program.buffers) {
    stream << llvm::formatv("  #{0} at {1}: {2} bytes", buffer.id,
                            buffer.offset, buffer.bytes);
    if (buffer.slots > 1)
      stream << llvm::formatv(" x {0} slots", buffer.slots);
    if (zeroed.contains(buffer.id))
      stream << ", zeroed";
    stream << " \"" << buffer.name << "\"\n";
  }
  for (const SegmentSchedule &segment : schedule.segments) {
    stream << segment.name << ":\n";
    auto place = [&](Value value) {
      rank::Operand operand = schedule.storage.lookup(value);
      stream << "#" << operand.buffer;
      if (operand.offset)
        stream << "+" << operand.offset;
    };
    auto printWaits = [&](int64_t number) {
      if (auto it = segment.waits.find(number); it != segment.waits.end()) {
        stream << "  wait ";
        llvm::interleaveComma(it->second, stream);
        stream << "\n";
      }
    };
    for (auto [number, group] : llvm::enumerate(segment.groups)) {
      printWaits(number);
      if (group.kind == GroupKind::Alias)
        continue;
      stream << "  ";
      if (auto it = segment.started.find(number); it != segment.started.end())
        stream << "start " << it->second << ": ";
      stream << nameOf(group.kind) << " \"" << group.name() << "\" (";
      llvm::interleaveComma(group.inputs, stream, place);
      stream << ") -> (";
      llvm::interleaveComma(group.outputs, stream, place);
      stream << ")\n";
    }
    printWaits(segment.groups.size());
    forEachOwnOp(schedule, segment.name, rank::OpKind::Copy,
                 [&](const rank::Op &copy) {
                   stream << llvm::formatv("  copy \"{0}\" (#{1}) -> (#{2})\n",
                                           copy.name, copy.operands[0].buffer,
                                           copy.operands[1].buffer);
                 });
  }
}
