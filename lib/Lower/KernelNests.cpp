//===- KernelNests.cpp - The loop nests of a phase ------------------------===//

#include "Colossal/IR/Combiner.h"
#include "KernelEmitter.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

/// Iterations of a reduction that are added up as a tree before they go to the
/// accumulator in memory: fewer passes over it, and a smaller rounding error.
static constexpr int64_t kUnroll = 8;

/// Terms of a block of a long sum (`Blocks`) along a row: a block ends with the
/// sum of the lanes.
static constexpr int64_t kRowBlock = 4096;
/// The same of columns, in passes over the accumulators.
static constexpr int64_t kColumnBlock = 64;

void KernelEmitter::emitScalarNest(ArrayRef<const KernelOp *> ops,
                                   ArrayRef<unsigned> order,
                                   Environment &rowEnv) {
  SmallVector<std::pair<const KernelOp *, unsigned>> sums; // op, result
  SmallVector<Carried> initial;
  for (const KernelOp *op : ops)
    if (op->reduces())
      for (auto [number, value] : llvm::enumerate(neutral(*op))) {
        sums.push_back({op, number});
        initial.push_back({value, isNarrowSum(*op)});
      }
  SmallVector<Value> reduced = carryAlong(
      order, rowEnv, initial, true,
      [&](Environment &inner, ArrayRef<Value> old) {
        // All values before any store: an output may have an input's place.
        SmallVector<SmallVector<Value>> values;
        for (const KernelOp *op : ops) {
          if (op->reduces()) {
            values.push_back(terms(*op, inner));
            continue;
          }
          values.emplace_back();
          for (Value result : GenericOp(op->op)->getResults())
            values.back().push_back(evaluate(result, inner).value);
        }
        SmallVector<Value> next;
        for (auto [op, list] : llvm::zip(ops, values))
          if (op->reduces()) {
            llvm::append_range(
                next, combineAll(*op, old.take_front(list.size()), list, true));
            old = old.drop_front(list.size());
          }
        for (auto [op, list] : llvm::zip(ops, values)) {
          if (op->reduces())
            continue;
          for (auto [result, value] : llvm::enumerate(list)) {
            storeResult(*op, result, value, inner);
            if (op->storage != Storage::RowBuffer)
              continue;
            Leveled index = arrayIndex(*op, inner);
            frame.at(frame.level());
            frame.store(value, arrays[GenericOp(op->op)->getResult(result)],
                        index.value);
          }
        }
        return next;
      });
  for (auto [sum, value] : llvm::zip(sums, reduced)) {
    auto [op, result] = sum;
    rowValues[GenericOp(op->op)->getResult(result)] =
        asRead(*op, result, {value, frame.level()});
    storeResult(*op, result, value, rowEnv);
  }
  for (const KernelOp *op : ops)
    if (!op->reduces() && op->storage == Storage::RowBuffer)
      for (Value result : GenericOp(op->op)->getResults())
        filled.insert(result);
  clearPadding(ops, order, rowEnv);
}

bool KernelEmitter::isNarrowSum(const KernelOp &op) const {
  Type element = getElementTypeOrSelf(GenericOp(op.op)->getResult(0).getType());
  return *combinerOf(FactoredOp(op.op)) == Combiner::Sum &&
         heldType(element).isF32();
}

std::optional<Blocks> KernelEmitter::blocksOf(ArrayRef<unsigned> order,
                                              int64_t limit) const {
  int64_t terms = 1;
  for (unsigned depth = order.size(); depth-- > 0;) {
    int64_t bound = plan.dims[order[depth]].bound;
    if (bound > limit / terms)
      return Blocks{depth, std::max<int64_t>(1, limit / terms)};
    terms *= std::max<int64_t>(1, bound);
  }
  return std::nullopt;
}

SmallVector<Value> KernelEmitter::carryAlong(
    ArrayRef<unsigned> order, const Environment &outer,
    ArrayRef<Carried> initial, bool isInner,
    llvm::function_ref<SmallVector<Value>(Environment &, ArrayRef<Value>)>
        step) {
  Environment env = outer;
  SmallVector<Value> carried;
  auto enter = [&] {
    auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
    carried.assign(loop.getRegionIterArgs().begin(),
                   loop.getRegionIterArgs().end());
    return loop;
  };
  std::optional<Blocks> blocks;
  if (llvm::any_of(initial, [](const Carried &one) { return one.isSum; }))
    blocks = blocksOf(order, kRowBlock);
  Type f64 = builder.getF64Type();
  SmallVector<Value> ofBlocks; // what the loop over blocks carries
  for (const Carried &one : initial)
    carried.push_back(blocks && one.isSum ? frame.constantOf(f64, 0)
                                          : one.initial);
  for (auto [depth, dim] : llvm::enumerate(order)) {
    bool isLast = isInner && depth + 1 == order.size();
    if (!blocks || depth != blocks->depth) {
      openLoop(dim, carried, isLast, env);
      enter();
      continue;
    }
    openLoop(dim, carried, false, env, blocks->step);
    Value end = enter().getUpperBound();
    ofBlocks = carried;
    for (auto [value, one] : llvm::zip(carried, initial))
      if (one.isSum)
        value = one.initial;
    openPart(dim, env.indices[dim].value, blocks->step, end, carried, isLast,
             env);
    enter();
  }
  SmallVector<Value> next = step(env, carried);
  auto leave = [&] {
    auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
    frame.close(next);
    next.assign(loop.getResults().begin(), loop.getResults().end());
  };
  for (unsigned depth = order.size(); depth-- > 0;) {
    leave();
    if (!blocks || depth != blocks->depth)
      continue;
    for (auto [value, sum, one] : llvm::zip(next, ofBlocks, initial))
      if (one.isSum)
        value = arith::AddFOp::create(
            builder, frame.loc, sum,
            arith::ExtFOp::create(builder, frame.loc, f64, value));
    leave();
  }
  for (auto [value, one] : llvm::zip(next, initial))
    if (blocks && one.isSum)
      value = arith::TruncFOp::create(builder, frame.loc, one.initial.getType(),
                                      value);
  return next;
}

SmallVector<SmallVector<Value>>
KernelEmitter::reduceAlong(ArrayRef<const KernelOp *> ops,
                           ArrayRef<unsigned> order, const Environment &env) {
  bool ofTuples = isTuple(FactoredOp(ops[0]->op));
  if (ofTuples && reducesTwice(*ops[0], order))
    return {reduceTwice(*ops[0], order, env)};
  if (ofTuples && reducesInLanes(order))
    return {reduceInLanes(*ops[0], order, env)};
  SmallVector<Carried> initial;
  for (const KernelOp *op : ops)
    for (Value value : neutral(*op))
      initial.push_back({value, isNarrowSum(*op)});
  SmallVector<Value> reduced = carryAlong(
      order, env, initial, !ofTuples,
      [&](Environment &inner, ArrayRef<Value> old) {
        SmallVector<Value> next;
        for (const KernelOp *op : ops) {
          SmallVector<Value> list = terms(*op, inner);
          llvm::append_range(
              next, combineAll(*op, old.take_front(list.size()), list, true));
          old = old.drop_front(list.size());
        }
        return next;
      });
  SmallVector<SmallVector<Value>> values;
  ArrayRef<Value> rest = reduced;
  for (const KernelOp *op : ops) {
    unsigned count = GenericOp(op->op)->getNumResults();
    values.emplace_back(rest.take_front(count));
    rest = rest.drop_front(count);
  }
  return values;
}

void KernelEmitter::overDims(ArrayRef<unsigned> dims, Environment env,
                             llvm::function_ref<void(Environment &)> body) {
  for (auto [depth, dim] : llvm::enumerate(dims))
    openLoop(dim, {}, depth + 1 == dims.size(), env);
  body(env);
  for (unsigned depth = 0; depth < dims.size(); ++depth)
    frame.close();
}

Value KernelEmitter::placeInArrays(const KernelOp &op, Environment &env) {
  Leveled index = arrayIndex(op, env);
  frame.at(frame.level());
  return index.value;
}

void KernelEmitter::addColumns(ArrayRef<const KernelOp *> ops,
                               ArrayRef<unsigned> kept, unsigned dim,
                               Value first, int64_t count,
                               const Environment &env) {
  int64_t unrolled = count >= 2 * kUnroll ? count / kUnroll * kUnroll : 0;
  auto at = [&](Value from, int64_t distance) {
    if (!distance)
      return from;
    frame.at(frame.level());
    return Value(arith::AddIOp::create(builder, frame.loc, from,
                                       frame.constant(distance)));
  };
  auto pass = [&](int64_t from, int64_t to, int64_t step) {
    if (from == to)
      return;
    Environment outer = env;
    Value lower = at(first, from), upper = at(first, to);
    scf::ForOp loop = frame.loop(lower, upper, step, {}, false);
    // The indices of the iterations that one step combines.
    SmallVector<Leveled> indices;
    for (int64_t i = 0; i < step; ++i)
      indices.push_back({at(loop.getInductionVar(), i), frame.level()});
    outer.indices[dim] = indices[0];
    overDims(kept, outer, [&](Environment &inner) {
      for (const KernelOp *op : ops) {
        SmallVector<SmallVector<Value>> parts;
        for (const Leveled &index : indices) {
          Environment here = inner.withoutValues();
          here.indices[dim] = index;
          parts.push_back(terms(*op, here));
        }
        while (parts.size() > 1) {
          SmallVector<SmallVector<Value>> half;
          for (unsigned i = 0; i + 1 < parts.size(); i += 2)
            half.push_back(combineAll(*op, parts[i], parts[i + 1]));
          parts = half;
        }
        SmallVector<Value> arrays = arraysOf(*op);
        Value index = placeInArrays(*op, inner);
        SmallVector<Value> old = loadAll(*op, arrays, index);
        storeAll(combineAll(*op, old, parts[0]), arrays, index);
      }
    });
    frame.close();
  };
  pass(0, unrolled, kUnroll);
  pass(unrolled, count, 1);
}

/// Sums that are arrays: the loops over kept dims are inside those over reduced
/// ones.
void KernelEmitter::emitColumns(ArrayRef<const KernelOp *> ops,
                                ArrayRef<unsigned> kept,
                                ArrayRef<unsigned> reduced,
                                const Environment &rowEnv) {
  std::optional<Blocks> blocks;
  bool isUnrolled = plan.dims[reduced.back()].bound >= 2 * kUnroll;
  if (llvm::any_of(ops, [&](const KernelOp *op) { return isNarrowSum(*op); }))
    blocks = blocksOf(reduced, kColumnBlock * (isUnrolled ? kUnroll : 1));
  Type f64 = builder.getF64Type();
  llvm::MapVector<const KernelOp *, Value> ofBlocks; // in order of `ops`
  for (const KernelOp *op : ops)
    if (blocks && isNarrowSum(*op))
      ofBlocks[op] = frame.stackArray(f64, arraySizeOf(*op));
  auto clear = [&](Environment env, bool ofBlock) {
    overDims(kept, env, [&](Environment &inner) {
      for (const KernelOp *op : ops) {
        Value index = placeInArrays(*op, inner);
        Value sum = ofBlocks.lookup(op);
        if (bool(sum) == ofBlock)
          storeAll(neutral(*op), arraysOf(*op), index);
        else if (sum)
          frame.store(frame.constantOf(f64, 0), sum, index);
      }
    });
  };
  auto addBlock = [&](const Environment &env) {
    overDims(kept, env, [&](Environment &inner) {
      for (auto [op, sum] : ofBlocks) {
        Value index = placeInArrays(*op, inner);
        Value old = frame.load(f64, sum, index);
        Value block = arith::ExtFOp::create(
            builder, frame.loc, f64, loadAll(*op, arraysOf(*op), index)[0]);
        frame.store(arith::AddFOp::create(builder, frame.loc, old, block), sum,
                    index);
      }
    });
  };

  clear(rowEnv, false);
  Environment env = rowEnv;
  unsigned last = reduced.back(), opened = 0;
  for (auto [depth, dim] : llvm::enumerate(reduced.drop_back())) {
    bool inBlocks = blocks && depth == blocks->depth;
    openLoop(dim, {}, false, env, inBlocks ? blocks->step : 1);
    ++opened;
    if (!inBlocks)
      continue;
    clear(env, true);
    auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
    openPart(dim, loop.getInductionVar(), blocks->step, loop.getUpperBound(),
             {}, false, env);
    ++opened;
  }
  int64_t bound = plan.dims[last].bound;
  if (!blocks || blocks->depth + 1 < reduced.size()) {
    addColumns(ops, kept, last, frame.constant(0), bound, env);
  } else {
    auto block = [&](Value first, int64_t count) {
      clear(env, true);
      addColumns(ops, kept, last, first, count, env);
      addBlock(env);
    };
    int64_t whole = bound / blocks->step * blocks->step;
    Environment each = env;
    openLoop(last, {}, false, each, blocks->step, 0, whole);
    block(each.indices[last].value, blocks->step);
    frame.close();
    if (whole < bound)
      block(frame.constant(whole), bound - whole);
  }
  for (; opened > 0; --opened) {
    // The loop over the block's iterations is the one inside that over blocks.
    frame.close();
    if (blocks && opened == blocks->depth + 2)
      addBlock(env);
  }
  if (blocks)
    overDims(kept, rowEnv, [&](Environment &inner) {
      for (auto [op, sum] : ofBlocks) {
        Value index = placeInArrays(*op, inner);
        Value value =
            arith::TruncFOp::create(builder, frame.loc, builder.getF32Type(),
                                    frame.load(f64, sum, index));
        storeAll(value, arraysOf(*op), index);
      }
    });
}

void KernelEmitter::emitArrayNest(ArrayRef<const KernelOp *> ops,
                                  ArrayRef<unsigned> order,
                                  Environment &rowEnv) {
  Dims reduction = ops[0]->reduction;
  SmallVector<unsigned> kept, reduced; // outer to inner
  for (unsigned dim : order)
    (has(reduction, dim) ? reduced : kept).push_back(dim);

  if (has(reduction, order.back())) {
    // Contiguous along the reduction: a scalar sum per kept index.
    Environment env = rowEnv;
    for (unsigned dim : kept)
      openLoop(dim, {}, false, env);
    SmallVector<SmallVector<Value>> values = reduceAlong(ops, reduced, env);
    for (auto [op, list] : llvm::zip(ops, values)) {
      Value index = placeInArrays(*op, env);
      storeAll(list, arraysOf(*op), index);
    }
    for (unsigned depth = 0; depth < kept.size(); ++depth)
      frame.close();
  } else {
    // Contiguous along a kept dim: that one is innermost.
    emitColumns(ops, kept, reduced, rowEnv);
  }

  for (const KernelOp *op : ops)
    filled.insert_range(GenericOp(op->op)->getResults());
  if (llvm::any_of(ops, [](const KernelOp *op) { return op->isStored; }))
    overDims(kept, rowEnv, [&](Environment &env) {
      for (const KernelOp *op : ops)
        for (OpResult result : GenericOp(op->op)->getResults()) {
          if (!op->results[result.getResultNumber()])
            continue;
          Value index = placeInArrays(*op, env);
          Value value =
              frame.load(heldType(getElementTypeOrSelf(result.getType())),
                         arrays[result], index);
          storeResult(*op, result.getResultNumber(), value, env);
        }
    });
  clearPadding(ops, order, rowEnv);
}

void KernelEmitter::emitNest(ArrayRef<const KernelOp *> ops, Environment &env) {
  std::vector<unsigned> order = loopOrder(ops);
  if (ops[0]->reduces() && (ops[0]->parallel & ~plan.rows))
    emitArrayNest(ops, order, env);
  else if (ops[0]->reduces() && isTuple(FactoredOp(ops[0]->op)))
    emitTupleNest(*ops[0], order, env);
  else
    emitScalarNest(ops, order, env);
}
