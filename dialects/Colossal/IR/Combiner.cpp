//===- Combiner.cpp - Combiners of factors and collectives ----------------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/UnsignedByte.h"

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

bool colossal::isTuple(FactoredOp op) {
  std::optional<Combiner> combiner = combinerOf(op);
  return combiner && isTuple(*combiner);
}

bool colossal::combines(Combiner combiner, Type element) {
  const CombinerFacts &facts = factsOf(combiner);
  return !facts.isTuple() && facts.ofBooleans == element.isInteger(1) &&
         isa<FloatType, IntegerType>(element);
}

FactorKind colossal::kindOfSelection(Type element) {
  return element.isInteger(1) ? FactorKind::Any : FactorKind::Sum;
}

/// Of a component of a tuple, the combiner of one value that has the same
/// neutral element.
static Combiner combinerOfComponent(Combiner tuple, unsigned component) {
  if (component == 0 && tuple == Combiner::ArgMin)
    return Combiner::Min;
  if (component == 0 && tuple != Combiner::Welford)
    return Combiner::Max;
  bool isPlace = tuple == Combiner::ArgMax || tuple == Combiner::ArgMin;
  return isPlace ? Combiner::Min : Combiner::Sum;
}

TypedAttr colossal::neutralElement(Combiner combiner, Type element,
                                   unsigned component) {
  if (isTuple(combiner))
    combiner = combinerOfComponent(combiner, component);
  return withCombiner(combiner, [&](auto constant) -> TypedAttr {
    if (isa<FloatType>(element))
      return FloatAttr::get(element, neutralOf<constant(), double>());
    unsigned width = element.getIntOrFloatBitWidth();
    if (width == 1)
      return IntegerAttr::get(element, neutralOf<constant(), uint8_t>() & 1);
    if (isUnsignedByte(element))
      return IntegerAttr::get(element,
                              APInt(8, neutralOf<constant(), uint8_t>()));
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
  default: // sum
    break;
  }
  return createFor<AddFOp, AddIOp>(builder, loc, x, y, flags);
}

//===----------------------------------------------------------------------===//
// Tuples
//===----------------------------------------------------------------------===//

namespace {
/// Tuples as ops of `arith`: TupleCombiner.h line by line.
class TupleCombine {
public:
  TupleCombine(OpBuilder &builder, Location loc, ValueRange x, ValueRange y)
      : builder(builder), loc(loc), x(x), y(y) {}

  SmallVector<Value> extreme(bool isMax);
  SmallVector<Value> sumOfExponentials(llvm::function_ref<Value(Value)> exp);
  SmallVector<Value> moments();

private:
  template <class Op, class... Args> Value create(Args... args) {
    return Op::create(builder, loc, args...);
  }
  Value compare(arith::CmpFPredicate predicate, Value a, Value b) {
    return create<arith::CmpFOp>(predicate, a, b);
  }
  Value compare(arith::CmpIPredicate predicate, Value a, Value b) {
    return create<arith::CmpIOp>(predicate, a, b);
  }
  Value select(Value condition, Value a, Value b) {
    return create<arith::SelectOp>(condition, a, b);
  }
  SmallVector<Value> selectAll(Value condition, ValueRange a, ValueRange b) {
    SmallVector<Value> values;
    for (auto [first, second] : llvm::zip(a, b))
      values.push_back(select(condition, first, second));
    return values;
  }
  Value constant(Type type, double value) {
    return create<arith::ConstantOp>(
        isa<FloatType>(type)
            ? TypedAttr(FloatAttr::get(type, value))
            : TypedAttr(IntegerAttr::get(type, int64_t(value))));
  }

  OpBuilder &builder;
  Location loc;
  ValueRange x, y;
};
} // namespace

SmallVector<Value> TupleCombine::extreme(bool isMax) {
  using arith::AndIOp, arith::CmpFPredicate, arith::CmpIPredicate, arith::OrIOp;
  Value beats, ties;
  if (isa<FloatType>(x[0].getType())) {
    // `beats`: greater, or one of the two is NaN, and it is not x.
    Value isNumber = compare(CmpFPredicate::ORD, x[0], x[0]);
    Value otherIsNan = compare(CmpFPredicate::UNO, y[0], y[0]);
    beats = create<AndIOp>(
        isNumber,
        compare(isMax ? CmpFPredicate::UGT : CmpFPredicate::ULT, y[0], x[0]));
    Value isNan = compare(CmpFPredicate::UNO, x[0], x[0]);
    ties = create<OrIOp>(compare(CmpFPredicate::OEQ, x[0], y[0]),
                         create<AndIOp>(isNan, otherIsNan));
  } else {
    beats =
        compare(isMax ? CmpIPredicate::sgt : CmpIPredicate::slt, y[0], x[0]);
    ties = compare(CmpIPredicate::eq, x[0], y[0]);
  }
  Value first = compare(CmpIPredicate::slt, y[1], x[1]);
  Value takesOther = create<OrIOp>(beats, create<AndIOp>(ties, first));
  return selectAll(takesOther, y, x);
}

SmallVector<Value>
TupleCombine::sumOfExponentials(llvm::function_ref<Value(Value)> exp) {
  using arith::CmpFPredicate;
  Type type = x[0].getType();
  Value maximum = create<arith::MaximumFOp>(x[0], y[0]);
  Value distance = create<math::AbsFOp>(create<arith::SubFOp>(x[0], y[0]));
  Value scale = exp(create<arith::NegFOp>(distance));
  scale =
      select(compare(CmpFPredicate::OEQ, x[0], y[0]), constant(type, 1), scale);
  Value isFirst = compare(CmpFPredicate::OGE, x[0], y[0]);
  Value large = select(isFirst, x[1], y[1]),
        small = select(isFirst, y[1], x[1]);
  Value sum = create<arith::AddFOp>(large, create<arith::MulFOp>(small, scale));
  return {maximum, sum};
}

SmallVector<Value> TupleCombine::moments() {
  using arith::AddFOp, arith::CmpIPredicate, arith::MulFOp;
  Type type = x[1].getType();
  Value count = create<arith::AddIOp>(x[0], y[0]);
  Value difference = create<arith::SubFOp>(y[1], x[1]);
  auto real = [&](Value value) { return create<arith::SIToFPOp>(type, value); };
  Value share = create<arith::DivFOp>(real(y[0]), real(count));
  Value mean = create<AddFOp>(x[1], create<MulFOp>(difference, share));
  Value between = create<MulFOp>(
      create<MulFOp>(difference, create<MulFOp>(real(x[0]), share)),
      difference);
  Value squares = create<AddFOp>(create<AddFOp>(x[2], y[2]), between);
  // A tuple of no terms leaves the other one as it is.
  auto isEmpty = [&](Value n) {
    return compare(CmpIPredicate::eq, n, constant(n.getType(), 0));
  };
  return selectAll(isEmpty(x[0]), y,
                   selectAll(isEmpty(y[0]), x, {count, mean, squares}));
}

SmallVector<Value>
colossal::createTupleCombine(OpBuilder &builder, Location loc,
                             Combiner combiner, ValueRange x, ValueRange y,
                             llvm::function_ref<Value(Value)> exp) {
  TupleCombine tuple(builder, loc, x, y);
  if (combiner == Combiner::Welford)
    return tuple.moments();
  if (combiner == Combiner::MaxSumExp)
    return tuple.sumOfExponentials(exp);
  return tuple.extreme(combiner == Combiner::ArgMax);
}

/// For messages.
static const char *textOf(Component component) {
  return component == Component::Index   ? "i64"
         : component == Component::Float ? "a float"
                                         : "a number";
}

LogicalResult colossal::verifyComponents(Operation *op, Combiner combiner) {
  const CombinerFacts &facts = factsOf(combiner);
  if (op->getNumResults() != facts.width())
    return op->emitOpError("C8: found ")
           << op->getNumResults() << " results, expected the " << facts.width()
           << " components of '" << facts.name << "'";
  Type common;
  for (auto [number, result] : llvm::enumerate(op->getResults())) {
    Component component = facts.components[number];
    Type element = getElementTypeOrSelf(result.getType());
    bool isIndex = component == Component::Index;
    bool fits =
        isIndex ? element.isInteger(64)
        : component == Component::Float
            ? isa<FloatType>(element)
            : isa<FloatType, IntegerType>(element) && !element.isInteger(1);
    if (!isIndex && fits) {
      fits = !common || common == element;
      common = element;
    }
    if (!fits)
      return op->emitOpError("C8: result ")
             << number << " of '" << facts.name << "' has " << element
             << " elements, expected " << textOf(component)
             << (isIndex ? "" : " of one type in all components");
  }
  return success();
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
