//===- Extract.cpp - From the IR to the planner's program -----------------===//

#include "colossal/Plan/Extract.h"
#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/Linearity.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "colossal/Cost/Cost.h"

using namespace mlir;
using namespace colossal;

namespace colossal::plan {
namespace {
class Extractor {
public:
  explicit Extractor(func::FuncOp function) : function(function) {}

  FailureOr<ExtractedProgram> run() {
    for (BlockArgument argument : function.getArguments()) {
      if (!isValue(argument.getType()))
        return function.emitError("argument ")
               << argument.getArgNumber() << " has type " << argument.getType()
               << ", expected a tensor of numbers with known sizes";
      addArgument(argument);
    }
    for (Operation &op : function.getBody().front().without_terminator()) {
      if (op.hasTrait<OpTrait::ConstantLike>()) {
        for (Value value : op.getResults()) {
          if (!isValue(value.getType()))
            return op.emitError("found a constant of type ")
                   << value.getType()
                   << ", expected a tensor of numbers with known sizes";
          addValue(value, "constant").role = Role::Control;
        }
        continue;
      }
      auto factored = dyn_cast<FactoredOp>(op);
      if (!factored)
        return op.emitError("found op '")
               << op.getName() << "', expected only factored ops to plan";
      if (failed(addOp(factored)))
        return failure();
    }
    addResults();
    std::vector<std::string> faults = result.program.check();
    if (!faults.empty())
      return function.emitError("cannot be planned: ") << faults.front();
    return std::move(result);
  }

private:
  static bool isValue(Type type) {
    return isCountable(type) && getElementTypeOrSelf(type).isIntOrFloat();
  }

  ProgramValue &addValue(Value value, StringRef name) {
    indexOf[value] = int(result.values.size());
    result.values.push_back(value);
    ProgramValue &added = result.program.values.emplace_back();
    added.name = name.str();
    added.dims = structureOf(value);
    Type element = cast<RankedTensorType>(value.getType()).getElementType();
    added.isFloat = isa<FloatType>(element);
    added.isHalf = element.isF16();
    added.elementBytes = (element.getIntOrFloatBitWidth() + 7) / 8;
    return added;
  }

  static std::vector<std::vector<int64_t>> structureOf(IndexMapAttr map) {
    std::vector<std::vector<int64_t>> dims;
    for (DimAttr dim : map.getDims()) {
      dims.emplace_back();
      for (SubDimAttr sub : dim.getSubDims())
        dims.back().push_back(sub.getBound());
    }
    return dims;
  }

  /// Sub-dimensions are in the maps of the ops around a value.
  static std::vector<std::vector<int64_t>> structureOf(Value value) {
    if (auto op = value.getDefiningOp<FactoredOp>())
      return structureOf(
          op.getResultMap(cast<OpResult>(value).getResultNumber()));
    for (OpOperand &use : value.getUses())
      if (auto op = dyn_cast<FactoredOp>(use.getOwner()))
        return structureOf(op.getOperandMap(use.getOperandNumber()));
    if (Value updated = newValueOfState(value))
      return structureOf(updated);
    std::vector<std::vector<int64_t>> dims;
    for (int64_t size : cast<RankedTensorType>(value.getType()).getShape())
      dims.push_back({size});
    return dims;
  }

  void addArgument(BlockArgument argument) {
    unsigned number = argument.getArgNumber();
    auto name = function.getArgAttrOfType<StringAttr>(number, names::name);
    ProgramValue &value =
        addValue(argument, name ? name.str() : "arg" + std::to_string(number));
    auto role = function.getArgAttrOfType<RoleAttr>(number, names::role);
    value.role = role ? role.getValue() : Role::Control;
    if (auto dim =
            function.getArgAttrOfType<IntegerAttr>(number, names::batchDim))
      if (dim.getInt() < int64_t(value.dims.size())) {
        value.batchSubDim = 0;
        for (int64_t d = 0; d < dim.getInt(); ++d)
          value.batchSubDim += int(value.dims[d].size());
      }
  }

  Access accessOf(IndexMapAttr map, Value value) {
    Access access;
    access.value = indexOf.lookup(value);
    map.walk([&](unsigned, unsigned, SubDimAttr sub) {
      access.map.push_back({int(sub.getFactor()), sub.isPlain()});
    });
    return access;
  }

  LogicalResult addOp(FactoredOp op);
  void addResults();

  func::FuncOp function;
  ExtractedProgram result;
  DenseMap<Value, int> indexOf;
};
} // namespace

/// Hash of what an op computes: kind, scalar attributes and body; operands are
/// numbered, names left out.
static uint64_t structureOfOp(FactoredOp op) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << op->getName() << ' ' << op->getAttr("scale") << '\n';
  SmallVector<FactorAttr> factors = op.getFactorList();
  DenseMap<Value, unsigned> numbers;
  Block &block = op->getRegion(0).front();
  for (BlockArgument argument : block.getArguments())
    numbers[argument] = numbers.size();
  block.walk([&](Operation *inner) {
    os << inner->getName();
    if (auto index = dyn_cast<IndexOp>(inner)) {
      for (auto [number, factor] : llvm::enumerate(factors))
        if (factor.getName() == index.getFactor())
          os << " d" << number;
    } else if (auto where = dyn_cast<WhereOp>(inner)) {
      for (Attribute attribute : where.getEquations()) {
        auto equation = cast<EquationAttr>(attribute);
        for (auto [number, factor] : llvm::enumerate(factors))
          if (int64_t stride = equation.getStride(factor.getName()))
            os << ' ' << stride << "*d" << number;
        os << (equation.getHasId() ? " = id + " : " = ")
           << equation.getConstant();
      }
    } else if (!isa<RandomOp>(inner)) { // a stream is a name
      os << ' ' << inner->getAttrDictionary();
      if (Attribute properties = inner->getPropertiesAsAttribute())
        os << ' ' << properties;
    }
    for (Value operand : inner->getOperands())
      os << " %" << numbers.lookup(operand);
    for (Value value : inner->getResults()) {
      os << " : " << value.getType();
      numbers[value] = numbers.size();
    }
    os << '\n';
  });
  return hashText(text);
}

LogicalResult Extractor::addOp(FactoredOp op) {
  Op &added = result.program.ops.emplace_back();
  result.ops.push_back(op);
  added.name = op.getFactoredName().str();
  // Runs before the segments are known, too.
  added.segment =
      op.getSegment().value_or(op.getPass().value_or(Segment::Forward));
  if (StringAttr group = op.getGroupAttr())
    added.group = group.str();
  if (StringAttr of = op.getForwardOfAttr())
    added.forwardOf = of.str();
  added.structure = structureOfOp(op);
  for (auto [number, factor] : llvm::enumerate(op.getFactorList()))
    added.factors.push_back({factor.getName().str(), factor.getBound(),
                             factor.isParallel() ? std::optional<Combiner>()
                                                 : combinerOf(factor.getKind()),
                             op.isShardable(number)});
  for (auto [number, operand] : llvm::enumerate(op->getOperands()))
    added.operands.push_back(accessOf(op.getOperandMap(number), operand));
  for (const SmallVector<unsigned> &set : op.getLinearOperandSets())
    added.linear.emplace_back(set.begin(), set.end());
  added.work = op.getWork();
  int index = int(result.program.ops.size()) - 1;
  for (OpResult value : op->getResults()) {
    unsigned number = value.getResultNumber();
    std::string name = result.program.ops[index].name;
    if (op->getNumResults() > 1)
      name += "#" + std::to_string(number);
    ProgramValue &program = addValue(value, name);
    program.producer = index;
    program.result = int(number);
    result.program.ops[index].results.push_back(
        accessOf(op.getResultMap(number), value));
  }
  return success();
}

void Extractor::addResults() {
  Operation *terminator = function.getBody().front().getTerminator();
  for (OpOperand &operand : terminator->getOpOperands()) {
    ProgramValue &value = result.program.values[indexOf.lookup(operand.get())];
    auto updates = function.getResultAttrOfType<IntegerAttr>(
        operand.getOperandNumber(), names::updates);
    if (updates && value.producer >= 0)
      value.updates = int(updates.getInt());
    else if (function.getResultAttr(operand.getOperandNumber(), names::output))
      value.output = true;
    else
      value.metric = true;
  }
}

FailureOr<ExtractedProgram> extractProgram(func::FuncOp function) {
  if (!function.getBody().hasOneBlock())
    return function.emitError("expected a function of one block");
  return Extractor(function).run();
}

/// Lists the linear sets that the analysis looked for.
static Batching analyze(ExtractedProgram &extracted) {
  while (true) {
    Batching batching = analyzeBatching(extracted.program);
    bool found = false;
    for (auto &[index, operands] : batching.unlisted) {
      SmallVector<unsigned> set(operands.begin(), operands.end());
      if (!isLinearIn(cast<FactoredOp>(extracted.ops[index]), set))
        continue;
      extracted.program.ops[index].linear.push_back(operands);
      found = true;
    }
    if (!found)
      return batching;
  }
}

/// Marks hoisted ops. One that also gives something to the microbatches is
/// cloned.
static void hoist(const ExtractedProgram &extracted, const Batching &batching) {
  const Program &program = extracted.program;
  llvm::DenseMap<Operation *, int> indexOf;
  for (auto [index, op] : llvm::enumerate(extracted.ops))
    indexOf[op] = int(index);
  std::vector<bool> hoisted(program.ops.size());
  for (int index : batching.hoisted)
    hoisted[index] = true;
  IRMapping mapping;
  for (int index : batching.hoisted) {
    Operation *op = extracted.ops[index];
    MLIRContext *context = op->getContext();
    bool shared = false;
    for (const Access &access : program.ops[index].results)
      for (Operation *user : extracted.values[access.value].getUsers()) {
        auto it = indexOf.find(user);
        shared |= batching.subDims[access.value] >= 0 && it != indexOf.end() &&
                  !hoisted[it->second];
      }
    if (shared) {
      OpBuilder builder(op);
      builder.setInsertionPointAfter(op);
      Operation *clone = builder.clone(*op, mapping);
      clone->setAttr("name", StringAttr::get(context, program.ops[index].name +
                                                          "/prologue"));
      op = clone;
    } else {
      for (OpOperand &operand : op->getOpOperands())
        operand.set(mapping.lookupOrDefault(operand.get()));
    }
    cast<FactoredOp>(op).setSegment(Segment::Prologue);
  }
}

FailureOr<BatchedProgram> readBatchedProgram(func::FuncOp function) {
  while (true) {
    FailureOr<ExtractedProgram> extracted = extractProgram(function);
    if (failed(extracted))
      return failure();
    Batching batching = analyze(*extracted);
    if (batching.hoisted.empty() && batching.sunk.empty())
      return BatchedProgram{std::move(*extracted), std::move(batching)};
    for (int index : batching.sunk)
      cast<FactoredOp>(extracted->ops[index]).setSegment(Segment::Update);
    hoist(*extracted, batching);
  }
}

} // namespace colossal::plan
