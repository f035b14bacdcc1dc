//===- KernelLoops.cpp - Rows and small parts of a kernel
//------------------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/UnsignedByte.h"
#include "FastMath.h"
#include "KernelEmitter.h"
#include "colossal/Lower/ScalarOp.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

/// Units of the range of a scatter-add.
static constexpr int64_t kScatterUnits = 64;

KernelEmitter::KernelEmitter(KernelFrame &frame, const Group &group,
                             const KernelPlan &plan)
    : frame(frame), group(group), plan(plan), builder(frame.builder) {}

int64_t KernelEmitter::range() const {
  if (plan.ops[0].scatters()) {
    const KernelOp &op = plan.ops[0];
    unsigned factor = op.selection->scatter->solved[0].factor;
    int64_t rows = plan.dims[plan.factors[op.factors[factor]].dim].bound;
    return std::min(rows, kScatterUnits);
  }
  return plan.range();
}

//===----------------------------------------------------------------------===//
// Small parts
//===----------------------------------------------------------------------===//

static Combiner combinerOfKernelOp(const KernelOp &op) {
  return *combinerOf(FactoredOp(op.op));
}

SmallVector<Value> KernelEmitter::neutral(const KernelOp &op) {
  SmallVector<Value> values;
  for (OpResult result : GenericOp(op.op)->getResults())
    values.push_back(frame.constant(neutralElement(
        combinerOfKernelOp(op), getElementTypeOrSelf(result.getType()),
        result.getResultNumber())));
  return values;
}

Value KernelEmitter::combine(const KernelOp &op, Type element, Value x, Value y,
                             bool alongRow) {
  Combiner combiner = combinerOfKernelOp(op);
  // What is added to a byte is no byte yet, and other ops may read it here.
  if (isUnsignedByte(element))
    return frame.roundTo(element,
                         createCombine(builder, frame.loc, combiner, x, y));
  // Terms along a row may be combined in any order: that is what vectorises
  // sums and products, and a row is never cut. All others keep their order.
  if (alongRow)
    return createCombine(builder, frame.loc, combiner, x, y,
                         arith::FastMathFlags::reassoc |
                             arith::FastMathFlags::nsz |
                             arith::FastMathFlags::contract);
  Operation *yield = GenericOp(op.op)->getRegion(0).front().getTerminator();
  bool isOwn = bool(yield->getOperand(0).getDefiningOp());
  if (combiner == Combiner::Sum && isa<FloatType>(x.getType()))
    if (Value fused =
            emitFused(builder, frame.loc, {x, isOwn}, {y, isOwn}, false))
      return fused;
  return createCombine(builder, frame.loc, combiner, x, y);
}

Value KernelEmitter::exponential(Value exponent) {
  return exponent.getType().isF32()
             ? emitExp(builder, frame.loc, exponent)
             : math::ExpOp::create(builder, frame.loc, exponent);
}

SmallVector<Value> KernelEmitter::combineAll(const KernelOp &op, ValueRange x,
                                             ValueRange y, bool alongRow) {
  Combiner combiner = combinerOfKernelOp(op);
  if (isTuple(combiner))
    return createTupleCombine(
        builder, frame.loc, combiner, x, y,
        [&](Value exponent) { return exponential(exponent); });
  SmallVector<Value> values;
  for (auto [result, first, second] :
       llvm::zip(GenericOp(op.op)->getResults(), x, y))
    values.push_back(combine(op, getElementTypeOrSelf(result.getType()), first,
                             second, alongRow));
  return values;
}

SmallVector<Value> KernelEmitter::terms(const KernelOp &op, Environment &env) {
  SmallVector<Value> values;
  for (const Leveled &value : evaluateOp(op, env))
    values.push_back(value.value);
  Leveled valid = isValid(op, op.reduction, env);
  frame.at(frame.level());
  if (!valid.value)
    return values;
  for (auto [value, other] : llvm::zip(values, neutral(op)))
    value =
        arith::SelectOp::create(builder, frame.loc, valid.value, value, other);
  return values;
}

SmallVector<Value> KernelEmitter::loadAll(const KernelOp &op, ValueRange arrays,
                                          Value index) {
  SmallVector<Value> values;
  for (auto [result, array] : llvm::zip(GenericOp(op.op)->getResults(), arrays))
    values.push_back(frame.load(
        heldType(getElementTypeOrSelf(result.getType())), array, index));
  return values;
}

void KernelEmitter::storeAll(ValueRange values, ValueRange arrays,
                             Value index) {
  for (auto [value, array] : llvm::zip(values, arrays))
    frame.store(value, array, index);
}

SmallVector<Value> KernelEmitter::arraysOf(const KernelOp &op) const {
  SmallVector<Value> list;
  for (Value result : GenericOp(op.op)->getResults())
    list.push_back(arrays.lookup(result));
  return list;
}

void KernelEmitter::storeResult(const KernelOp &op, unsigned result,
                                Value value, Environment &env) {
  if (!op.results[result])
    return;
  Value tensor = GenericOp(op.op)->getResult(result);
  Type element = getElementTypeOrSelf(tensor.getType());
  unsigned position = bufferOf(tensor);
  Leveled valid = isValid(op, op.parallel, env);
  Leveled index = linearIndex(*op.results[result], env);
  Value base = frame.buffer(position);
  frame.at(frame.level());
  if (valid.value)
    value = arith::SelectOp::create(builder, frame.loc, valid.value, value,
                                    frame.constantOf(value.getType(), 0));
  if (group.accumulate[position - group.inputs.size()]) {
    Value old = frame.load(element, base, index.value);
    value = isa<FloatType>(value.getType())
                ? Value(arith::AddFOp::create(builder, frame.loc, old, value))
                : Value(arith::AddIOp::create(builder, frame.loc, old, value));
  }
  frame.store(value, base, index.value, element);
}

Value KernelEmitter::limitOf(unsigned dim) {
  // A padded factor is never merged with others.
  FactorAttr factor = plan.factors[plan.dims[dim].factors[0]].attr;
  if (!factor.isPadded())
    return {};
  Value &limit = limits[dim];
  if (limit)
    return limit;
  Value offset = frame.offsetOf(factor.getTerms());
  Value extent = frame.constant(factor.getExtent());
  Value bound = frame.constant(factor.getBound());
  Value zero = frame.constant(0);
  OpBuilder::InsertionGuard guard(builder);
  frame.at(0);
  limit = arith::SubIOp::create(builder, frame.loc, extent, offset);
  limit = arith::MinSIOp::create(builder, frame.loc, limit, bound);
  limit = arith::MaxSIOp::create(builder, frame.loc, limit, zero);
  return limit;
}

void KernelEmitter::clearPadding(ArrayRef<const KernelOp *> ops,
                                 ArrayRef<unsigned> order,
                                 const Environment &rowEnv) {
  for (const KernelOp *op : ops)
    for (auto [number, access] : llvm::enumerate(op->results)) {
      if (!access)
        continue;
      Value result = GenericOp(op->op)->getResult(number);
      unsigned position = bufferOf(result);
      if (group.accumulate[position - group.inputs.size()])
        continue;
      Type element = cast<RankedTensorType>(result.getType()).getElementType();
      SmallVector<unsigned> kept;
      for (unsigned dim : order)
        if (has(op->parallel, dim))
          kept.push_back(dim);
      // Dims before the padded one stop at their own padding: that part has
      // been cleared in its turn.
      for (unsigned padded : kept) {
        if ((plan.lane == padded && laneUpper) || !limitOf(padded))
          continue;
        Environment env = rowEnv;
        bool before = true;
        for (auto [depth, dim] : llvm::enumerate(kept)) {
          bool isLane = plan.lane == dim && laneUpper;
          Value lower = isLane ? laneLower : frame.constant(0);
          Value upper =
              isLane ? laneUpper : frame.constant(plan.dims[dim].bound);
          if (dim == padded) {
            lower = limitOf(dim);
            before = false;
          } else if (before && !isLane && limitOf(dim)) {
            upper = limitOf(dim);
          }
          scf::ForOp loop =
              frame.loop(lower, upper, 1, {}, depth + 1 == kept.size());
          env.indices[dim] = {loop.getInductionVar(), frame.level()};
        }
        Leveled index = linearIndex(*access, env);
        frame.at(frame.level());
        frame.store(frame.constantOf(element, 0), frame.buffer(position),
                    index.value, element);
        for (unsigned depth = 0; depth < kept.size(); ++depth)
          frame.close();
      }
    }
}

void KernelEmitter::openLoop(unsigned dim, ValueRange initial, bool isInner,
                             Environment &env, int64_t step,
                             std::optional<int64_t> from,
                             std::optional<int64_t> to) {
  bool isLane = plan.lane == dim && laneUpper;
  Value lower = isLane ? laneLower : frame.constant(from.value_or(0));
  Value upper =
      isLane ? laneUpper : frame.constant(to.value_or(plan.dims[dim].bound));
  if (!isLane && !to)
    if (Value limit = limitOf(dim)) {
      upper = limit;
      env.limited |= bit(dim);
    }
  scf::ForOp loop = frame.loop(lower, upper, step, initial, isInner);
  env.indices[dim] = {loop.getInductionVar(), frame.level()};
}

void KernelEmitter::openPart(unsigned dim, Value first, int64_t count,
                             Value end, ValueRange initial, bool isInner,
                             Environment &env) {
  frame.at(frame.level());
  Value next =
      arith::AddIOp::create(builder, frame.loc, first, frame.constant(count));
  Value upper = arith::MinSIOp::create(builder, frame.loc, next, end);
  scf::ForOp loop = frame.loop(first, upper, 1, initial, isInner);
  env.indices[dim] = {loop.getInductionVar(), frame.level()};
}

int64_t KernelEmitter::arraySizeOf(const KernelOp &op) const {
  int64_t size = plan.size(op.parallel & ~plan.rows);
  if (plan.lane && plan.laneBlock && has(op.parallel, *plan.lane))
    size = size / plan.dims[*plan.lane].bound *
           std::min(kLaneStripe, plan.dims[*plan.lane].bound);
  return size;
}

void KernelEmitter::allocateArrays() {
  for (const KernelOp &op : plan.ops) {
    if (op.storage != Storage::RowBuffer || op.scatters())
      continue;
    for (Value result : GenericOp(op.op)->getResults())
      arrays[result] = frame.stackArray(
          cast<RankedTensorType>(result.getType()).getElementType(),
          arraySizeOf(op));
  }
}

/// Outer loops along long strides, the innermost along contiguous memory.
std::vector<unsigned>
KernelEmitter::loopOrder(ArrayRef<const KernelOp *> ops) const {
  llvm::SmallSetVector<const KernelOp *, 16> closure(ops.begin(), ops.end());
  for (unsigned i = 0; i < closure.size(); ++i)
    for (Value operand : GenericOp(closure[i]->op)->getOperands())
      if (Operation *definition = operand.getDefiningOp())
        if (const KernelOp *producer = plan.find(definition))
          if (producer->storage == Storage::Inline && !producer->reduces())
            closure.insert(producer);
  Dims dims = plan.inner(*ops[0]);
  std::vector<double> score(plan.dims.size(), 0);
  for (const KernelOp *op : closure)
    for (auto *list : {&op->operands, &op->results})
      for (const std::optional<Access> &access : *list) {
        if (!access)
          continue;
        double weight = list == &op->results ? 2 : 1;
        for (auto [d, dim] : llvm::enumerate(plan.dims))
          score[d] += weight * access->strides[d];
      }
  std::vector<unsigned> order;
  for (unsigned d = 0; d < plan.dims.size(); ++d)
    if (has(dims, d))
      order.push_back(d);
  llvm::sort(order, [&](unsigned x, unsigned y) {
    if (plan.lane && (plan.lane == x) != (plan.lane == y))
      return plan.lane == y;
    bool isUnit = plan.dims[x].bound == 1;
    if (isUnit != (plan.dims[y].bound == 1))
      return isUnit; // nothing is ever read along it
    return std::make_pair(score[x], y) > std::make_pair(score[y], x);
  });
  return order;
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void KernelEmitter::emitRowScalars(unsigned phase, Environment &env) {
  SmallVector<std::tuple<const KernelOp *, unsigned, Value>> stores;
  for (const KernelOp &op : plan.ops) {
    if (op.phase != phase || op.reduces() || plan.inner(op))
      continue;
    std::vector<Leveled> values = evaluateOp(op, env);
    for (auto [number, value] : llvm::enumerate(values)) {
      rowValues[GenericOp(op.op)->getResult(number)] = value;
      stores.push_back({&op, number, value.value});
    }
  }
  for (auto [op, number, value] : stores)
    storeResult(*op, number, value, env);
}

void KernelEmitter::emitRow(Environment &env) {
  rowLevel = frame.level();
  for (unsigned phase = 0; phase < plan.phases; ++phase) {
    emitRowScalars(phase, env);
    llvm::MapVector<std::tuple<Dims, Dims, unsigned>,
                    SmallVector<const KernelOp *>>
        nests;
    for (const KernelOp &op : plan.ops)
      if (op.phase == phase && plan.inner(op) &&
          (op.reduces() || op.isStored || op.storage == Storage::RowBuffer))
        nests[plan.nest(op).key()].push_back(&op);
    for (auto &[key, ops] : nests)
      emitNest(ops, env);
  }
}

LogicalResult KernelEmitter::emit() {
  if (range() == 0)
    return status; // tensors without elements
  if (plan.ops[0].scatters()) {
    emitScatter();
    return status;
  }
  allocateArrays();
  Environment env;
  env.indices.resize(plan.dims.size());
  Location loc = frame.loc;
  int64_t rows = plan.size(plan.rows);

  if (plan.laneBlock && rows == 1) {
    // The range is one run of lanes.
    Value unit = frame.constant(plan.laneBlock);
    Value lanes = frame.constant(plan.dims[*plan.lane].bound);
    frame.at(0);
    Value lower = arith::MulIOp::create(builder, loc, frame.begin, unit);
    Value upper = arith::MulIOp::create(builder, loc, frame.end, unit);
    upper = arith::MinSIOp::create(builder, loc, upper, lanes);
    if (arrays.empty()) {
      laneLower = lower;
      laneUpper = upper;
      emitRow(env);
      return status;
    }
    scf::ForOp stripes = frame.rangeLoop(lower, upper, kLaneStripe);
    laneLower = stripes.getInductionVar();
    Value next = arith::AddIOp::create(builder, loc, laneLower,
                                       frame.constant(kLaneStripe));
    laneUpper = arith::MinSIOp::create(builder, loc, next, upper);
    emitRow(env);
    frame.close();
    return status;
  }

  scf::ForOp loop = frame.rangeLoop(frame.begin, frame.end, 1);
  Value rest = loop.getInductionVar();
  if (plan.laneBlock) {
    int64_t lanes = plan.dims[*plan.lane].bound;
    Value blocks = frame.constant(llvm::divideCeil(lanes, plan.laneBlock));
    Value unit = frame.constant(plan.laneBlock);
    Value block = arith::RemUIOp::create(builder, loc, rest, blocks);
    rest = arith::DivUIOp::create(builder, loc, rest, blocks);
    laneLower = arith::MulIOp::create(builder, loc, block, unit);
    Value next = arith::AddIOp::create(builder, loc, laneLower, unit);
    laneUpper =
        arith::MinSIOp::create(builder, loc, next, frame.constant(lanes));
  }
  // The row number is a mixed-radix number of the row dims, in the order of the
  // first output's memory.
  std::vector<unsigned> order;
  std::vector<int64_t> key(plan.dims.size(), 0);
  for (const KernelOp &op : plan.ops)
    for (const std::optional<Access> &access : op.results)
      if (access)
        for (unsigned d = 0; d < plan.dims.size(); ++d)
          key[d] += access->strides[d];
  for (unsigned d = 0; d < plan.dims.size(); ++d)
    if (has(plan.rows, d) && plan.dims[d].bound != 1)
      order.push_back(d);
  llvm::sort(order, [&](unsigned x, unsigned y) {
    return std::make_pair(key[x], x) < std::make_pair(key[y], y);
  });
  for (auto [number, dim] : llvm::enumerate(order)) {
    Value bound = frame.constant(plan.dims[dim].bound);
    Value index = rest;
    if (number + 1 != order.size()) {
      index = arith::RemUIOp::create(builder, loc, rest, bound);
      rest = arith::DivUIOp::create(builder, loc, rest, bound);
    }
    env.indices[dim] = {index, frame.level()};
  }
  emitRow(env);
  frame.close();
  return status;
}
