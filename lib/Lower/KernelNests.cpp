//===- KernelNests.cpp - The loop nests of a phase ------------------------===//

#include "Colossal/IR/Combiner.h"
#include "KernelEmitter.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;

/// Iterations of a reduction that are added up as a tree before they go to the
/// accumulator in memory: fewer passes over it, and a smaller rounding error.
static constexpr int64_t kUnroll = 8;

void KernelEmitter::emitScalarNest(ArrayRef<const KernelOp *> ops,
                                   ArrayRef<unsigned> order,
                                   Environment &rowEnv) {
  Environment env = rowEnv;
  SmallVector<std::pair<const KernelOp *, unsigned>> sums; // op, result
  SmallVector<Value> carried;
  for (const KernelOp *op : ops)
    if (op->reduces())
      for (auto [number, value] : llvm::enumerate(neutral(*op))) {
        sums.push_back({op, number});
        carried.push_back(value);
      }
  for (auto [depth, dim] : llvm::enumerate(order)) {
    openLoop(dim, carried, depth + 1 == order.size(), env);
    auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
    carried.assign(loop.getRegionIterArgs().begin(),
                   loop.getRegionIterArgs().end());
  }
  // All values before any store: an output may have an input's place.
  SmallVector<SmallVector<Value>> values;
  for (const KernelOp *op : ops) {
    if (op->reduces()) {
      values.push_back(terms(*op, env));
      continue;
    }
    values.emplace_back();
    for (Value result : GenericOp(op->op)->getResults())
      values.back().push_back(evaluate(result, env).value);
  }
  SmallVector<Value> next;
  ArrayRef<Value> old = carried;
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
      storeResult(*op, result, value, env);
      if (op->storage != Storage::RowBuffer)
        continue;
      Leveled index = arrayIndex(*op, env);
      frame.at(frame.level());
      frame.store(value, arrays[GenericOp(op->op)->getResult(result)],
                  index.value);
    }
  }
  for (unsigned depth = 0; depth < order.size(); ++depth) {
    auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
    frame.close(next);
    next.assign(loop.getResults().begin(), loop.getResults().end());
  }
  for (auto [sum, value] : llvm::zip(sums, next)) {
    auto [op, result] = sum;
    rowValues[GenericOp(op->op)->getResult(result)] = {value, frame.level()};
    storeResult(*op, result, value, rowEnv);
  }
  for (const KernelOp *op : ops)
    if (!op->reduces() && op->storage == Storage::RowBuffer)
      for (Value result : GenericOp(op->op)->getResults())
        filled.insert(result);
  clearPadding(ops, order, rowEnv);
}

SmallVector<Value> KernelEmitter::carryAlong(
    ArrayRef<unsigned> order, const Environment &outer, ValueRange initial,
    bool isInner,
    llvm::function_ref<SmallVector<Value>(Environment &, ArrayRef<Value>)>
        step) {
  Environment env = outer;
  SmallVector<Value> carried(initial);
  for (auto [depth, dim] : llvm::enumerate(order)) {
    openLoop(dim, carried, isInner && depth + 1 == order.size(), env);
    auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
    carried.assign(loop.getRegionIterArgs().begin(),
                   loop.getRegionIterArgs().end());
  }
  SmallVector<Value> next = step(env, carried);
  for (unsigned depth = 0; depth < order.size(); ++depth) {
    auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
    frame.close(next);
    next.assign(loop.getResults().begin(), loop.getResults().end());
  }
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
  SmallVector<Value> initial;
  for (const KernelOp *op : ops)
    llvm::append_range(initial, neutral(*op));
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

void KernelEmitter::emitArrayNest(ArrayRef<const KernelOp *> ops,
                                  ArrayRef<unsigned> order,
                                  Environment &rowEnv) {
  Dims reduction = ops[0]->reduction;
  SmallVector<unsigned> kept, reduced; // outer to inner
  for (unsigned dim : order)
    (has(reduction, dim) ? reduced : kept).push_back(dim);
  /// Runs `body` in loops over the kept dims.
  auto overKept = [&](Environment env, auto body) {
    for (auto [depth, dim] : llvm::enumerate(kept))
      openLoop(dim, {}, depth + 1 == kept.size(), env);
    body(env);
    for (unsigned depth = 0; depth < kept.size(); ++depth)
      frame.close();
  };
  auto arrayAt = [&](const KernelOp &op, Environment &env) {
    Leveled index = arrayIndex(op, env);
    frame.at(frame.level());
    return index.value;
  };

  if (has(reduction, order.back())) {
    // Contiguous along the reduction: a scalar sum per kept index.
    Environment env = rowEnv;
    for (unsigned dim : kept)
      openLoop(dim, {}, false, env);
    SmallVector<SmallVector<Value>> values = reduceAlong(ops, reduced, env);
    for (auto [op, list] : llvm::zip(ops, values)) {
      Value index = arrayAt(*op, env);
      storeAll(list, arraysOf(*op), index);
    }
    for (unsigned depth = 0; depth < kept.size(); ++depth)
      frame.close();
  } else {
    // Contiguous along a kept dim: that one is innermost, and sums are arrays.
    overKept(rowEnv, [&](Environment &env) {
      for (const KernelOp *op : ops) {
        Value index = arrayAt(*op, env);
        storeAll(neutral(*op), arraysOf(*op), index);
      }
    });
    Environment env = rowEnv;
    for (unsigned dim : ArrayRef(reduced).drop_back())
      openLoop(dim, {}, false, env);
    unsigned last = reduced.back();
    int64_t bound = plan.dims[last].bound;
    int64_t unrolled = bound >= 2 * kUnroll ? bound / kUnroll * kUnroll : 0;
    auto pass = [&](int64_t from, int64_t to, int64_t step) {
      if (from == to)
        return;
      Environment outer = env;
      openLoop(last, {}, false, outer, step, from, to);
      // The indices of the iterations that one step combines.
      SmallVector<Leveled> indices = {outer.indices[last]};
      for (int64_t i = 1; i < step; ++i)
        indices.push_back(emitAt(frame.level(), [&] {
          return arith::AddIOp::create(builder, frame.loc, indices[0].value,
                                       frame.constant(i));
        }));
      overKept(outer, [&](Environment &inner) {
        for (const KernelOp *op : ops) {
          SmallVector<SmallVector<Value>> parts;
          for (const Leveled &index : indices) {
            Environment here = inner.withoutValues();
            here.indices[last] = index;
            parts.push_back(terms(*op, here));
          }
          while (parts.size() > 1) {
            SmallVector<SmallVector<Value>> half;
            for (unsigned i = 0; i + 1 < parts.size(); i += 2)
              half.push_back(combineAll(*op, parts[i], parts[i + 1]));
            parts = half;
          }
          SmallVector<Value> arrays = arraysOf(*op);
          Value index = arrayAt(*op, inner);
          SmallVector<Value> old = loadAll(*op, arrays, index);
          storeAll(combineAll(*op, old, parts[0]), arrays, index);
        }
      });
      frame.close();
    };
    pass(0, unrolled, kUnroll);
    pass(unrolled, bound, 1);
    for (unsigned depth = 0; depth + 1 < reduced.size(); ++depth)
      frame.close();
  }

  for (const KernelOp *op : ops)
    filled.insert_range(GenericOp(op->op)->getResults());
  if (llvm::any_of(ops, [](const KernelOp *op) { return op->isStored; }))
    overKept(rowEnv, [&](Environment &env) {
      for (const KernelOp *op : ops)
        for (OpResult result : GenericOp(op->op)->getResults()) {
          if (!op->results[result.getResultNumber()])
            continue;
          Value index = arrayAt(*op, env);
          Value value = frame.load(getElementTypeOrSelf(result.getType()),
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
