//===- ScatterKernel.cpp - The loops of a scatter-add --------------------===//

#include "KernelEmitter.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;

/// A unit of the range owns a block of destination rows: it clears them, then
/// passes over all ids and adds what belongs to it, in the order of the ids,
/// whatever the number of threads.
///
///   for the reduced dims, and the kept dims that the id varies along:
///     if the id is one of this unit's rows:
///       for the other kept dims:
///         out[id, kept] += value
///
/// An element of the result gets its terms in the order of the reduced dims,
/// wherever the loops over kept dims stand.
void KernelEmitter::emitScatter() {
  const KernelOp &op = plan.ops[0];
  const OneHot &oneHot = *op.scatter;
  Location loc = frame.loc;
  const KernelFactor &factor = plan.factors[op.factors[oneHot.factor]];
  unsigned destination = factor.dim;
  int64_t bound = plan.dims[destination].bound;
  Value rows = frame.constant(llvm::divideCeil(bound, range()));
  frame.at(0);
  Value limit = frame.constant(bound);
  Value lower = arith::MulIOp::create(builder, loc, frame.begin, rows);
  Value upper = arith::MulIOp::create(builder, loc, frame.end, rows);
  lower = arith::MinSIOp::create(builder, loc, lower, limit);
  upper = arith::MinSIOp::create(builder, loc, upper, limit);

  Value argument =
      GenericOp(op.op).getBody().front().getArgument(oneHot.idInput);
  const Access &idAccess = *op.operands[oneHot.idInput];
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
      value = combine(op, frame.load(element, target, index.value), value);
    frame.store(value, target, index.value);
    for (unsigned depth = 0; depth <= kept.size(); ++depth)
      frame.close();
  }

  // The kept dims that the id varies along, and those that one id serves.
  auto isOfId = [&](unsigned d) {
    return idAccess.strides[d] != 0 ||
           llvm::any_of(idAccess.clips, [&](const Access::Clip &clip) {
             return clip.dim == d;
           });
  };
  SmallVector<unsigned> ofId, served;
  for (unsigned dim : kept)
    (isOfId(dim) ? ofId : served).push_back(dim);
  for (unsigned dim : reduced)
    openLoop(dim, {}, false, env);
  for (unsigned dim : ofId)
    openLoop(dim, {}, false, env);
  Leveled id = evaluateScalar(argument, op, env);
  Value offset = frame.offsetOf(factor.attr.getTerms());
  Leveled valid = isValid(op, op.reduction, env);
  frame.at(frame.level());
  Value local = id.value;
  if (local.getType() != builder.getI64Type())
    local = arith::ExtSIOp::create(builder, loc, builder.getI64Type(), local);
  Value global = local;
  if (offset)
    local = arith::SubIOp::create(builder, loc, local, offset);
  auto compare = [&](arith::CmpIPredicate predicate, Value x,
                     Value y) -> Value {
    return arith::CmpIOp::create(builder, loc, predicate, x, y);
  };
  Value inside = arith::AndIOp::create(
      builder, loc, compare(arith::CmpIPredicate::sge, local, lower),
      compare(arith::CmpIPredicate::slt, local, upper));
  if (factor.attr.isPadded())
    inside =
        arith::AndIOp::create(builder, loc, inside,
                              compare(arith::CmpIPredicate::slt, global,
                                      frame.constant(factor.attr.getExtent())));
  if (valid.value)
    inside = arith::AndIOp::create(builder, loc, inside, valid.value);
  // A loop of one iteration, or of none: what it contains stays inside.
  Value once =
      arith::ExtUIOp::create(builder, loc, builder.getI64Type(), inside);
  frame.loop(frame.constant(0), once, 1, {}, false);
  env.indices[destination] = {local, frame.level()};
  for (auto [depth, dim] : llvm::enumerate(served))
    openLoop(dim, {}, depth + 1 == served.size(), env);
  Leveled value = evaluateScalar(oneHot.value, op, env);
  Leveled index = linearIndex(out, env);
  frame.at(frame.level());
  Value old = frame.load(element, target, index.value);
  frame.store(combine(op, old, value.value), target, index.value);
  for (unsigned depth = 0; depth < kept.size() + 1 + reduced.size(); ++depth)
    frame.close();
}
