//===- KernelNests.cpp - The loop nests of a phase ------------------------===//

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
      for (OpResult result : GenericOp(op->op)->getResults()) {
        sums.push_back({op, result.getResultNumber()});
        carried.push_back(neutral(
            *op, cast<RankedTensorType>(result.getType()).getElementType()));
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
    values.emplace_back();
    for (Value result : GenericOp(op->op)->getResults()) {
      Leveled value;
      if (op->reduces()) {
        std::vector<Leveled> all = evaluateOp(*op, env);
        value = all[cast<OpResult>(result).getResultNumber()];
      } else {
        value = evaluate(result, env);
      }
      values.back().push_back(value.value);
    }
  }
  SmallVector<Value> next;
  unsigned number = 0;
  for (auto [op, list] : llvm::zip(ops, values))
    if (op->reduces())
      for (Value value : list) {
        Value term = masked(*op, value, env);
        next.push_back(combine(*op, carried[number++], term, true));
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

void KernelEmitter::emitArrayNest(ArrayRef<const KernelOp *> ops,
                                  ArrayRef<unsigned> order,
                                  Environment &rowEnv) {
  Dims reduction = ops[0]->reduction;
  SmallVector<unsigned> kept, reduced; // outer to inner
  for (unsigned dim : order)
    (has(reduction, dim) ? reduced : kept).push_back(dim);
  struct Sum {
    const KernelOp *op;
    unsigned number;
    Value array;
    Type type;
  };
  SmallVector<Sum> sums;
  for (const KernelOp *op : ops)
    for (OpResult result : GenericOp(op->op)->getResults())
      sums.push_back(
          {op, result.getResultNumber(), arrays[result],
           cast<RankedTensorType>(result.getType()).getElementType()});

  /// Runs `body` in loops over the kept dims.
  auto overKept = [&](Environment env, auto body) {
    for (auto [depth, dim] : llvm::enumerate(kept))
      openLoop(dim, {}, depth + 1 == kept.size(), env);
    body(env);
    for (unsigned depth = 0; depth < kept.size(); ++depth)
      frame.close();
  };
  auto arrayAt = [&](const Sum &sum, Environment &env) {
    Leveled index = arrayIndex(*sum.op, env);
    frame.at(frame.level());
    return index.value;
  };

  if (has(reduction, order.back())) {
    // Contiguous along the reduction: a scalar sum per kept index.
    Environment env = rowEnv;
    for (unsigned dim : kept)
      openLoop(dim, {}, false, env);
    SmallVector<Value> carried;
    for (const Sum &sum : sums)
      carried.push_back(neutral(*sum.op, sum.type));
    Environment inner = env;
    for (auto [depth, dim] : llvm::enumerate(reduced)) {
      openLoop(dim, carried, depth + 1 == reduced.size(), inner);
      auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
      carried.assign(loop.getRegionIterArgs().begin(),
                     loop.getRegionIterArgs().end());
    }
    SmallVector<Value> next;
    for (auto [sum, old] : llvm::zip(sums, carried)) {
      Value value = evaluateOp(*sum.op, inner)[sum.number].value;
      value = masked(*sum.op, value, inner);
      next.push_back(combine(*sum.op, old, value, true));
    }
    for (unsigned depth = 0; depth < reduced.size(); ++depth) {
      auto loop = cast<scf::ForOp>(frame.currentBlock()->getParentOp());
      frame.close(next);
      next.assign(loop.getResults().begin(), loop.getResults().end());
    }
    for (auto [sum, value] : llvm::zip(sums, next)) {
      Value index = arrayAt(sum, env);
      frame.store(value, sum.array, index);
    }
    for (unsigned depth = 0; depth < kept.size(); ++depth)
      frame.close();
  } else {
    // Contiguous along a kept dim: that one is innermost, and sums are arrays.
    overKept(rowEnv, [&](Environment &env) {
      for (const Sum &sum : sums) {
        Value index = arrayAt(sum, env);
        frame.store(neutral(*sum.op, sum.type), sum.array, index);
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
        for (const Sum &sum : sums) {
          SmallVector<Value> terms;
          for (const Leveled &index : indices) {
            Environment here;
            here.indices = inner.indices;
            here.limited = inner.limited;
            here.indices[last] = index;
            Value value = evaluateOp(*sum.op, here)[sum.number].value;
            terms.push_back(masked(*sum.op, value, here));
          }
          while (terms.size() > 1) {
            SmallVector<Value> half;
            for (unsigned i = 0; i + 1 < terms.size(); i += 2)
              half.push_back(combine(*sum.op, terms[i], terms[i + 1]));
            terms = half;
          }
          Value index = arrayAt(sum, inner);
          Value old = frame.load(sum.type, sum.array, index);
          frame.store(combine(*sum.op, old, terms[0]), sum.array, index);
        }
      });
      frame.close();
    };
    pass(0, unrolled, kUnroll);
    pass(unrolled, bound, 1);
    for (unsigned depth = 0; depth + 1 < reduced.size(); ++depth)
      frame.close();
  }

  for (const Sum &sum : sums)
    filled.insert(GenericOp(sum.op->op)->getResult(sum.number));
  if (llvm::any_of(ops, [](const KernelOp *op) { return op->isStored; }))
    overKept(rowEnv, [&](Environment &env) {
      for (const Sum &sum : sums) {
        if (!sum.op->results[sum.number])
          continue;
        Value index = arrayAt(sum, env);
        Value value = frame.load(sum.type, sum.array, index);
        storeResult(*sum.op, sum.number, value, env);
      }
    });
  clearPadding(ops, order, rowEnv);
}

void KernelEmitter::emitNest(ArrayRef<const KernelOp *> ops, Environment &env) {
  std::vector<unsigned> order = loopOrder(ops);
  if (ops[0]->reduces() && (ops[0]->parallel & ~plan.rows))
    emitArrayNest(ops, order, env);
  else
    emitScalarNest(ops, order, env);
}
