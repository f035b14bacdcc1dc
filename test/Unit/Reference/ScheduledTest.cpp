//===- ScheduledTest.cpp - Ranks inside their arenas ----------------------===//
//
// A schedule as it is made, and with faults in places and lifetimes.
//
//===----------------------------------------------------------------------===//

#include "colossal/Reference/Scheduled.h"
#include "Programs.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;
using schedule::RankSchedule;

namespace {
/// kDataParallel, scheduled.
struct Scheduled {
  OwningOpRef<ModuleOp> module = parse(kDataParallel);
  std::vector<RankSchedule> stages;

  Scheduled() {
    auto result = schedule::scheduleRanks(*module);
    EXPECT_TRUE(succeeded(result));
    if (succeeded(result))
      stages = std::move(*result);
  }
  /// "" or the error.
  std::string run() {
    NamedTensors values = {{"x", reals({7}, {1, 2, 3, 4, 5, 6, 7})},
                           {"w", reals({}, {2})}};
    std::string error;
    auto result = runScheduledStep(*module, stages, values, {}, error);
    if (result)
      EXPECT_EQ(result->metrics["loss"]->floats[0], 63.0);
    return error;
  }
  /// Where the result of an op, or the argument of a name, lies.
  rank::Buffer &buffer(StringRef name) {
    for (auto &[value, operand] : stages[0].storage) {
      std::string found;
      if (auto argument = dyn_cast<BlockArgument>(value))
        found =
            argumentName(cast<func::FuncOp>(argument.getOwner()->getParentOp()),
                         argument.getArgNumber());
      else
        found = value.getDefiningOp()->getAttrOfType<StringAttr>("name").str();
      if (found == name)
        return stages[0].program.buffers[operand.buffer];
    }
    ADD_FAILURE() << "no buffer " << name.str();
    return stages[0].program.buffers[0];
  }
};
} // namespace

TEST(Scheduled, EveryValueIsInItsPlace) { EXPECT_EQ(Scheduled().run(), ""); }

TEST(Scheduled, OverlapIsNoticed) {
  Scheduled s;
  // What the forward keeps for the backward lies where w is.
  s.buffer("scale").offset = s.buffer("w").offset;
  EXPECT_NE(s.run().find("the operand 'w' is not in buffer"), std::string::npos)
      << s.run();
  EXPECT_NE(s.run().find("of microbatch 0"), std::string::npos) << s.run();
}

TEST(Scheduled, TooFewSlotsAreNoticed) {
  // Under GPipe both microbatches are in flight.
  Scheduled s;
  EXPECT_EQ(s.buffer("scale").slots, 2);
  s.buffer("scale").slots = 1;
  EXPECT_NE(s.run().find("the operand 'each' is not in buffer"),
            std::string::npos)
      << s.run();
}

TEST(Scheduled, AccumulatorsMustBeCleared) {
  Scheduled s;
  std::vector<rank::Op> &prologue = s.stages[0].program.segments[0].ops;
  EXPECT_EQ(schedule::beginningOf(s.stages[0].program.segments[0]),
            prologue.size());
  EXPECT_FALSE(prologue.empty());
  prologue.clear();
  EXPECT_NE(s.run().find("has nothing to be added to"), std::string::npos)
      << s.run();
}

TEST(Scheduled, MissingAccumulationIsNoticed) {
  Scheduled s;
  for (auto &segment : s.stages[0].segments)
    for (auto &group : segment.groups)
      group.accumulate.assign(group.outputs.size(), false);
  EXPECT_NE(s.run().find("is not in buffer"), std::string::npos) << s.run();
}

TEST(Scheduled, OrderAgainstDependencesIsNoticed) {
  Scheduled s;
  bool reversed = false;
  for (auto &segment : s.stages[0].segments)
    for (auto &group : segment.groups)
      if (group.ops.size() > 1) {
        std::reverse(group.ops.begin(), group.ops.end());
        reversed = true;
      }
  if (!reversed)
    for (auto &segment : s.stages[0].segments)
      std::reverse(segment.groups.begin(), segment.groups.end());
  EXPECT_NE(s.run().find("is not computed before"), std::string::npos)
      << s.run();
}

TEST(Scheduled, ArenaThatIsTooSmall) {
  Scheduled s;
  s.stages[0].program.arenaBytes = 64;
  EXPECT_NE(s.run().find("fit into"), std::string::npos) << s.run();
}
