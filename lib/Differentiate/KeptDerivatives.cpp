//===- KeptDerivatives.cpp - Derivatives that forward computes ------------===//

#include "KeptDerivatives.h"
#include "Colossal/Transforms/FactorEditing.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace colossal;

namespace {
/// The scalar of a backward op's body through which alone a kept value goes.
struct Wanted {
  GenericOp reader;
  unsigned operand = 0; ///< of the kept value
  Operation *scalar = nullptr;
  SmallVector<Operation *> slice; ///< what computes it, in order
  SmallVector<unsigned> operands; ///< that the slice reads, the kept one first
  /// Equal for readers that want the same.
  std::string key;
};
} // namespace

static bool isOfPass(Operation *op, Segment pass) {
  auto factored = dyn_cast_or_null<FactoredOp>(op);
  return factored && factored.getPass() == pass;
}

static bool isWideFloat(Type type) { return type.isF32() || type.isF64(); }

static bool isTranscendental(Operation *op) {
  return isa<math::MathDialect>(op->getDialect()) &&
         !isa<math::AbsFOp, math::CopySignOp, math::FmaOp, math::FloorOp,
              math::CeilOp, math::SqrtOp, math::RsqrtOp>(op);
}

/// Whether a copy of the op may stand in another body.
static bool isPlainScalar(Operation *op) {
  return op->getNumRegions() == 0 && op->getNumResults() == 1 &&
         isa<arith::ArithDialect, math::MathDialect>(op->getDialect());
}

/// The ops of the slice in their order; nothing if some are not plain.
static bool sliceOf(Operation *scalar, SmallVectorImpl<Operation *> &slice) {
  llvm::SetVector<Operation *> all;
  all.insert(scalar);
  for (unsigned i = 0; i < all.size(); ++i) {
    if (!isPlainScalar(all[i]))
      return false;
    for (Value operand : all[i]->getOperands())
      if (Operation *producer = operand.getDefiningOp())
        all.insert(producer);
  }
  slice = all.takeVector();
  llvm::sort(slice,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return true;
}

/// The places of a map's factors: where the kept value's map has them.
static std::string placesOf(IndexMapAttr map, ArrayRef<int64_t> factors) {
  std::string text;
  map.walk([&](unsigned dim, unsigned position, SubDimAttr sub) {
    int64_t place = sub.isConstant() ? -1
                                     : llvm::find(factors, sub.getFactor()) -
                                           factors.begin();
    text += llvm::formatv("{0}.{1}:{2}+{3}/{4} ", dim, position, place,
                          sub.getOffset(), sub.getBound())
                .str();
  });
  return text;
}

/// The factors of a map; nothing if it is not plain or has one twice.
static std::optional<SmallVector<int64_t>> factorsOf(IndexMapAttr map) {
  SmallVector<int64_t> factors;
  bool isPlain = true;
  map.walk([&](unsigned, unsigned, SubDimAttr sub) {
    isPlain &= sub.isPlain() && !llvm::is_contained(factors, sub.getFactor());
    factors.push_back(sub.getFactor());
  });
  return isPlain ? std::optional(factors) : std::nullopt;
}

/// Says all that matters of a slice: ops with their attributes and operands.
static void addKey(Wanted &wanted, ArrayRef<int64_t> factors) {
  llvm::raw_string_ostream text(wanted.key);
  llvm::DenseMap<Value, unsigned> numbers;
  FactoredOp reader(wanted.reader.getOperation());
  for (unsigned operand : wanted.operands) {
    numbers[wanted.reader.getBody().front().getArgument(operand)] =
        numbers.size();
    text << reader->getOperand(operand).getAsOpaquePointer() << " "
         << placesOf(reader.getOperandMap(operand), factors) << ";";
  }
  for (Operation *op : wanted.slice) {
    numbers[op->getResult(0)] = numbers.size();
    text << op->getName() << op->getAttrDictionary()
         << op->getResult(0).getType();
    for (Value operand : op->getOperands())
      text << " " << numbers.lookup(operand);
    text << ";";
  }
}

/// Writes the body as a product with its gradient: g a + (g b) c becomes
/// g (a + b c), where sums, differences and products are all that the gradient
/// goes through. Choices stay: an infinite gradient would be NaN where it is
/// not chosen.
static void factorGradient(GenericOp reader) {
  Block &body = reader.getBody().front();
  BlockArgument gradient;
  for (auto [value, argument] :
       llvm::zip(reader->getOperands(), body.getArguments()))
    if (isOfPass(value.getDefiningOp(), Segment::Backward)) {
      if (gradient)
        return;
      gradient = argument;
    }
  if (!gradient || gradient.hasOneUse() ||
      llvm::none_of(body, [](Operation &op) { return isTranscendental(&op); }))
    return;
  OpBuilder builder(body.getTerminator());
  Location loc = reader.getLoc();
  // What the gradient is multiplied by in each scalar; null: by one.
  llvm::DenseMap<Value, Value> factors = {{gradient, Value()}};
  auto times = [&](Value a, Value b) {
    return a ? arith::MulFOp::create(builder, loc, a, b).getResult() : b;
  };
  for (Operation &op : llvm::make_early_inc_range(body.without_terminator())) {
    auto takes = [&](unsigned i) { return factors.contains(op.getOperand(i)); };
    auto factor = [&](unsigned i) { return factors.lookup(op.getOperand(i)); };
    if (llvm::none_of(op.getOperands(),
                      [&](Value value) { return factors.contains(value); }))
      continue;
    if (isa<arith::MulFOp>(op) && takes(0) != takes(1)) {
      unsigned i = takes(0) ? 0 : 1;
      factors[op.getResult(0)] = times(factor(i), op.getOperand(1 - i));
    } else if (isa<arith::AddFOp, arith::SubFOp>(op) && takes(0) && takes(1) &&
               factor(0) && factor(1)) {
      Operation *sum = builder.clone(op);
      sum->setOperands({factor(0), factor(1)});
      factors[op.getResult(0)] = sum->getResult(0);
    } else if (isa<arith::NegFOp>(op) && factor(0)) {
      factors[op.getResult(0)] = arith::NegFOp::create(builder, loc, factor(0));
    } else {
      return;
    }
  }
  Operation *yield = body.getTerminator();
  auto found = factors.find(yield->getOperand(0));
  if (yield->getNumOperands() == 1 && found != factors.end() && found->second)
    yield->setOperand(
        0, arith::MulFOp::create(builder, loc, gradient, found->second));
  // The old form, or the new one.
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(body.getOperations())))
    if (isOpTriviallyDead(&op))
      op.erase();
}

/// What a backward op wants of operand `operand`, if it is one costly function
/// of values that forward has.
static std::optional<Wanted> wantedOf(GenericOp reader, unsigned operand) {
  FactoredOp factored(reader.getOperation());
  if (factored.getGroupAttr())
    return std::nullopt;
  auto factors = factorsOf(factored.getOperandMap(operand));
  if (!factors)
    return std::nullopt;
  Block &body = reader.getBody().front();
  // What follows from values of forward alone.
  llvm::DenseSet<Value> known;
  for (auto [value, argument] :
       llvm::zip(reader->getOperands(), body.getArguments()))
    if (!isOfPass(value.getDefiningOp(), Segment::Backward))
      known.insert(argument);
  for (Operation &op : body.without_terminator())
    if (isPlainScalar(&op) && llvm::all_of(op.getOperands(), [&](Value value) {
          return known.contains(value);
        }))
      known.insert(op.getResult(0));
  // Follow the value until it meets one that does not.
  Wanted wanted;
  wanted.reader = reader;
  wanted.operand = operand;
  llvm::SetVector<Value> reached;
  reached.insert(body.getArgument(operand));
  for (unsigned i = 0; i < reached.size(); ++i)
    for (OpOperand &use : reached[i].getUses()) {
      Operation *user = use.getOwner();
      if (user->getNumResults() == 1 && known.contains(user->getResult(0))) {
        reached.insert(user->getResult(0));
        continue;
      }
      Operation *scalar = reached[i].getDefiningOp();
      if (!scalar || (wanted.scalar && wanted.scalar != scalar))
        return std::nullopt;
      wanted.scalar = scalar;
    }
  if (!wanted.scalar || !isWideFloat(wanted.scalar->getResult(0).getType()) ||
      !sliceOf(wanted.scalar, wanted.slice) ||
      llvm::none_of(wanted.slice, isTranscendental))
    return std::nullopt;
  wanted.operands.push_back(operand);
  for (unsigned other = 0; other < reader->getNumOperands(); ++other) {
    BlockArgument argument = body.getArgument(other);
    bool isRead = llvm::any_of(argument.getUsers(), [&](Operation *user) {
      return llvm::is_contained(wanted.slice, user);
    });
    if (other == operand || !isRead)
      continue;
    wanted.operands.push_back(other);
    // The function is to have no more elements than the value.
    bool isCovered = true;
    factored.getOperandMap(other).walk([&](unsigned, unsigned, SubDimAttr sub) {
      isCovered &=
          sub.isConstant() ||
          (!sub.getClipped() && llvm::is_contained(*factors, sub.getFactor()));
    });
    if (!isCovered)
      return std::nullopt;
  }
  addKey(wanted, *factors);
  return wanted;
}

/// The forward op that computes what all of `readers` want.
static Value createDerivative(Wanted &wanted) {
  FactoredOp reader(wanted.reader.getOperation());
  SmallVector<int64_t> factors =
      *factorsOf(reader.getOperandMap(wanted.operand));
  MLIRContext *context = reader->getContext();
  SmallVector<FactorAttr> space;
  for (int64_t factor : factors) {
    FactorAttr old = reader.getFactorList()[factor];
    space.push_back(FactorAttr::get(context, old.getName(), old.getBound(),
                                    FactorKind::Parallel, old.getExtent(),
                                    old.getTerms()));
  }
  auto renumber = [&](IndexMapAttr map) {
    return map.replace([&](SubDimAttr sub) -> SmallVector<SubDimAttr> {
      if (sub.isConstant())
        return {sub};
      int64_t place = llvm::find(factors, sub.getFactor()) - factors.begin();
      return {SubDimAttr::get(context, place, sub.getOffset(), sub.getBound())};
    });
  };
  SmallVector<Value> operands;
  SmallVector<IndexMapAttr> maps;
  Operation *last = nullptr;
  for (unsigned operand : wanted.operands) {
    Value value = reader->getOperand(operand);
    operands.push_back(value);
    maps.push_back(renumber(reader.getOperandMap(operand)));
    Operation *producer = value.getDefiningOp();
    if (producer && (!last || last->isBeforeInBlock(producer)))
      last = producer;
  }
  OpBuilder builder(context);
  builder.setInsertionPointAfter(last);
  Value kept = reader->getOperand(wanted.operand);
  std::string name =
      (cast<FactoredOp>(kept.getDefiningOp()).getFactoredName() + ".derivative")
          .str();
  Block &body = wanted.reader.getBody().front();
  GenericOp op = createGeneric(
      builder, wanted.scalar->getLoc(), name, space, operands, maps,
      {wanted.scalar->getResult(0).getType()}, {maps[0]},
      [&](OpBuilder &inner, ValueRange arguments) -> SmallVector<Value> {
        IRMapping mapping;
        for (auto [argument, operand] : llvm::zip(arguments, wanted.operands))
          mapping.map(body.getArgument(operand), argument);
        for (Operation *scalar : wanted.slice)
          inner.clone(*scalar, mapping);
        return {mapping.lookup(wanted.scalar->getResult(0))};
      });
  op.setPass(Segment::Forward);
  return op.getOutputs()[0];
}

/// Reads the derivative where it was computed.
static void readDerivative(const Wanted &wanted, Value derivative) {
  GenericOp reader = wanted.reader;
  FactoredOp factored(reader.getOperation());
  SmallVector<Attribute> maps;
  for (unsigned i = 0; i < reader->getNumOperands(); ++i)
    maps.push_back(factored.getOperandMap(i));
  maps.push_back(factored.getOperandMap(wanted.operand));
  Value argument = reader.getBody().front().addArgument(
      wanted.scalar->getResult(0).getType(), wanted.scalar->getLoc());
  wanted.scalar->getResult(0).replaceAllUsesWith(argument);
  reader->insertOperands(reader->getNumOperands(), derivative);
  reader->setAttr("operandMaps", ArrayAttr::get(reader->getContext(), maps));
}

void colossal::keepDerivatives(func::FuncOp function) {
  bool changed = false;
  SmallVector<GenericOp> ops =
      llvm::to_vector(function.front().getOps<GenericOp>());
  for (GenericOp op : ops) {
    if (!isOfPass(op, Segment::Forward) || op->getNumResults() != 1)
      continue;
    Value value = op->getResult(0);
    auto type = cast<RankedTensorType>(value.getType());
    if (!isWideFloat(type.getElementType()))
      continue;
    SmallVector<Wanted> readers;
    bool isWanted = true;
    for (OpOperand &use : value.getUses()) {
      if (isOfPass(use.getOwner(), Segment::Forward))
        continue;
      auto reader = dyn_cast<GenericOp>(use.getOwner());
      std::optional<Wanted> wanted;
      if (reader && isOfPass(reader, Segment::Backward)) {
        factorGradient(reader);
        wanted = wantedOf(reader, use.getOperandNumber());
      }
      isWanted &=
          wanted && (readers.empty() || (readers[0].key == wanted->key &&
                                         readers[0].reader != reader));
      if (!isWanted)
        break;
      readers.push_back(std::move(*wanted));
    }
    if (!isWanted || readers.empty() ||
        readers[0].scalar->getResult(0).getType() != type.getElementType())
      continue;
    Value derivative = createDerivative(readers[0]);
    for (const Wanted &reader : readers)
      readDerivative(reader, derivative);
    changed = true;
  }
  if (changed)
    simplifyBodies(function);
}
