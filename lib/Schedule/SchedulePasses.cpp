//===- SchedulePasses.cpp - The schedule as text --------------------------===//

#include "colossal/Schedule/StageSchedule.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Pass/Pass.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

void schedule::printSchedule(const StageSchedule &stage, raw_ostream &stream) {
  const rank::Program &program = stage.program;
  stream << llvm::formatv("stage {0}: arena {1} bytes, live {2} bytes\n",
                          program.stage, program.arenaBytes, program.liveBytes);
  stream << "order:";
  for (const rank::Step &step : program.schedule) {
    stream << " " << step.segment;
    if (step.microbatch >= 0)
      stream << "." << step.microbatch;
  }
  stream << "\nbuffers:\n";
  for (const rank::Buffer &buffer : program.buffers) {
    stream << llvm::formatv("  #{0} at {1}: {2} bytes", buffer.id,
                            buffer.offset, buffer.bytes);
    if (buffer.slots > 1)
      stream << llvm::formatv(" x {0} slots", buffer.slots);
    if (llvm::is_contained(stage.zeroed, buffer.id))
      stream << ", zeroed";
    stream << " \"" << buffer.name << "\"\n";
  }
  for (const SegmentSchedule &segment : stage.segments) {
    stream << nameOf(segment.segment) << ":\n";
    auto place = [&](Value value) {
      rank::Operand operand = stage.storage.lookup(value);
      stream << "#" << operand.buffer;
      if (operand.offset)
        stream << "+" << operand.offset;
    };
    for (const Group &group : segment.groups) {
      if (group.kind == GroupKind::Alias)
        continue;
      stream << "  " << nameOf(group.kind) << " \"" << group.name() << "\" (";
      llvm::interleaveComma(group.inputs, stream, place);
      stream << ") -> (";
      llvm::interleaveComma(group.outputs, stream, place);
      stream << ")\n";
    }
    for (const TrailingCopy &copy : segment.copies)
      stream << llvm::formatv("  copy \"{0}\" (#{1}) -> (#{2})\n", copy.name,
                              copy.from.buffer, copy.to.buffer);
  }
}

namespace {
struct PrintSchedulePass
    : PassWrapper<PrintSchedulePass, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(PrintSchedulePass)
  StringRef getArgument() const final { return "colossal-print-schedule"; }
  StringRef getDescription() const final {
    return "Schedule a partitioned module and print groups, buffers, offsets";
  }
  // Returned arguments are copied, also where nothing of the dialect is.
  void getDependentDialects(DialectRegistry &registry) const final {
    registry.insert<ColossalDialect>();
  }
  void runOnOperation() final {
    FailureOr<std::vector<StageSchedule>> stages =
        scheduleStages(getOperation());
    if (failed(stages))
      return signalPassFailure();
    for (const StageSchedule &stage : *stages)
      printSchedule(stage, llvm::outs());
  }
};
} // namespace

void schedule::registerSchedulePasses() {
  PassRegistration<PrintSchedulePass>();
}
