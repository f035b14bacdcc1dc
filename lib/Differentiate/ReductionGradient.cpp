//===- ReductionGradient.cpp - The derivative of each combiner ------------===//
//
// y = combine over k of f_k. The adjoint of f_k, from the adjoint g of y:
//
//   sum        g
//   max, min   g [f_k = y] / n, where n counts the f_k that equal y: in equal
//              parts, as PyTorch's amax. A NaN equals nothing: n is 0, and the
//              gradient NaN.
//   product    g times the product of the others. With z the number of zeros
//              and p the product of all f_k but the zeros:
//              f_k = 0: p if z = 1, else 0;  f_k != 0: y / f_k if z = 0, else 0
//   any, all   none: of truth values
//
// Of tuples, with the terms of iteration k numbered by k:
//
//   argmax,    (x, i)        x_k: g_x [i_k = i], the whole to the one element;
//   argmin                   NaN too
//   max_sum_    (m, s)       stands for s exp(m), and what uses it is a
//   function exp                      of that number alone, so g_m = s g_s:
//                            m_k: g_s s_k exp(m_k - m);  s_k: g_s exp(m_k - m)
//   welford     (n, c, q)    c_k: g_c n_k / n + 2 g_q n_k (c_k - c);  q_k: g_q
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "colossal/Differentiate/Gradient.h"
#include "colossal/Normalize/ScalarBuilder.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace colossal;

/// A reduction over the op's factors of a scalar made from what the body
/// yields; `y` is another input, like the result, unless null.
static Value
reduceTerms(OpBuilder &builder, GenericOp op, ValueRange operands, Value y,
            FactorKind kind, StringRef name,
            llvm::function_ref<Value(ScalarBuilder &, Value, Value)> scalar) {
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  for (FactorAttr &factor : factors)
    if (!factor.isParallel())
      factor =
          FactorAttr::get(op.getContext(), factor.getName(), factor.getBound(),
                          kind, factor.getExtent(), factor.getTerms());
  SmallVector<Value> inputs(operands);
  SmallVector<IndexMapAttr> maps;
  for (unsigned i = 0, e = op.getNumOperands(); i < e; ++i)
    maps.push_back(factored.getOperandMap(i));
  if (y) {
    inputs.push_back(y);
    maps.push_back(factored.getResultMap(0));
  }
  Location loc = op.getLoc();
  Block &forward = op.getBody().front();
  Type type = getElementTypeOrSelf(op.getResult(0));
  return createGeneric(
             builder, loc, name, factors, inputs, maps, {type},
             {factored.getResultMap(0)},
             [&](OpBuilder &inner, ValueRange in) -> SmallVector<Value> {
               IRMapping mapping;
               mapping.map(forward.getArguments(),
                           in.take_front(op.getNumOperands()));
               for (Operation &operation : forward.without_terminator())
                 inner.clone(operation, mapping);
               ScalarBuilder s(inner, loc);
               return {scalar(s, mapping.lookupOrDefault(op.getYielded()[0]),
                              y ? in.back() : Value())};
             })
      .getOutputs()[0];
}

FailureOr<SmallVector<Value>> colossal::reductionStatistics(OpBuilder &builder,
                                                            GenericOp op,
                                                            ValueRange operands,
                                                            ValueRange results,
                                                            StringRef name) {
  std::optional<Combiner> combiner = combinerOf(FactoredOp(op.getOperation()));
  if (!combiner || factsOf(*combiner).isLinear)
    return SmallVector<Value>();
  if (isTuple(*combiner))
    return llvm::to_vector(results);
  Value result = results[0];
  if (op.getNumResults() != 1)
    return op.emitOpError("no derivative: several results are combined by ")
           << factsOf(*combiner).name;
  auto reduce = [&](Value y, FactorKind kind, const char *what, auto scalar) {
    return reduceTerms(builder, op, operands, y, kind,
                       (name + "." + what).str(), scalar);
  };
  Type type = getElementTypeOrSelf(result.getType());
  auto isZero = [&](ScalarBuilder &s, Value f) {
    return s.compare(Relation::Equal, f, s.zero(type));
  };
  if (*combiner == Combiner::Product) {
    Value zeros =
        reduce(Value(), FactorKind::Sum, "zeros",
               [&](ScalarBuilder &s, Value f, Value) {
                 return s.select(isZero(s, f), s.one(type), s.zero(type));
               });
    Value others = reduce(Value(), FactorKind::Product, "others",
                          [&](ScalarBuilder &s, Value f, Value) {
                            return s.select(isZero(s, f), s.one(type), f);
                          });
    return SmallVector<Value>{result, zeros, others};
  }
  Value count = reduce(result, FactorKind::Sum, "count",
                       [&](ScalarBuilder &s, Value f, Value y) {
                         return s.select(s.compare(Relation::Equal, f, y),
                                         s.one(type), s.zero(type));
                       });
  return SmallVector<Value>{result, count};
}

/// Of a combiner of one value.
static Value adjointOfTerm(ScalarBuilder &s, GenericOp op, Value f,
                           ValueRange statistics, Value adjoint) {
  Type type = f.getType();
  Value y = statistics[0], zero = s.zero(type);
  if (*combinerOf(FactoredOp(op.getOperation())) != Combiner::Product)
    return s.div(s.select(s.compare(Relation::Equal, f, y), adjoint, zero),
                 statistics[1]);
  Value zeros = statistics[1], others = statistics[2];
  auto chosen = [&](double count, Value value) {
    return s.select(s.compare(Relation::Equal, zeros, s.constant(type, count)),
                    s.mul(adjoint, value), zero);
  };
  return s.select(s.compare(Relation::Equal, f, zero), chosen(1, others),
                  chosen(0, s.div(y, f)));
}

//===----------------------------------------------------------------------===//
// Tuples
//===----------------------------------------------------------------------===//

/// Of what is multiplied by a number that is no float.
static Value times(ScalarBuilder &s, Value adjoint, Value count) {
  return s.mul(adjoint, s.cast(count, adjoint.getType()));
}

static SmallVector<Value> adjointsOfPlace(ScalarBuilder &s, ValueRange terms,
                                          ValueRange results,
                                          ArrayRef<Value> adjoints) {
  if (!adjoints[0])
    return {Value(), Value()};
  Value isPlace = s.compare(Relation::Equal, terms[1], results[1]);
  return {s.select(isPlace, adjoints[0], s.zero(adjoints[0].getType())),
          Value()};
}

static SmallVector<Value> adjointsOfExponentials(ScalarBuilder &s,
                                                 ValueRange terms,
                                                 ValueRange results,
                                                 ArrayRef<Value> adjoints) {
  if (!adjoints[1])
    return {Value(), Value()};
  // NaN where the maximum is infinite and this term is it, as in PyTorch.
  Value scale = s.create<math::ExpOp>(s.sub(terms[0], results[0]));
  Value ofSum = s.mul(adjoints[1], scale);
  return {s.mul(ofSum, terms[1]), ofSum};
}

static SmallVector<Value> adjointsOfMoments(ScalarBuilder &s, ValueRange terms,
                                            ValueRange results,
                                            ArrayRef<Value> adjoints) {
  Value ofMean;
  if (adjoints[1])
    ofMean = s.div(times(s, adjoints[1], terms[0]),
                   s.cast(results[0], adjoints[1].getType()));
  if (adjoints[2]) {
    Value twice = s.mul(adjoints[2], s.constant(adjoints[2].getType(), 2.0));
    Value ofSquares =
        s.mul(times(s, twice, terms[0]), s.sub(terms[1], results[1]));
    ofMean = ofMean ? s.add(ofMean, ofSquares) : ofSquares;
  }
  return {Value(), ofMean, adjoints[2]};
}

SmallVector<Value> colossal::adjointsOfTerms(ScalarBuilder &s, GenericOp op,
                                             ValueRange terms,
                                             ValueRange statistics,
                                             ArrayRef<Value> adjoints) {
  SmallVector<Value> own(adjoints);
  if (statistics.empty())
    return own;
  switch (*combinerOf(FactoredOp(op.getOperation()))) {
  case Combiner::ArgMax:
  case Combiner::ArgMin:
    return adjointsOfPlace(s, terms, statistics, adjoints);
  case Combiner::MaxSumExp:
    return adjointsOfExponentials(s, terms, statistics, adjoints);
  case Combiner::Welford:
    return adjointsOfMoments(s, terms, statistics, adjoints);
  default:
    break;
  }
  for (auto [term, adjoint] : llvm::zip(terms, own))
    if (adjoint)
      adjoint = adjointOfTerm(s, op, term, statistics, adjoint);
  return own;
}
