//===- PlacementValue.cpp - Indices that equations determine --------------===//

#include "KernelEmitter.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;

/// The known side gives a number; of the summed indices each takes as much of
/// it as fits, the one of the largest stride first. The value counts if every
/// index is one of this rank's and nothing is left.
Leveled KernelEmitter::evaluatePlacement(const KernelOp &op, Environment &env) {
  Location loc = frame.loc;
  Environment there;
  there.indices = env.indices;
  there.limited = env.limited;
  Leveled inside;
  auto require = [&](Leveled condition) {
    inside = !inside.value
                 ? condition
                 : emitAt(std::max(inside.level, condition.level), [&] {
                     return arith::AndIOp::create(builder, loc, inside.value,
                                                  condition.value);
                   });
  };
  for (const Placement::Equation &equation : op.placement->equations) {
    Leveled rest{frame.constant(equation.constant), 0};
    for (const Placement::Term &term : equation.known) {
      Leveled index = globalIndex(op.factors[term.factor], env);
      rest = emitAt(std::max(rest.level, index.level), [&] {
        Value part = arith::MulIOp::create(builder, loc, index.value,
                                           frame.constant(term.stride));
        return arith::AddIOp::create(builder, loc, rest.value, part);
      });
    }
    unsigned level = rest.level;
    auto isBelow = [&](Value value, int64_t bound) {
      // As unsigned numbers, negative ones are large.
      return Leveled{arith::CmpIOp::create(builder, loc,
                                           arith::CmpIPredicate::ult, value,
                                           frame.constant(bound)),
                     level};
    };
    for (const Placement::Term &term : equation.solved) {
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
      require(isBelow(index, factor.attr.getExtent()));
      frame.at(level);
      if (offset)
        index = arith::SubIOp::create(builder, loc, index, offset);
      Leveled own = isBelow(index, factor.attr.getBound());
      if (factor.attr.isLocal())
        require(own);
      there.indices[factor.dim] = emitAt(level, [&] {
        return arith::SelectOp::create(builder, loc, own.value, index,
                                       frame.constant(0));
      });
    }
    if (equation.solved.back().stride != 1)
      require(emitAt(level, [&] {
        return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                     rest.value, frame.constant(0));
      }));
  }
  Leveled value = evaluateScalar(op.placement->value, op, there);
  return emitAt(std::max(value.level, inside.level), [&] {
    return arith::SelectOp::create(builder, loc, inside.value, value.value,
                                   frame.constantOf(value.value.getType(), 0));
  });
}
