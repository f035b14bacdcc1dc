//===- Cuts.cpp - Splits the factors of an op at their cuts ---------------===//

#include "Colossal/Transforms/Cuts.h"
#include "Colossal/Transforms/FactorEditing.h"

using namespace mlir;
using namespace colossal;

/// Sizes, major to minor, of a range cut at strides `cuts`.
static SmallVector<int64_t> sizesFromCuts(const Cuts &cuts, int64_t bound) {
  SmallVector<int64_t> sizes;
  int64_t previous = 1;
  for (int64_t cut : cuts) {
    sizes.push_back(cut / previous);
    previous = cut;
  }
  sizes.push_back(bound / previous);
  std::reverse(sizes.begin(), sizes.end());
  return sizes;
}

/// A window that is one element wide is no sub-dimension: the element counts
/// where the factor is there.
static void dropUnitWindows(GenericOp op) {
  FactoredOp factored(op.getOperation());
  SmallVector<FactorAttr> factors = factored.getFactorList();
  SmallVector<Attribute> maps;
  bool isDropped = false;
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i) {
    SmallVector<SubDimAttr> dropped;
    SmallVector<DimAttr> dims;
    for (DimAttr dim : factored.getOperandMap(i).getDims()) {
      SmallVector<SubDimAttr> subs;
      for (SubDimAttr sub : dim.getSubDims())
        (sub.getClipped() && sub.getBound() == 1 ? dropped : subs)
            .push_back(sub);
      if (subs.empty())
        subs.push_back(SubDimAttr::get(op.getContext(), -1, 0, 1));
      dims.push_back(DimAttr::get(op.getContext(), subs));
    }
    maps.push_back(IndexMapAttr::get(op.getContext(), dims));
    Block &block = op.getBody().front();
    BlockArgument argument = block.getArgument(i);
    OpBuilder builder = OpBuilder::atBlockBegin(&block);
    Location loc = op.getLoc();
    Value chosen = argument;
    Operation *first = nullptr;
    for (SubDimAttr sub : dropped) {
      IndexSum index;
      index.terms.push_back(
          {builder.getStringAttr(factors[sub.getFactor()].getName()), 1});
      auto there = EquationAttr::get(op.getContext(), index, -sub.getOffset(),
                                     /*hasId=*/false);
      auto where = WhereOp::create(builder, loc, chosen, there);
      first = first ? first : where;
      chosen = where;
      isDropped = true;
    }
    if (first)
      argument.replaceAllUsesExcept(chosen, first);
  }
  op.setOperandMapsAttr(ArrayAttr::get(op.getContext(), maps));
  if (isDropped)
    simplifyBodies(op);
}

LogicalResult
colossal::splitAtCuts(FactoredOp op, ArrayRef<Cuts> cuts,
                      const DenseMap<Value, SmallVector<Cuts>> &valueCuts) {
  FactorEditor editor(op);
  for (unsigned number = editor.factors.size(); number-- > 0;) {
    if (cuts[number].empty())
      continue;
    if (failed(editor.split(
            number,
            sizesFromCuts(cuts[number], editor.factors[number].getBound()))))
      return op->emitOpError("cannot split factor '")
             << editor.factors[number].getName() << "'";
  }
  // Constants are split like the value's dimension.
  auto splitConstants = [&](IndexMapAttr map, Value value) {
    SmallVector<DimAttr> dims;
    for (auto [dim, entry] : llvm::enumerate(map.getDims())) {
      SmallVector<SubDimAttr> minorFirst;
      int64_t base = 1;
      for (SubDimAttr sub : llvm::reverse(entry.getSubDims())) {
        int64_t end = base * sub.getBound();
        if (!sub.isConstant()) {
          minorFirst.push_back(sub);
          base = end;
          continue;
        }
        Cuts inside;
        for (int64_t cut : valueCuts.at(value)[dim])
          if (cut > base && cut < end)
            inside.insert(cut / base);
        int64_t rest = sub.getOffset();
        SmallVector<int64_t> sizes = sizesFromCuts(inside, sub.getBound());
        for (int64_t size : llvm::reverse(sizes)) {
          minorFirst.push_back(
              SubDimAttr::get(op->getContext(), -1, rest % size, size, false));
          rest /= size;
        }
        base = end;
      }
      std::reverse(minorFirst.begin(), minorFirst.end());
      dims.push_back(DimAttr::get(op->getContext(), minorFirst));
    }
    return IndexMapAttr::get(op->getContext(), dims);
  };
  for (auto [index, map] : llvm::enumerate(editor.operandMaps))
    map = splitConstants(map, op->getOperand(index));
  for (auto [index, map] : llvm::enumerate(editor.resultMaps))
    map = splitConstants(map, op->getResult(index));
  editor.apply();
  if (auto generic = dyn_cast<GenericOp>(op.getOperation()))
    dropUnitWindows(generic);
  return success();
}
