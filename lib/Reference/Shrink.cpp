//===- Shrink.cpp - The same plan on smaller sizes ------------------------===//

#include "colossal/Reference/Shrink.h"
#include "colossal/Reference/EvaluableOp.h"
#include <set>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

int64_t colossal::reference::shrunkSize(int64_t size, int64_t parts) {
  int64_t whole = size / parts, rest = size % parts;
  // With whole = k and a rest, the last part has k + rest - parts + 1 elements.
  int64_t needed = rest == 0 ? 1 : std::min(whole, parts - rest);
  while (needed < whole && needed * parts + rest < 4)
    ++needed;
  return std::min(size, needed * parts + rest);
}

namespace {
class Shrinker {
public:
  Shrinker(func::FuncOp function, const Mesh &mesh)
      : function(function), mesh(mesh) {}
  std::vector<std::pair<int64_t, int64_t>> run();

private:
  /// A set of sizes that stay equal.
  struct Class {
    int parent = -1;
    int64_t size = 1;
    bool pinned = false;
    std::set<std::string> axes;
  };
  int make(int64_t size);
  int find(int id);
  void unite(int a, int b);
  void pin(int id) { classes[find(id)].pinned = true; }
  void pin(Value value);

  void structure(Value value, IndexMapAttr map);
  void structures();
  void readOp(FactoredOp op);
  void readSharding(Value value, ShardingAttr sharding);
  void readResults();
  int64_t newSize(int id);
  IndexMapAttr rewrite(IndexMapAttr map, Value value, unsigned firstFactor);
  void rewriteOp(FactoredOp op);
  RankedTensorType rewriteType(Value value);

  func::FuncOp function;
  const Mesh &mesh;
  std::vector<Class> classes;
  /// First class of an op's factors.
  DenseMap<Operation *, int> factorsOf;
  /// Per value: how many sub-dimensions each dimension has, and their classes.
  struct Structure {
    SmallVector<unsigned> counts;
    SmallVector<int> subs;
  };
  DenseMap<Value, Structure> values;
};
} // namespace

int Shrinker::make(int64_t size) {
  Class entry;
  entry.size = size;
  classes.push_back(entry);
  return classes.size() - 1;
}

int Shrinker::find(int id) {
  while (classes[id].parent >= 0)
    id = classes[id].parent;
  return id;
}

void Shrinker::unite(int a, int b) {
  a = find(a);
  b = find(b);
  if (a == b)
    return;
  classes[b].parent = a;
  // Of different sizes only by mistake: then neither may change.
  classes[a].pinned |= classes[b].pinned || classes[a].size != classes[b].size;
  classes[a].axes.insert(classes[b].axes.begin(), classes[b].axes.end());
}

void Shrinker::pin(Value value) {
  for (int sub : values[value].subs)
    pin(sub);
}

/// The division of a value into sub-dimensions, from the first map that
/// indexes it.
void Shrinker::structure(Value value, IndexMapAttr map) {
  if (values.count(value))
    return;
  Structure entry;
  for (DimAttr dim : map.getDims()) {
    entry.counts.push_back(dim.getSubDims().size());
    for (SubDimAttr sub : dim.getSubDims())
      entry.subs.push_back(make(sub.getBound()));
  }
  values[value] = std::move(entry);
}

void Shrinker::structures() {
  Block &block = function.getBody().front();
  for (Operation &op : block)
    if (auto factored = dyn_cast<FactoredOp>(op)) {
      for (unsigned j = 0; j < op.getNumResults(); ++j)
        structure(op.getResult(j), factored.getResultMap(j));
      for (unsigned i = 0; i < op.getNumOperands(); ++i)
        structure(op.getOperand(i), factored.getOperandMap(i));
    }
  // A reshard does not change it.
  for (bool changed = true; changed;) {
    changed = false;
    for (ReshardOp op : block.getOps<ReshardOp>()) {
      Value ends[] = {op.getInput(), op.getResult()};
      for (unsigned side : {0, 1})
        if (values.count(ends[side]) && !values.count(ends[1 - side])) {
          Structure copy = values[ends[side]];
          values[ends[1 - side]] = std::move(copy);
          changed = true;
        }
    }
  }
  // Whatever no op indexes keeps its shape.
  auto whole = [&](Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || values.count(value))
      return;
    Structure entry;
    for (int64_t size : type.getShape()) {
      entry.counts.push_back(1);
      entry.subs.push_back(make(size));
      pin(entry.subs.back());
    }
    values[value] = std::move(entry);
  };
  for (BlockArgument argument : block.getArguments())
    whole(argument);
  for (Operation &op : block)
    for (Value result : op.getResults())
      whole(result);
}

void Shrinker::readOp(FactoredOp op) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  int first = classes.size();
  factorsOf[op] = first;
  for (FactorAttr factor : factors)
    make(factor.getBound());
  auto read = [&](Value value, IndexMapAttr map) {
    Structure &entry = values[value];
    SmallVector<unsigned> counts;
    for (DimAttr dim : map.getDims())
      counts.push_back(dim.getSubDims().size());
    bool same = counts == entry.counts;
    unsigned flat = 0;
    map.walk([&](unsigned, unsigned, SubDimAttr sub) {
      unsigned at = flat++;
      if (!same) {
        // Divided in another way: neither side may change.
        if (!sub.isConstant())
          pin(first + sub.getFactor());
        return;
      }
      if (sub.isPlain())
        unite(entry.subs[at], first + sub.getFactor());
      else if (sub.isConstant())
        pin(entry.subs[at]);
      else if (sub.getBound() == factors[sub.getFactor()].getBound())
        // A shift stays a shift.
        unite(entry.subs[at], first + sub.getFactor());
      else {
        pin(entry.subs[at]);
        pin(first + sub.getFactor());
      }
    });
    if (!same)
      pin(value);
  };
  if (auto whole = dyn_cast<EvaluableOp>(op.getOperation()))
    for (unsigned factor : whole.fixedFactors())
      pin(first + factor);
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    read(op->getOperand(i), op.getOperandMap(i));
  for (unsigned j = 0; j < op->getNumResults(); ++j)
    read(op->getResult(j), op.getResultMap(j));
  if (AxesAttr axes = op.getAxesAttr())
    for (AxisUseAttr use : axes.getUses())
      for (auto [number, factor] : llvm::enumerate(factors))
        if (!use.isLinear() && use.getFactor() == factor.getName())
          classes[find(first + number)].axes.insert(use.getAxis().str());
}

void Shrinker::readSharding(Value value, ShardingAttr sharding) {
  Structure &entry = values[value];
  if (!sharding || sharding.getDims().size() != entry.counts.size())
    return;
  unsigned flat = 0;
  for (auto [dim, count] : llvm::zip(sharding.getDims(), entry.counts)) {
    for (unsigned s = 0; s < count; ++s, ++flat)
      if (s < dim.getSubDims().size())
        for (StringAttr axis : dim.getSubDims()[s].getAxes())
          classes[find(entry.subs[flat])].axes.insert(axis.str());
  }
}

/// New state is as large as old state.
void Shrinker::readResults() {
  Operation *terminator = function.getBody().front().getTerminator();
  for (OpOperand &operand : terminator->getOpOperands()) {
    auto updates = function.getResultAttrOfType<IntegerAttr>(
        operand.getOperandNumber(), names::updates);
    if (!updates)
      continue;
    Value argument = function.getArgument(updates.getInt());
    Structure &a = values[operand.get()], &b = values[argument];
    if (a.counts == b.counts) {
      for (auto [x, y] : llvm::zip(a.subs, b.subs))
        unite(x, y);
    } else {
      pin(operand.get());
      pin(argument);
    }
  }
}

int64_t Shrinker::newSize(int id) {
  const Class &entry = classes[find(id)];
  int64_t parts = 1;
  for (const std::string &axis : entry.axes) {
    if (axis == names::timeAxis)
      parts *= mesh.microbatches;
    for (const auto &[name, size] : mesh.axes)
      if (name == axis)
        parts *= size;
  }
  return entry.pinned ? entry.size : shrunkSize(entry.size, parts);
}

IndexMapAttr Shrinker::rewrite(IndexMapAttr map, Value value,
                               unsigned firstFactor) {
  const Structure &entry = values[value];
  unsigned flat = 0;
  SmallVector<DimAttr> dims;
  for (DimAttr dim : map.getDims()) {
    SmallVector<SubDimAttr> subs;
    for (SubDimAttr sub : dim.getSubDims()) {
      int64_t bound = sub.getBound();
      if (sub.isPlain())
        bound = newSize(firstFactor + sub.getFactor());
      else if (flat < entry.subs.size())
        bound = newSize(entry.subs[flat]);
      subs.push_back(SubDimAttr::get(map.getContext(), sub.getFactor(),
                                     sub.getOffset(), bound, sub.getClipped()));
      ++flat;
    }
    dims.push_back(DimAttr::get(map.getContext(), subs));
  }
  return IndexMapAttr::get(map.getContext(), dims);
}

RankedTensorType Shrinker::rewriteType(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  const Structure &entry = values[value];
  SmallVector<int64_t> shape;
  unsigned flat = 0;
  for (unsigned count : entry.counts) {
    shape.push_back(1);
    for (unsigned s = 0; s < count; ++s)
      shape.back() *= newSize(entry.subs[flat++]);
  }
  return RankedTensorType::get(shape, type.getElementType());
}

void Shrinker::rewriteOp(FactoredOp op) {
  int first = factorsOf[op];
  Builder builder(op->getContext());
  SmallVector<Attribute> factors, operandMaps, resultMaps;
  for (auto [number, factor] : llvm::enumerate(op.getFactorList()))
    factors.push_back(FactorAttr::get(op->getContext(), factor.getName(),
                                      newSize(first + number),
                                      factor.getKind()));
  for (unsigned i = 0; i < op->getNumOperands(); ++i)
    operandMaps.push_back(
        rewrite(op.getOperandMap(i), op->getOperand(i), first));
  for (unsigned j = 0; j < op->getNumResults(); ++j)
    resultMaps.push_back(rewrite(op.getResultMap(j), op->getResult(j), first));
  op->setAttr("factors", builder.getArrayAttr(factors));
  op->setAttr("operandMaps", builder.getArrayAttr(operandMaps));
  op->setAttr("resultMaps", builder.getArrayAttr(resultMaps));
}

std::vector<std::pair<int64_t, int64_t>> Shrinker::run() {
  Block &block = function.getBody().front();
  structures();
  for (Operation &op : block) {
    if (auto factored = dyn_cast<FactoredOp>(op))
      readOp(factored);
    if (auto reshard = dyn_cast<ReshardOp>(op)) {
      Structure a = values[reshard.getInput()], b = values[reshard.getResult()];
      if (a.counts == b.counts) {
        for (auto [x, y] : llvm::zip(a.subs, b.subs))
          unite(x, y);
      } else {
        pin(reshard.getInput());
        pin(reshard.getResult());
      }
      readSharding(reshard.getResult(), reshard.getFrom());
      readSharding(reshard.getResult(), reshard.getTo());
    }
  }
  for (BlockArgument argument : block.getArguments())
    readSharding(argument, function.getArgAttrOfType<ShardingAttr>(
                               argument.getArgNumber(), names::sharding));
  readResults();

  std::set<std::pair<int64_t, int64_t>> changes;
  for (size_t id = 0; id < classes.size(); ++id)
    if (newSize(id) != classes[id].size)
      changes.insert({classes[id].size, newSize(id)});
  // Types last: the maps are computed from classes alone.
  for (Operation &op : block)
    if (auto factored = dyn_cast<FactoredOp>(op))
      rewriteOp(factored);
  for (BlockArgument argument : block.getArguments())
    argument.setType(rewriteType(argument));
  for (Operation &op : block)
    if (isa<FactoredOp, ReshardOp>(op))
      for (Value result : op.getResults())
        result.setType(rewriteType(result));
  function.setFunctionType(
      FunctionType::get(function.getContext(), block.getArgumentTypes(),
                        block.getTerminator()->getOperandTypes()));
  return {changes.begin(), changes.end()};
}

std::vector<std::pair<int64_t, int64_t>>
colossal::reference::shrink(func::FuncOp function, const Mesh &mesh) {
  return Shrinker(function, mesh).run();
}
