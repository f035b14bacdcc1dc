//===- KernelFrame.cpp - Function, arguments and loop levels of a kernel --===//

#include "Colossal/IR/NarrowFloat.h"
#include "Colossal/IR/UnsignedByte.h"
#include "KernelEmitter.h"
#include "NarrowBits.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;

/// f32 lanes of the loop vectoriser: one register of 512 bits, or two of 256.
static constexpr int64_t kVectorWidth = 16;

/// Chains of a sum along a row. A fixed number: the order of the terms, so the
/// bits of the sum, must not depend on what else a loop computes. What backward
/// computes again is the same number in another loop.
static constexpr int64_t kSumChains = 4;

/// Bodies of more ops are not interleaved. LLVM takes copies of a body to have
/// more than one chain of sums, and its guess of the registers that they need
/// is too low for long bodies: four copies of a GELU's gradient moved 250
/// registers to the stack and back.
static constexpr size_t kLongBody = 48;

Type lower::heldType(Type element) {
  if (isUnsignedByte(element))
    return IntegerType::get(element.getContext(), 32);
  return isNarrowFloat(element) ? Float32Type::get(element.getContext())
                                : element;
}

KernelFrame::KernelFrame(ModuleOp module, StringRef symbol, Location loc)
    : builder(module.getContext()), loc(loc) {
  builder.setInsertionPointToEnd(module.getBody());
  Type pointer = LLVM::LLVMPointerType::get(module.getContext());
  Type i64 = builder.getI64Type();
  function = func::FuncOp::create(
      builder, loc, symbol, builder.getFunctionType({pointer, i64, i64}, {}));
  Block *body = function.addEntryBlock();
  begin = body->getArgument(1);
  end = body->getArgument(2);
  builder.setInsertionPointToEnd(body);
  Operation *terminator = func::ReturnOp::create(builder, loc);
  levels.push_back({body, terminator, nullptr});
  // struct ColossalArgs { void *const *buffers; const int64_t *indices; }
  at(0);
  buffers = LLVM::LoadOp::create(builder, loc, pointer, body->getArgument(0));
  Value second =
      LLVM::GEPOp::create(builder, loc, pointer, pointer, body->getArgument(0),
                          ArrayRef<LLVM::GEPArg>{1});
  integers = LLVM::LoadOp::create(builder, loc, pointer, second);
}

Value KernelFrame::buffer(unsigned position) {
  Value &pointer = pointers[position];
  if (!pointer) {
    OpBuilder::InsertionGuard guard(builder);
    at(0);
    Type type = buffers.getType();
    Value slot = LLVM::GEPOp::create(builder, loc, type, type, buffers,
                                     ArrayRef<LLVM::GEPArg>{int32_t(position)});
    pointer = LLVM::LoadOp::create(builder, loc, type, slot);
  }
  return pointer;
}

Value KernelFrame::integerAt(unsigned position) {
  Value &loaded = loadedIntegers[position];
  if (!loaded) {
    OpBuilder::InsertionGuard guard(builder);
    at(0);
    Type i64 = builder.getI64Type();
    Value slot =
        LLVM::GEPOp::create(builder, loc, integers.getType(), i64, integers,
                            ArrayRef<LLVM::GEPArg>{int32_t(position)});
    loaded = LLVM::LoadOp::create(builder, loc, i64, slot);
  }
  return loaded;
}

Value KernelFrame::offsetOf(ArrayRef<AxisTermAttr> terms) {
  if (terms.empty())
    return {};
  rank::AffineOffset offset;
  for (AxisTermAttr term : terms)
    offset.terms.push_back({term.getAxis().getValue().str(), term.getStride()});
  for (auto [position, known] : llvm::enumerate(offsets))
    if (known.constant == 0 && known.terms == offset.terms)
      return integerAt(position);
  offsets.push_back(offset);
  return integerAt(offsets.size() - 1);
}

Value KernelFrame::parameter(int64_t number) {
  rank::AffineOffset offset;
  offset.constant = number;
  for (auto [position, known] : llvm::enumerate(offsets))
    if (known.constant == number && known.terms.empty())
      return integerAt(position);
  offsets.push_back(offset);
  return integerAt(offsets.size() - 1);
}

Value KernelFrame::constant(TypedAttr attribute) {
  if (Type held = heldType(attribute.getType()); held != attribute.getType()) {
    if (auto number = dyn_cast<IntegerAttr>(attribute))
      attribute = IntegerAttr::get(held, integerOf(number));
    else
      attribute = FloatAttr::get(
          held, cast<FloatAttr>(attribute).getValue().convertToDouble());
  }
  Value &known = constants[attribute];
  if (!known) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(&function.getBody().front());
    known = arith::ConstantOp::create(builder, loc, attribute);
  }
  return known;
}

Value KernelFrame::constant(int64_t value) {
  return constant(builder.getI64IntegerAttr(value));
}

Value KernelFrame::constantOf(Type type, double value) {
  if (isa<FloatType>(type))
    return constant(builder.getFloatAttr(heldType(type), value));
  return constant(builder.getIntegerAttr(heldType(type), int64_t(value)));
}

void KernelFrame::at(unsigned level) {
  const Level &target = levels[level];
  if (target.next)
    builder.setInsertionPoint(target.next);
  else
    builder.setInsertionPointToEnd(target.block);
}

/// Iterations of a loop, if they are known.
static std::optional<int64_t> lengthOf(scf::ForOp loop) {
  std::optional<int64_t> lower = getConstantIntValue(loop.getLowerBound());
  std::optional<int64_t> upper = getConstantIntValue(loop.getUpperBound());
  if (!lower || !upper)
    return std::nullopt;
  return *upper - *lower;
}

/// What the loop vectoriser is told of an innermost loop.
static Attribute innerAnnotation(scf::ForOp loop, ArrayAttr accessGroups) {
  MLIRContext *context = loop.getContext();
  Builder builder(context);
  auto vectorize = LLVM::LoopVectorizeAttr::get(
      context, /*disable=*/builder.getBoolAttr(false),
      /*predicateEnable=*/nullptr, /*scalableEnable=*/nullptr,
      /*width=*/builder.getI32IntegerAttr(kVectorWidth), nullptr, nullptr,
      nullptr);
  std::optional<int64_t> chains;
  LLVM::LoopUnrollAttr unroll;
  if (llvm::any_of(loop.getInitArgs().getTypes(), llvm::IsaPred<FloatType>)) {
    std::optional<int64_t> length = lengthOf(loop);
    chains = length && *length < kSumChains * kVectorWidth ? 1 : kSumChains;
    // What is unrolled before it is vectorised has another order of terms.
    if (!length || *length >= kVectorWidth)
      unroll = LLVM::LoopUnrollAttr::get(
          context, /*disable=*/builder.getBoolAttr(true), nullptr, nullptr,
          nullptr, nullptr, nullptr, nullptr);
  } else if (loop.getBody()->getOperations().size() > kLongBody) {
    chains = 1;
  }
  LLVM::LoopInterleaveAttr interleave;
  if (chains)
    interleave = LLVM::LoopInterleaveAttr::get(
        context, builder.getI32IntegerAttr(*chains));
  return LLVM::LoopAnnotationAttr::get(
      context, nullptr, vectorize, interleave, unroll, nullptr, nullptr,
      nullptr, nullptr, nullptr, nullptr, /*mustProgress=*/
      builder.getBoolAttr(true), nullptr, nullptr, nullptr,
      {cast<LLVM::AccessGroupAttr>(accessGroups[0])});
}

scf::ForOp KernelFrame::loop(Value lower, Value upper, int64_t step,
                             ValueRange initial, bool isInner) {
  at(level());
  MLIRContext *context = builder.getContext();
  auto loop =
      scf::ForOp::create(builder, loc, lower, upper, constant(step), initial);
  // Without iteration values the loop comes with a terminator.
  if (!loop.getBody()->empty())
    loop.getBody()->back().erase();
  Attribute group;
  if (isInner)
    group = builder.getArrayAttr({LLVM::AccessGroupAttr::get(context)});
  levels.back().next = loop;
  levels.push_back({loop.getBody(), nullptr, group});
  at(level());
  return loop;
}

scf::ForOp KernelFrame::rangeLoop(Value lower, Value upper, int64_t step) {
  scf::ForOp result = loop(lower, upper, step, {}, false);
  MLIRContext *context = builder.getContext();
  auto yes = builder.getBoolAttr(true);
  auto vectorize =
      LLVM::LoopVectorizeAttr::get(context, /*disable=*/yes, nullptr, nullptr,
                                   nullptr, nullptr, nullptr, nullptr);
  auto unroll =
      LLVM::LoopUnrollAttr::get(context, /*disable=*/yes, nullptr, nullptr,
                                nullptr, nullptr, nullptr, nullptr);
  result->setAttr("llvm.loop_annotation",
                  LLVM::LoopAnnotationAttr::get(
                      context, nullptr, vectorize, nullptr, unroll, nullptr,
                      nullptr, nullptr, nullptr, nullptr, nullptr, yes, nullptr,
                      nullptr, nullptr, {}));
  return result;
}

void KernelFrame::close(ValueRange values) {
  at(level());
  auto loop = cast<scf::ForOp>(levels.back().block->getParentOp());
  scf::YieldOp::create(builder, loc, values);
  if (auto groups = dyn_cast_or_null<ArrayAttr>(levels.back().accessGroup))
    loop->setAttr("llvm.loop_annotation", innerAnnotation(loop, groups));
  levels.pop_back();
  // What follows comes after the loop.
  Operation *after = loop->getNextNode();
  levels.back().next = after;
  at(level());
}

Value KernelFrame::address(Value base, Type element, Value index) {
  return LLVM::GEPOp::create(builder, loc, base.getType(), element, base,
                             ArrayRef<LLVM::GEPArg>{index});
}

static void setGroup(Operation *op, Attribute group) {
  if (group)
    op->setAttr("access_groups", group);
}

Value KernelFrame::roundTo(Type element, Value value) {
  if (isUnsignedByte(element))
    return arith::AndIOp::create(builder, loc, value, constantOf(element, 255));
  return widenBits(*this, element, narrowBits(*this, element, value));
}

/// What memory holds for an element.
static Type storedType(Type element) {
  MLIRContext *context = element.getContext();
  if (element.isInteger(1) || isUnsignedByte(element))
    return IntegerType::get(context, 8);
  return isNarrowFloat(element) ? IntegerType::get(context, 16) : element;
}

Value KernelFrame::load(Type element, Value base, Value index) {
  Type stored = storedType(element);
  Value pointer = address(base, stored, index);
  auto load = LLVM::LoadOp::create(builder, loc, stored, pointer);
  // The innermost loop's group, if that is where the load is.
  for (const Level &entry : levels)
    if (entry.block == builder.getInsertionBlock())
      setGroup(load, entry.accessGroup);
  if (isNarrowFloat(element))
    return widenBits(*this, element, load);
  if (isUnsignedByte(element))
    return arith::ExtUIOp::create(builder, loc, heldType(element), load);
  if (!element.isInteger(1))
    return load;
  return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::ne, load,
                               constantOf(stored, 0));
}

void KernelFrame::store(Value value, Value base, Value index, Type element) {
  Type stored = storedType(element);
  if (element.isInteger(1))
    value = arith::ExtUIOp::create(builder, loc, stored, value);
  if (isNarrowFloat(element))
    value = narrowBits(*this, element, value);
  if (isUnsignedByte(element))
    value = arith::TruncIOp::create(builder, loc, stored, value);
  Value pointer = address(base, stored, index);
  auto store = LLVM::StoreOp::create(builder, loc, value, pointer);
  for (const Level &entry : levels)
    if (entry.block == builder.getInsertionBlock())
      setGroup(store, entry.accessGroup);
}

Value KernelFrame::stackArray(Type element, int64_t size) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(&function.getBody().front());
  Type stored = storedType(heldType(element));
  Value count =
      arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(size));
  return LLVM::AllocaOp::create(
      builder, loc, LLVM::LLVMPointerType::get(builder.getContext()), stored,
      count, /*alignment=*/64);
}
