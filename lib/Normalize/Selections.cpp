//===- Selections.cpp - Which values have rows that data select -----------===//

#include "Selections.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/Locations.h"
#include "mlir/IR/OperationSupport.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Masks
//===----------------------------------------------------------------------===//

/// Ops that compute one of two equal masks, at most.
static constexpr unsigned kMaxDepth = 16;

/// Whether both are computed alike from the same values, as where a model
/// writes `labels != -100` twice.
static bool areEqual(Value a, Value b, unsigned depth = 0) {
  if (a == b)
    return true;
  auto first = a.getDefiningOp<GenericOp>(),
       second = b.getDefiningOp<GenericOp>();
  if (!first || !second || depth == kMaxDepth ||
      cast<OpResult>(a).getResultNumber() !=
          cast<OpResult>(b).getResultNumber() ||
      first.getFactors() != second.getFactors() ||
      first.getOperandMaps() != second.getOperandMaps() ||
      first.getResultMaps() != second.getResultMaps() ||
      first->getResultTypes() != second->getResultTypes() ||
      !OperationEquivalence::isRegionEquivalentTo(
          &first.getBody(), &second.getBody(),
          OperationEquivalence::IgnoreLocations))
    return false;
  return llvm::all_of_zip(
      first.getInputs(), second.getInputs(),
      [&](Value x, Value y) { return areEqual(x, y, depth + 1); });
}

const SelectedDim *Selections::equalMask(Value mask) const {
  for (const auto &[other, selected] : masks)
    if (areEqual(mask, other))
      return &selected;
  return nullptr;
}

Value Selections::flatOf(Value mask) const {
  const SelectedDim *known = equalMask(mask);
  return known ? known->present : Value();
}

void Selections::note(StringRef name, unsigned dim, Value mask, Value flat,
                      StringRef selection) {
  const SelectedDim *before = equalMask(mask);
  SelectedDim selected;
  selected.dim = dim;
  selected.selection = before ? before->selection : selection.str();
  selected.present = before ? before->present : flat;
  if (!before)
    masks.emplace_back(mask, selected);
  noted[name] = selected;
}

//===----------------------------------------------------------------------===//
// What follows
//===----------------------------------------------------------------------===//

/// Reports, if asked to, what an op does to rows.
static LogicalResult mixes(Operation *op, StringRef selection, StringRef what,
                           bool report) {
  if (!report)
    return failure();
  std::string line = sourceLineOf(op->getLoc());
  return emitError(op->getLoc())
         << "'" << op->getName() << "'" << (line.empty() ? "" : " at " + line)
         << " " << what << " the rows that '" << selection
         << "' selects, whose number depends on data: expected a sum, mean, "
            "extreme or loss over them, or index_add_ or scatter_add by the "
            "same numbers";
}

/// The element of an operand that a scalar is, perhaps extended or truncated.
static BlockArgument asArgument(Value value) {
  while (value && value.getDefiningOp()) {
    if (!isa<arith::ExtSIOp, arith::TruncIOp, WidenOp>(value.getDefiningOp()))
      return {};
    value = value.getDefiningOp()->getOperand(0);
  }
  return dyn_cast_or_null<BlockArgument>(value);
}

/// The dimensions of the op's results that its operands' missing rows reach.
LogicalResult Selections::follow(FactoredOp op, Values &values,
                                 bool report) const {
  if (settled.contains(op.getFactoredName()))
    return success();
  if (auto own = noted.find(op.getFactoredName()); own != noted.end()) {
    values.try_emplace(op->getResult(0), own->second);
    return success();
  }
  SmallVector<FactorAttr> factors = op.getFactorList();
  std::optional<Selection> stated;
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i) {
    auto found = values.find(op->getOperand(i));
    if (found == values.end())
      continue;
    SelectedDim rows = found->second;
    SmallVector<int64_t> own =
        op.getOperandMap(i).getDims()[rows.dim].getFactors();
    bool summed = llvm::any_of(
        own, [&](int64_t factor) { return !factors[factor].isParallel(); });
    if (summed) {
      // A scatter by the numbers of the same selection leaves the others out.
      auto generic = dyn_cast<GenericOp>(op.getOperation());
      if (generic && !stated)
        stated = analyzeSelection(generic);
      BlockArgument id;
      if (stated && stated->scatter)
        id = asArgument(stated->scatter->id);
      auto ids =
          id ? values.find(op->getOperand(id.getArgNumber())) : values.end();
      if (ids != values.end() && ids->second.selection == rows.selection)
        continue;
      return mixes(op, rows.selection, "combines", report);
    }
    for (unsigned r = 0, n = op->getNumResults(); r < n; ++r) {
      auto dims = op.getResultMap(r).getDims();
      auto same = llvm::find_if(
          dims, [&](DimAttr dim) { return dim.getFactors() == own; });
      if (same == dims.end() || own.empty())
        return mixes(op, rows.selection, "divides or joins", report);
      SelectedDim result = rows;
      result.dim = same - dims.begin();
      auto [other, isNew] = values.try_emplace(op->getResult(r), result);
      if (!isNew && (other->second.dim != result.dim ||
                     other->second.selection != rows.selection))
        return mixes(op, rows.selection, "joins others with", report);
    }
  }
  return success();
}

std::optional<SelectedDim> Selections::of(Value value) {
  if (noted.empty() || !value.getDefiningOp())
    return std::nullopt;
  Block &block = *value.getDefiningOp()->getBlock();
  for (Operation *op = last ? last->getNextNode() : &block.front(); op;
       op = op->getNextNode()) {
    if (op->hasTrait<OpTrait::IsTerminator>())
      break;
    if (auto factored = dyn_cast<FactoredOp>(op))
      (void)follow(factored, known, /*report=*/false);
    last = op;
  }
  auto found = known.find(value);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

LogicalResult Selections::check(func::FuncOp function) const {
  if (noted.empty())
    return success();
  Values values;
  WalkResult walk = function.walk([&](FactoredOp op) {
    return failed(follow(op, values, /*report=*/true)) ? WalkResult::interrupt()
                                                       : WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  Operation *ret = function.getBody().front().getTerminator();
  for (Value value : ret->getOperands())
    if (auto found = values.find(value); found != values.end())
      return mixes(ret, found->second.selection, "returns", /*report=*/true);
  return success();
}
