//===- KernelSpace.cpp - One set of dims for the ops of a kernel ----------===//

#include "colossal/Schedule/KernelSpace.h"

#include "llvm/ADT/IntEqClasses.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::schedule;

namespace {

/// Unifies factors through values and numbers the classes.
class Unifier {
public:
  Unifier(ArrayRef<Operation *> ops) : ops(ops) {
    for (auto [number, op] : llvm::enumerate(ops)) {
      position[op] = number;
      first.push_back(factors.size());
      llvm::append_range(factors, FactoredOp(op).getFactorList());
    }
    first.push_back(factors.size());
    classes.grow(factors.size());
  }

  /// Through the values inside the kernel; false if some use does not fit.
  bool unifyInternal(std::string &reason) {
    for (auto [number, op] : llvm::enumerate(ops))
      for (OpOperand &use : op->getOpOperands()) {
        auto producer = position.find(use.get().getDefiningOp());
        if (!use.get().getDefiningOp() || producer == position.end())
          continue;
        unsigned result = cast<OpResult>(use.get()).getResultNumber();
        if (unify(producer->second,
                  FactoredOp(producer->first).getResultMap(result), number,
                  FactoredOp(op).getOperandMap(use.getOperandNumber()), true))
          continue;
        reason = "'" + FactoredOp(op).getFactoredName().str() + "' reads '" +
                 FactoredOp(producer->first).getFactoredName().str() +
                 "' at another index";
        return false;
      }
    return true;
  }

  /// Through inputs that several ops read, where that contradicts nothing: it
  /// lets them share loops.
  void unifySiblings() {
    DenseMap<Value, std::pair<unsigned, unsigned>> firstUse;
    for (auto [number, op] : llvm::enumerate(ops))
      for (OpOperand &use : op->getOpOperands()) {
        if (Operation *producer = use.get().getDefiningOp();
            producer && position.count(producer))
          continue;
        auto [it, isNew] =
            firstUse.try_emplace(use.get(), number, use.getOperandNumber());
        auto [other, operand] = it->second;
        if (isNew || other == number)
          continue;
        llvm::IntEqClasses before = classes;
        if (unify(other, FactoredOp(ops[other]).getOperandMap(operand), number,
                  FactoredOp(op).getOperandMap(use.getOperandNumber()),
                  false) &&
            !isConsistent())
          classes = before;
      }
  }

  /// Numbers the classes; false if an op has a factor twice or the members of
  /// a class are cut differently.
  bool number(KernelSpace &space, std::string &reason) {
    DenseMap<unsigned, unsigned> numberOf; // by leader
    for (unsigned index = 0; index < ops.size(); ++index) {
      SpaceOp &kernelOp = space.ops[index];
      for (unsigned f = first[index]; f < first[index + 1]; ++f) {
        FactorAttr attr = factors[f];
        auto [it, isNew] =
            numberOf.try_emplace(classes.findLeader(f), space.factors.size());
        if (isNew) {
          space.factors.emplace_back();
          space.factors.back().attr = attr;
        }
        if (!isCutAlike(space.factors[it->second].attr, attr) ||
            llvm::is_contained(kernelOp.factors, it->second)) {
          reason = "factor '" + attr.getName().str() +
                   "' means different things in different ops";
          return false;
        }
        kernelOp.factors.push_back(it->second);
      }
    }
    if (space.factors.size() > 60) {
      reason = "too many factors";
      return false;
    }
    return true;
  }

private:
  ArrayRef<Operation *> ops;
  DenseMap<Operation *, unsigned> position;
  /// The factors of all ops, one op after the other; where each op's begin.
  SmallVector<FactorAttr> factors;
  SmallVector<unsigned> first;
  llvm::IntEqClasses classes; ///< of places in `factors`

  static bool isCutAlike(FactorAttr a, FactorAttr b) {
    return a.getExtent() == b.getExtent() && a.getTerms() == b.getTerms();
  }

  /// No op has two factors of one class, and no class is cut in two ways.
  bool isConsistent() const {
    SmallVector<int64_t> opOf(factors.size(), -1); // by leader, the last
    for (unsigned number = 0; number < ops.size(); ++number)
      for (unsigned f = first[number]; f < first[number + 1]; ++f) {
        // The leader of a class is its first member.
        unsigned leader = classes.findLeader(f);
        if (opOf[leader] == number || !isCutAlike(factors[leader], factors[f]))
          return false;
        opOf[leader] = number;
      }
    return true;
  }

  /// Unifies the factors of two maps of one value. `strict`: every index must
  /// be a plain factor on both sides.
  bool unify(unsigned a, IndexMapAttr aMap, unsigned b, IndexMapAttr bMap,
             bool strict) {
    SmallVector<std::pair<unsigned, unsigned>> pairs;
    for (auto [aDim, bDim] : llvm::zip_equal(aMap.getDims(), bMap.getDims())) {
      auto isWide = [](SubDimAttr sub) {
        return sub.getBound() != 1 || sub.getClipped();
      };
      auto aSubs = llvm::filter_to_vector(aDim.getSubDims(), isWide);
      auto bSubs = llvm::filter_to_vector(bDim.getSubDims(), isWide);
      if (aSubs.size() != bSubs.size())
        return false;
      for (auto [aSub, bSub] : llvm::zip(aSubs, bSubs)) {
        bool match = aSub.getBound() == bSub.getBound() &&
                     (strict ? aSub.isPlain() && bSub.isPlain()
                             : aSub.isConstant() == bSub.isConstant() &&
                                   aSub.getOffset() == bSub.getOffset() &&
                                   aSub.getClipped() == bSub.getClipped());
        if (!match)
          return false;
        if (!aSub.isConstant())
          pairs.push_back({aSub.getFactor(), bSub.getFactor()});
      }
    }
    for (auto [aFactor, bFactor] : pairs)
      classes.join(first[a] + aFactor, first[b] + bFactor);
    return true;
  }
};

} // namespace

/// Strides over unified factors (one per entry of space.factors).
static Access accessOf(const KernelSpace &space, const SpaceOp &op,
                       IndexMapAttr map) {
  Access access;
  access.strides.assign(space.factors.size(), 0);
  int64_t stride = 1;
  for (DimAttr dim : llvm::reverse(map.getDims()))
    for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
      access.offset += sub.getOffset() * stride;
      if (!sub.isConstant()) {
        unsigned factor = op.factors[sub.getFactor()];
        access.strides[factor] += stride;
        if (sub.getClipped())
          access.clips.push_back({factor, sub.getOffset(), sub.getBound()});
      }
      stride *= sub.getBound();
    }
  return access;
}

namespace {

/// Merges factors into dims.
class DimMerger {
public:
  DimMerger(KernelSpace &space) : space(space) {
    for (unsigned f = 0, e = space.factors.size(); f < e; ++f)
      chains.push_back({f});
    collect();
  }

  void run() {
    bool changed = true;
    while (changed) {
      changed = false;
      for (unsigned a = 0; a < chains.size() && !changed; ++a)
        for (unsigned b = 0; b < chains.size() && !changed; ++b)
          if (a != b && mergeable(chains[a], chains[b])) {
            llvm::append_range(chains[a], chains[b]);
            chains.erase(chains.begin() + b);
            changed = true;
          }
    }
    for (ArrayRef<unsigned> chain : chains) {
      KernelDim dim;
      int64_t inner = 1;
      for (unsigned f : llvm::reverse(chain)) {
        space.factors[f].dim = space.dims.size();
        space.factors[f].inner = inner;
        inner *= space.factors[f].attr.getBound();
      }
      dim.bound = inner;
      dim.factors.assign(chain.begin(), chain.end());
      space.dims.push_back(std::move(dim));
    }
    // Accesses are now per dim, by the stride of its minor factor.
    for (SpaceOp &op : space.ops)
      for (auto *list : {&op.operands, &op.results})
        for (std::optional<Access> &access : *list)
          if (access) {
            std::vector<int64_t> strides;
            for (const KernelDim &dim : space.dims)
              strides.push_back(access->strides[dim.factors.back()]);
            access->strides = std::move(strides);
            for (Access::Clip &clip : access->clips)
              clip.dim = space.factors[clip.dim].dim;
          }
  }

private:
  KernelSpace &space;
  SmallVector<SmallVector<unsigned>> chains;
  Dims alone = 0; ///< factors whose own index matters

  void collect() {
    for (SpaceOp &op : space.ops) {
      op.op.getBody().walk([&](IndexOp index) {
        for (unsigned f : op.factors)
          if (isNamed(op, f, index.getFactor()))
            alone |= bit(f);
      });
      op.op.getBody().walk([&](WhereOp where) {
        for (Attribute equation : where.getEquations())
          for (StringAttr name : cast<EquationAttr>(equation).getFactors())
            for (unsigned f : op.factors)
              if (isNamed(op, f, name))
                alone |= bit(f);
      });
      for (auto *list : {&op.operands, &op.results})
        for (std::optional<Access> &access : *list)
          if (access)
            for (const Access::Clip &clip : access->clips)
              alone |= bit(clip.dim);
    }
    for (auto [f, factor] : llvm::enumerate(space.factors))
      if (factor.attr.isPadded())
        alone |= bit(f);
  }

  /// `name` is the op's own name of unified factor `f`.
  static bool isNamed(const SpaceOp &op, unsigned f, StringRef name) {
    SmallVector<FactorAttr> list =
        FactoredOp(GenericOp(op.op).getOperation()).getFactorList();
    for (auto [own, unified] : llvm::zip(list, op.factors))
      if (unified == f && own.getName() == name)
        return true;
    return false;
  }

  bool mergeable(ArrayRef<unsigned> major, ArrayRef<unsigned> minor) const {
    unsigned f = major.back(), g = minor.front(), last = minor.back();
    for (unsigned h : major)
      if (has(alone, h))
        return false;
    for (unsigned h : minor)
      if (has(alone, h))
        return false;
    int64_t size = 1;
    for (unsigned h : minor)
      size *= space.factors[h].attr.getBound();
    for (const SpaceOp &op : space.ops) {
      if (has(op.parallel, f) != has(op.parallel, g) ||
          has(op.reduction, f) != has(op.reduction, g))
        return false;
      for (auto *list : {&op.operands, &op.results})
        for (const std::optional<Access> &access : *list)
          if (access && access->strides[f] != size * access->strides[last])
            return false;
    }
    return true;
  }
};

} // namespace

int64_t SharedSpace::size(Dims set) const {
  int64_t product = 1;
  for (auto [number, dim] : llvm::enumerate(dims))
    if (has(set, number))
      product *= dim.bound;
  return product;
}

std::optional<KernelSpace>
colossal::schedule::unifyFactors(ArrayRef<Operation *> ops,
                                 ArrayRef<Value> outputs, std::string &reason) {
  KernelSpace space;
  for (Operation *op : ops) {
    space.ops.emplace_back();
    space.ops.back().op = cast<GenericOp>(op);
  }
  Unifier unifier(ops);
  if (!unifier.unifyInternal(reason))
    return std::nullopt;
  unifier.unifySiblings();
  if (!unifier.number(space, reason))
    return std::nullopt;

  // Factor sets and accesses, first per factor, then per dim.
  llvm::SmallPtrSet<Operation *, 8> inside(ops.begin(), ops.end());
  for (SpaceOp &op : space.ops) {
    FactoredOp factored(op.op.getOperation());
    op.selection = analyzeSelection(op.op);
    for (auto [number, attr] : llvm::enumerate(factored.getFactorList())) {
      if (op.selection && op.selection->determines(number))
        continue;
      (attr.isParallel() ? op.parallel : op.reduction) |=
          bit(op.factors[number]);
    }
    for (OpOperand &use : op.op->getOpOperands()) {
      Operation *producer = use.get().getDefiningOp();
      bool internal = producer && inside.contains(producer);
      if (internal && op.selection && !op.selection->isLookUp()) {
        reason = "'" + op.name() + "' reads a value at other positions";
        return std::nullopt;
      }
      op.operands.push_back(std::nullopt);
      if (!internal)
        op.operands.back() =
            accessOf(space, op, factored.getOperandMap(use.getOperandNumber()));
    }
    for (OpResult result : op.op->getResults()) {
      op.results.push_back(std::nullopt);
      if (!llvm::is_contained(outputs, Value(result)))
        continue;
      op.results.back() =
          accessOf(space, op, factored.getResultMap(result.getResultNumber()));
      op.isStored = true;
    }
  }
  DimMerger(space).run();
  auto toDims = [&](Dims factors) {
    Dims dims = 0;
    for (auto [f, factor] : llvm::enumerate(space.factors))
      if (has(factors, f))
        dims |= bit(factor.dim);
    return dims;
  };
  for (SpaceOp &op : space.ops) {
    op.parallel = toDims(op.parallel);
    op.reduction = toDims(op.reduction);
  }
  return space;
}
