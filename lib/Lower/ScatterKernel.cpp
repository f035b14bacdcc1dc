//===- ScatterKernel.cpp - The loops of a scatter-add --------------------===//

#include "KernelEmitter.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;
using namespace colossal::schedule::cpu;

/// A unit of the range owns a block of destination rows: it clears them, then
/// passes over all ids and adds what belongs to it, in the order of the ids,
/// whatever the number of threads.
///
///   for the reduced dims, and the kept dims that the equations vary along:
///     if the place that the id determines is one of this unit's rows:
///       for the other kept dims:
///         out[id, kept] += value
///
/// An element of the result gets its terms in the order of the reduced dims,
/// wherever the loops over kept dims stand.
void KernelEmitter::emitScatter() {
  const KernelOp &op = plan.ops[0];
  const Selection &selection = *op.selection;
  const SolvedEquation &scatter = *selection.scatter;
  WhereOp where = selection.where;
  Location loc = frame.loc;
  auto dimOf = [&](unsigned factor) {
    return plan.factors[op.factors[factor]].dim;
  };
  unsigned destination = dimOf(scatter.solved[0].factor);
  int64_t bound = plan.dims[destination].bound;
  Value rows = frame.constant(llvm::divideCeil(bound, range()));
  frame.at(0);
  Value limit = frame.constant(bound);
  Value lower = arith::MulIOp::create(builder, loc, frame.begin, rows);
  Value upper = arith::MulIOp::create(builder, loc, frame.end, rows);
  lower = arith::MinSIOp::create(builder, loc, lower, limit);
  upper = arith::MinSIOp::create(builder, loc, upper, limit);

  SmallVector<unsigned> kept, reduced;
  for (unsigned d = 0; d < plan.dims.size(); ++d)
    if (d != destination && has(op.parallel, d) && plan.dims[d].bound != 1)
      kept.push_back(d);
    else if (has(op.reduction, d))
      reduced.push_back(d);
  // The op that stores: the scatter, or the one that adds it to `base`.
  const KernelOp &last = plan.ops.back();
  GenericOp stored = last.op;
  const Access &out = *last.results[0];
  llvm::sort(kept, [&](unsigned x, unsigned y) {
    return out.strides[x] > out.strides[y];
  });
  Value target = frame.buffer(bufferOf(stored->getResult(0)));
  Type element =
      cast<RankedTensorType>(stored->getResult(0).getType()).getElementType();
  Environment env;
  env.indices.resize(plan.dims.size());

  // What ids are added to: zero, the tensor `base`, or what is there already.
  bool accumulate = group.accumulate[0];
  if (plan.base || !accumulate) {
    Value source, last = upper;
    if (plan.base) {
      source = frame.buffer(bufferOf(stored->getOperand(*plan.base)));
      frame.at(0);
      Value same = LLVM::ICmpOp::create(builder, loc, LLVM::ICmpPredicate::eq,
                                        source, target);
      if (!accumulate)
        last = arith::SelectOp::create(builder, loc, same, lower, upper);
    }
    Environment start = env;
    scf::ForOp loop = frame.loop(lower, last, 1, {}, kept.empty());
    start.indices[destination] = {loop.getInductionVar(), frame.level()};
    // Padding too: users read zero there.
    for (auto [depth, dim] : llvm::enumerate(kept))
      openLoop(dim, {}, depth + 1 == kept.size(), start, 1, 0,
               plan.dims[dim].bound);
    Leveled index = linearIndex(out, start);
    frame.at(frame.level());
    Value value = source ? frame.load(element, source, index.value)
                         : frame.constantOf(element, 0);
    if (accumulate)
      value =
          combine(op, element, frame.load(element, target, index.value), value);
    frame.store(value, target, index.value, element);
    for (unsigned depth = 0; depth <= kept.size(); ++depth)
      frame.close();
  }

  // The kept dims that the equations vary along, and those that one id serves.
  Dims places = 0, varying = 0;
  for (const SolvedEquation::Term &term : scatter.solved)
    places |= bit(dimOf(term.factor));
  FactoredOp factored(GenericOp(op.op).getOperation());
  for (unsigned i = 0, e = where.getEquations().size(); i < e; ++i) {
    llvm::SmallBitVector factors = factorsOf(factored, where.getEquation(i));
    if (Value id = where.getId(i))
      factors |= factorsOf(factored, id);
    for (unsigned number : factors.set_bits())
      varying |= bit(dimOf(number));
  }
  SmallVector<unsigned> ofId, served;
  for (unsigned dim : kept)
    if (!has(places, dim))
      (has(varying, dim) ? ofId : served).push_back(dim);
  for (unsigned dim : reduced)
    openLoop(dim, {}, false, env);
  for (unsigned dim : ofId)
    openLoop(dim, {}, false, env);
  // Ids and what they are compared with; then the place.
  Environment there = env.withoutValues();
  Leveled inside = solveAll(selection, op, env, there);
  if (Leveled valid = isValid(op, op.reduction, env); valid.value)
    inside = both(inside, valid);
  frame.at(frame.level());
  Value row = there.indices[destination].value;
  for (auto [predicate, limit] :
       {std::pair(arith::CmpIPredicate::sge, lower),
        std::pair(arith::CmpIPredicate::slt, upper)}) {
    Value own = arith::CmpIOp::create(builder, loc, predicate, row, limit);
    inside.value = arith::AndIOp::create(builder, loc, inside.value, own);
  }
  // A loop of one iteration, or of none: what it contains stays inside.
  Value once =
      arith::ExtUIOp::create(builder, loc, builder.getI64Type(), inside.value);
  frame.loop(frame.constant(0), once, 1, {}, false);
  for (const SolvedEquation::Term &term : scatter.solved)
    there.indices[dimOf(term.factor)].level = frame.level();
  for (auto [depth, dim] : llvm::enumerate(served))
    openLoop(dim, {}, depth + 1 == served.size(), there);
  Leveled value = evaluateScalar(where.getValue(), op, there);
  Leveled index = linearIndex(out, there);
  frame.at(frame.level());
  Value old = frame.load(element, target, index.value);
  frame.store(combine(op, element, old, value.value), target, index.value,
              element);
  unsigned loops = reduced.size() + ofId.size() + 1 + served.size();
  for (unsigned depth = 0; depth < loops; ++depth)
    frame.close();
}
