//===- WidenStoredFloats.cpp - Floats of 16 bits that are only stored -----===//
//
// Tables and constants of 16 bits that are moved, chosen and read into wider
// floats are f32 from the start: each of their numbers is one of f32. Where an
// op computes in 16 bits, which rounds, nothing is changed.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/IR/NarrowFloat.h"
#include "Colossal/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace colossal {
#define GEN_PASS_DEF_WIDENSTOREDFLOATSPASS
#include "Colossal/Transforms/Passes.h.inc"
} // namespace colossal

using namespace mlir;
using namespace colossal;

static bool isNarrow(Type type) {
  return isNarrowFloat(getElementTypeOrSelf(type));
}

/// A constant, perhaps of a number that is rounded when it is written.
static bool isConstant(Value value) {
  if (auto truncation = value.getDefiningOp<arith::TruncFOp>())
    value = truncation.getIn();
  return bool(value.getDefiningOp<arith::ConstantOp>());
}

/// Whether the numbers of 16 bits in a body are those of its operands, or
/// constants.
static bool onlyMoves(Block &body) {
  return llvm::all_of(body, [](Operation &op) {
    return llvm::none_of(op.getResultTypes(), isNarrow) ||
           isa<arith::SelectOp, WhereOp>(op) ||
           (op.getNumResults() == 1 && isConstant(op.getResult(0)));
  });
}

static bool isNarrowBuffer(func::FuncOp function, BlockArgument argument) {
  auto role =
      function.getArgAttrOfType<RoleAttr>(argument.getArgNumber(), names::role);
  return role && role.getValue() == ArgumentRole::Buffer;
}

/// Whether every value of 16 bits is stored, or moved.
static bool onlyStores(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments())
    if (isNarrow(argument.getType()) && !isNarrowBuffer(function, argument))
      return false;
  for (Operation &op : function.getBody().getOps()) {
    bool touches = llvm::any_of(op.getOperandTypes(), isNarrow) ||
                   llvm::any_of(op.getResultTypes(), isNarrow);
    auto generic = dyn_cast<GenericOp>(op);
    if (touches && (!generic || !onlyMoves(generic.getBody().front())))
      return false;
  }
  return true;
}

static Type widened(Type type) {
  Type f32 = Float32Type::get(type.getContext());
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor ? Type(tensor.clone(f32)) : f32;
}

static void widen(Value value) {
  if (isNarrow(value.getType()))
    value.setType(widened(value.getType()));
}

/// The constant that `value` is, in f32.
static void widenConstant(Value value) {
  Operation *op = value.getDefiningOp();
  Value written = isa<arith::TruncFOp>(op) ? op->getOperand(0) : value;
  auto constant = written.getDefiningOp<arith::ConstantOp>();
  APFloat rounded = cast<FloatAttr>(constant.getValue()).getValue();
  bool lost = false;
  auto narrow = cast<FloatType>(value.getType());
  rounded.convert(narrow.getFloatSemantics(), APFloat::rmNearestTiesToEven,
                  &lost);
  rounded.convert(APFloat::IEEEsingle(), APFloat::rmNearestTiesToEven, &lost);
  OpBuilder builder(op);
  Type f32 = builder.getF32Type();
  Value wide = arith::ConstantOp::create(builder, op->getLoc(),
                                         FloatAttr::get(f32, rounded));
  value.replaceAllUsesWith(wide);
  op->erase();
}

static void widenBody(Block &body) {
  llvm::for_each(body.getArguments(), widen);
  for (Operation &op : llvm::make_early_inc_range(body)) {
    if (op.getNumResults() == 1 && isNarrow(op.getResult(0).getType()) &&
        isConstant(op.getResult(0))) {
      widenConstant(op.getResult(0));
      continue;
    }
    auto extension = dyn_cast<arith::ExtFOp>(op);
    if (extension && extension.getIn().getType() == extension.getType()) {
      extension.replaceAllUsesWith(extension.getIn());
      extension.erase();
      continue;
    }
    llvm::for_each(op.getResults(), widen);
  }
}

/// The type of the file's numbers beside where they are.
static void noteElements(NamedAttrList &attributes, Type stored) {
  auto source = dyn_cast_or_null<DictionaryAttr>(attributes.get(names::source));
  if (!source || !source.get("file"))
    return;
  NamedAttrList entries(source);
  entries.set("elements", StringAttr::get(stored.getContext(),
                                          stored.isF16() ? "f16" : "bf16"));
  attributes.set(names::source, entries.getDictionary(stored.getContext()));
}

namespace {
struct WidenStoredFloatsPass
    : colossal::impl::WidenStoredFloatsPassBase<WidenStoredFloatsPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !onlyStores(function))
      return;
    SmallVector<DictionaryAttr> attributes;
    for (BlockArgument argument : function.getArguments()) {
      NamedAttrList own(function.getArgAttrDict(argument.getArgNumber()));
      if (isNarrow(argument.getType())) {
        noteElements(own, getElementTypeOrSelf(argument.getType()));
        widen(argument);
      }
      attributes.push_back(own.getDictionary(&getContext()));
    }
    function.setAllArgAttrs(attributes);
    function.setType(FunctionType::get(&getContext(),
                                       function.getBody().getArgumentTypes(),
                                       function.getResultTypes()));
    for (auto generic : function.getOps<GenericOp>()) {
      llvm::for_each(generic->getResults(), widen);
      widenBody(generic.getBody().front());
    }
  }
};
} // namespace
