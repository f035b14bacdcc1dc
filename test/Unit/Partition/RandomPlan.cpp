//===- RandomPlan.cpp - Legal plans without any sense ---------------------===//

#include "RandomPlan.h"
#include "colossal/Differentiate/Passes.h"
#include "colossal/Plan/Extract.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::partition;
using namespace colossal::partition::test;

namespace {
class RandomPlanner {
public:
  RandomPlanner(func::FuncOp function, const Mesh &mesh,
                const plan::ExtractedProgram &extracted,
                const plan::Batching &batching, std::mt19937 &random)
      : function(function), mesh(mesh), extracted(extracted),
        batching(batching), random(random), builder(function.getContext()) {
    for (unsigned axis : mesh.majorToMinor())
      axisOrder.push_back(builder.getStringAttr(mesh.axes[axis].name));
  }

  void run() {
    for (size_t i = 0; i < extracted.ops.size(); ++i)
      drawOp(i);
    drawArguments();
    for (size_t i = 0; i < extracted.ops.size(); ++i)
      reshardOperands(i);
    reshardResults();
  }

private:
  bool flip(unsigned oneIn) { return random() % oneIn == 0; }
  bool cutsTime() const { return mesh.microbatches() > 1; }
  int valueOf(Value value) const {
    auto it = llvm::find(extracted.values, value);
    return it == extracted.values.end() ? -1 : it - extracted.values.begin();
  }

  void drawOp(size_t index);
  void drawArguments();
  void reshardOperands(size_t index);
  void reshardResults();
  ShardingAttr sharding(FactoredOp op, IndexMapAttr map, bool isResult,
                        unsigned operand);
  /// The value's sharding without time, or with what time means for it in the
  /// microbatch loop.
  ShardingAttr withTime(ShardingAttr sharding, int value, bool loop);
  ShardingAttr withoutTime(ShardingAttr sharding);
  Value reshard(Value value, ShardingAttr to, Segment segment, int64_t stage,
                Operation *before);

  func::FuncOp function;
  const Mesh &mesh;
  const plan::ExtractedProgram &extracted;
  const plan::Batching &batching;
  std::mt19937 &random;
  Builder builder;
  SmallVector<StringAttr> axisOrder;
  llvm::DenseMap<Value, ShardingAttr> states; ///< without time
  llvm::DenseMap<Operation *, int64_t> stages;
  int64_t forwardStage = 0, backwardStage = -1;
  int numReshards = 0;
};
} // namespace

void RandomPlanner::drawOp(size_t index) {
  auto op = cast<FactoredOp>(extracted.ops[index]);
  Segment segment = extracted.program.ops[index].segment;
  // Stages rise through the forward and fall through the backward.
  int64_t count = mesh.stages.count();
  int64_t stage = random() % count;
  int64_t perStage = extracted.ops.size() / (3 * count) + 1;
  if (segment == Segment::Forward) {
    if (forwardStage + 1 < count && flip(perStage))
      ++forwardStage;
    stage = forwardStage;
  } else if (segment == Segment::Backward) {
    if (backwardStage < 0)
      backwardStage = count - 1;
    else if (backwardStage > 0 && flip(perStage))
      --backwardStage;
    stage = backwardStage;
  }
  stages[op] = stage;
  op.setStage(stage);
  op.setSegment(segment);

  SmallVector<FactorAttr> factors = op.getFactorList();
  int batch = cutsTime() ? batching.factors[index] : -1;
  SmallVector<AxisUseAttr> uses;
  int64_t batchParts = mesh.microbatches();
  for (unsigned axis = 0; axis < mesh.timeAxis(); ++axis) {
    StringAttr name = builder.getStringAttr(mesh.axes[axis].name);
    SmallVector<SmallVector<unsigned>> sets = op.getLinearOperandSets();
    if (!sets.empty() && flip(6)) {
      const SmallVector<unsigned> &set = sets[random() % sets.size()];
      SmallVector<int64_t> operands(set.begin(), set.end());
      uses.push_back(AxisUseAttr::linear(name, operands));
      continue;
    }
    unsigned factor = random() % (factors.size() + 1);
    if (factor == factors.size() || !op.isShardable(factor))
      continue;
    if (int(factor) == batch) {
      // Inside the loop, parts of the batch must nest.
      batchParts *= mesh.axes[axis].size;
      if (factors[factor].getBound() % batchParts) {
        batchParts /= mesh.axes[axis].size;
        continue;
      }
    }
    uses.push_back(AxisUseAttr::cut(
        name, builder.getStringAttr(factors[factor].getName())));
  }
  if (cutsTime() && isPerMicrobatch(segment)) {
    StringAttr time = builder.getStringAttr(names::timeAxis);
    if (batch >= 0) {
      uses.push_back(AxisUseAttr::cut(
          time, builder.getStringAttr(factors[batch].getName())));
    } else {
      SmallVector<int64_t> operands;
      for (unsigned i = 0; i < op->getNumOperands(); ++i)
        if (batching.partial[valueOf(op->getOperand(i))])
          operands.push_back(i);
      if (!operands.empty())
        uses.push_back(AxisUseAttr::linear(time, operands));
    }
  }
  op.setAxesAttr(AxesAttr::get(builder.getContext(), uses));
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    states[op->getResult(i)] = sharding(op, op.getResultMap(i), true, 0);
}

/// What the strategy implies for an operand or result, without time.
ShardingAttr RandomPlanner::sharding(FactoredOp op, IndexMapAttr map,
                                     bool isResult, unsigned operand) {
  AxesAttr axes = op.getAxesAttr();
  ShardingAttr state =
      withoutTime(shardingOf(op, map, isResult, axes, axisOrder));
  SmallVector<PartialAttr> partial(state.getPartial());
  for (AxisUseAttr use : axes.getUses())
    if (use.isLinear() && use.getAxis() != names::timeAxis &&
        (isResult || llvm::is_contained(use.getOperands(), int64_t(operand))))
      partial.push_back(PartialAttr::get(builder.getContext(), use.getAxis(),
                                         FactorKind::Sum));
  llvm::sort(partial, [](PartialAttr a, PartialAttr b) {
    return a.getAxis().getValue() < b.getAxis().getValue();
  });
  return ShardingAttr::get(builder.getContext(), state.getDims(), partial);
}

ShardingAttr RandomPlanner::withoutTime(ShardingAttr sharding) {
  MLIRContext *context = builder.getContext();
  SmallVector<DimShardingAttr> dims;
  for (DimShardingAttr dim : sharding.getDims()) {
    SmallVector<CutAttr> subs;
    for (CutAttr axes : dim.getSubDims()) {
      SmallVector<StringAttr> kept;
      for (StringAttr axis : axes.getAxes())
        if (axis != names::timeAxis)
          kept.push_back(axis);
      subs.push_back(CutAttr::get(context, kept));
    }
    dims.push_back(DimShardingAttr::get(context, subs));
  }
  SmallVector<PartialAttr> partial;
  for (PartialAttr entry : sharding.getPartial())
    if (entry.getAxis() != names::timeAxis)
      partial.push_back(entry);
  return ShardingAttr::get(context, dims, partial);
}

ShardingAttr RandomPlanner::withTime(ShardingAttr sharding, int value,
                                     bool loop) {
  if (!loop || !cutsTime() || value < 0)
    return sharding;
  MLIRContext *context = builder.getContext();
  auto time = builder.getStringAttr(names::timeAxis);
  SmallVector<DimShardingAttr> dims;
  int flat = 0;
  for (DimShardingAttr dim : sharding.getDims()) {
    SmallVector<CutAttr> subs;
    for (CutAttr axes : dim.getSubDims()) {
      SmallVector<StringAttr> list(axes.getAxes());
      if (batching.subDims[value] == flat++)
        list.push_back(time); // Partition makes it major
      subs.push_back(CutAttr::get(context, list));
    }
    dims.push_back(DimShardingAttr::get(context, subs));
  }
  SmallVector<PartialAttr> partial(sharding.getPartial());
  if (batching.partial[value])
    partial.push_back(PartialAttr::get(context, time, FactorKind::Sum));
  return ShardingAttr::get(context, dims, partial);
}

void RandomPlanner::drawArguments() {
  MLIRContext *context = builder.getContext();
  for (BlockArgument argument : function.getArguments()) {
    int index = valueOf(argument);
    if (index < 0)
      continue;
    const plan::ProgramValue &value = extracted.program.values[index];
    SmallVector<SmallVector<SmallVector<StringAttr>>> cuts;
    SmallVector<std::pair<int, int>> places;
    for (const std::vector<int64_t> &dim : value.dims) {
      cuts.emplace_back().resize(dim.size());
      for (size_t k = 0; k < dim.size(); ++k)
        if (!cutsTime() || batching.subDims[index] != int(places.size()))
          places.push_back({int(cuts.size()) - 1, int(k)});
        else
          places.push_back({-1, 0}); // the batch: time alone
    }
    for (unsigned axis = 0; axis < mesh.timeAxis(); ++axis)
      if (!places.empty() && flip(2)) {
        auto [dim, sub] = places[random() % places.size()];
        if (dim >= 0)
          cuts[dim][sub].push_back(builder.getStringAttr(mesh.axes[axis].name));
      }
    SmallVector<DimShardingAttr> dims;
    for (auto &dim : cuts) {
      SmallVector<CutAttr> subs;
      for (auto &axes : dim)
        subs.push_back(CutAttr::get(context, axes));
      dims.push_back(DimShardingAttr::get(context, subs));
    }
    states[argument] = ShardingAttr::get(context, dims, {});
    function.setArgAttr(
        argument.getArgNumber(), names::sharding,
        withTime(states[argument], index, value.role == plan::Role::Batch));
  }
}

Value RandomPlanner::reshard(Value value, ShardingAttr to, Segment segment,
                             int64_t stage, Operation *before) {
  OpBuilder at(before);
  int index = valueOf(value);
  bool loop = isPerMicrobatch(segment);
  auto op = ReshardOp::create(
      at, value.getLoc(), value.getType(),
      at.getStringAttr("reshard." + std::to_string(numReshards++)), value,
      withTime(states[value], index, loop), withTime(to, index, loop),
      SegmentAttr::get(at.getContext(), segment), at.getI64IntegerAttr(stage));
  return op.getResult();
}

void RandomPlanner::reshardOperands(size_t index) {
  auto op = cast<FactoredOp>(extracted.ops[index]);
  Segment segment = extracted.program.ops[index].segment;
  for (unsigned i = 0; i < op->getNumOperands(); ++i) {
    Value value = op->getOperand(i);
    ShardingAttr need = sharding(op, op.getOperandMap(i), false, i);
    if (states[value] == need)
      continue;
    // A parameter may be resharded once, before the microbatches; a value of
    // the same segment where it is produced.
    Segment paid = segment;
    int64_t stage = stages[op];
    Operation *producer = value.getDefiningOp();
    if (!producer && flip(2) &&
        (!cutsTime() || batching.subDims[valueOf(value)] < 0 || flip(2)))
      paid = Segment::Prologue;
    else if (producer && flip(2) &&
             cast<PlacedOp>(producer).getSegment() == segment)
      stage = stages[producer];
    op->setOperand(i, reshard(value, need, paid, stage, op));
  }
}

void RandomPlanner::reshardResults() {
  Operation *terminator = function.getBody().front().getTerminator();
  for (OpOperand &result : terminator->getOpOperands()) {
    auto updates = function.getResultAttrOfType<IntegerAttr>(
        result.getOperandNumber(), names::updates);
    Value value = result.get();
    auto op = value.getDefiningOp<FactoredOp>();
    if (!op)
      continue;
    ShardingAttr to;
    if (updates) {
      to = states[function.getArgument(updates.getInt())];
    } else {
      SmallVector<DimShardingAttr> dims;
      for (DimShardingAttr dim : states[value].getDims())
        dims.push_back(DimShardingAttr::get(
            builder.getContext(),
            SmallVector<CutAttr>(dim.getSubDims().size(),
                                 CutAttr::get(builder.getContext(), {}))));
      to = ShardingAttr::get(builder.getContext(), dims, {});
    }
    if (to != states[value] || (!updates && flip(2)))
      result.set(reshard(value, to, Segment::Update, stages[op], terminator));
  }
}

LogicalResult colossal::partition::test::planRandomly(ModuleOp module,
                                                      const Mesh &mesh,
                                                      std::mt19937 &random) {
  auto function = module.lookupSymbol<func::FuncOp>("train_step");
  FailureOr<plan::BatchedProgram> read = plan::readBatchedProgram(function);
  if (failed(read))
    return failure();
  if (mesh.microbatches() > 1 &&
      (!read->batching.divisible || read->batching.batch % mesh.microbatches()))
    return failure();
  Builder builder(module.getContext());
  SmallVector<MeshAxisAttr> axes;
  for (unsigned axis = 0; axis < mesh.timeAxis(); ++axis)
    axes.push_back(MeshAxisAttr::get(
        module.getContext(), builder.getStringAttr(mesh.axes[axis].name),
        mesh.axes[axis].size));
  module->setAttr(names::mesh, MeshAttr::get(module.getContext(), axes));
  module->setAttr(names::stages,
                  builder.getI64IntegerAttr(mesh.stages.count()));
  if (mesh.stages.chunks > 1)
    module->setAttr(names::deviceGroups,
                    builder.getI64IntegerAttr(mesh.stages.groups));
  module->setAttr(names::microbatches,
                  builder.getI64IntegerAttr(mesh.microbatches()));
  module->setAttr(names::schedule,
                  ScheduleAttr::get(module.getContext(), mesh.schedule));
  RandomPlanner(function, mesh, read->extracted, read->batching, random).run();
  return success();
}

OwningOpRef<ModuleOp>
colossal::partition::test::readModel(const std::string &file,
                                     MLIRContext &context) {
  OwningOpRef<ModuleOp> module = parseSourceFile<ModuleOp>(
      std::string(COLOSSAL_SOURCE_DIR) + "/test/Unit/Partition/Inputs/" + file,
      &context);
  if (!module)
    return nullptr;
  OptimizerOptions options;
  std::string error;
  options.clipNorm = 1.0;
  if (failed(differentiate(*module, options)))
    return nullptr;
  return module;
}

Mesh colossal::partition::test::drawMesh(std::mt19937 &random) {
  std::vector<layout::Axis> axes(1 + random() % 2);
  for (size_t i = 0; i < axes.size(); ++i)
    axes[i] = {"a" + std::to_string(i), int64_t(2 + random() % 2)};
  int64_t microbatches = int64_t(1) << (random() % 3);
  Stages stages = {int64_t(1 + random() % 3), int64_t(1 + random() % 2)};
  Mesh mesh = Mesh::withTime(axes, microbatches, stages);
  mesh.schedule = random() % 2 ? ScheduleKind::OneFOneB : ScheduleKind::GPipe;
  return mesh;
}
