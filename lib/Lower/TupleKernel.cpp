//===- TupleKernel.cpp - Reductions to tuples along a row -----------------===//
//
// The loop vectoriser knows sums and extremes, not tuples: a loop that carries
// one waits for every combination. So a row is combined in lanes, element k
// into tuple k mod L of arrays on the stack. A loop over the lanes carries
// nothing, which vectorises whatever the combiner does; at the end the lanes
// are combined as a tree, the halves side by side. The order is always the
// same, and sums of many terms have a smaller rounding error.
//
// Where a combination is dear, two passes over a row of sums and maxima are
// cheaper: moments divide once per element, so they take the mean and then the
// squares; a sum of exponentials, of which a tree needs more, takes the maximum
// first on rows that are short.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/Combiner.h"
#include "KernelEmitter.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;

/// Lanes of a row of some length, and of a long one: one and four registers of
/// f32 lanes of the loop vectoriser. Powers of two.
static constexpr int64_t kFewLanes = 16, kManyLanes = 64;

/// A row that is long enough for the tree of lanes not to count.
static constexpr int64_t kLongRow = 512;

bool KernelEmitter::reducesTwice(const KernelOp &op,
                                 ArrayRef<unsigned> order) const {
  Combiner combiner = *combinerOf(FactoredOp(op.op));
  int64_t bound = plan.dims[order.back()].bound;
  // A pass ends with the sum of a vector for each of its inner loops.
  bool isOneLoop = order.size() == 1;
  if (combiner == Combiner::Welford)
    return isOneLoop || bound >= 4 * kManyLanes;
  return combiner == Combiner::MaxSumExp && isOneLoop && bound < kLongRow;
}

namespace {
/// Arithmetic along a row, where terms may be added in any order.
struct RowArithmetic {
  OpBuilder &builder;
  Location loc;

  Value add(Value x, Value y) {
    return createCombine(builder, loc, Combiner::Sum, x, y,
                         arith::FastMathFlags::reassoc |
                             arith::FastMathFlags::nsz |
                             arith::FastMathFlags::contract);
  }
  Value times(Value x, Value y) {
    return arith::MulFOp::create(
        builder, loc, x, y,
        arith::FastMathFlagsAttr::get(builder.getContext(),
                                      arith::FastMathFlags::contract));
  }
  Value minus(Value x, Value y) {
    return arith::SubFOp::create(builder, loc, x, y);
  }
  Value real(Value count, Type type) {
    return arith::SIToFPOp::create(builder, loc, type, count);
  }
};
} // namespace

/// The maximum, then the sum.
SmallVector<Value> KernelEmitter::reduceExponentials(const KernelOp &op,
                                                     ArrayRef<unsigned> order,
                                                     const Environment &env) {
  RowArithmetic row{builder, frame.loc};
  SmallVector<Value> none = neutral(op);
  bool isNarrow = none[1].getType().isF32();
  Value maximum =
      carryAlong(order, env, Carried{none[0]}, true,
                 [&](Environment &inner, ArrayRef<Value> old) {
                   Value own = terms(op, inner)[0];
                   return SmallVector<Value>{createCombine(
                       builder, frame.loc, Combiner::Max, old[0], own)};
                 })[0];
  Value one = frame.constantOf(maximum.getType(), 1);
  Value sum = carryAlong(
      order, env, Carried{none[1], isNarrow}, true,
      [&](Environment &inner, ArrayRef<Value> old) {
        SmallVector<Value> own = terms(op, inner);
        Value isMaximum = arith::CmpFOp::create(
            builder, frame.loc, arith::CmpFPredicate::OEQ, own[0], maximum);
        Value scale = exponential(row.minus(own[0], maximum));
        scale =
            arith::SelectOp::create(builder, frame.loc, isMaximum, one, scale);
        return SmallVector<Value>{row.add(old[0], row.times(own[1], scale))};
      })[0];
  return {maximum, sum};
}

/// Count and mean, then the squares around the mean.
SmallVector<Value> KernelEmitter::reduceMoments(const KernelOp &op,
                                                ArrayRef<unsigned> order,
                                                const Environment &env) {
  RowArithmetic row{builder, frame.loc};
  SmallVector<Value> none = neutral(op);
  Type type = none[1].getType();
  bool isNarrow = type.isF32();
  // A loop of its own, which vanishes where every term counts 1: beside a sum
  // of floats it would leave the rest of a row to scalars.
  Value count = carryAlong(order, env, Carried{none[0]}, true,
                           [&](Environment &inner, ArrayRef<Value> old) {
                             return SmallVector<Value>{
                                 row.add(old[0], terms(op, inner)[0])};
                           })[0];
  Value total = carryAlong(order, env, Carried{none[1], isNarrow}, true,
                           [&](Environment &inner, ArrayRef<Value> old) {
                             SmallVector<Value> own = terms(op, inner);
                             Value part =
                                 row.times(row.real(own[0], type), own[1]);
                             return SmallVector<Value>{row.add(old[0], part)};
                           })[0];
  frame.at(frame.level());
  Value isEmpty = arith::CmpIOp::create(
      builder, frame.loc, arith::CmpIPredicate::eq, count, none[0]);
  Value quotient =
      arith::DivFOp::create(builder, frame.loc, total, row.real(count, type));
  Value mean =
      arith::SelectOp::create(builder, frame.loc, isEmpty, none[1], quotient);
  Value squares = carryAlong(
      order, env, Carried{none[2], isNarrow}, true,
      [&](Environment &inner, ArrayRef<Value> old) {
        SmallVector<Value> own = terms(op, inner);
        Value distance = row.minus(own[1], mean);
        Value between =
            row.times(row.times(distance, distance), row.real(own[0], type));
        return SmallVector<Value>{row.add(old[0], row.add(own[2], between))};
      })[0];
  return {count, mean, squares};
}

SmallVector<Value> KernelEmitter::reduceTwice(const KernelOp &op,
                                              ArrayRef<unsigned> order,
                                              const Environment &env) {
  if (*combinerOf(FactoredOp(op.op)) == Combiner::Welford)
    return reduceMoments(op, order, env);
  return reduceExponentials(op, order, env);
}

bool KernelEmitter::reducesInLanes(ArrayRef<unsigned> order) const {
  return plan.dims[order.back()].bound >= 2 * kFewLanes;
}

SmallVector<Value> KernelEmitter::reduceInLanes(const KernelOp &op,
                                                ArrayRef<unsigned> order,
                                                const Environment &outer) {
  unsigned last = order.back();
  int64_t bound = plan.dims[last].bound;
  int64_t width = bound >= 4 * kManyLanes ? kManyLanes : kFewLanes;
  SmallVector<Value> lanes;
  for (Value result : GenericOp(op.op)->getResults())
    lanes.push_back(
        frame.stackArray(getElementTypeOrSelf(result.getType()), width));
  auto overLanes = [&](int64_t count, auto body) {
    scf::ForOp loop = frame.loop(frame.constant(0), frame.constant(count), 1,
                                 {}, /*isInner=*/true);
    body(loop.getInductionVar());
    frame.close();
  };
  auto plus = [&](Value x, Value y) {
    frame.at(frame.level());
    return arith::AddIOp::create(builder, frame.loc, x, y);
  };
  overLanes(width, [&](Value lane) { storeAll(neutral(op), lanes, lane); });

  Environment env = outer;
  for (unsigned dim : order.drop_back())
    openLoop(dim, {}, false, env);
  /// Combines `count` iterations from `first`, one with each lane.
  auto step = [&](Value first, int64_t count) {
    overLanes(count, [&](Value lane) {
      Environment here = env.withoutValues();
      here.indices[last] = {plus(first, lane), frame.level()};
      SmallVector<Value> own = terms(op, here);
      SmallVector<Value> old = loadAll(op, lanes, lane);
      storeAll(combineAll(op, old, own), lanes, lane);
    });
  };
  int64_t whole = bound / width * width;
  Environment blocks = env;
  openLoop(last, {}, false, blocks, width, 0, whole);
  step(blocks.indices[last].value, width);
  frame.close();
  if (whole < bound)
    step(frame.constant(whole), bound - whole);
  for (unsigned depth = 1; depth < order.size(); ++depth)
    frame.close();

  for (int64_t half = width / 2; half > 0; half /= 2)
    overLanes(half, [&](Value lane) {
      SmallVector<Value> x = loadAll(op, lanes, lane);
      SmallVector<Value> y =
          loadAll(op, lanes, plus(lane, frame.constant(half)));
      storeAll(combineAll(op, x, y), lanes, lane);
    });
  frame.at(frame.level());
  return loadAll(op, lanes, frame.constant(0));
}

void KernelEmitter::emitTupleNest(const KernelOp &op, ArrayRef<unsigned> order,
                                  Environment &env) {
  SmallVector<Value> values = reduceAlong({&op}, order, env)[0];
  for (auto [number, value] : llvm::enumerate(values)) {
    rowValues[GenericOp(op.op)->getResult(number)] =
        asRead(op, number, {value, frame.level()});
    storeResult(op, number, value, env);
  }
}
