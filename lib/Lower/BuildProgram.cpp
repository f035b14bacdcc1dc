//===- BuildProgram.cpp - From a rank's schedule to its program ----------===//

#include "colossal/Lower/BuildProgram.h"
#include "Colossal/IR/Locations.h"
#include "Rank/RankDialect.h"
#include "colossal/Run/ProgramFaults.h"
#include "colossal/Schedule/RankProgramOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using schedule::dtypeOf;
using schedule::Group;
using schedule::GroupKind;

namespace {

class ProgramBuilder {
public:
  ProgramBuilder(const schedule::RankSchedule &schedule, Lowering &lowering)
      : schedule(schedule), lowering(lowering) {}
  FailureOr<rank::Program> run();

private:
  FailureOr<rank::Op> build(const Group &group);
  FailureOr<rank::Op> buildCollective(const Group &group);
  rank::Op buildTransfer(const Group &group);
  rank::Op start(rank::OpKind kind, const Group &group);
  rank::Operand place(Value value) { return schedule.storage.lookup(value); }
  int64_t groupSize(const std::vector<std::string> &axes) const;

  const schedule::RankSchedule &schedule;
  Lowering &lowering;
};

} // namespace

static RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}

rank::Op ProgramBuilder::start(rank::OpKind kind, const Group &group) {
  rank::Op op;
  op.kind = kind;
  op.name = group.name();
  op.source = sourceLineOf(group.loc());
  return op;
}

int64_t ProgramBuilder::groupSize(const std::vector<std::string> &axes) const {
  int64_t size = 1;
  for (const std::string &name : axes)
    for (const rank::Axis &axis : schedule.program.mesh)
      if (axis.name == name)
        size *= axis.size;
  return size;
}

static rank::Op waitFor(int64_t token) {
  rank::Op op;
  op.kind = rank::OpKind::Wait;
  op.name = "token " + std::to_string(token);
  op.numOutputs = 0;
  op.token = token;
  return op;
}

FailureOr<rank::Op> ProgramBuilder::buildCollective(const Group &group) {
  Operation *source = group.ops.back();
  rank::Op op = start(rank::OpKind::AllReduce, group);
  Value input = source->getOperand(0), output = source->getResult(0);
  op.operands = {place(input), place(output)};
  rank::Collective &c = op.collective;
  c.dtype = dtypeOf(input);
  c.elements = typeOf(input).getNumElements();
  auto setAxes = [&](ArrayAttr axes) {
    for (Attribute axis : axes)
      c.axes.push_back(cast<StringAttr>(axis).getValue().str());
  };
  auto cutOf = [&](Value part, int64_t extent) {
    int64_t rows = c.outer * c.inner;
    return rank::Collective::Cut{
        rows == 0 ? int64_t(llvm::divideCeil(extent, groupSize(c.axes)))
                  : typeOf(part).getNumElements() / rows,
        extent};
  };
  bool known =
      llvm::TypeSwitch<Operation *, bool>(source)
          .Case<AllReduceOp>([&](AllReduceOp all) {
            setAxes(all.getAxes());
            c.combiner = stringifyFactorKind(all.getCombiner()).str();
            return true;
          })
          .Case<AllGatherOp>([&](AllGatherOp gather) {
            op.kind = rank::OpKind::AllGather;
            setAxes(gather.getAxes());
            c.outer = gather.getOuter();
            c.inner = gather.getInnermost();
            c.gather = cutOf(input, gather.getExtent());
            return true;
          })
          .Case<ReduceScatterOp>([&](ReduceScatterOp scatter) {
            op.kind = rank::OpKind::ReduceScatter;
            setAxes(scatter.getAxes());
            c.combiner = stringifyFactorKind(scatter.getCombiner()).str();
            c.outer = scatter.getOuter();
            c.inner = scatter.getInnermost();
            c.scatter = cutOf(output, scatter.getExtent());
            return true;
          })
          .Case<AllToAllOp>([&](AllToAllOp all) {
            op.kind = rank::OpKind::AllToAll;
            setAxes(all.getAxes());
            int64_t size = groupSize(c.axes);
            auto cut = [&](int64_t extent) {
              return rank::Collective::Cut{(extent + size - 1) / size, extent};
            };
            c.outer = all.getOuter();
            c.middle = all.getMiddle();
            c.inner = all.getInnermost();
            bool gatherX = all.getGatherX();
            c.scatterFirst = !gatherX;
            c.gather = cut(gatherX ? all.getXExtent() : all.getYExtent());
            c.scatter = cut(gatherX ? all.getYExtent() : all.getXExtent());
            return true;
          })
          .Default([](Operation *) { return false; });
  if (!known)
    return source->emitError("is no collective of the rank program");
  return op;
}

rank::Op ProgramBuilder::buildTransfer(const Group &group) {
  Operation *source = group.ops.back();
  bool isSend = group.kind == GroupKind::Send;
  rank::Op op = start(isSend ? rank::OpKind::Send : rank::OpKind::Recv, group);
  Value value = isSend ? source->getOperand(0) : source->getResult(0);
  op.operands = {place(value)};
  op.numOutputs = isSend ? 0 : 1;
  op.bytes = typeOf(value).getNumElements() * rank::bytesOf(dtypeOf(value));
  op.peerGroup = source->getAttrOfType<IntegerAttr>("peer").getInt();
  op.tag = source->getAttrOfType<IntegerAttr>("tag").getInt();
  op.link = source->getAttrOfType<StringAttr>("name").getValue().str();
  return op;
}

FailureOr<rank::Op> ProgramBuilder::build(const Group &group) {
  switch (group.kind) {
  case GroupKind::Collective:
    return buildCollective(group);
  case GroupKind::Send:
  case GroupKind::Recv:
    return buildTransfer(group);
  case GroupKind::Alias:
    llvm_unreachable("an alias is no op");
  case GroupKind::Kernel:
  case GroupKind::Gemm:
  case GroupKind::Library:
    break;
  }
  FailureOr<LoweredGroup> lowered = lowering.lowerGroup(group);
  if (failed(lowered))
    return failure();
  for (auto [operand, offset] :
       llvm::zip_equal(lowered->operands, lowered->offsets)) {
    rank::Operand at = place(operand);
    at.offset += offset;
    lowered->op.operands.push_back(at);
  }
  return lowered->op;
}

FailureOr<rank::Program> ProgramBuilder::run() {
  rank::Program program = schedule.program;
  for (const schedule::SegmentSchedule &entry : schedule.segments) {
    rank::Segment &segment =
        *llvm::find_if(program.segments, [&](const rank::Segment &candidate) {
          return candidate.name == entry.name;
        });
    std::vector<rank::Op> ops;
    auto waitBefore = [&](int64_t number) {
      if (auto it = entry.waits.find(number); it != entry.waits.end())
        for (int64_t token : it->second)
          ops.push_back(waitFor(token));
    };
    for (auto [number, group] : llvm::enumerate(entry.groups)) {
      waitBefore(number);
      if (group.kind == GroupKind::Alias)
        continue;
      FailureOr<rank::Op> op = build(group);
      if (failed(op))
        return failure();
      if (auto it = entry.started.find(number); it != entry.started.end()) {
        op->queue = 1;
        op->token = it->second;
      }
      ops.push_back(std::move(*op));
    }
    waitBefore(entry.groups.size());
    segment.ops.insert(segment.ops.begin() + schedule::beginningOf(segment),
                       std::make_move_iterator(ops.begin()),
                       std::make_move_iterator(ops.end()));
  }
  return program;
}

FailureOr<rank::Program>
lower::buildProgram(const schedule::RankSchedule &schedule,
                    Lowering &lowering) {
  return ProgramBuilder(schedule, lowering).run();
}

FailureOr<LoweredRanks>
lower::lowerRanks(ModuleOp module, ArrayRef<schedule::RankSchedule> schedules) {
  Lowering lowering(module.getContext());
  LoweredRanks lowered;
  for (const schedule::RankSchedule &schedule : schedules) {
    FailureOr<rank::Program> program = buildProgram(schedule, lowering);
    if (failed(program))
      return failure();
    lowered.programs.push_back(std::move(*program));
  }
  if (failed(rank::reportFaults(module, rank::checkPrograms(lowered.programs))))
    return failure();
  lowered.module = cast<ModuleOp>(module->cloneWithoutRegions());
  auto builder =
      OpBuilder::atBlockBegin(&lowered.module->getBodyRegion().emplaceBlock());
  for (const rank::Program &program : lowered.programs)
    rank::writeProgramOp(builder, module.getLoc(), program);
  OwningOpRef<ModuleOp> kernels = lowering.take();
  kernels->setSymName(rank::names::kernels);
  builder.insert(kernels.release());
  return lowered;
}
