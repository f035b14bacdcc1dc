//===- IndexFunction.cpp - Tensors that are functions of indices ----------===//

#include "IndexFunction.h"
#include "Colossal/IR/Where.h"
#include "mlir/IR/IRMapping.h"
#include <map>
#include <vector>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static bool isIndexFunction(Value tensor, llvm::SmallDenseSet<Value> &seen) {
  if (!seen.insert(tensor).second)
    return true; // decided elsewhere
  auto op = tensor.getDefiningOp<GenericOp>();
  return op && op.isAllParallel() && llvm::all_of(op.getInputs(), [&](Value v) {
           return isIndexFunction(v, seen);
         });
}

bool normalize::isIndexFunction(Value tensor) {
  llvm::SmallDenseSet<Value> seen;
  return ::isIndexFunction(tensor, seen);
}

/// Folds constants away while building.
static Value times(ScalarBuilder &s, Value a, int64_t b) {
  return b == 1 ? a : s.mul(a, s.integer(a.getType(), b));
}

/// Finds the factors of a result map from the indices of the dimensions.
static SmallVector<Value> factorIndices(ScalarBuilder &s, IndexMapAttr map,
                                        unsigned numFactors,
                                        ArrayRef<Value> indices) {
  Type i64 = s.getBuilder().getI64Type();
  SmallVector<Value> factors(numFactors);
  for (auto [dim, index] : llvm::zip(map.getDims(), indices)) {
    int64_t stride = 1;
    ArrayRef<SubDimAttr> subs = dim.getSubDims();
    for (unsigned i = subs.size(); i-- > 0;) {
      SubDimAttr sub = subs[i];
      if (!sub.isConstant()) {
        Value digit = index;
        if (stride != 1)
          digit = s.create<arith::DivSIOp>(digit, s.integer(i64, stride));
        if (i > 0)
          digit =
              s.create<arith::RemSIOp>(digit, s.integer(i64, sub.getBound()));
        factors[sub.getFactor()] = digit;
      }
      stride *= sub.getBound();
    }
  }
  return factors;
}

/// Elements that are built: expressions that share a part stay small.
using Elements =
    std::map<std::pair<const void *, std::vector<const void *>>, Value>;

static Value elementAt(ScalarBuilder &s, Value tensor, ArrayRef<Value> indices,
                       Elements &elements);

/// What the body of `op` yields for a result where its factors have these
/// indices.
static Value yieldedAt(ScalarBuilder &s, GenericOp op, unsigned result,
                       ArrayRef<Value> values, Elements &elements) {
  FactoredOp factored(op.getOperation());
  Type i64 = s.getBuilder().getI64Type();
  SmallVector<FactorAttr> factors = factored.getFactorList();
  IRMapping mapping;
  Block &body = op.getBody().front();
  for (auto [number, input] : llvm::enumerate(op.getInputs())) {
    SmallVector<Value> inputIndices;
    Value inside;
    for (DimAttr dim : factored.getOperandMap(number).getDims()) {
      Value index;
      for (SubDimAttr sub : dim.getSubDims()) {
        Value digit;
        if (!sub.isConstant()) {
          digit = values[sub.getFactor()];
          if (sub.getOffset() != 0)
            digit = s.add(digit, s.integer(i64, sub.getOffset()));
          if (sub.getClipped()) {
            Value low =
                s.compare(Relation::GreaterEqual, digit, s.integer(i64, 0));
            Value high = s.compare(Relation::Less, digit,
                                   s.integer(i64, sub.getBound()));
            int64_t last =
                sub.getOffset() + factors[sub.getFactor()].getBound();
            if (sub.getOffset() < 0)
              inside = inside ? s.logicalAnd(inside, low) : low;
            if (last > sub.getBound())
              inside = inside ? s.logicalAnd(inside, high) : high;
          }
        } else if (sub.getOffset() != 0 || !index) {
          digit = s.integer(i64, sub.getOffset());
        }
        if (index)
          index = times(s, index, sub.getBound());
        index = !index ? digit : digit ? s.add(index, digit) : index;
      }
      inputIndices.push_back(index ? index : s.integer(i64, 0));
    }
    Value element = elementAt(s, input, inputIndices, elements);
    if (inside)
      element = s.select(inside, element, s.zero(element.getType()));
    mapping.map(body.getArgument(number), element);
  }
  for (Operation &inner : body.without_terminator()) {
    if (auto index = dyn_cast<IndexOp>(inner)) {
      for (auto [number, factor] : llvm::enumerate(factors))
        if (factor.getName() == index.getFactor())
          mapping.map(index.getResult(), values[number]);
      continue;
    }
    if (auto where = dyn_cast<WhereOp>(inner)) {
      SmallVector<Value> ids;
      for (Value id : where.getIds())
        ids.push_back(mapping.lookupOrDefault(id));
      mapping.map(where.getResult(),
                  expandWhere(s.getBuilder(), where,
                              mapping.lookupOrDefault(where.getValue()), ids,
                              [&](StringAttr name) {
                                for (auto [number, factor] :
                                     llvm::enumerate(factors))
                                  if (factor.getName() == name)
                                    return values[number];
                                llvm_unreachable("E1: a factor of the op");
                              }));
      continue;
    }
    s.getBuilder().clone(inner, mapping);
  }
  return mapping.lookupOrDefault(op.getYielded()[result]);
}

static Value elementAt(ScalarBuilder &s, Value tensor, ArrayRef<Value> indices,
                       Elements &elements) {
  std::vector<const void *> place;
  for (Value index : indices)
    place.push_back(index.getAsOpaquePointer());
  auto known = elements.find({tensor.getAsOpaquePointer(), place});
  if (known != elements.end())
    return known->second;
  auto op = tensor.getDefiningOp<GenericOp>();
  FactoredOp factored(op.getOperation());
  unsigned result = cast<OpResult>(tensor).getResultNumber();
  SmallVector<Value> values =
      factorIndices(s, factored.getResultMap(result),
                    factored.getFactorList().size(), indices);
  Value element = yieldedAt(s, op, result, values, elements);
  return elements[{tensor.getAsOpaquePointer(), place}] = element;
}

Value normalize::elementAt(ScalarBuilder &s, Value tensor,
                           ArrayRef<Value> indices) {
  Elements elements;
  return ::elementAt(s, tensor, indices, elements);
}

//===----------------------------------------------------------------------===//
// Positions
//===----------------------------------------------------------------------===//

namespace {
/// step * argument + start.
struct Linear {
  int64_t argument, step, start;
};
} // namespace

/// `value` as a linear function of one of the block's arguments.
static std::optional<Linear> matchLinear(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return Linear{argument.getArgNumber(), 1, 0};
  auto constantOf = [](Value v) -> std::optional<int64_t> {
    auto constant = v.getDefiningOp<arith::ConstantOp>();
    auto integer =
        constant ? dyn_cast<IntegerAttr>(constant.getValue()) : IntegerAttr();
    if (!integer)
      return std::nullopt;
    return integer.getInt();
  };
  Operation *op = value.getDefiningOp();
  if (!isa<arith::AddIOp, arith::SubIOp, arith::MulIOp>(op))
    return std::nullopt;
  Value base = op->getOperand(0), other = op->getOperand(1);
  if (!isa<arith::SubIOp>(op) && constantOf(base))
    std::swap(base, other);
  std::optional<int64_t> constant = constantOf(other);
  std::optional<Linear> inner = constant ? matchLinear(base) : std::nullopt;
  if (!inner)
    return std::nullopt;
  if (isa<arith::MulIOp>(op)) {
    inner->step *= *constant;
    inner->start *= *constant;
  } else {
    inner->start += isa<arith::AddIOp>(op) ? *constant : -*constant;
  }
  return inner;
}

/// Every element as a linear function of the index in one dimension.
static std::optional<Linear> linearIn(Value tensor) {
  if (!isIndexFunction(tensor))
    return std::nullopt;
  auto type = cast<RankedTensorType>(tensor.getType());
  OpBuilder builder(tensor.getContext());
  Block block;
  builder.setInsertionPointToStart(&block);
  ScalarBuilder s(builder, tensor.getLoc());
  Value zero = s.integer(builder.getI64Type(), 0);
  SmallVector<Value> indices;
  for (int64_t size : type.getShape()) {
    Value index = block.addArgument(builder.getI64Type(), tensor.getLoc());
    indices.push_back(size == 1 ? zero : index);
  }
  return matchLinear(elementAt(s, tensor, indices));
}

std::optional<std::pair<int64_t, int64_t>>
normalize::matchPositions(Value tensor) {
  std::optional<Linear> found = linearIn(tensor);
  if (!found || found->step != 1)
    return std::nullopt;
  return std::make_pair(found->argument, found->start);
}

std::optional<std::pair<int64_t, int64_t>>
normalize::matchProgression(Value list) {
  std::optional<Linear> found = linearIn(list);
  if (!found)
    return std::nullopt;
  return std::make_pair(found->start, found->step);
}
