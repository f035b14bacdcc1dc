//===- RankProgramTest.cpp - Text form and planted faults -----------------===//

#include "ProgramBuilder.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

/// Two device groups of two ranks, two microbatches, 1F1B: everything a program
/// has. forward: group 0 sends its activation; backward: group 1 sends a
/// gradient.
std::vector<Program> twoGroups() {
  std::vector<Program> groups;
  for (int64_t s = 0; s < 2; ++s) {
    ProgramBuilder b({{"data", 2}}, 2, s, 2);
    int64_t x =
        b.input("x", {b.cut(8, {"data", "time"}), b.cut(4)}, DType::F32, 0, 2);
    int64_t w = b.state("w" + std::to_string(s), {b.cut(4), b.cut(4)}, 0.5);
    int64_t m = b.state("m" + std::to_string(s), {b.cut(4, {"data"}), b.cut(4)},
                        0.0, "optimizer");
    int64_t lr = b.control("lr");
    int64_t h = b.buffer("h", 2 * 4, DType::F32, 2);
    int64_t dh = b.buffer("dh", 2 * 4, DType::F32, 2);
    int64_t y = b.buffer("y", 2 * 4);
    int64_t g = b.buffer("g", 16);
    int64_t gs = b.buffer("g.shard", 8);
    int64_t ws = b.buffer("w.shard", 8);
    int64_t scores = s == 1 ? b.buffer("scores", 2 * 4, DType::F32, 2) : -1;
    int64_t loss = b.buffer("loss", 1);
    int64_t lossSum = b.buffer("loss.sum", 1);
    b.segment("prologue");
    b.fill(g);
    b.fill(loss);
    b.segment("forward");
    if (s == 0) {
      b.gemm(x, w, h, 2, 4, 4);
      b.transfer(OpKind::Send, h, 1, 7, "h");
    } else {
      b.transfer(OpKind::Recv, h, 0, 7, "h");
      b.gemm(h, w, y, 2, 4, 4);
      b.kernel("loss", {y, x, loss, dh}, 2, 2);
      b.kernel("scores", {y, scores}, 1, 2);
    }
    b.segment("backward");
    if (s == 0) {
      b.transfer(OpKind::Recv, dh, 1, 8, "dh");
      Op &dw = b.gemm(x, dh, g, 4, 4, 2);
      dw.gemm.aM = 1;
      dw.gemm.aK = 4;
      dw.gemm.accumulate = true;
    } else {
      Op &dw = b.gemm(h, dh, g, 4, 4, 2);
      dw.gemm.aM = 1;
      dw.gemm.aK = 4;
      dw.gemm.accumulate = true;
      b.transfer(OpKind::Send, dh, 0, 8, "dh");
    }
    b.segment("update");
    Op &scatter = b.collective(OpKind::ReduceScatter, g, gs, {"data"}, 16);
    scatter.collective.inner = 4;
    scatter.collective.scatter = {2, 4};
    Op &kernel = b.kernel("adamw", {gs, w, lr, m, ws}, 2, 2);
    kernel.indices.push_back({0, {{"data", 2}}});
    Op &gather = b.collective(OpKind::AllGather, ws, w, {"data"}, 8);
    gather.collective.inner = 4;
    gather.collective.gather = {2, 4};
    if (s == 1) {
      b.collective(OpKind::AllReduce, loss, lossSum, {"data"}, 1);
      b.metric("loss", lossSum);
      b.output("scores", scores, {b.cut(8, {"data", "time"}), b.cut(4)}, 0);
    }
    b.schedule("prologue");
    if (s == 0) {
      b.schedule("forward", 0);
      b.schedule("forward", 1);
      b.schedule("backward", 0);
      b.schedule("backward", 1);
    } else {
      b.schedule("forward", 0);
      b.schedule("backward", 0);
      b.schedule("forward", 1);
      b.schedule("backward", 1);
    }
    b.schedule("update");
    groups.push_back(b.program);
  }
  return groups;
}

Segment &segmentOf(Program &program, const std::string &name) {
  for (Segment &segment : program.segments)
    if (segment.name == name)
      return segment;
  throw std::runtime_error("no segment " + name);
}

std::string joined(const std::vector<std::string> &faults) {
  std::string text;
  for (const std::string &fault : faults)
    text += fault + "\n";
  return text;
}

/// The groups are refused, and some message has all the words.
void expectFault(const std::vector<Program> &groups,
                 const std::vector<std::string> &words) {
  std::vector<std::string> faults = checkPrograms(groups);
  ASSERT_FALSE(faults.empty()) << "the fault was not noticed";
  for (const std::string &fault : faults) {
    bool all = true;
    for (const std::string &word : words)
      all &= fault.find(word) != std::string::npos;
    if (all)
      return;
  }
  std::string expected;
  for (const std::string &word : words)
    expected += " '" + word + "'";
  FAIL() << "no message with" << expected << " in\n" << joined(faults);
}

TEST(RankProgramText, RoundTrip) {
  for (Program program : twoGroups()) {
    program.states[0].initial = {"weights.bin", 64, 64, 0xdeadbeefu, 0.0};
    program.states[1].initial.normal = 0.02;
    program.states[1].initial.stream = "h.0.weight";
    program.states[1].initial.seed = -3;
    program.states[1].owned = false;
    segmentOf(program, "prologue").ops[0].value = -INFINITY;
    Op &call = segmentOf(program, "forward").ops[0];
    call.library.function = "attention";
    call.library.reals["scale"] = 0.1;
    call.library.integers["causal"] = 1;
    call.library.strides = {{1, 2, 3, 4}, {}};
    call.scratch = {{2, 64}};
    Op product;
    product.kind = OpKind::Gemm;
    product.gemm.dtype = DType::BF16;
    segmentOf(program, "update").ops.push_back(product);
    std::string text = writeProgram(program), error;
    std::optional<Program> again = readProgram(text, "group-0.json", error);
    ASSERT_TRUE(again) << error;
    EXPECT_EQ(writeProgram(*again), text);
    EXPECT_EQ(again->states[0].initial.crc, 0xdeadbeefu);
    EXPECT_EQ(again->states[1].initial.normal, 0.02);
    EXPECT_EQ(again->states[1].initial.stream, "h.0.weight");
    EXPECT_EQ(again->states[1].initial.seed, -3);
    EXPECT_FALSE(again->states[1].owned);
    EXPECT_EQ(segmentOf(*again, "prologue").ops[0].value, -INFINITY);
    EXPECT_EQ(segmentOf(*again, "forward").ops[0].library.reals["scale"], 0.1);
    const Gemm &gemm = segmentOf(*again, "update").ops.back().gemm;
    EXPECT_EQ(gemm.dtype, DType::BF16);
    EXPECT_EQ(gemm.result, DType::F32);
    EXPECT_EQ(again->schedule.size(), program.schedule.size());
  }
}

TEST(RankProgramText, OneOpALine) {
  std::string text = writeProgram(twoGroups()[0]);
  EXPECT_NE(text.find("\n      {\"kind\":\"gemm\",\"name\":\"matmul\""),
            std::string::npos)
      << text;
}

TEST(RankProgramText, RefusesWhatItDoesNotKnow) {
  std::string error;
  EXPECT_FALSE(readProgram("{\"group\": 0, \"gruops\": 1}", "f.json", error));
  EXPECT_NE(error.find("f.json: document: found unknown field 'gruops'"),
            std::string::npos)
      << error;
  EXPECT_FALSE(
      readProgram("{\"buffers\": [{\"id\": \"a\"}]}", "f.json", error));
  EXPECT_EQ(error, "f.json: buffers[0].id: found \"a\", expected an integer");
  EXPECT_FALSE(readProgram(
      "{\"segments\": [{\"ops\": [{\"kind\": \"gemv\"}]}]}", "f.json", error));
  EXPECT_NE(error.find("segments[0].ops[0].kind: found \"gemv\", expected one "
                       "of kernel, gemm"),
            std::string::npos)
      << error;
  EXPECT_FALSE(readProgram("{\"group\": 0", "f.json", error));
  EXPECT_NE(error.find("f.json: byte"), std::string::npos) << error;
}

TEST(RankProgramCheck, AcceptsTheProgram) {
  EXPECT_EQ(joined(checkPrograms(twoGroups())), "");
}

// Each case plants one fault and names the words of the message; where two
// places are involved, words of both.
struct Fault {
  const char *name;
  void (*plant)(std::vector<Program> &);
  std::vector<std::string> words;
};

class PlantedFault : public testing::TestWithParam<Fault> {};

TEST_P(PlantedFault, IsRefused) {
  std::vector<Program> groups = twoGroups();
  GetParam().plant(groups);
  expectFault(groups, GetParam().words);
}

Op &opOf(std::vector<Program> &groups, int group, const char *segment,
         size_t op) {
  return segmentOf(groups[group], segment).ops[op];
}
void erase(std::vector<Program> &groups, int group, const char *segment,
           size_t op) {
  auto &ops = segmentOf(groups[group], segment).ops;
  ops.erase(ops.begin() + op);
}

const Fault faults[] = {
    {"OutputThatNothingWrites",
     [](auto &s) { erase(s, 1, "forward", 3); },
     {"device group 1: end of the step", "output 'scores'", "read before"}},
    {"OutputOverAState",
     [](auto &s) {
       s[1].buffers[s[1].outputs[0].buffer].offset =
           s[1].buffers[s[1].states[0].buffer].offset;
     },
     {"output 'scores'", "no overlap"}},
    {"OutputOfAnotherSize",
     [](auto &s) { s[1].outputs[0].globalShape = {8, 5}; },
     {"output 'scores'"}},
    {"NormalNumbersWithoutEnd",
     [](auto &s) { s[0].states[0].initial.normal = INFINITY; },
     {"normal numbers of deviation inf", "expected floats"}},
    {"NormalIntegers",
     [](auto &s) {
       s[0].states[0].initial.normal = 1;
       s[0].buffers[s[0].states[0].buffer].dtype = DType::I32;
     },
     {"normal numbers of deviation 1", "expected floats"}},
    {"DroppedCollective",
     [](auto &s) { erase(s, 0, "update", 0); },
     {"device group 0: update[0] kernel 'adamw'", "'g.shard' read before"}},
    {"SwappedOps",
     [](auto &s) {
       std::swap(opOf(s, 1, "update", 0), opOf(s, 1, "update", 1));
     },
     {"device group 1: update[0] kernel", "'g.shard' read before"}},
    {"WrongAxis",
     [](auto &s) { opOf(s, 0, "update", 0).collective.axes = {"tensor"}; },
     {"device group 0: update[0] reduce_scatter", "axis 'tensor'"}},
    {"WrongGroupSize",
     [](auto &s) {
       s[0].mesh[0].size = 4;
       s[1].mesh[0].size = 4;
     },
     {"device group 0: update[0] reduce_scatter", "bound 2",
      "bound 1 over a group of 4"}},
    {"AxisTwice",
     [](auto &s) {
       opOf(s, 0, "update", 2).collective.axes = {"data", "data"};
     },
     {"device group 0: update[2] all_gather", "axis 'data' twice"}},
    {"WrongBound",
     [](auto &s) { opOf(s, 0, "update", 2).collective.gather.bound = 1; },
     {"update[2] all_gather", "bound 1", "bound 2 over a group of 2"}},
    {"WrongSize",
     [](auto &s) { opOf(s, 0, "update", 0).collective.elements = 12; },
     {"update[0] reduce_scatter", "12 elements", "16"}},
    {"PartOfTheBuffer",
     [](auto &s) {
       opOf(s, 1, "update", 0).collective.elements = 8;
       opOf(s, 1, "update", 0).collective.scatter = {1, 2};
     },
     {"update[0] reduce_scatter", "output: found 4 elements", "'g.shard'"}},
    {"WrongDType",
     [](auto &s) { opOf(s, 0, "update", 0).collective.dtype = DType::I32; },
     {"update[0] reduce_scatter", "dtype f32", "dtype i32"}},
    {"NarrowGemmOfWideOperands",
     [](auto &s) { opOf(s, 1, "forward", 1).gemm.dtype = DType::BF16; },
     {"device group 1: forward[1] gemm", "dtype f32", "dtype bf16"}},
    {"ProductOfF32AsBF16",
     [](auto &s) { opOf(s, 1, "forward", 1).gemm.result = DType::BF16; },
     {"device group 1: forward[1] gemm", "a product of f32 as bf16"}},
    {"WrongDTypeOfGemm",
     [](auto &s) {
       s[0].buffers[opOf(s, 0, "forward", 0).operands[2].buffer].dtype =
           DType::I32;
     },
     {"forward[0] gemm", "dtype i32", "dtype f32"}},
    {"CrossedSends",
     [](auto &s) {
       // Stage 1 sends both the gradient and an activation; tags crossed.
       Op extra = opOf(s, 1, "backward", 1);
       extra.operands[0].buffer = opOf(s, 1, "forward", 1).operands[2].buffer;
       extra.link = "y";
       extra.tag = 8;
       opOf(s, 1, "backward", 1).tag = 9;
       segmentOf(s[1], "backward").ops.push_back(extra);
       Op receive = opOf(s, 0, "backward", 0);
       receive.tag = 9;
       receive.link = "y";
       receive.operands[0].buffer = opOf(s, 0, "forward", 0).operands[2].buffer;
       segmentOf(s[0], "backward").ops.push_back(receive);
     },
     {"device group 0: backward[0] recv 'dh'", "value 'dh'",
      "device group 1: backward[2] send", "value 'y'"}},
    {"Deadlock",
     [](auto &s) {
       // Stage 0 wants the gradient of microbatch 0 before it sends anything.
       std::swap(s[0].schedule[1], s[0].schedule[3]);
     },
     {"deadlock", "device group 0: backward[0] recv",
      "device group 1: forward[0] recv"}},
    {"SendWithoutReceive",
     [](auto &s) { erase(s, 0, "backward", 0); },
     {"device group 1: backward[1] send 'dh'", "no receive with tag 8",
      "device group 0"}},
    {"ReceiveWithoutSend",
     [](auto &s) { erase(s, 0, "forward", 1); },
     {"device group 1: forward[0] recv 'h'", "no send with tag 7",
      "device group 0"}},
    {"WrongBytes",
     [](auto &s) { opOf(s, 1, "forward", 0).bytes = 16; },
     {"device group 1: forward[0] recv", "16 bytes",
      "device group 0: forward[1] send", "32 bytes"}},
    {"WrongTransferType",
     [](auto &s) {
       int64_t id = opOf(s, 0, "backward", 0).operands[0].buffer;
       segmentOf(s[0], "backward").ops.resize(1);
       s[0].buffers[id].dtype = DType::I32;
     },
     {"device group 0: backward[0] recv", "i32",
      "device group 1: backward[1] send", "f32"}},
    {"WrongMicrobatch",
     [](auto &s) {
       std::swap(s[1].schedule[1], s[1].schedule[3]);
       std::swap(s[1].schedule[2], s[1].schedule[4]);
     },
     {"device group 1: forward[0] recv", "microbatch 1",
      "device group 0: forward[1] send", "microbatch 0"}},
    {"WrongGroup",
     [](auto &s) { opOf(s, 0, "forward", 1).peerGroup = 0; },
     {"device group 0: forward[1] send", "peer group 0"}},
    {"GroupOutside",
     [](auto &s) { opOf(s, 0, "forward", 1).peerGroup = 2; },
     {"device group 0: forward[1] send", "peer group 2"}},
    {"TagClash",
     [](auto &s) {
       segmentOf(s[0], "forward").ops.push_back(opOf(s, 0, "forward", 1));
     },
     {"device group 0: forward[2] send", "tag 7",
      "device group 0: forward[1] send"}},
    {"OperandOutside",
     [](auto &s) { opOf(s, 0, "forward", 0).operands[1].offset = 4; },
     {"forward[0] gemm 'matmul' (model.py:12) B", "bytes [4, 68)", "[0, 64)"}},
    {"BufferOutsideArena",
     [](auto &s) { s[0].arenaBytes -= 64; },
     {"device group 0: buffer", "inside the arena"}},
    {"UnknownBuffer",
     [](auto &s) { opOf(s, 0, "forward", 0).operands[0].buffer = 99; },
     {"forward[0] gemm", "buffer 99"}},
    {"StatesOverlap",
     [](auto &s) {
       s[0].buffers[s[0].states[1].buffer].offset =
           s[0].buffers[s[0].states[0].buffer].offset + 32;
     },
     {"state 'm0'", "state 'w0'", "no overlap"}},
    {"LiveBufferOverwritten",
     [](auto &s) {
       // y lies over dh: the loss kernel reads y, dh is written over it.
       int64_t dh = opOf(s, 1, "backward", 1).operands[0].buffer;
       int64_t g = opOf(s, 1, "update", 0).operands[0].buffer;
       s[1].buffers[dh].offset = s[1].buffers[g].offset;
     },
     {"device group 1: backward[0] gemm", "'g'", "overwritten through", "'dh'",
      "forward[2] kernel 'loss'"}},
    {"OutputOverInput",
     [](auto &s) {
       const Op &gemm = opOf(s, 1, "forward", 1);
       s[1].buffers[gemm.operands[2].buffer].offset =
           s[1].buffers[gemm.operands[0].buffer].offset;
     },
     {"device group 1: forward[1] gemm", "output", "'y'", "input", "'h'"}},
    {"UnknownSegment",
     [](auto &s) { s[0].schedule[1].segment = "forwards"; },
     {"schedule[1]", "'forwards'"}},
    {"LayoutTooSmall",
     [](auto &s) { s[0].states[0].layout.dimensions[0][0].bound = 3; },
     {"state 'w0'", "bound 3"}},
    {"OtherMesh",
     [](auto &s) { s[1].mesh[0].name = "batch"; },
     {"device group 1", "another mesh"}},
};

INSTANTIATE_TEST_SUITE_P(Programs, PlantedFault, testing::ValuesIn(faults),
                         [](const testing::TestParamInfo<Fault> &info) {
                           return info.param.name;
                         });

/// The collectives of device group 1's update under way, as far as that goes:
/// [reduce_scatter of token 1, wait 1, adamw, all_gather of token 2, all_reduce
/// of token 3, wait 2, wait 3].
std::vector<Program> queuedGroups() {
  std::vector<Program> groups = twoGroups();
  std::vector<Op> &ops = segmentOf(groups[1], "update").ops;
  auto waitFor = [](int64_t token) {
    Op wait;
    wait.kind = OpKind::Wait;
    wait.numOutputs = 0;
    wait.token = token;
    return wait;
  };
  int64_t token = 0;
  for (Op &op : ops)
    if (isCollective(op.kind)) {
      op.queue = 1;
      op.token = ++token;
    }
  ops.insert(ops.begin() + 1, waitFor(1));
  ops.push_back(waitFor(2));
  ops.push_back(waitFor(3));
  return groups;
}

TEST(RankProgramCheck, AcceptsOpsUnderWay) {
  std::vector<Program> groups = queuedGroups();
  EXPECT_EQ(joined(checkPrograms(groups)), "");
  // A bucket: both are waited for together.
  std::vector<Op> &ops = segmentOf(groups[1], "update").ops;
  ops[4].token = 2;
  ops.pop_back();
  EXPECT_EQ(joined(checkPrograms(groups)), "");
  // The wait may come in a later entry of the schedule.
  Op wait = ops.back();
  ops.pop_back();
  groups[1].segments.push_back({"rest", {wait}});
  groups[1].schedule.push_back({"rest", -1});
  EXPECT_EQ(joined(checkPrograms(groups)), "");
}

class PlantedQueueFault : public testing::TestWithParam<Fault> {};

TEST_P(PlantedQueueFault, IsRefused) {
  std::vector<Program> groups = queuedGroups();
  GetParam().plant(groups);
  expectFault(groups, GetParam().words);
}

/// A fill of an operand of the update's first op, behind it.
static void fillOperandOfFirst(std::vector<Program> &groups, size_t operand) {
  std::vector<Op> &ops = segmentOf(groups[1], "update").ops;
  Op fill;
  fill.kind = OpKind::Fill;
  fill.operands = {ops[0].operands[operand]};
  ops.insert(ops.begin() + 1, fill);
}

const Fault queueFaults[] = {
    {"WaitDropped",
     [](auto &s) { erase(s, 1, "update", 1); },
     {"update[1] kernel 'adamw'", "a read of what is under way in",
      "update[0] reduce_scatter", "wait for token 1"}},
    {"WaitTooLate",
     [](auto &s) {
       auto &ops = segmentOf(s[1], "update").ops;
       std::swap(ops[1], ops[2]);
     },
     {"update[1] kernel 'adamw'", "a read of what is under way",
      "wait for token 1"}},
    {"WaitTooEarly",
     [](auto &s) {
       auto &ops = segmentOf(s[1], "update").ops;
       std::swap(ops[0], ops[1]);
     },
     {"update[0] wait", "nothing that was started with token 1"}},
    {"WaitTwice",
     [](auto &s) {
       auto &ops = segmentOf(s[1], "update").ops;
       ops.push_back(ops.back());
     },
     {"update[7] wait", "nothing that was started with token 3"}},
    {"WaitForAnotherToken",
     [](auto &s) { opOf(s, 1, "update", 1).token = 2; },
     {"update[1] wait", "nothing that was started with token 2"}},
    {"WaitForNoToken",
     [](auto &s) { opOf(s, 1, "update", 1).token = 0; },
     {"update[1] wait", "found token 0"}},
    {"WaitWithAnOperand",
     [](auto &s) { opOf(s, 1, "update", 1).operands = {{0, 0}}; },
     {"update[1] wait", "found 1 operands"}},
    {"WaitOnAQueue",
     [](auto &s) { opOf(s, 1, "update", 1).queue = 1; },
     {"update[1] wait", "found queue 1", "only collectives are started"}},
    {"NoWaitInTheStep",
     [](auto &s) { erase(s, 1, "update", 6); },
     {"update[4] all_reduce", "no wait for its token 3 in the step"}},
    {"NegativeQueue",
     [](auto &s) { opOf(s, 1, "update", 0).queue = -1; },
     {"update[0] reduce_scatter", "found queue -1"}},
    {"QueueWithoutToken",
     [](auto &s) { opOf(s, 1, "update", 0).token = 0; },
     {"update[0] reduce_scatter", "found token 0", "its wait has too"}},
    {"TokenWithoutQueue",
     [](auto &s) { opOf(s, 1, "update", 0).queue = 0; },
     {"update[0] reduce_scatter", "found token 1", "not started"}},
    {"KernelOnAQueue",
     [](auto &s) {
       opOf(s, 1, "update", 2).queue = 1;
       opOf(s, 1, "update", 2).token = 9;
     },
     {"kernel 'adamw'", "found queue 1", "only collectives"}},
    {"SendOnAQueue",
     [](auto &s) {
       for (Op &op : segmentOf(s[0], "forward").ops)
         if (op.kind == OpKind::Send)
           op.queue = op.token = 1;
     },
     {"send", "found queue 1", "only collectives"}},
    {"BucketWaitedForTooEarly",
     [](auto &s) {
       // The all_reduce joins a bucket that is over when it starts.
       opOf(s, 1, "update", 4).token = 1;
       erase(s, 1, "update", 6);
     },
     {"update[4] all_reduce", "no wait for its token 1"}},
    {"StartedTwiceWaitedForOnce",
     [](auto &s) {
       auto &ops = segmentOf(s[1], "update").ops;
       ops.insert(ops.begin() + 1, ops[0]);
     },
     {"update[1] reduce_scatter", "a write over what is under way",
      "wait for token 1"}},
    {"WriteOverTheResult",
     [](auto &s) { fillOperandOfFirst(s, 1); },
     {"update[1] fill", "a write over what is under way", "wait for token 1"}},
    {"WriteIntoTheInput",
     [](auto &s) { fillOperandOfFirst(s, 0); },
     {"update[1] fill", "a write into what is under way", "wait for token 1"}},
    {"PlaceOfAnotherResult",
     [](auto &s) {
       // Two under way write the same bytes.
       auto &ops = segmentOf(s[1], "update").ops;
       s[1].buffers[ops[4].operands[1].buffer].offset =
           s[1].buffers[ops[3].operands[1].buffer].offset;
     },
     {"update[4] all_reduce", "a write over what is under way in",
      "update[3] all_gather"}},
    {"SegmentOfEveryMicrobatch",
     [](auto &s) {
       // What a segment starts and does not wait for it starts twice.
       auto &forward = segmentOf(s[1], "forward").ops;
       auto &update = segmentOf(s[1], "update").ops;
       Op all = update[4];
       forward.push_back(all);
       update.erase(update.begin() + 4);
     },
     {"forward", "all_reduce", "of microbatch 1",
      "a write over what is under way", "of microbatch 0"}},
};

INSTANTIATE_TEST_SUITE_P(Programs, PlantedQueueFault,
                         testing::ValuesIn(queueFaults),
                         [](const testing::TestParamInfo<Fault> &info) {
                           return info.param.name;
                         });

// 4 096 ranks and 16 groups: the ranks are not enumerated.
TEST(RankProgramCheck, ProgramsOfAGroupShareItsState) {
  Program train = twoGroups()[0], other = train;
  other.name = "evaluate";
  EXPECT_EQ(joined(checkShared({train, other})), "");
  std::swap(other.states[0], other.states[1]);
  EXPECT_NE(joined(checkShared({train, other})).find("found state 'm0'"),
            std::string::npos);
  other = train;
  other.buffers[other.states[1].buffer].offset += 64;
  EXPECT_NE(joined(checkShared({train, other})).find("expected 'm0' of f32 at"),
            std::string::npos);
  other = train;
  other.states[1].layout.dimensions[0][0].axes.clear();
  EXPECT_NE(joined(checkShared({train, other})).find("expected 'm0'"),
            std::string::npos);
  other = train;
  other.states.pop_back();
  EXPECT_NE(joined(checkShared({train, other})).find("found 1 states"),
            std::string::npos);
}

TEST(RankProgramCheck, SizeOfTheMeshDoesNotMatter) {
  std::vector<Program> groups;
  const int64_t count = 16, microbatches = 64;
  for (int64_t s = 0; s < count; ++s) {
    ProgramBuilder b({{"data", 32}, {"tensor", 32}}, microbatches, s, count);
    int64_t x = b.buffer("x", 64), y = b.buffer("y", 64);
    b.segment("forward");
    if (s > 0)
      b.transfer(OpKind::Recv, x, s - 1, 0, "x");
    else
      b.fill(x);
    b.collective(OpKind::AllReduce, x, y, {"tensor"}, 64);
    if (s + 1 < count)
      b.transfer(OpKind::Send, y, s + 1, 0, "x");
    for (int64_t m = 0; m < microbatches; ++m)
      b.schedule("forward", m);
    groups.push_back(b.program);
  }
  EXPECT_EQ(joined(checkPrograms(groups)), "");
}

TEST(RankProgramCheck, InputOfACollectiveMayBePartOfABuffer) {
  ProgramBuilder b({{"data", 2}});
  int64_t x = b.buffer("x", 64), y = b.buffer("y", 64);
  b.segment("update");
  b.fill(x);
  b.fill(y);
  Op &gather = b.collective(OpKind::AllGather, x, y, {"data"}, 32);
  gather.collective.gather = {32, 64};
  b.schedule("update");
  EXPECT_EQ(joined(checkProgram(b.program)), "");
}

} // namespace
