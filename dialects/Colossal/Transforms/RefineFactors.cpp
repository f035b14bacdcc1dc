//===- RefineFactors.cpp - One decomposition per value --------------------===//
//
// A dimension's decomposition is a set of cuts: the strides at which it splits,
// each dividing the next. Cuts flow from maps to values, from values to the
// factors of every op that touches them, and from factors to the op's other
// maps, until nothing changes; then every factor is split at its cuts.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Transforms/FactorEditing.h"
#include "Colossal/Transforms/Passes.h"
#include <set>

using namespace mlir;
using namespace colossal;

namespace colossal {
#define GEN_PASS_DEF_REFINEFACTORSPASS
#include "Colossal/Transforms/Passes.h.inc"
} // namespace colossal

namespace {

using Cuts = std::set<int64_t>;

class Refinement {
public:
  LogicalResult run(func::FuncOp function);

private:
  /// Exchanges cuts between one map of `op` and its value; sets `changed`.
  LogicalResult exchange(FactoredOp op, IndexMapAttr map, Value value);
  LogicalResult applyTo(FactoredOp op);

  DenseMap<Value, SmallVector<Cuts>> valueCuts;
  DenseMap<Operation *, SmallVector<Cuts>> factorCuts;
  bool changed = false;
};

/// Sizes, major to minor, of a range cut at strides `cuts`.
SmallVector<int64_t> sizesFromCuts(const Cuts &cuts, int64_t bound) {
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

/// True if the cuts form a chain in which each divides the next.
bool isChain(const Cuts &cuts, int64_t bound) {
  int64_t previous = 1;
  for (int64_t cut : cuts) {
    if (cut % previous != 0)
      return false;
    previous = cut;
  }
  return bound % previous == 0;
}

/// True if the sub-dimension, and the factor that indexes it, consist of whole
/// parts of `stride` elements; of a window, the place as well.
bool mayCut(SubDimAttr sub, ArrayRef<FactorAttr> factors, int64_t stride) {
  return sub.getBound() % stride == 0 &&
         factors[sub.getFactor()].getBound() % stride == 0 &&
         sub.getOffset() % stride == 0;
}

} // namespace

LogicalResult Refinement::exchange(FactoredOp op, IndexMapAttr map,
                                   Value value) {
  SmallVector<Cuts> &cuts = valueCuts[value];
  cuts.resize(map.getDims().size());
  SmallVector<Cuts> &ofFactor = factorCuts[op];
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (auto [dim, entry] : llvm::enumerate(map.getDims())) {
    int64_t size = 1;
    for (SubDimAttr sub : entry.getSubDims())
      size *= sub.getBound();
    if (size == 0)
      continue;
    auto addTo = [&](Cuts &set, int64_t cut) {
      changed |= set.insert(cut).second;
    };
    int64_t base = 1;
    for (SubDimAttr sub : llvm::reverse(entry.getSubDims())) {
      if (base > 1 && base < size)
        addTo(cuts[dim], base);
      int64_t end = base * sub.getBound();
      // From the value to the factor.
      for (int64_t cut : Cuts(cuts[dim])) {
        if (cut <= base || cut >= end || sub.isConstant())
          continue;
        if (cut % base != 0 || !mayCut(sub, factors, cut / base))
          return op->emitOpError("needs dimension ")
                 << dim << " of a value of type " << value.getType()
                 << " undivided at stride " << cut
                 << ", where another op divides it; regroup the reshape";
        addTo(ofFactor[sub.getFactor()], cut / base);
      }
      // And back.
      if (!sub.isConstant())
        for (int64_t cut : ofFactor[sub.getFactor()]) {
          if (!mayCut(sub, factors, cut))
            return op->emitOpError("cuts factor '")
                   << factors[sub.getFactor()].getName() << "' at stride "
                   << cut << " inside the window of an operand; regroup the "
                   << "reshape, or slice at a multiple of " << cut;
          addTo(cuts[dim], base * cut);
        }
      base = end;
    }
    if (!isChain(cuts[dim], size))
      return op->emitOpError("dimension ")
             << dim << " of a value of type " << value.getType()
             << " is divided in two ways without a common refinement";
  }
  return success();
}

LogicalResult Refinement::applyTo(FactoredOp op) {
  FactorEditor editor(op);
  SmallVector<Cuts> &cuts = factorCuts[op];
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
        for (int64_t cut : valueCuts[value][dim])
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
  return success();
}

LogicalResult Refinement::run(func::FuncOp function) {
  SmallVector<FactoredOp> ops;
  function.walk([&](FactoredOp op) {
    FactorEditor editor(op);
    editor.dropUnitFactors();
    editor.apply();
    factorCuts[op].resize(op.getFactorList().size());
    ops.push_back(op);
  });
  // A factor's cuts reach all of the op's maps, so both directions of sweep
  // shorten the way to the fixed point.
  do {
    changed = false;
    auto visit = [&](FactoredOp op) -> LogicalResult {
      for (auto [index, operand] : llvm::enumerate(op->getOperands()))
        if (failed(exchange(op, op.getOperandMap(index), operand)))
          return failure();
      for (OpResult result : op->getResults())
        if (failed(exchange(op, op.getResultMap(result.getResultNumber()),
                            result)))
          return failure();
      return success();
    };
    for (FactoredOp op : ops)
      if (failed(visit(op)))
        return failure();
    for (FactoredOp op : llvm::reverse(ops))
      if (failed(visit(op)))
        return failure();
  } while (changed);
  for (FactoredOp op : ops)
    if (failed(applyTo(op)))
      return failure();
  return success();
}

LogicalResult colossal::refineFactors(func::FuncOp function) {
  return Refinement().run(function);
}

namespace {
struct RefineFactors : colossal::impl::RefineFactorsPassBase<RefineFactors> {
  void runOnOperation() override {
    if (failed(refineFactors(getOperation())))
      signalPassFailure();
  }
};
} // namespace
