//===- RankProgramsTest.cpp - Rank programs executed as they stand --------===//
//
// Programs as they are made, and with faults in places, lifetimes and ops.
//
//===----------------------------------------------------------------------===//

#include "colossal/Reference/RankPrograms.h"
#include "Programs.h"
#include "colossal/Lower/BuildProgram.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using schedule::RankSchedule;

namespace {
/// kDataParallel, scheduled and lowered.
struct Lowered {
  OwningOpRef<ModuleOp> module = parse(kDataParallel);
  std::vector<RankSchedule> schedules;
  std::vector<rank::Program> programs;

  Lowered() {
    auto scheduled =
        schedule::scheduleRanks(*module, schedule::cpu::kernelPlanner());
    EXPECT_TRUE(succeeded(scheduled));
    if (failed(scheduled))
      return;
    schedules = std::move(*scheduled);
    auto lowered = lower::lowerRanks(*module, schedules);
    EXPECT_TRUE(succeeded(lowered));
    if (succeeded(lowered))
      programs = std::move(lowered->programs);
  }
  /// "" or the error.
  std::string run() {
    NamedTensors values = {{"x", reals({7}, {1, 2, 3, 4, 5, 6, 7})},
                           {"w", reals({}, {2})}};
    std::string error;
    auto result = runPrograms(*module, schedules, programs, values, {}, error);
    if (result)
      EXPECT_EQ(result->metrics["loss"]->floats[0], 63.0);
    return error;
  }
  /// Whether a fault of this text is found.
  void expectFault(const std::string &text) {
    std::string found = run();
    EXPECT_NE(found.find(text), std::string::npos) << found;
  }
  rank::Buffer &buffer(StringRef name) {
    for (rank::Buffer &buffer : programs[0].buffers)
      if (buffer.name == name)
        return buffer;
    ADD_FAILURE() << "no buffer " << name.str();
    return programs[0].buffers[0];
  }
  /// What the forward keeps for the backward.
  rank::Buffer &kept() {
    return programs[0].buffers[op("squares").operands[0].buffer];
  }
  std::vector<rank::Op> &ops(StringRef segment) {
    for (rank::Segment &candidate : programs[0].segments)
      if (candidate.name == segment)
        return candidate.ops;
    ADD_FAILURE() << "no segment " << segment.str();
    return programs[0].segments[0].ops;
  }
  rank::Op &op(StringRef name) {
    for (rank::Segment &segment : programs[0].segments)
      for (rank::Op &op : segment.ops)
        if (op.name == name)
          return op;
    ADD_FAILURE() << "no op " << name.str();
    return programs[0].segments[0].ops[0];
  }
};
} // namespace

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

TEST(RankPrograms, DoWhatTheModuleSays) { EXPECT_EQ(Lowered().run(), ""); }

TEST(RankPrograms, OverlapIsNoticed) {
  Lowered l;
  l.kept().offset = l.buffer("w").offset;
  l.expectFault("found output buffer 2 'sum' over input buffer 0 'w'");
}

TEST(RankPrograms, TooFewSlotsAreNoticed) {
  // Under GPipe both microbatches are in flight.
  Lowered l;
  EXPECT_EQ(l.kept().slots, 2);
  l.kept().slots = 1;
  l.expectFault("the operand 'each' is not in buffer");
}

TEST(RankPrograms, AccumulatorsMustBeCleared) {
  Lowered l;
  std::vector<rank::Op> &prologue = l.ops("prologue");
  EXPECT_FALSE(prologue.empty());
  prologue.clear();
  l.expectFault("has nothing to be added to");
}

TEST(RankPrograms, AccumulatorsBeginAtZero) {
  Lowered l;
  l.ops("prologue").front().value = 1.0;
  l.expectFault("is not in buffer");
}

TEST(RankPrograms, ArenaThatIsTooSmall) {
  Lowered l;
  l.programs[0].arenaBytes = 64;
  l.expectFault("inside the arena");
}

TEST(RankPrograms, StatesAreReadFromTheirBuffers) {
  Lowered l;
  l.programs[0].states[0].name = "v";
  l.expectFault("the operand 'w' is not in buffer");
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

TEST(RankPrograms, OrderAgainstDependencesIsNoticed) {
  Lowered l;
  std::reverse(l.programs[0].schedule.begin(), l.programs[0].schedule.end());
  l.expectFault("read before anything writes it");
}

TEST(RankPrograms, DroppedOpIsNamed) {
  Lowered l;
  l.ops("update").erase(l.ops("update").begin());
  l.expectFault("found no op for collective \"sum/reduce\"");
}

TEST(RankPrograms, OpOfAnotherNameIsNamed) {
  Lowered l;
  l.op("squares").name = "cubes";
  l.expectFault("'cubes'");
  l.expectFault("found no op of this kind and name");
}

TEST(RankPrograms, SwappedOperandIsNamed) {
  Lowered l;
  l.op("squares").operands[0].buffer = l.buffer("x").id;
  l.expectFault("kernel 'squares'");
  l.expectFault("the operand 'each' is not in buffer");
}

TEST(RankPrograms, OutputOverAnOperand) {
  Lowered l;
  l.op("squares").operands[1] = l.op("squares").operands[0];
  l.expectFault("while it reads operand 0");
}

TEST(RankPrograms, RangeOfAKernel) {
  Lowered l;
  l.op("squares").range += 1;
  l.expectFault("kernel 'squares'");
  l.expectFault("found a range of");
}

TEST(RankPrograms, IndicesOfAKernel) {
  Lowered l;
  rank::Op &op = l.op("squares");
  ASSERT_FALSE(op.indices.empty());
  op.indices[0].terms.clear();
  l.expectFault("kernel 'squares'");
  l.expectFault("found indices");
}

TEST(RankPrograms, OtherKernel) {
  Lowered l;
  l.op("squares").symbol = l.ops("forward").back().symbol;
  l.expectFault("kernel 'squares'");
  l.expectFault("found kernel");
}

TEST(RankPrograms, CombinerOfACollective) {
  Lowered l;
  l.op("sum/reduce").collective.combiner = "max";
  l.expectFault("'sum/reduce'");
  l.expectFault("its result is not the value");
}

TEST(RankPrograms, DoubledReductionInPlace) {
  Lowered l;
  std::vector<rank::Op> &update = l.ops("update");
  rank::Op again = l.op("sum/reduce");
  again.operands[1] = again.operands[0];
  update.insert(update.begin(), again);
  l.expectFault("'sum/reduce'");
  l.expectFault("the operand 'sum' is not in buffer");
}
