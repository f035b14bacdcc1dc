//===- SelectedValue.cpp - Indices that equations determine ---------------===//

#include "KernelEmitter.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

Leveled KernelEmitter::both(Leveled x, Leveled y) {
  if (!x.value)
    return y;
  return emitAt(std::max(x.level, y.level), [&] {
    return arith::AndIOp::create(builder, frame.loc, x.value, y.value);
  });
}

/// constant (+ id) + sum(stride * global index)
Leveled KernelEmitter::sumOf(ArrayRef<SolvedEquation::Term> terms,
                             int64_t constant, Value id, int64_t idSign,
                             const KernelOp &op, Environment &idEnv,
                             Environment &env) {
  Location loc = frame.loc;
  Leveled sum;
  auto add = [&](Leveled term, int64_t scale) {
    if (sum.value && scale == -1) {
      sum = emitAt(std::max(sum.level, term.level), [&] {
        return arith::SubIOp::create(builder, loc, sum.value, term.value);
      });
      return;
    }
    if (scale != 1)
      term = emitAt(term.level, [&] {
        return arith::MulIOp::create(builder, loc, term.value,
                                     frame.constant(scale));
      });
    sum = !sum.value ? term : emitAt(std::max(sum.level, term.level), [&] {
      return arith::AddIOp::create(builder, loc, sum.value, term.value);
    });
  };
  if (id) {
    Leveled number = evaluateScalar(id, op, idEnv);
    if (!number.value.getType().isInteger(64))
      number = emitAt(number.level, [&] {
        return arith::ExtSIOp::create(builder, loc, builder.getI64Type(),
                                      number.value);
      });
    add(number, idSign);
  }
  for (const SolvedEquation::Term &term : terms)
    add(globalIndex(op.factors[term.factor], env), term.stride);
  if (constant != 0 || !sum.value)
    add({frame.constant(constant), 0}, 1);
  return sum;
}

/// The known side gives a number; of the solved indices each takes as much of
/// it as fits, the one of the largest stride first. There is a solution if
/// every index is one of this rank's and nothing is left.
Leveled KernelEmitter::solve(const SolvedEquation &equation, const KernelOp &op,
                             Environment &idEnv, Environment &env) {
  Location loc = frame.loc;
  Leveled rest = sumOf(equation.known, equation.constant, equation.id,
                       equation.idSign, op, idEnv, env);
  unsigned level = rest.level;
  Leveled inside;
  auto isBelow = [&](Value value, int64_t bound) {
    // As unsigned numbers, negative ones are large.
    return Leveled{arith::CmpIOp::create(builder, loc,
                                         arith::CmpIPredicate::ult, value,
                                         frame.constant(bound)),
                   level};
  };
  for (const SolvedEquation::Term &term : equation.solved) {
    const KernelFactor &factor = plan.factors[op.factors[term.factor]];
    Value offset = frame.offsetOf(factor.attr.getTerms());
    frame.at(level);
    Value index = rest.value;
    if (term.stride != 1) {
      Value stride = frame.constant(term.stride);
      index = arith::DivSIOp::create(builder, loc, rest.value, stride);
      rest.value = arith::RemSIOp::create(builder, loc, rest.value, stride);
    } else {
      rest.value = frame.constant(0);
    }
    inside = both(inside, isBelow(index, factor.attr.getExtent()));
    frame.at(level);
    if (offset)
      index = arith::SubIOp::create(builder, loc, index, offset);
    Leveled own = isBelow(index, factor.attr.getBound());
    if (factor.attr.isLocal())
      inside = both(inside, own);
    env.indices[factor.dim] = emitAt(level, [&] {
      return arith::SelectOp::create(builder, loc, own.value, index,
                                     frame.constant(0));
    });
  }
  if (equation.solved.back().stride != 1)
    inside = both(inside, emitAt(level, [&] {
                    return arith::CmpIOp::create(builder, loc,
                                                 arith::CmpIPredicate::eq,
                                                 rest.value, frame.constant(0));
                  }));
  return inside;
}

/// Whether equation `number` holds; its id is one of `idEnv`.
Leveled KernelEmitter::holds(WhereOp where, unsigned number, const KernelOp &op,
                             Environment &idEnv, Environment &env) {
  EquationAttr equation = where.getEquation(number);
  SmallVector<SolvedEquation::Term> left, right;
  for (auto [f, factor] :
       llvm::enumerate(FactoredOp(GenericOp(op.op)).getFactorList()))
    if (int64_t stride = equation.getStride(factor.getName()))
      (stride > 0 ? left : right).push_back({unsigned(f), std::abs(stride)});
  Leveled x = sumOf(left, 0, Value(), 1, op, idEnv, env);
  Leveled y = sumOf(right, equation.getConstant(), where.getId(number), 1, op,
                    idEnv, env);
  return emitAt(std::max(x.level, y.level), [&] {
    return arith::CmpIOp::create(builder, frame.loc, arith::CmpIPredicate::eq,
                                 x.value, y.value);
  });
}

Leveled KernelEmitter::solveAll(const Selection &selection, const KernelOp &op,
                                Environment &idEnv, Environment &env) {
  Leveled inside;
  for (const SolvedEquation &equation : selection.sums)
    inside = both(inside, solve(equation, op, idEnv, env));
  if (selection.scatter)
    inside = both(inside, solve(*selection.scatter, op, idEnv, env));
  for (unsigned number : selection.conditions)
    inside = both(inside, holds(selection.where, number, op, idEnv, env));
  return inside;
}

Leveled KernelEmitter::orZero(Leveled condition, Leveled value) {
  if (!condition.value)
    return value;
  return emitAt(std::max(value.level, condition.level), [&] {
    return arith::SelectOp::create(builder, frame.loc, condition.value,
                                   value.value,
                                   frame.constantOf(value.value.getType(), 0));
  });
}

Leveled KernelEmitter::evaluateWhere(WhereOp where, const KernelOp &op,
                                     Environment &env) {
  Leveled condition;
  for (unsigned number = 0, e = where.getEquations().size(); number < e;
       ++number)
    condition = both(condition, holds(where, number, op, env, env));
  return orZero(condition, evaluateScalar(where.getValue(), op, env));
}

std::vector<Leveled> KernelEmitter::evaluateSelected(const KernelOp &op,
                                                     Environment &env) {
  assert(!op.selection->scatter && "a scatter is a kernel of its own");
  Environment there = env.withoutValues();
  Leveled inside = solveAll(*op.selection, op, env, there);
  std::vector<Leveled> values;
  for (Value yielded : GenericOp(op.op).getYielded()) {
    Value selected = yielded.getDefiningOp<WhereOp>().getValue();
    values.push_back(orZero(inside, evaluateScalar(selected, op, there)));
  }
  return values;
}
