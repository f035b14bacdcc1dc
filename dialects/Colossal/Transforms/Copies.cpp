//===- Copies.cpp - Values in another decomposition -----------------------===//

#include "Colossal/Transforms/Copies.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/Transforms/FactorEditing.h"

using namespace mlir;
using namespace colossal;

CopyInserter::CopyInserter(func::FuncOp function) {
  function.walk([&](FactoredOp op) { names.insert(op.getFactoredName()); });
}

std::string CopyInserter::uniqueName(StringRef base) {
  std::string name = base.str();
  for (unsigned number = 2; !names.insert(name).second; ++number)
    name = (base + "." + Twine(number)).str();
  return name;
}

//===----------------------------------------------------------------------===//
// Equations
//===----------------------------------------------------------------------===//

/// place == what the sub-dimensions add up to
static EquationAttr equation(Builder &builder, StringRef place,
                             ArrayRef<SubDimAttr> subDims,
                             ArrayRef<FactorAttr> factors) {
  IndexSum sum;
  sum.terms.push_back({builder.getStringAttr(place), 1});
  int64_t stride = 1;
  for (SubDimAttr sub : llvm::reverse(subDims)) {
    sum.constant -= sub.getOffset() * stride;
    if (!sub.isConstant())
      sum.terms.push_back(
          {builder.getStringAttr(factors[sub.getFactor()].getName()), -stride});
    stride *= sub.getBound();
  }
  return EquationAttr::get(builder.getContext(), sum, 0, /*hasId=*/false);
}

bool CopyInserter::isFreed(FactoredOp op) const {
  auto generic = dyn_cast<GenericOp>(op.getOperation());
  return generic && (freed.contains(op) || isMovement(generic)) &&
         !getElementTypeOrSelf(generic.getOutputs()[0].getType()).isInteger(1);
}

void CopyInserter::free(GenericOp op, unsigned dim, unsigned first) {
  MLIRContext *context = op.getContext();
  FactorEditor editor{FactoredOp(op)};
  SmallVector<DimAttr> dims(editor.operandMaps[0].getDims());
  Block &body = op.getBody().front();
  OpBuilder builder(body.getTerminator());
  Location loc = op.getLoc();
  // Places that were freed before stay: they are the last sub-dimensions.
  SmallVector<SubDimAttr> subs(dims[dim].getSubDims());
  unsigned last = subs.size();
  while (last > 0 && !subs[last - 1].isConstant() &&
         !editor.factors[subs[last - 1].getFactor()].isParallel())
    --last;
  assert(first < last && "a dimension is freed once");
  ArrayRef<SubDimAttr> replaced =
      ArrayRef<SubDimAttr>(subs).slice(first, last - first);
  int64_t size = 1;
  for (SubDimAttr sub : replaced)
    size *= sub.getBound();
  std::string name = editor.uniqueName("place");
  Value value = op.getYielded()[0];
  SmallVector<EquationAttr> equations;
  auto before = value.getDefiningOp<WhereOp>();
  if (before) {
    for (Attribute attribute : before.getEquations())
      equations.push_back(cast<EquationAttr>(attribute));
    value = before.getValue();
  }
  equations.push_back(equation(builder, name, replaced, editor.factors));
  body.getTerminator()->setOperand(
      0, WhereOp::create(builder, loc, value, equations));
  if (before)
    before.erase();
  subs.erase(subs.begin() + first, subs.begin() + last);
  subs.insert(subs.begin() + first,
              SubDimAttr::get(context, editor.factors.size(), 0, size));
  dims[dim] = DimAttr::get(context, subs);
  editor.factors.push_back(
      FactorAttr::get(context, name, size, kindOfSelection(value.getType())));
  editor.operandMaps[0] = IndexMapAttr::get(context, dims);
  editor.apply();
  freed.insert(op);
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// A generic that reads every element of `value` once, in its place; with two
/// factors for a dimension that is divided at `stride`.
static GenericOp elementwise(OpBuilder &builder, Location loc, StringRef name,
                             Value value, unsigned divided, int64_t stride) {
  MLIRContext *context = value.getContext();
  SmallVector<FactorAttr> factors;
  SmallVector<DimAttr> dims;
  for (auto [dim, size] :
       llvm::enumerate(cast<RankedTensorType>(value.getType()).getShape())) {
    SmallVector<int64_t> sizes = {size};
    if (dim == divided && stride > 1 && stride < size)
      sizes = {size / stride, stride};
    SmallVector<SubDimAttr> subs;
    for (auto [part, bound] : llvm::enumerate(sizes)) {
      if (bound == 1) {
        subs.push_back(SubDimAttr::get(context, -1, 0, 1));
        continue;
      }
      std::string factor = "d" + std::to_string(dim);
      if (sizes.size() > 1)
        factor += "." + std::to_string(part);
      subs.push_back(SubDimAttr::get(context, factors.size(), 0, bound));
      factors.push_back(FactorAttr::get(context, factor, bound));
    }
    dims.push_back(DimAttr::get(context, subs));
  }
  IndexMapAttr map = IndexMapAttr::get(context, dims);
  return createGeneric(
      builder, loc, name, factors, {value}, {map},
      {getElementTypeOrSelf(value.getType())}, {map},
      [](OpBuilder &, ValueRange in) -> SmallVector<Value> { return {in[0]}; });
}

Value CopyInserter::copy(OpBuilder &builder, Location loc, Value value,
                         unsigned dim, int64_t stride, Operation *like) {
  std::string name = "copy";
  auto factored = dyn_cast<FactoredOp>(like);
  if (factored)
    name = (factored.getFactoredName() + ".copy").str();
  GenericOp op =
      elementwise(builder, loc, uniqueName(name), value, dim, stride);
  if (factored) {
    op.setPass(factored.getPass());
    op.setForwardOfAttr(factored.getForwardOfAttr());
  }
  inserted.push_back(op);
  free(op, dim, stride > 1 ? 1 : 0);
  return op.getOutputs()[0];
}

Value CopyInserter::copyBefore(Operation *user, Value value, unsigned dim,
                               int64_t stride) {
  OpBuilder builder(user);
  Operation *like = value.getDefiningOp() ? value.getDefiningOp() : user;
  return copy(builder, user->getLoc(), value, dim, stride,
              isa<FactoredOp>(user) ? user : like);
}

Value CopyInserter::freeOperand(FactoredOp op, unsigned number, unsigned dim,
                                unsigned kept) {
  if (isFreed(op)) {
    free(cast<GenericOp>(op.getOperation()), dim, kept);
    return {};
  }
  int64_t stride = kept > 0 ? 1 : 0;
  for (SubDimAttr sub :
       op.getOperandMap(number).getDims()[dim].getSubDims().drop_front(kept))
    stride *= sub.getBound();
  Value copied = copyBefore(op, op->getOperand(number), dim, stride);
  op->setOperand(number, copied);
  return copied;
}

Value CopyInserter::freeResult(FactoredOp op, unsigned number, unsigned dim) {
  if (isFreed(op)) {
    // The dimensions of the operand that share factors with this one.
    SmallVector<unsigned> shared;
    SmallVector<FactorAttr> factors = op.getFactorList();
    for (auto [d, entry] : llvm::enumerate(op.getOperandMap(0).getDims()))
      if (llvm::any_of(entry.getSubDims(), [&](SubDimAttr sub) {
            return !sub.isConstant() && factors[sub.getFactor()].isParallel() &&
                   llvm::any_of(
                       op.getResultMap(number).getDims()[dim].getSubDims(),
                       [&](SubDimAttr own) {
                         return own.getFactor() == sub.getFactor();
                       });
          }))
        shared.push_back(d);
    for (unsigned d : shared)
      free(cast<GenericOp>(op.getOperation()), d, 0);
    if (!shared.empty())
      return {};
  }
  Value value = op->getResult(number);
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  unsigned before = inserted.size();
  Value copied = copy(builder, op->getLoc(), value, dim, 0, op);
  value.replaceAllUsesExcept(copied, inserted[before]);
  return copied;
}

void CopyInserter::mergeEqual() {
  DenseMap<Value, SmallVector<GenericOp>> known;
  llvm::sort(inserted,
             [](GenericOp a, GenericOp b) { return a->isBeforeInBlock(b); });
  for (GenericOp op : inserted) {
    SmallVector<GenericOp> &others = known[op->getOperand(0)];
    auto equal = llvm::find_if(others, [&](GenericOp other) {
      NamedAttrList own(op->getAttrs()), its(other->getAttrs());
      for (NamedAttrList *list : {&own, &its}) {
        list->erase("name");
        list->erase(op.getForwardOfAttrName());
      }
      return own == its && op.getResultTypes() == other.getResultTypes() &&
             OperationEquivalence::isRegionEquivalentTo(
                 &op.getBody(), &other.getBody(),
                 OperationEquivalence::IgnoreLocations);
    });
    if (equal == others.end()) {
      others.push_back(op);
      continue;
    }
    op.replaceAllUsesWith(*equal);
    op.erase();
  }
  inserted.clear();
}
