//===- Rows.cpp - The table from ATen schemas to builders -----------------===//

#include "Rows.h"
#include "Complex.h"
#include "Elementwise.h"
#include "Strides.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Kinds of unsupported ops that a message lists.
static constexpr unsigned kMaxListed = 24;

const Table &Table::get() {
  static const Table table = [] {
    Table rows;
    addScalarRows(rows);
    addUnaryRows(rows);
    addFunctionRows(rows);
    addActivationRows(rows);
    addElementwiseRows(rows);
    addEmbeddingRows(rows);
    addMarginRows(rows);
    addExtremeRows(rows);
    addReductionRows(rows);
    addMomentRows(rows);
    addReorderRows(rows);
    addRearrangeRows(rows);
    addDiagonalRows(rows);
    addViewRows(rows);
    addPackedRows(rows);
    addPartRows(rows);
    addConversionRows(rows);
    addContractionRows(rows);
    addComplexRows(rows);
    addProductRows(rows);
    addBesselRows(rows);
    addCountRows(rows);
    addDivisorRows(rows);
    addPoolIndexRows(rows);
    addRefusedRows(rows);
    addMatrixRows(rows);
    addDecompositionRows(rows);
    addDistanceRows(rows);
    addConvolutionRows(rows);
    addCtcRows(rows);
    addNormalizationRows(rows);
    addChannelNormRows(rows);
    addLossRows(rows);
    addValueLossRows(rows);
    addAttentionRows(rows);
    addDropoutRows(rows);
    addPoolingRows(rows);
    addCreationRows(rows);
    addLookupRows(rows);
    addInterpolationRows(rows);
    addWindowRows(rows);
    addRandomRows(rows);
    addSignalRows(rows);
    addSortRows(rows);
    addScatterRows(rows);
    addPutRows(rows);
    addRecurrentRows(rows);
    addJoinRows(rows);
    addGridRows(rows);
    addLayoutRows(rows);
    addNormRows(rows);
    addOrderStatisticRows(rows);
    addPairRows(rows);
    addReplaceRows(rows);
    addRunningRows(rows);
    addScatterReduceRows(rows);
    addTrigonometricRows(rows);
    addSpecialRows(rows);
    addScriptRows(rows); // takes rows of those above
    return rows;
  }();
  return table;
}

std::string normalize::functionalKey(StringRef key) {
  auto [base, overload] = key.split('.');
  std::string name;
  if (StringRef rest = base;
      rest.consume_front("aten::") && rest.consume_front("__i"))
    name = ("aten::" + Twine("__") + rest).str();
  else if (base.ends_with("_") && !base.ends_with("__"))
    name = base.drop_back().str();
  if (name.empty() || overload.empty())
    return name;
  return name + "." + overload.str();
}

/// The result of the functional op replaces the contents of its first operand.
static void writeBack(Call &c) {
  TensorRef self = c.destination(0);
  if (c.failed() || c.results.empty())
    return;
  Value value = castTo(c, c.tensor(c.results.front()),
                       self->type.getElementType(), "cast");
  if (value.getType() != self->type)
    c.error("an in-place op may not change the shape of its operand");
  else if (failed(c.state.write(self, value, c.op.getName(), c.loc())))
    c.error("writes into a tensor whose elements overlap (it was expanded) or "
            "were found by strides");
  c.results = {Item(self)};
}

static bool isSupported(AtenOp op) {
  StringRef key = op.getSchema().split('(').first;
  std::string functional = functionalKey(key);
  for (const Table *table : {&Table::get(), &complexRows()})
    if (table->find(key) || table->find(functional))
      return true;
  return false;
}

LogicalResult normalize::checkSupported(func::FuncOp function) {
  /// Of one kind of op: the first one, and how many there are.
  llvm::MapVector<StringRef, std::pair<AtenOp, unsigned>> unsupported;
  // Scripted code that is not run may hold anything.
  for (AtenOp op : function.getOps<AtenOp>())
    if (!isSupported(op))
      ++unsupported.try_emplace(op.getSchema(), op, 0).first->second.second;
  if (unsupported.empty())
    return success();
  AtenOp first = unsupported.front().second.first;
  InFlightDiagnostic error = emitError(first.getLoc());
  if (unsupported.size() == 1) {
    unsigned count = unsupported.front().second.second;
    error << "unsupported op '" << first.getSchema() << "' in " << place(first);
    if (count > 1)
      error << ", the first of " << count;
    return error;
  }
  error << unsupported.size() << " unsupported ops: ";
  unsigned listed = 0;
  for (auto &[schema, found] : unsupported) {
    if (listed == kMaxListed)
      break;
    error << (listed++ ? ", " : "") << describe(found.first);
    if (found.second > 1)
      error << " and " << found.second - 1 << " more";
  }
  if (listed < unsupported.size())
    error << ", and " << unsupported.size() - listed << " others";
  return error;
}

bool normalize::runRow(Call &call) {
  if (Row row = Table::get().find(call.key())) {
    row(call);
    return true;
  }
  Row row = Table::get().find(functionalKey(call.key()));
  if (!row)
    return false;
  row(call);
  writeBack(call);
  return true;
}

bool normalize::isWritten(Value value) {
  return llvm::any_of(value.getUses(), [](OpOperand &use) {
    auto op = dyn_cast<AtenOp>(use.getOwner());
    if (!op || use.getOperandNumber() != 0)
      return false;
    auto [arguments, results] = op.getSchema().split(" -> ");
    return arguments.contains("(a!)") ||
           (results.contains("(a)") &&
            llvm::any_of(op.getResults(), isWritten));
  });
}

/// Whether PyTorch's result shares its elements with an operand, where the row
/// made a copy, although it is written. Whether these copy follows from
/// strides.
static bool losesWrites(const Call &call, Value value, const Item &item) {
  static const llvm::StringSet<> mayCopy = {
      "aten::reshape", "aten::reshape_as", "aten::contiguous", "aten::flatten",
      "aten::to",      "aten::ravel",      "aten::type_as"};
  AtenOp op = call.op;
  auto [name, signature] = op.getSchema().split('(');
  if (!signature.split(" -> ").second.contains("(a)") || !item.isTensor() ||
      item.tensor->parent || item.tensor->type.getNumElements() == 0 ||
      mayCopy.contains(name.split('.').first) || !call.item(0).isTensor())
    return false;
  return call.item(0).tensor != item.tensor && isWritten(value);
}

LogicalResult normalize::interpret(Interpreter &state, AtenOp op) {
  Call call(state, op);
  if (isComplexCall(call)) {
    interpretComplex(call);
  } else if (!runRow(call)) {
    return emitError(op.getLoc())
           << "unsupported op '" << op.getSchema() << "' in " << place(op);
  }
  if (call.failed())
    return failure();
  if (call.results.size() != op.getNumResults())
    return emitError(op.getLoc())
           << "cannot normalize " << describe(op) << ": found "
           << op.getNumResults() << " results, expected "
           << call.results.size();
  for (auto [value, item] : llvm::zip(op.getResults(), call.results))
    if (losesWrites(call, value, item))
      return emitError(op.getLoc())
             << "cannot normalize " << describe(op)
             << ": its result is written in place and shares its elements with "
                "its operand, expected a copy that is written (clone())";
  settleStrides(call);
  for (auto [value, item] : llvm::zip(op.getResults(), call.results))
    state.bind(value, item);
  return success();
}
