//===- Shapes.cpp - Sub-dimensions, broadcasting, regrouping --------------===//

#include "Shapes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

int64_t normalize::sizeOf(const Dim &dim) {
  int64_t size = 1;
  for (const SubDim &sub : dim)
    size *= sub.size;
  return size;
}

static Dims dimsOfArgument(BlockArgument argument) {
  auto type = cast<RankedTensorType>(argument.getType());
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  int64_t batch = -1;
  if (function)
    if (auto attr = function.getArgAttrOfType<IntegerAttr>(
            argument.getArgNumber(), names::batchDim))
      batch = attr.getInt();
  Dims dims;
  for (auto [index, size] : llvm::enumerate(type.getShape())) {
    std::string name = "d" + std::to_string(index);
    if (batch >= 0 && int64_t(index) == batch)
      name = "b";
    else if (batch >= 0 && int64_t(index) == batch + 1)
      name = "s";
    dims.push_back(size == 1 ? Dim{} : Dim{SubDim{name, size}});
  }
  return dims;
}

Dims normalize::dimsOf(Value value) {
  auto op = value.getDefiningOp<FactoredOp>();
  if (!op)
    return dimsOfArgument(cast<BlockArgument>(value));
  SmallVector<FactorAttr> factors = op.getFactorList();
  Dims dims;
  for (DimAttr dim :
       op.getResultMap(cast<OpResult>(value).getResultNumber()).getDims()) {
    Dim &subs = dims.emplace_back();
    for (SubDimAttr sub : dim.getSubDims())
      if (!sub.isConstant() && sub.getBound() != 1)
        subs.push_back({factors[sub.getFactor()].getName().str(),
                        factors[sub.getFactor()].getBound()});
  }
  return dims;
}

SmallVector<int64_t> normalize::addFactors(GenericBuilder &g, const Dim &dim,
                                           FactorKind kind) {
  SmallVector<int64_t> factors;
  for (const SubDim &sub : dim)
    factors.push_back(g.factor(sub.name, sub.size, kind));
  return factors;
}

Dims normalize::plainDims(ArrayRef<int64_t> sizes) {
  Dims dims;
  for (auto [index, size] : llvm::enumerate(sizes))
    dims.push_back(size == 1 ? Dim{}
                             : Dim{SubDim{"d" + std::to_string(index), size}});
  return dims;
}

DimFactors normalize::addFactors(GenericBuilder &g, ArrayRef<Dim> dims,
                                 FactorKind kind) {
  DimFactors factors;
  for (const Dim &dim : dims)
    factors.push_back(addFactors(g, dim, kind));
  return factors;
}

Value normalize::mixedRadix(GenericBuilder &g, ScalarBuilder &s,
                            ArrayRef<int64_t> factors) {
  Type i64 = s.getBuilder().getI64Type();
  Value number;
  for (int64_t factor : factors) {
    Value digit = s.index(g.nameOf(factor));
    if (number)
      number = s.mul(number, s.integer(i64, g.getFactor(factor).getBound()));
    number = number ? s.add(number, digit) : digit;
  }
  return number ? number : s.integer(i64, 0);
}

Value normalize::whereId(GenericBuilder &g, ScalarBuilder &s, Value value,
                         ArrayRef<int64_t> factors, Value id) {
  Builder &builder = s.getBuilder();
  IndexSum number;
  int64_t stride = 1;
  for (int64_t factor : llvm::reverse(factors)) {
    number.terms.insert(number.terms.begin(),
                        {builder.getStringAttr(g.nameOf(factor)), stride});
    stride *= g.getFactor(factor).getBound();
  }
  if (!id.getType().isInteger(32))
    id = s.cast(id, builder.getI64Type());
  return s.where(value,
                 EquationAttr::get(builder.getContext(), number, 0,
                                   /*hasId=*/true),
                 id);
}

SmallVector<SubDimAttr> normalize::plain(GenericBuilder &g,
                                         ArrayRef<int64_t> factors) {
  if (factors.empty())
    return {g.constant(0, 1)};
  return llvm::map_to_vector(factors,
                             [&](int64_t factor) { return g.plain(factor); });
}

IndexMapAttr normalize::plainMap(GenericBuilder &g,
                                 ArrayRef<SmallVector<int64_t>> dims) {
  SmallVector<SmallVector<SubDimAttr>> subs;
  for (const SmallVector<int64_t> &dim : dims)
    subs.push_back(plain(g, dim));
  return g.map(subs);
}

/// Names for the parts of a sub-dimension that is cut.
static std::string partName(const std::string &name, unsigned part) {
  bool endsInDigit = !name.empty() && llvm::isDigit(name.back());
  return name + (endsInDigit ? "_" : "") + std::to_string(part);
}

LogicalResult normalize::regroup(ArrayRef<Dim> from, ArrayRef<int64_t> sizes,
                                 Dims &finer, Dims &to) {
  finer.assign(from.size(), {});
  to.assign(sizes.size(), {});
  // Both sides are consumed from the minor end; cutting takes whole divisors.
  unsigned target = sizes.size();
  int64_t wanted = 1; // what is still missing of the current target dimension
  auto nextTarget = [&]() {
    while (wanted == 1 && target > 0)
      wanted = sizes[--target];
    return wanted != 1;
  };
  for (unsigned d = from.size(); d-- > 0;) {
    for (unsigned i = from[d].size(); i-- > 0;) {
      const SubDim &whole = from[d][i];
      int64_t rest = whole.size;
      Dim parts; // minor to major
      SmallVector<unsigned> owners;
      while (rest != 1) {
        if (!nextTarget())
          return failure();
        int64_t part = std::min(rest, wanted);
        if (rest % part != 0 || wanted % part != 0)
          return failure();
        parts.push_back({whole.name, part});
        owners.push_back(target);
        rest /= part;
        wanted /= part;
      }
      if (parts.size() > 1)
        for (auto [index, part] : llvm::enumerate(parts))
          part.name = partName(whole.name, parts.size() - 1 - index);
      for (auto [part, owner] : llvm::zip(parts, owners)) {
        finer[d].insert(finer[d].begin(), part);
        to[owner].insert(to[owner].begin(), part);
      }
    }
  }
  return success(!nextTarget());
}

//===----------------------------------------------------------------------===//
// Broadcasting
//===----------------------------------------------------------------------===//

std::string normalize::shapeText(ArrayRef<Dim> dims) {
  std::string text = "[";
  for (auto [index, dim] : llvm::enumerate(dims)) {
    text += index ? ", " : "";
    for (auto [number, sub] : llvm::enumerate(dim))
      text += (number ? " x " : "") + std::to_string(sub.size);
    if (dim.empty())
      text += "1";
  }
  return text + "]";
}

std::string normalize::shapeText(ArrayRef<int64_t> sizes) {
  std::string text = "[";
  for (auto [index, size] : llvm::enumerate(sizes))
    text += (index ? ", " : "") + std::to_string(size);
  return text + "]";
}

SmallVector<int64_t> normalize::broadcast(Call &c,
                                          ArrayRef<ArrayRef<int64_t>> shapes) {
  size_t rank = 0;
  for (ArrayRef<int64_t> shape : shapes)
    rank = std::max(rank, shape.size());
  SmallVector<int64_t> result(rank, 1);
  for (ArrayRef<int64_t> shape : shapes) {
    unsigned skip = rank - shape.size();
    for (auto [index, size] : llvm::enumerate(shape)) {
      int64_t &slot = result[skip + index];
      if (slot != 1 && size != 1 && slot != size) {
        c.error("found shapes " + shapeText(shapes.front()) + " and " +
                shapeText(shape) +
                ", which do not broadcast: dimensions from the end must be "
                "equal or 1");
        return result;
      }
      if (slot == 1)
        slot = size;
    }
  }
  return result;
}

IndexMapAttr normalize::broadcastMap(GenericBuilder &g, ArrayRef<int64_t> shape,
                                     ArrayRef<SmallVector<int64_t>> dims) {
  SmallVector<SmallVector<SubDimAttr>> subs;
  unsigned skip = dims.size() - shape.size();
  for (auto [index, size] : llvm::enumerate(shape))
    subs.push_back(size == 1 ? SmallVector<SubDimAttr>{g.constant(0, 1)}
                             : plain(g, dims[skip + index]));
  return g.map(subs);
}

Dims normalize::broadcastDims(ArrayRef<int64_t> shape,
                              ArrayRef<Value> operands) {
  Dims dims;
  for (auto [index, size] : llvm::enumerate(shape)) {
    Dim dim;
    if (size != 1)
      dim = {SubDim{"d" + std::to_string(index), size}};
    unsigned fromEnd = shape.size() - index;
    for (Value operand : operands) {
      auto type = cast<RankedTensorType>(operand.getType());
      if (type.getRank() < int64_t(fromEnd) ||
          type.getDimSize(type.getRank() - fromEnd) != size || size == 1)
        continue;
      dim = dimsOf(operand)[type.getRank() - fromEnd];
      break;
    }
    dims.push_back(dim);
  }
  return dims;
}

Value normalize::broadcastTo(Call &c, Value value, ArrayRef<int64_t> shape,
                             StringRef suffix) {
  auto type = cast<RankedTensorType>(value.getType());
  if (type.getShape() == shape)
    return value;
  GenericBuilder g = c.generic(suffix);
  DimFactors dims = addFactors(g, broadcastDims(shape, {value}));
  g.operand(value, broadcastMap(g, type.getShape(), dims));
  g.result(type.getElementType(), plainMap(g, dims));
  return g.build([](ScalarBuilder &, ValueRange in) { return in[0]; });
}
