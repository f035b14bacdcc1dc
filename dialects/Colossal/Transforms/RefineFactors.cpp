//===- RefineFactors.cpp - One decomposition per value --------------------===//
//
// A dimension's decomposition is a set of cuts: the strides at which it splits,
// each dividing the next. Cuts flow from maps to values, from values to the
// factors of every op that touches them, and from factors to the op's other
// maps, until nothing changes; then every factor is split at its cuts.
//
// A cut goes only where it fits: into a chain, and into a window of whole
// parts. Where the cuts of an op and of a value clash, a copy of the value is
// put between them (Copies.h).
//
//===----------------------------------------------------------------------===//

#include "Colossal/Transforms/Copies.h"
#include "Colossal/Transforms/Cuts.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "Colossal/Transforms/Passes.h"

using namespace mlir;
using namespace colossal;

namespace colossal {
#define GEN_PASS_DEF_REFINEFACTORSPASS
#include "Colossal/Transforms/Passes.h.inc"
} // namespace colossal

namespace {

class Refinement {
public:
  explicit Refinement(func::FuncOp function)
      : function(function), copies(function) {}
  LogicalResult run();

private:
  /// A map of an op, and the value that it indexes.
  struct Side {
    FactoredOp op;
    unsigned number;
    bool isResult;

    IndexMapAttr map() {
      return isResult ? op.getResultMap(number) : op.getOperandMap(number);
    }
    Value value() {
      return isResult ? Value(op->getResult(number)) : op->getOperand(number);
    }
  };

  /// Exchanges cuts between a map and its value; the first dimension in which
  /// they clash, if there is one.
  std::optional<unsigned> clash(Side side);
  /// How many sub-dimensions of the dimension, from the first on, the map and
  /// the value have in common.
  unsigned inCommon(Side side, unsigned dim);
  /// The same, with copies where they clash.
  void exchange(Side side);
  /// State has the decomposition of what replaces it.
  void exchangeStates();
  void visit(FactoredOp op);
  /// Add a cut where it fits; false where it does not.
  bool addCut(Cuts &cuts, int64_t cut, int64_t size);
  bool addFactorCut(FactoredOp op, unsigned factor, int64_t cut);
  SmallVector<FactoredOp> ops();

  func::FuncOp function;
  CopyInserter copies;
  DenseMap<Value, SmallVector<Cuts>> valueCuts;
  DenseMap<Operation *, SmallVector<Cuts>> factorCuts;
  bool changed = false;
};

/// True if the sub-dimension, and the factor that indexes it, consist of whole
/// parts of `stride` elements; of a window, the place as well.
bool mayCut(SubDimAttr sub, ArrayRef<FactorAttr> factors, int64_t stride) {
  return sub.getBound() % stride == 0 &&
         factors[sub.getFactor()].getBound() % stride == 0 &&
         sub.getOffset() % stride == 0;
}

} // namespace

bool Refinement::addCut(Cuts &cuts, int64_t cut, int64_t size) {
  if (cuts.count(cut))
    return true;
  auto above = cuts.upper_bound(cut);
  if (size % cut != 0 || (above != cuts.end() && *above % cut != 0) ||
      (above != cuts.begin() && cut % *std::prev(above) != 0))
    return false;
  cuts.insert(cut);
  changed = true;
  return true;
}

bool Refinement::addFactorCut(FactoredOp op, unsigned factor, int64_t cut) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  bool fits = true;
  auto check = [&](unsigned, unsigned, SubDimAttr sub) {
    if (sub.getFactor() == int64_t(factor))
      fits &= mayCut(sub, factors, cut);
  };
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    op.getOperandMap(i).walk(check);
  return fits &&
         addCut(factorCuts[op][factor], cut, factors[factor].getBound());
}

std::optional<unsigned> Refinement::clash(Side side) {
  SmallVector<Cuts> &cuts = valueCuts[side.value()];
  cuts.resize(side.map().getDims().size());
  SmallVector<FactorAttr> factors = side.op.getFactorList();
  for (auto [dim, entry] : llvm::enumerate(side.map().getDims())) {
    int64_t size = 1;
    for (SubDimAttr sub : entry.getSubDims())
      size *= sub.getBound();
    if (size == 0) // no parts
      continue;
    int64_t base = 1;
    for (SubDimAttr sub : llvm::reverse(entry.getSubDims())) {
      if (base > 1 && base < size && !addCut(cuts[dim], base, size))
        return dim;
      int64_t end = base * sub.getBound();
      // Nor has a window without elements.
      if (!sub.isConstant() && factors[sub.getFactor()].getBound() > 0) {
        for (int64_t cut : Cuts(cuts[dim]))
          if (cut > base && cut < end &&
              (cut % base != 0 ||
               !addFactorCut(side.op, sub.getFactor(), cut / base)))
            return dim;
        for (int64_t cut : factorCuts[side.op][sub.getFactor()])
          if (!addCut(cuts[dim], base * cut, size))
            return dim;
      }
      base = end;
    }
  }
  return std::nullopt;
}

unsigned Refinement::inCommon(Side side, unsigned dim) {
  Cuts &cuts = valueCuts[side.value()][dim];
  ArrayRef<SubDimAttr> subs = side.map().getDims()[dim].getSubDims();
  int64_t size = cast<RankedTensorType>(side.value().getType()).getDimSize(dim);
  int64_t end = size;
  unsigned kept = 0;
  for (SubDimAttr sub : subs) {
    int64_t base = end / sub.getBound();
    if (!sub.isPlain() || !cuts.count(base))
      break;
    // What either has inside, the other can have.
    bool same = true;
    for (int64_t cut : Cuts(cuts))
      if (cut > base && cut < end)
        same &= addFactorCut(side.op, sub.getFactor(), cut / base);
    for (int64_t cut : factorCuts[side.op][sub.getFactor()])
      same &= addCut(cuts, base * cut, size);
    if (!same)
      break;
    ++kept;
    end = base;
  }
  return kept;
}

void Refinement::exchange(Side side) {
  while (std::optional<unsigned> dim = clash(side)) {
    changed = true;
    Value old = side.value();
    Value copy = side.isResult ? copies.freeResult(side.op, side.number, *dim)
                               : copies.freeOperand(side.op, side.number, *dim,
                                                    inCommon(side, *dim));
    factorCuts[side.op].resize(side.op.getFactorList().size());
    if (!copy)
      continue;
    for (Operation *op = copy.getDefiningOp(); op && op != side.op;
         op = op->getOperand(0) == old ? nullptr
                                       : op->getOperand(0).getDefiningOp())
      factorCuts[op].resize(cast<FactoredOp>(op).getFactorList().size());
    // The users of a result keep what they have agreed on.
    if (side.isResult)
      valueCuts[copy] = std::exchange(valueCuts[old], {});
  }
}

void Refinement::visit(FactoredOp op) {
  for (unsigned i = 0, e = op->getNumOperands(); i < e; ++i)
    exchange({op, i, false});
  for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
    exchange({op, i, true});
}

void Refinement::exchangeStates() {
  Block &body = function.getBody().front();
  Operation *terminator = body.getTerminator();
  for (OpOperand &result : terminator->getOpOperands()) {
    auto updates = function.getResultAttrOfType<IntegerAttr>(
        result.getOperandNumber(), names::updates);
    if (!updates)
      continue;
    Value state = body.getArgument(updates.getInt());
    auto shape = cast<RankedTensorType>(state.getType()).getShape();
    for (unsigned dim = 0; dim < shape.size(); ++dim) {
      auto agree = [&](Value from, Value to) {
        valueCuts[from].resize(shape.size());
        valueCuts[to].resize(shape.size());
        return llvm::all_of(Cuts(valueCuts[from][dim]), [&](int64_t cut) {
          return addCut(valueCuts[to][dim], cut, shape[dim]);
        });
      };
      if (agree(state, result.get()) && agree(result.get(), state))
        continue;
      Value copy = copies.copyBefore(terminator, result.get(), dim);
      for (Operation *op = copy.getDefiningOp();
           op && op != result.get().getDefiningOp();
           op = op->getOperand(0).getDefiningOp())
        factorCuts[op].resize(cast<FactoredOp>(op).getFactorList().size());
      result.set(copy);
      changed = true;
    }
  }
}

SmallVector<FactoredOp> Refinement::ops() {
  SmallVector<FactoredOp> list;
  function.walk([&](FactoredOp op) { list.push_back(op); });
  return list;
}

LogicalResult Refinement::run() {
  if (function.isExternal())
    return success();
  for (FactoredOp op : ops()) {
    FactorEditor editor(op);
    editor.dropUnitFactors();
    editor.apply();
    factorCuts[op].resize(op.getFactorList().size());
  }
  // A factor's cuts reach all of the op's maps, so both directions of sweep
  // shorten the way to the fixed point. Ends: cuts and copies are only added,
  // and no side gets a second copy for the same dimension.
  do {
    changed = false;
    for (FactoredOp op : ops())
      visit(op);
    exchangeStates();
    SmallVector<FactoredOp> list = ops();
    for (FactoredOp op : llvm::reverse(list))
      visit(op);
  } while (changed);
  for (FactoredOp op : ops())
    if (failed(splitAtCuts(op, factorCuts[op], valueCuts)))
      return failure();
  copies.mergeEqual();
  return success();
}

LogicalResult colossal::refineFactors(func::FuncOp function) {
  return Refinement(function).run();
}

namespace {
struct RefineFactors : colossal::impl::RefineFactorsPassBase<RefineFactors> {
  void runOnOperation() override {
    if (failed(refineFactors(getOperation())))
      signalPassFailure();
  }
};
} // namespace
