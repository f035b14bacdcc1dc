//===- Precision.cpp - Mixed precision ------------------------------------===//
//
// Rewrites a forward program by PrecisionTable.h. Only types change, and casts
// are added: plain generics for operands of products and whole ops, one for
// each value, and `arith.extf` and `arith.truncf` in bodies for all others. The
// derivative of a cast is a cast, so the backward program follows.
//
//===----------------------------------------------------------------------===//

#include "Colossal/Transforms/FactorEditing.h"
#include "Colossal/Transforms/NarrowOp.h"
#include "Colossal/Transforms/Passes.h"
#include "PrecisionTable.h"
#include "llvm/ADT/StringSet.h"

#include "Colossal/Transforms/NarrowOp.cpp.inc"

namespace colossal {
#define GEN_PASS_DEF_PRECISIONPASS
#include "Colossal/Transforms/Passes.h.inc"
} // namespace colossal

using namespace mlir;
using namespace colossal;

namespace {
class MixedPrecision {
public:
  MixedPrecision(func::FuncOp function, FloatType narrow)
      : function(function), builder(function.getContext()),
        wide(builder.getF32Type()), narrow(narrow),
        suffix(narrow.isF16() ? ".f16" : ".bf16") {}
  void run();

private:
  bool isWide(Value value) const {
    return getElementTypeOrSelf(value.getType()) == wide;
  }
  bool isNarrow(Value value) const {
    return getElementTypeOrSelf(value.getType()) == narrow;
  }
  Value castTo(Value value, Type type, StringRef suffix);
  /// The copy of an f32 value in 16 bits, made before the op in hand.
  Value narrowed(Value value);
  bool isProductOfFloats(GenericOp op) const;
  void makeNarrow(GenericOp product);
  void makeNarrow(NarrowOp op);
  /// Reads operands of 16 bits as f32.
  void widenOperands(FactoredOp op);
  void promote(GenericOp op);
  bool hasNarrowResult(GenericOp op);
  /// A parameter, perhaps viewed in another order.
  bool isParameter(Value value);
  /// Gives an elementwise op the types of its operands, and results of 16 bits
  /// or not.
  void retype(GenericOp op, bool narrowResults);
  std::string nameOf(Value value);

  func::FuncOp function;
  OpBuilder builder;
  Type wide, narrow;
  StringRef suffix; ///< of the names of copies of `narrow`
  DenseMap<Value, Value> copies;
  llvm::StringSet<> narrowCalls; ///< ATen calls that have a product
};
} // namespace

/// Casts may be dropped where one body narrows and widens again: what stays in
/// registers keeps its digits.
template <class Cast>
static Value createCast(OpBuilder &builder, Location loc, Type type,
                        Value value) {
  auto flags = arith::FastMathFlagsAttr::get(builder.getContext(),
                                             arith::FastMathFlags::contract);
  if constexpr (std::is_same_v<Cast, arith::TruncFOp>)
    return Cast::create(builder, loc, type, value, arith::RoundingModeAttr(),
                        flags);
  else
    return Cast::create(builder, loc, type, value, flags);
}

std::string MixedPrecision::nameOf(Value value) {
  if (auto op = value.getDefiningOp<FactoredOp>()) {
    std::string name = op.getFactoredName().str();
    if (op->getNumResults() > 1)
      name += "." + std::to_string(cast<OpResult>(value).getResultNumber());
    return name;
  }
  if (auto argument = dyn_cast<BlockArgument>(value))
    if (auto name = function.getArgAttrOfType<StringAttr>(
            argument.getArgNumber(), names::name))
      return name.str();
  return "value";
}

Value MixedPrecision::castTo(Value value, Type type, StringRef suffix) {
  IdentitySpace space = identitySpaceOf(value);
  Location loc = value.getLoc();
  return createGeneric(
             builder, loc, nameOf(value) + suffix.str(), space.factors, {value},
             {space.map}, {type}, {space.map},
             [&](OpBuilder &inner, ValueRange in) -> SmallVector<Value> {
               if (type == wide)
                 return {createCast<arith::ExtFOp>(inner, loc, type, in[0])};
               return {createCast<arith::TruncFOp>(inner, loc, type, in[0])};
             })
      .getOutputs()[0];
}

Value MixedPrecision::narrowed(Value value) {
  if (!isWide(value))
    return value;
  if (Value known = copies.lookup(value))
    return known;
  // Of a view, the copy is a view of a copy: a parameter has one, however many
  // orders it is read in.
  auto view = value.getDefiningOp<GenericOp>();
  Value copy;
  if (view && isMovement(view)) {
    IRMapping mapping;
    mapping.map(view->getOperand(0), narrowed(view->getOperand(0)));
    auto clone = cast<GenericOp>(builder.clone(*view, mapping));
    clone->setAttr("name", builder.getStringAttr(nameOf(value) + suffix.str()));
    retype(clone, true);
    copy = clone.getOutputs()[0];
  } else {
    copy = castTo(value, narrow, suffix);
  }
  return copies[value] = copy;
}

bool MixedPrecision::isProductOfFloats(GenericOp op) const {
  return isWide(op->getResult(0)) &&
         llvm::all_of(op->getOperands(), [&](Value operand) {
           return isWide(operand) || isNarrow(operand);
         });
}

void MixedPrecision::makeNarrow(GenericOp product) {
  for (OpOperand &operand : product->getOpOperands())
    operand.set(narrowed(operand.get()));
  Block &body = product.getBody().front();
  for (BlockArgument argument : body.getArguments())
    argument.setType(narrow);
  product.getYielded()[0].setType(narrow);
  Value result = product->getResult(0);
  result.setType(cast<RankedTensorType>(result.getType()).clone(narrow));
}

void MixedPrecision::makeNarrow(NarrowOp op) {
  unsigned inputs = op->getNumOperands();
  SmallVector<unsigned> narrowTensors = op.getNarrowTensors();
  for (OpOperand &operand : op->getOpOperands())
    if (isNarrow(operand.get()) &&
        !llvm::is_contained(narrowTensors, operand.getOperandNumber()))
      operand.set(castTo(operand.get(), wide, ".f32"));
  for (unsigned number : narrowTensors) {
    if (number < inputs) {
      OpOperand &operand = op->getOpOperand(number);
      operand.set(narrowed(operand.get()));
      continue;
    }
    Value result = op->getResult(number - inputs);
    if (isWide(result))
      result.setType(cast<RankedTensorType>(result.getType()).clone(narrow));
  }
}

void MixedPrecision::widenOperands(FactoredOp op) {
  if (auto generic = dyn_cast<GenericOp>(op.getOperation()))
    return retype(generic, false);
  for (OpOperand &operand : op->getOpOperands())
    if (isNarrow(operand.get()))
      operand.set(castTo(operand.get(), wide, ".f32"));
}

/// Whether the floats of a body are those of its arguments, or constants.
static bool onlyMoves(Block &body) {
  return llvm::all_of(body, [](Operation &op) {
    return llvm::none_of(op.getResultTypes(), llvm::IsaPred<FloatType>) ||
           isa<arith::SelectOp, WhereOp, arith::ConstantOp>(op);
  });
}

/// A finite number stays finite: it masks, and nothing may become NaN by it.
static FloatAttr roundedTo(Type narrow, FloatAttr number) {
  APFloat value = number.getValue();
  const llvm::fltSemantics &semantics =
      cast<FloatType>(narrow).getFloatSemantics();
  bool isFinite = value.isFinite(), lost = false;
  value.convert(semantics, APFloat::rmNearestTiesToEven, &lost);
  if (isFinite && !value.isFinite())
    value = APFloat::getLargest(semantics, value.isNegative());
  return FloatAttr::get(narrow, value);
}

void MixedPrecision::retype(GenericOp op, bool narrowResults) {
  Block &body = op.getBody().front();
  SmallVector<BlockArgument> changed;
  bool allNarrow = narrowResults;
  for (auto [operand, argument] :
       llvm::zip(op->getOperands(), body.getArguments())) {
    allNarrow &= isNarrow(operand) || !isa<FloatType>(argument.getType());
    if (isNarrow(operand) && argument.getType() == wide) {
      argument.setType(narrow);
      changed.push_back(argument);
    }
  }
  auto setResults = [&] {
    for (Value result : op->getResults())
      if (narrowResults && isWide(result))
        result.setType(cast<RankedTensorType>(result.getType()).clone(narrow));
  };
  // Compared numbers are no results of the body: they may be of either type.
  if (allNarrow && onlyMoves(body)) {
    for (Operation &inner : body) {
      if (auto constant = dyn_cast<arith::ConstantOp>(inner)) {
        auto number = dyn_cast<FloatAttr>(constant.getValue());
        if (!number || number.getType() != wide)
          continue;
        constant.setValueAttr(roundedTo(narrow, number));
      }
      for (Value value : inner.getResults())
        if (value.getType() == wide)
          value.setType(narrow);
    }
    return setResults();
  }
  OpBuilder inner = OpBuilder::atBlockBegin(&body);
  for (BlockArgument argument : changed) {
    Value widened =
        createCast<arith::ExtFOp>(inner, op.getLoc(), wide, argument);
    argument.replaceAllUsesExcept(widened, widened.getDefiningOp());
  }
  if (narrowResults) {
    Operation *yield = body.getTerminator();
    inner.setInsertionPoint(yield);
    for (OpOperand &yielded : yield->getOpOperands())
      if (yielded.get().getType() == wide)
        yielded.set(createCast<arith::TruncFOp>(inner, op.getLoc(), narrow,
                                                yielded.get()));
  }
  setResults();
}

bool MixedPrecision::isParameter(Value value) {
  if (auto view = value.getDefiningOp<GenericOp>(); view && isMovement(view))
    return isParameter(view->getOperand(0));
  auto argument = dyn_cast<BlockArgument>(value);
  auto role = argument ? function.getArgAttrOfType<RoleAttr>(
                             argument.getArgNumber(), names::role)
                       : RoleAttr();
  return role && role.getValue() == ArgumentRole::Parameter;
}

/// PyTorch's promotion: numbers without dimensions do not make a tensor wider.
/// What an ATen op with a product adds to it, a bias, is part of the product.
bool MixedPrecision::hasNarrowResult(GenericOp op) {
  bool hasProduct = narrowCalls.contains(
      atenCallOf(FactoredOp(op.getOperation()).getFactoredName()));
  bool anyTensor = false;
  for (Value operand : op->getOperands())
    anyTensor |= isNarrow(operand) &&
                 cast<RankedTensorType>(operand.getType()).getRank() > 0;
  for (Value operand : op->getOperands()) {
    auto type = cast<RankedTensorType>(operand.getType());
    bool isOther = isa<FloatType>(type.getElementType()) && !isNarrow(operand);
    if (isOther && (type.getRank() > 0 || !anyTensor) &&
        !(hasProduct && isParameter(operand)))
      return false;
  }
  return true;
}

void MixedPrecision::promote(GenericOp op) {
  if (llvm::any_of(op->getOperands(),
                   [&](Value operand) { return isNarrow(operand); }))
    retype(op, hasNarrowResult(op));
}

void MixedPrecision::run() {
  SmallVector<FactoredOp> ops(function.front().getOps<FactoredOp>());
  for (FactoredOp op : ops) {
    builder.setInsertionPoint(op);
    auto generic = dyn_cast<GenericOp>(op.getOperation());
    PrecisionRule rule = precisionRuleOf(op);
    if (rule == PrecisionRule::Narrow && generic && !isProductOfFloats(generic))
      rule = PrecisionRule::Promote;
    switch (rule) {
    case PrecisionRule::Narrow:
      narrowCalls.insert(atenCallOf(op.getFactoredName()));
      if (generic)
        makeNarrow(generic);
      else
        makeNarrow(cast<NarrowOp>(op.getOperation()));
      break;
    case PrecisionRule::Wide:
      widenOperands(op);
      break;
    case PrecisionRule::Promote:
      promote(generic);
      break;
    }
  }
  // What the program gives back has the model's types: numbers for users, and
  // state.
  Operation *terminator = function.front().getTerminator();
  builder.setInsertionPoint(terminator);
  for (auto [operand, type] :
       llvm::zip(terminator->getOpOperands(), function.getResultTypes()))
    if (operand.get().getType() != type)
      operand.set(castTo(operand.get(), wide, ".f32"));
  simplifyBodies(function);
}

namespace {
struct PrecisionPass : colossal::impl::PrecisionPassBase<PrecisionPass> {
  using PrecisionPassBase::PrecisionPassBase;
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    FloatType narrow;
    if (type == "bf16")
      narrow = BFloat16Type::get(&getContext());
    else if (type == "f16")
      narrow = Float16Type::get(&getContext());
    if (!narrow) {
      function.emitError("found type '") << type << "', expected bf16 or f16";
      return signalPassFailure();
    }
    if (!function.isExternal())
      MixedPrecision(function, narrow).run();
  }
};
} // namespace
