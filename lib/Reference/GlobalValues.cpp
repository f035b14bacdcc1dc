//===- GlobalValues.cpp - Intermediate values of sharded programs ---------===//

#include "colossal/Reference/GlobalValues.h"
#include "colossal/Reference/Combine.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

namespace {
/// The axes over which the ranks' results are combined.
struct PartialAxes {
  llvm::SmallDenseSet<StringRef> axes;
  std::optional<Combiner> combiner; ///< none without axes
};
} // namespace

static PartialAxes partialAxes(FactoredOp op, unsigned result) {
  PartialAxes partial;
  IndexMapAttr map = op.getResultMap(result);
  for (auto [number, factor] : llvm::enumerate(op.getFactorList())) {
    if (map.uses(number))
      continue;
    // A result without a parallel factor sums over it.
    FactorKind kind = factor.isParallel() ? FactorKind::Sum : factor.getKind();
    // Tuples of a part are results of their own.
    if (isTuple(combinerOf(kind)))
      continue;
    for (AxisTermAttr term : factor.getTerms()) {
      partial.axes.insert(term.getAxis().getValue());
      partial.combiner = combinerOf(kind);
    }
  }
  if (AxesAttr axes = op.getAxesAttr())
    for (AxisUseAttr use : axes.getUses())
      if (use.isLinear()) {
        partial.axes.insert(use.getAxis().getValue());
        partial.combiner = Combiner::Sum;
      }
  return partial;
}

/// Of ranks that compute the same, the first counts.
static bool isFirstReplica(const Place &place, const Layout &layout,
                           const PartialAxes &partial) {
  for (const auto &[axis, coordinate] : place.coordinates)
    if (coordinate != 0 && !layout.isCutOver(axis) &&
        !partial.axes.contains(axis))
      return false;
  return true;
}

void GlobalValues::observe(const Place &place, Operation *op,
                           ArrayRef<TensorRef> results) {
  auto factored = dyn_cast<FactoredOp>(op);
  if (!factored || !wanted(factored.getFactoredName()))
    return;
  for (auto [number, result] : llvm::enumerate(results)) {
    Layout layout = Layout::ofResult(factored, number);
    PartialAxes partial = partialAxes(factored, number);
    if (!isFirstReplica(place, layout, partial))
      continue;
    Type element = getElementTypeOrSelf(op->getResult(number));
    auto [entry, isNew] = values.try_emplace(
        {factored.getFactoredName().str(), unsigned(number)});
    if (!partial.combiner && !layout.isCut()) {
      entry->second.whole = result;
      continue;
    }
    Tensor &global = entry->second.parts;
    if (isNew) {
      global = Tensor::zeros(result->kind, layout.globalShape());
      if (partial.combiner)
        for (int64_t i = 0, e = global.size(); i < e; ++i)
          setNeutral(*partial.combiner, element, global, i);
    }
    layout.forEach(place, [&](int64_t local, int64_t position) {
      if (position < 0)
        return;
      if (partial.combiner)
        combineElement(*partial.combiner, element, global, position, *result,
                       local);
      else
        global.copyElement(position, *result, local);
    });
  }
}

const Tensor *GlobalValues::find(StringRef name, unsigned result) const {
  auto found = values.find({name.str(), result});
  if (found == values.end())
    return nullptr;
  const Global &global = found->second;
  return global.whole ? global.whole.get() : &global.parts;
}
