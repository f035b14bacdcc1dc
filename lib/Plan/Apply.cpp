//===- Apply.cpp - A plan, written into the IR ----------------------------===//

#include "colossal/Plan/Apply.h"
#include "Colossal/IR/Combiner.h"
#include "Recomputing.h"
#include "colossal/Plan/Reshards.h"
#include "mlir/IR/Remarks.h"

#include <algorithm>
#include <map>

using namespace mlir;
using namespace colossal;

namespace colossal::plan {
namespace {
class Applier {
public:
  Applier(ModuleOp module, func::FuncOp function,
          const ExtractedProgram &extracted, const Batching &batching,
          const Plan &plan)
      : module(module), function(function), extracted(extracted),
        program(extracted.program), batching(batching), plan(plan),
        builder(module.getContext()) {}

  void run() {
    writeModule();
    writeOps();
    writeArguments();
    insertReshards();
    advanceReshards();
    recompute();
    repeatControlOps();
    sayDecisions();
  }

private:
  void writeModule();
  void writeOps();
  void writeArguments();
  void insertReshards();
  void advanceReshards();
  bool shrinks(const PlannedReshard &reshard) const;
  void writeBatchDim(unsigned result, int index);
  void recompute();
  void repeatControlOps();
  void sayDecisions();
  ShardingAttr shardingOf(int value, const Placements &state, bool inLoop);
  StringAttr axisName(size_t axis) {
    return builder.getStringAttr(plan.mesh.axes[axis].name);
  }
  StringAttr time() { return builder.getStringAttr(names::timeAxis); }
  /// With one microbatch nothing is cut over time, and all sums are complete.
  bool cutsTime(bool inLoop) const { return inLoop && plan.microbatches > 1; }

  ModuleOp module;
  func::FuncOp function;
  const ExtractedProgram &extracted;
  const Program &program;
  const Batching &batching;
  const Plan &plan;
  Builder builder;
  std::vector<Value> copies; ///< per reshard of the plan
};
} // namespace

void Applier::writeModule() {
  MLIRContext *context = builder.getContext();
  SmallVector<MeshAxisAttr> axes;
  for (const Axis &axis : plan.mesh.axes)
    axes.push_back(MeshAxisAttr::get(context, builder.getStringAttr(axis.name),
                                     axis.size));
  module->setAttr(names::mesh, MeshAttr::get(context, axes));
  const Stages &stages = plan.mesh.stages;
  module->setAttr(names::stages, builder.getI64IntegerAttr(stages.count()));
  if (stages.chunks > 1)
    module->setAttr(names::deviceGroups,
                    builder.getI64IntegerAttr(stages.groups));
  module->setAttr(names::microbatches,
                  builder.getI64IntegerAttr(plan.microbatches));
  module->setAttr(names::schedule, ScheduleAttr::get(context, plan.schedule));
}

void Applier::writeOps() {
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const Op &op = program.ops[i];
    const PlannedOp &planned = plan.ops[i];
    auto target = cast<FactoredOp>(extracted.ops[i]);
    target.setSegment(planned.segment);
    target.setStage(planned.stage);
    SmallVector<AxisUseAttr> uses;
    auto factorName = [&](int factor) {
      return builder.getStringAttr(op.factors[factor].name);
    };
    for (size_t a = 0; a < planned.axes.size(); ++a) {
      if (planned.axes[a].factor >= 0)
        uses.push_back(
            AxisUseAttr::cut(axisName(a), factorName(planned.axes[a].factor)));
      if (!planned.axes[a].linear.empty()) {
        std::vector<int64_t> operands(planned.axes[a].linear.begin(),
                                      planned.axes[a].linear.end());
        uses.push_back(AxisUseAttr::linear(axisName(a), operands));
      }
    }
    // Time: the batch, or sums over the microbatches used linearly.
    if (cutsTime(isPerMicrobatch(planned.segment))) {
      if (batching.factors[i] >= 0) {
        uses.push_back(
            AxisUseAttr::cut(time(), factorName(batching.factors[i])));
      } else {
        std::vector<int64_t> operands;
        for (size_t o = 0; o < op.operands.size(); ++o)
          if (batching.partial[op.operands[o].value])
            operands.push_back(int64_t(o));
        if (!operands.empty())
          uses.push_back(AxisUseAttr::linear(time(), operands));
      }
    }
    target.setAxesAttr(AxesAttr::get(builder.getContext(), uses));
  }
}

ShardingAttr Applier::shardingOf(int index, const Placements &state,
                                 bool inLoop) {
  const ProgramValue &value = program.values[index];
  SmallVector<DimShardingAttr> dims;
  int flat = 0;
  for (const std::vector<int64_t> &dim : value.dims) {
    SmallVector<CutAttr> subs;
    for (size_t k = 0; k < dim.size(); ++k, ++flat) {
      SmallVector<StringAttr> axes;
      if (cutsTime(inLoop) && batching.subDims[index] == flat)
        axes.push_back(time());
      for (size_t a = 0; a < state.size(); ++a)
        if (state[a] == flat)
          axes.push_back(axisName(a));
      subs.push_back(CutAttr::get(builder.getContext(), axes));
    }
    dims.push_back(DimShardingAttr::get(builder.getContext(), subs));
  }
  SmallVector<PartialAttr> partial;
  for (size_t a = 0; a < state.size(); ++a)
    if (isPartial(state[a]))
      partial.push_back(PartialAttr::get(builder.getContext(), axisName(a),
                                         kindOf(combinerOf(state[a]))));
  if (cutsTime(inLoop) && batching.partial[index])
    partial.push_back(PartialAttr::get(builder.getContext(), time(),
                                       colossal::FactorKind::Sum));
  return ShardingAttr::get(builder.getContext(), dims, partial);
}

void Applier::writeArguments() {
  SmallVector<NamedAttrList> attributes;
  for (unsigned i = 0, e = function.getNumArguments(); i < e; ++i)
    attributes.emplace_back(function.getArgAttrDict(i));
  for (auto [value, state] : plan.arguments) {
    auto argument = dyn_cast<BlockArgument>(extracted.values[value]);
    if (!argument)
      continue;
    NamedAttrList &own = attributes[argument.getArgNumber()];
    own.set(
        names::sharding,
        shardingOf(value, state, program.values[value].role == Role::Batch));
    auto stage = plan.argumentStages.find(value);
    if (plan.sharesState && stage != plan.argumentStages.end())
      own.set(names::stage, builder.getI64IntegerAttr(stage->second));
  }
  SmallVector<DictionaryAttr> all;
  for (NamedAttrList &own : attributes)
    all.push_back(own.getDictionary(builder.getContext()));
  function.setAllArgAttrs(all);
}

void Applier::insertReshards() {
  // Where each copy is first needed; later copies may start from it.
  Operation *terminator = function.getBody().front().getTerminator();
  std::vector<Operation *> firstUsers(plan.reshards.size(), terminator);
  auto need = [&](int copy, Operation *user) {
    if (user->isBeforeInBlock(firstUsers[copy]))
      firstUsers[copy] = user;
  };
  for (const PlannedUse &use : plan.uses)
    need(use.copy, extracted.ops[use.op]);
  for (size_t r = plan.reshards.size(); r-- > 0;)
    if (plan.reshards[r].source != originalCopy)
      need(plan.reshards[r].source, firstUsers[r]);

  llvm::StringMap<int> counts;
  for (size_t r = 0; r < plan.reshards.size(); ++r) {
    const PlannedReshard &reshard = plan.reshards[r];
    Value input = reshard.source == originalCopy
                      ? extracted.values[reshard.value]
                      : copies[reshard.source];
    const std::string &name = program.values[reshard.value].name;
    OpBuilder at(firstUsers[r]);
    bool inLoop = isPerMicrobatch(reshard.segment);
    auto op = ReshardOp::create(
        at, input.getLoc(), input.getType(),
        at.getStringAttr(name + "/reshard." + std::to_string(counts[name]++)),
        input, shardingOf(reshard.value, reshard.from, inLoop),
        shardingOf(reshard.value, reshard.to, inLoop),
        SegmentAttr::get(at.getContext(), reshard.segment),
        at.getI64IntegerAttr(reshard.stage));
    copies.push_back(op.getResult());
  }
  for (const PlannedUse &use : plan.uses)
    extracted.ops[use.op]->setOperand(use.operand, copies[use.copy]);
  llvm::DenseMap<Value, int> indices;
  for (auto [index, value] : llvm::enumerate(extracted.values))
    indices.try_emplace(value, int(index));
  for (OpOperand &operand : terminator->getOpOperands()) {
    auto it = indices.find(operand.get());
    if (it == indices.end())
      continue;
    int value = it->second;
    if (program.values[value].output)
      writeBatchDim(operand.getOperandNumber(), value);
    auto result = plan.results.find(value);
    if (result != plan.results.end() && result->second != originalCopy)
      operand.set(copies[result->second]);
  }
}

bool Applier::shrinks(const PlannedReshard &reshard) const {
  const ProgramValue &value = program.values[reshard.value];
  int batch = batching.subDims[reshard.value];
  int64_t parts = isPerMicrobatch(reshard.segment) ? plan.microbatches : 1;
  return localBytes(value, plan.mesh, reshard.to, batch, parts) <
         localBytes(value, plan.mesh, reshard.from, batch, parts);
}

/// A reshard stands before its first user, but one that frees more than it
/// takes stands as early as it frees: behind the last other user of what it
/// starts from. So a gradient is reduce-scattered where it is made, and a new
/// parameter gathered, into the place of the old one, where that is no longer
/// read.
void Applier::advanceReshards() {
  Operation *terminator = function.getBody().front().getTerminator();
  for (auto [r, reshard] : llvm::enumerate(plan.reshards)) {
    Operation *op = copies[r].getDefiningOp();
    Operation *behind = op->getOperand(0).getDefiningOp();
    if (!behind)
      continue;
    int target = program.values[reshard.value].updates;
    bool isNewState = target >= 0 && copies[r].hasOneUse() &&
                      *copies[r].user_begin() == terminator;
    if (!isNewState && !shrinks(reshard))
      continue;
    SmallVector<Operation *> readers(op->getOperand(0).getUsers());
    if (isNewState)
      llvm::append_range(readers, extracted.values[target].getUsers());
    bool isReadLater = false;
    for (Operation *reader : readers) {
      isReadLater |= op->isBeforeInBlock(reader);
      if (reader->isBeforeInBlock(op) && behind->isBeforeInBlock(reader))
        behind = reader;
    }
    if (!isReadLater)
      op->moveAfter(behind);
  }
}

/// The dimension of an output along which the outputs of several batches may be
/// joined: samples are its major sub-dimension.
void Applier::writeBatchDim(unsigned result, int index) {
  int flat = 0;
  for (auto [dim, bounds] : llvm::enumerate(program.values[index].dims)) {
    if (flat == batching.subDims[index])
      function.setResultAttr(result, names::batchDim,
                             builder.getI64IntegerAttr(dim));
    flat += int(bounds.size());
  }
}

/// Copies that are computed again in place of being kept: clones of what makes
/// them, in segment backward.
void Applier::recompute() {
  std::vector<Value> values, forEachUse;
  for (const RecomputedCopy &copy : plan.recomputed) {
    values.push_back(copy.copy == originalCopy ? extracted.values[copy.value]
                                               : copies[copy.copy]);
    if (copy.forEachUse)
      forEachUse.push_back(values.back());
  }
  Recomputing(values, forEachUse).run();
}

/// What depends on controls alone is computed by every stage that uses it, in
/// place of being sent.
void Applier::repeatControlOps() {
  std::vector<bool> control(program.values.size());
  for (size_t v = 0; v < program.values.size(); ++v)
    control[v] = program.values[v].role == Role::Control;
  std::vector<IRMapping> stages(plan.mesh.stages.count());
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const std::vector<Access> &operands = program.ops[i].operands;
    if (!std::all_of(operands.begin(), operands.end(),
                     [&](const Access &a) { return control[a.value]; }))
      continue;
    Operation *op = extracted.ops[i];
    for (const Access &access : program.ops[i].results)
      control[access.value] = true;
    std::map<uint64_t, PlacedOp> clones;
    for (OpResult result : op->getResults())
      for (OpOperand &use : llvm::make_early_inc_range(result.getUses())) {
        auto user = dyn_cast<PlacedOp>(use.getOwner());
        std::optional<uint64_t> stage = user ? user.getStage() : std::nullopt;
        if (!stage || int64_t(*stage) == plan.ops[i].stage)
          continue;
        PlacedOp &clone = clones[*stage];
        if (!clone) {
          OpBuilder after(op);
          after.setInsertionPointAfter(op);
          clone = cast<PlacedOp>(after.clone(*op, stages[*stage]));
          clone.setStage(stage);
          clone->setAttr("name",
                         after.getStringAttr(program.ops[i].name + "/stage" +
                                             std::to_string(*stage)));
        }
        use.set(clone->getResult(result.getResultNumber()));
      }
  }
}

/// What was decided, for who asks (`colossal-opt --remarks-filter=plan`).
void Applier::sayDecisions() {
  using remark::RemarkOpts;
  auto options = [&](StringRef name) {
    return RemarkOpts::name(name).category("plan").function(function.getName());
  };
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const PlannedOp &planned = plan.ops[i];
    std::string text = "\"" + program.ops[i].name + "\" in " +
                       nameOf(planned.segment) + " of stage " +
                       std::to_string(planned.stage);
    for (size_t a = 0; a < planned.axes.size(); ++a) {
      const PlannedAxis &axis = planned.axes[a];
      text += ", " + plan.mesh.axes[a].name;
      if (axis.factor >= 0)
        text += " cuts " + program.ops[i].factors[axis.factor].name;
      else
        text += axis.linear.empty() ? " repeats it" : " adds up parts";
    }
    remark::passed(extracted.ops[i]->getLoc(), options("strategy")) << text;
  }
  for (const PlannedReshard &reshard : plan.reshards)
    remark::passed(extracted.values[reshard.value].getLoc(), options("reshard"))
        << "\"" + program.values[reshard.value].name + "\" in " +
               nameOf(reshard.segment) + " of stage " +
               std::to_string(reshard.stage) + " from " + nameOf(reshard.from) +
               " to " + nameOf(reshard.to);
}

void applyPlan(ModuleOp module, func::FuncOp function,
               const ExtractedProgram &extracted, const Batching &batching,
               const Plan &plan) {
  Applier(module, function, extracted, batching, plan).run();
}

} // namespace colossal::plan
