//===- Combiner.cpp - Combiners of factors and collectives ----------------===//

#include "Colossal/IR/Combiner.h"

using namespace mlir;
using namespace colossal;

// Kinds of factors are numbered as combiners are, after the parallel one.
static_assert(uint32_t(FactorKind::Parallel) == 0 &&
              getMaxEnumValForFactorKind() == combiners.size());

Combiner colossal::combinerOf(FactorKind kind) {
  assert(kind != FactorKind::Parallel && "a reduction");
  return Combiner(uint32_t(kind) - 1);
}

FactorKind colossal::kindOf(Combiner combiner) {
  return FactorKind(uint32_t(combiner) + 1);
}

std::optional<Combiner> colossal::combinerOf(FactoredOp op) {
  for (FactorAttr factor : op.getFactorList())
    if (!factor.isParallel())
      return combinerOf(factor.getKind());
  return std::nullopt;
}

bool colossal::isSum(FactoredOp op) { return combinerOf(op) == Combiner::Sum; }

bool colossal::isZeroNeutral(FactoredOp op) {
  std::optional<Combiner> combiner = combinerOf(op);
  return combiner && factsOf(*combiner).isZeroNeutral;
}

bool colossal::combines(Combiner combiner, Type element) {
  return factsOf(combiner).ofBooleans == element.isInteger(1) &&
         isa<FloatType, IntegerType>(element);
}

FactorKind colossal::kindOfSelection(Type element) {
  return element.isInteger(1) ? FactorKind::Any : FactorKind::Sum;
}

TypedAttr colossal::neutralElement(Combiner combiner, Type element) {
  return withCombiner(combiner, [&](auto constant) -> TypedAttr {
    if (isa<FloatType>(element))
      return FloatAttr::get(element, neutralOf<constant(), double>());
    unsigned width = element.getIntOrFloatBitWidth();
    if (width == 1)
      return IntegerAttr::get(element, neutralOf<constant(), uint8_t>() & 1);
    // The least and the greatest number of this width have its bits at the top.
    int64_t value = neutralOf<constant(), int64_t>();
    bool isExtreme = value < 0 || value > 1;
    return IntegerAttr::get(
        element, APInt(width, isExtreme ? value >> (64 - width) : value,
                       /*isSigned=*/true));
  });
}

/// `Float` for floats, `Integer` for integers of any width.
template <class Float, class Integer>
static Value createFor(OpBuilder &builder, Location loc, Value x, Value y,
                       arith::FastMathFlags flags) {
  if (isa<FloatType>(x.getType()))
    return Float::create(
        builder, loc, x, y,
        arith::FastMathFlagsAttr::get(builder.getContext(), flags));
  return Integer::create(builder, loc, x, y);
}

Value colossal::createCombine(OpBuilder &builder, Location loc,
                              Combiner combiner, Value x, Value y,
                              arith::FastMathFlags flags) {
  using namespace arith;
  switch (combiner) {
  case Combiner::Product:
    return createFor<MulFOp, MulIOp>(builder, loc, x, y, flags);
  case Combiner::Max:
    return createFor<MaximumFOp, MaxSIOp>(builder, loc, x, y,
                                          FastMathFlags::none);
  case Combiner::Min:
    return createFor<MinimumFOp, MinSIOp>(builder, loc, x, y,
                                          FastMathFlags::none);
  case Combiner::Any:
    return OrIOp::create(builder, loc, x, y);
  case Combiner::All:
    return AndIOp::create(builder, loc, x, y);
  case Combiner::Sum:
    break;
  }
  return createFor<AddFOp, AddIOp>(builder, loc, x, y, flags);
}

LogicalResult colossal::verifyCombines(Operation *op, StringRef label,
                                       FactorKind kind, Type element) {
  if (kind == FactorKind::Parallel)
    return op->emitOpError() << label << ": found 'parallel', expected a "
                             << "combiner: " << combinerNames();
  Combiner combiner = combinerOf(kind);
  if (combines(combiner, element))
    return success();
  return op->emitOpError() << label << ": found '" << factsOf(combiner).name
                           << "' of " << element << " elements, expected "
                           << combinerNames(element.isInteger(1));
}
