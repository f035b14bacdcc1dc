//===- FactorEditing.cpp - Changes factors and operands of an op ----------===//

#include "Colossal/Transforms/FactorEditing.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace colossal;

FactorEditor::FactorEditor(FactoredOp op)
    : factors(op.getFactorList()), op(op) {
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    operandMaps.push_back(op.getOperandMap(i));
  for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
    resultMaps.push_back(op.getResultMap(i));
}

std::string FactorEditor::uniqueName(StringRef base) const {
  auto taken = [&](StringRef name) {
    return llvm::any_of(factors,
                        [&](FactorAttr f) { return f.getName() == name; });
  };
  std::string name = base.str();
  for (unsigned number = 1; taken(name); ++number)
    name = (base + "_" + Twine(number)).str();
  return name;
}

LogicalResult FactorEditor::split(unsigned number, ArrayRef<int64_t> sizes) {
  FactorAttr factor = factors[number];
  MLIRContext *context = op->getContext();
  if (factor.isLocal())
    return failure();
  // A clipped use moves to the major part: its window must consist of whole
  // minor parts.
  int64_t minor = 1;
  for (int64_t size : sizes.drop_front())
    minor *= size;
  bool aligned = true;
  auto check = [&](unsigned, unsigned, SubDimAttr sub) {
    if (sub.getFactor() == int64_t(number) && sub.getClipped())
      aligned &= minor > 0 && sub.getOffset() % minor == 0 &&
                 sub.getBound() % minor == 0;
  };
  for (IndexMapAttr map : operandMaps)
    map.walk(check);
  if (!aligned)
    return failure();
  SmallVector<FactorAttr> parts;
  SmallVector<std::pair<std::string, int64_t>> terms;
  int64_t stride = factor.getBound();
  for (auto [position, size] : llvm::enumerate(sizes)) {
    stride /= size;
    std::string name =
        uniqueName((factor.getName() + "." + Twine(position)).str());
    parts.push_back(FactorAttr::get(context, name, size, factor.getKind()));
    terms.push_back({name, stride});
  }
  int64_t extra = int64_t(sizes.size()) - 1;
  auto rewrite = [&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
    if (sub.getFactor() < int64_t(number))
      return {sub};
    if (sub.getFactor() > int64_t(number))
      return {SubDimAttr::get(context, sub.getFactor() + extra, sub.getOffset(),
                              sub.getBound(), sub.getClipped())};
    SmallVector<SubDimAttr> subs;
    for (auto [position, size] : llvm::enumerate(sizes))
      subs.push_back(
          SubDimAttr::get(context, number + position, 0, size, false));
    if (sub.getClipped())
      subs[0] = SubDimAttr::get(context, number, sub.getOffset() / minor,
                                sub.getBound() / minor, true);
    return subs;
  };
  for (IndexMapAttr &map : operandMaps)
    map = map.replace(rewrite);
  for (IndexMapAttr &map : resultMaps)
    map = map.replace(rewrite);
  indexRewrites.push_back({factor.getName().str(), terms});
  factors.erase(factors.begin() + number);
  factors.insert(factors.begin() + number, parts.begin(), parts.end());
  return success();
}

void FactorEditor::erase(unsigned number) {
  MLIRContext *context = op->getContext();
  indexRewrites.push_back({factors[number].getName().str(), {}});
  factors.erase(factors.begin() + number);
  auto rewrite = [&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
    if (sub.getFactor() < int64_t(number))
      return {sub};
    return {SubDimAttr::get(context, sub.getFactor() - 1, sub.getOffset(),
                            sub.getBound(), sub.getClipped())};
  };
  for (IndexMapAttr &map : operandMaps)
    map = map.replace(rewrite);
  for (IndexMapAttr &map : resultMaps)
    map = map.replace(rewrite);
}

void FactorEditor::dropUnitFactors() {
  MLIRContext *context = op->getContext();
  for (unsigned number = factors.size(); number-- > 0;) {
    if (factors[number].getBound() != 1 || factors[number].isLocal())
      continue;
    auto toConstant = [&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
      if (sub.getFactor() != int64_t(number))
        return {sub};
      return {
          SubDimAttr::get(context, -1, sub.getOffset(), sub.getBound(), false)};
    };
    // A clipped access at a fixed place outside the tensor has no constant
    // form: keep such a factor.
    bool outside = false;
    auto check = [&](unsigned, unsigned, SubDimAttr sub) {
      outside |= sub.getFactor() == int64_t(number) &&
                 (sub.getOffset() < 0 || sub.getOffset() >= sub.getBound());
    };
    for (IndexMapAttr map : operandMaps)
      map.walk(check);
    if (outside)
      continue;
    for (IndexMapAttr &map : operandMaps)
      map = map.replace(toConstant);
    for (IndexMapAttr &map : resultMaps)
      map = map.replace(toConstant);
    erase(number);
  }
  // Sub-dimensions of size 1 vanish; a dimension of size 1 is `0 of 1`.
  auto tidy = [&](IndexMapAttr map) {
    SmallVector<DimAttr> dims;
    for (DimAttr dim : map.getDims()) {
      SmallVector<SubDimAttr> subs =
          llvm::filter_to_vector(dim.getSubDims(), [](SubDimAttr sub) {
            return !(sub.isConstant() && sub.getBound() == 1);
          });
      if (subs.empty())
        subs.push_back(SubDimAttr::get(context, -1, 0, 1, false));
      dims.push_back(DimAttr::get(context, subs));
    }
    return IndexMapAttr::get(context, dims);
  };
  for (IndexMapAttr &map : operandMaps)
    map = tidy(map);
  for (IndexMapAttr &map : resultMaps)
    map = tidy(map);
}

void FactorEditor::apply() {
  Builder attributes(op->getContext());
  auto toArray = [&](auto &list) {
    return attributes.getArrayAttr(
        SmallVector<Attribute>(list.begin(), list.end()));
  };
  op->setAttr("factors", toArray(factors));
  op->setAttr("operandMaps", toArray(operandMaps));
  op->setAttr("resultMaps", toArray(resultMaps));
  for (auto &[name, terms] : indexRewrites) {
    IndexSum sum;
    for (auto &[part, stride] : terms)
      sum.terms.push_back({attributes.getStringAttr(part), stride});
    op->getRegion(0).walk([&](WhereOp where) {
      where.substitute([&](StringAttr factor) -> std::optional<IndexSum> {
        if (factor.getValue() != name)
          return std::nullopt;
        return sum;
      });
    });
    SmallVector<IndexOp> uses;
    op->getRegion(0).walk([&](IndexOp index) {
      if (index.getFactor() == name)
        uses.push_back(index);
    });
    for (IndexOp index : uses) {
      OpBuilder builder(index);
      Location loc = index.getLoc();
      Value sum;
      for (auto &[part, stride] : terms) {
        Value term = IndexOp::create(builder, loc, builder.getI64Type(), part);
        if (stride != 1)
          term = arith::MulIOp::create(
              builder, loc, term,
              arith::ConstantOp::create(builder, loc,
                                        builder.getI64IntegerAttr(stride)));
        sum = sum ? arith::AddIOp::create(builder, loc, sum, term).getResult()
                  : term;
      }
      if (!sum)
        sum = arith::ConstantOp::create(builder, loc,
                                        builder.getI64IntegerAttr(0));
      index.replaceAllUsesWith(sum);
      index.erase();
    }
  }
  indexRewrites.clear();
}

Value colossal::newValueOfState(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument || !argument.getOwner()->mightHaveTerminator())
    return {};
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  if (!function)
    return {};
  for (OpOperand &result :
       argument.getOwner()->getTerminator()->getOpOperands()) {
    auto updates = function.getResultAttrOfType<IntegerAttr>(
        result.getOperandNumber(), names::updates);
    if (updates && updates.getInt() == argument.getArgNumber() &&
        result.get() != value)
      return result.get();
  }
  return {};
}

SmallVector<SmallVector<int64_t>> colossal::decompositionOf(Value value) {
  auto sizesOf = [](IndexMapAttr map) {
    return llvm::map_to_vector(map.getDims(), [](DimAttr dim) {
      return llvm::map_to_vector(dim.getSubDims(),
                                 [](SubDimAttr sub) { return sub.getBound(); });
    });
  };
  if (auto op = value.getDefiningOp<FactoredOp>())
    return sizesOf(op.getResultMap(cast<OpResult>(value).getResultNumber()));
  for (OpOperand &use : value.getUses())
    if (auto op = dyn_cast<FactoredOp>(use.getOwner()))
      return sizesOf(op.getOperandMap(use.getOperandNumber()));
  if (Value updated = newValueOfState(value))
    return decompositionOf(updated);
  SmallVector<SmallVector<int64_t>> sizes;
  for (int64_t size : cast<RankedTensorType>(value.getType()).getShape())
    sizes.push_back({size});
  return sizes;
}

IdentitySpace colossal::identitySpaceOf(Value value) {
  MLIRContext *context = value.getContext();
  IdentitySpace space;
  SmallVector<DimAttr> dims;
  for (auto sizes : decompositionOf(value)) {
    SmallVector<SubDimAttr> subs;
    for (int64_t size : sizes) {
      if (size == 1 && sizes.size() == 1) {
        subs.push_back(SubDimAttr::get(context, -1, 0, 1, false));
        continue;
      }
      subs.push_back(
          SubDimAttr::get(context, space.factors.size(), 0, size, false));
      space.factors.push_back(FactorAttr::get(
          context, ("d" + Twine(space.factors.size())).str(), size));
    }
    dims.push_back(DimAttr::get(context, subs));
  }
  space.map = IndexMapAttr::get(context, dims);
  return space;
}

GenericOp colossal::createGeneric(
    OpBuilder &builder, Location loc, StringRef name,
    ArrayRef<FactorAttr> factors, ValueRange operands,
    ArrayRef<IndexMapAttr> operandMaps, ArrayRef<Type> elementTypes,
    ArrayRef<IndexMapAttr> resultMaps,
    llvm::function_ref<SmallVector<Value>(OpBuilder &, ValueRange)> body) {
  auto toArray = [&](auto list) {
    return builder.getArrayAttr(
        SmallVector<Attribute>(list.begin(), list.end()));
  };
  SmallVector<Type> types;
  for (auto [type, map] : llvm::zip(elementTypes, resultMaps))
    types.push_back(RankedTensorType::get(map.getShape(), type));
  auto op =
      GenericOp::create(builder, loc, types, name, toArray(factors),
                        toArray(operandMaps), toArray(resultMaps), operands);
  Block &block = op.getBody().emplaceBlock();
  for (Value operand : operands)
    block.addArgument(
        cast<RankedTensorType>(operand.getType()).getElementType(), loc);
  OpBuilder inner = OpBuilder::atBlockEnd(&block);
  SmallVector<Value> yields = body(inner, block.getArguments());
  YieldOp::create(inner, loc, yields);
  return op;
}

bool colossal::isMovement(GenericOp op) {
  return op.getNumOperands() == 1 && op.getNumResults() == 1 &&
         op.isAllParallel() &&
         op.getYielded()[0] == op.getBody().front().getArgument(0);
}
