//===- SelectedRows.cpp - Rows that data select ---------------------------===//

#include "SelectedRows.h"
#include "Colossal/Analysis/Selection.h"
#include "Colossal/IR/Locations.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Outside of every dimension, also after a dimension's size was added.
static constexpr int64_t kNowhere = -(int64_t(1) << 62);

SmallVector<Value> normalize::selectedBy(Call &c, Value mask) {
  int64_t rank = cast<RankedTensorType>(mask.getType()).getRank();
  Type i1 = c.builder().getI1Type(), i64 = c.builder().getI64Type();
  SmallVector<Value> numbers;
  for (int64_t dim = 0; dim < rank; ++dim) {
    std::string name = c.name("selected" + std::to_string(dim));
    GenericBuilder g(c.builder(), c.loc(), name);
    DimFactors factors = addFactors(g, dimsOf(mask));
    SmallVector<int64_t> all;
    for (ArrayRef<int64_t> own : factors)
      all.append(own.begin(), own.end());
    g.operand(mask, plainMap(g, factors));
    g.result(i64, plainMap(g, {all}));
    numbers.push_back(g.build([&](ScalarBuilder &s, ValueRange in) {
      return s.select(s.cast(in[0], i1), mixedRadix(g, s, factors[dim]),
                      s.integer(i64, kNowhere));
    }));
    c.state.noteSelection(name, mask, c.op.getName());
  }
  return numbers;
}

//===----------------------------------------------------------------------===//
// The check
//===----------------------------------------------------------------------===//

namespace {
/// Which dimension of a value has rows that are not there, and whose.
struct Selected {
  unsigned dim;
  StringRef selection; ///< the op that selects
};
} // namespace

/// "the rows that 'm/where.0' selects": of an error.
static InFlightDiagnostic mixes(Operation *op, StringRef selection,
                                StringRef what) {
  std::string line = sourceLineOf(op->getLoc());
  return emitError(op->getLoc())
         << "'" << op->getName() << "'" << (line.empty() ? "" : " at " + line)
         << " " << what << " the rows that '" << selection
         << "' selects, whose number depends on data: expected index_add_ or "
            "scatter_add by the same numbers; for a sum or mean of selected "
            "elements write (x * mask).sum() and divide by mask.sum()";
}

/// The element of an operand that a scalar is, perhaps extended or truncated.
static BlockArgument asArgument(Value value) {
  while (value && value.getDefiningOp()) {
    if (!isa<arith::ExtSIOp, arith::TruncIOp>(value.getDefiningOp()))
      return {};
    value = value.getDefiningOp()->getOperand(0);
  }
  return dyn_cast_or_null<BlockArgument>(value);
}

/// The dimensions of the op's results that its operands' missing rows reach.
static LogicalResult follow(FactoredOp op,
                            llvm::DenseMap<Value, Selected> &selected) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  auto generic = dyn_cast<GenericOp>(op.getOperation());
  std::optional<Selection> stated =
      generic ? analyzeSelection(generic) : std::nullopt;
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i) {
    auto found = selected.find(op->getOperand(i));
    if (found == selected.end())
      continue;
    Selected rows = found->second;
    SmallVector<int64_t> own =
        op.getOperandMap(i).getDims()[rows.dim].getFactors();
    bool summed = llvm::any_of(
        own, [&](int64_t factor) { return !factors[factor].isParallel(); });
    if (summed) {
      // A scatter by the numbers of the same selection leaves the others out.
      BlockArgument id;
      if (stated && stated->scatter)
        id = asArgument(stated->scatter->id);
      auto ids = id ? selected.find(op->getOperand(id.getArgNumber()))
                    : selected.end();
      if (ids != selected.end() && ids->second.selection == rows.selection)
        continue;
      return mixes(op, rows.selection, "combines");
    }
    for (unsigned r = 0, n = op->getNumResults(); r < n; ++r) {
      auto dims = op.getResultMap(r).getDims();
      auto same = llvm::find_if(
          dims, [&](DimAttr dim) { return dim.getFactors() == own; });
      if (same == dims.end() || own.empty())
        return mixes(op, rows.selection, "divides or joins");
      auto [known, isNew] = selected.try_emplace(
          op->getResult(r),
          Selected{unsigned(same - dims.begin()), rows.selection});
      if (!isNew && (known->second.dim != unsigned(same - dims.begin()) ||
                     known->second.selection != rows.selection))
        return mixes(op, rows.selection, "joins others with");
    }
  }
  return success();
}

LogicalResult normalize::checkSelections(func::FuncOp function,
                                         const Interpreter &state) {
  if (state.getSelections().empty())
    return success();
  llvm::DenseMap<Value, Selected> selected;
  WalkResult walk = function.walk([&](FactoredOp op) {
    auto known = state.getSelections().find(op.getFactoredName());
    if (known != state.getSelections().end())
      selected.try_emplace(op->getResult(0), Selected{0, known->second});
    return failed(follow(op, selected)) ? WalkResult::interrupt()
                                        : WalkResult::advance();
  });
  if (walk.wasInterrupted())
    return failure();
  Operation *ret = function.getBody().front().getTerminator();
  for (Value value : ret->getOperands())
    if (auto found = selected.find(value); found != selected.end())
      return mixes(ret, found->second.selection, "returns");
  return success();
}
