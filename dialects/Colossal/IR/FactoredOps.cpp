//===- FactoredOps.cpp - Verifiers and cloning of factored ops ------------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/FactoredSyntax.h"
#include "Colossal/IR/MeshAttribute.h"
#include "llvm/ADT/SmallSet.h"

using namespace mlir;
using namespace colossal;

#define GET_OP_CLASSES
#include "Colossal/IR/ColossalOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Checks shared by all factored ops
//===----------------------------------------------------------------------===//

bool colossal::isCountable(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return false;
  __int128 elements = 1;
  for (int64_t size : tensor.getShape())
    // Each at least 1, so that a size of 0 does not hide others.
    if ((elements *= std::max<int64_t>(size, 1)) > kMaxElements)
      return false;
  return true;
}

/// C1: one map per tensor, of its shape.
static LogicalResult verifyMaps(Operation *op, ArrayAttr maps, TypeRange types,
                                int64_t numFactors, StringRef what) {
  if (maps.size() != types.size())
    return op->emitOpError("C1: found ")
           << maps.size() << " " << what << " maps, expected " << types.size();
  for (auto [index, attr, type] : llvm::enumerate(maps, types)) {
    auto map = dyn_cast<IndexMapAttr>(attr);
    if (!map)
      return op->emitOpError("C1: ")
             << what << " map " << index << " is not a #colossal.map";
    if (!isCountable(type))
      return op->emitOpError("C1: ")
             << what << " " << index << " has type " << type
             << ", expected known sizes and at most " << kMaxElements
             << " elements";
    bool isSized = true;
    map.walk([&](unsigned, unsigned, SubDimAttr sub) {
      isSized &= sub.getBound() >= 0 && sub.getBound() <= kMaxElements &&
                 std::abs(sub.getOffset()) <= kMaxElements;
    });
    if (!isSized)
      return op->emitOpError("C1: ")
             << what << " map " << index
             << " has a size or an offset that no tensor has";
    auto tensor = cast<RankedTensorType>(type);
    // Sizes that no tensor has would wrap around in the product.
    for (DimAttr dim : map.getDims()) {
      __int128 size = 1;
      for (SubDimAttr sub : dim.getSubDims())
        if ((size *= std::max<int64_t>(sub.getBound(), 1)) > kMaxElements)
          return op->emitOpError("C1: ")
                 << what << " map " << index << " has a dimension of more than "
                 << kMaxElements << " elements";
    }
    SmallVector<int64_t> shape = map.getShape();
    if (ArrayRef<int64_t>(shape) != tensor.getShape())
      return op->emitOpError("C1: ")
             << what << " " << index << " has type " << tensor
             << ", but its index map has shape [" << shape << "]";
    bool inRange = true;
    map.walk([&](unsigned, unsigned, SubDimAttr sub) {
      inRange &= sub.getFactor() >= -1 && sub.getFactor() < numFactors;
      inRange &= !sub.isConstant() ||
                 (sub.getOffset() >= 0 && sub.getOffset() < sub.getBound());
    });
    if (!inRange)
      return op->emitOpError("C1: ")
             << what << " map " << index
             << " names a factor or an index that does not exist";
  }
  return success();
}

/// C7: the parts of a factor that is cut.
static LogicalResult verifyCut(Operation *op, FactorAttr factor) {
  auto fail = [&] {
    return op->emitOpError("C7: factor '")
           << factor.getName() << "' has bound " << factor.getBound() << " of "
           << factor.getExtent() << ", expected ";
  };
  if (!factor.isLocal() && factor.getExtent() != factor.getBound())
    return fail() << "the axes that cut it";
  llvm::SmallSet<StringRef, 4> seen;
  for (AxisTermAttr term : factor.getTerms()) {
    StringRef axis = term.getAxis().getValue();
    if (!seen.insert(axis).second)
      return fail() << "'" << axis << "' to cut it at most once";
    std::optional<int64_t> size = sizeOfAxis(op, axis);
    if (size && *size != term.getSize())
      return fail() << "axes of the mesh, found '" << axis << "' of size "
                    << term.getSize();
  }
  return success();
}

LogicalResult colossal::verifyFactored(FactoredOp op, ArrayAttr factors,
                                       ArrayAttr operandMaps,
                                       ArrayAttr resultMaps) {
  llvm::SmallSet<StringRef, 8> names;
  __int128 iterations = 1;
  for (Attribute attr : factors) {
    auto factor = dyn_cast<FactorAttr>(attr);
    if (!factor)
      return op->emitOpError("C4: factors must be #colossal.factor");
    bool isSound = factor.getBound() >= 0 && factor.getExtent() >= 0 &&
                   factor.getBound() <= kMaxElements &&
                   factor.getExtent() <= kMaxElements;
    for (AxisTermAttr term : factor.getTerms())
      isSound &= term.getSize() >= 1 && term.getSize() <= kMaxElements &&
                 term.getStride() >= 0 && term.getStride() <= kMaxElements;
    iterations *= std::max<int64_t>(factor.getBound(), 1);
    if (!isSound || iterations > (__int128(1) << 62))
      return op->emitOpError("C4: factor '")
             << factor.getName() << "' has bound " << factor.getBound()
             << " of " << factor.getExtent()
             << ", expected sizes that are not negative, of at most "
             << kMaxElements << ", and 2^62 iterations of all";
    if (!names.insert(factor.getName()).second)
      return op->emitOpError("C4: factor '")
             << factor.getName() << "' is defined twice";
    if (failed(verifyCut(op, factor)))
      return failure();
  }
  if (failed(verifyMaps(op, operandMaps, op->getOperandTypes(), factors.size(),
                        "operand")) ||
      failed(verifyMaps(op, resultMaps, op->getResultTypes(), factors.size(),
                        "result")))
    return failure();
  if (failed(verifyPlacement(PlacedOp(op.getOperation()))))
    return failure();
  // A plain sub-dimension covers its factor.
  SmallVector<FactorAttr> list = op.getFactorList();
  for (ArrayAttr maps : {operandMaps, resultMaps})
    for (Attribute attr : maps) {
      LogicalResult ok = success();
      cast<IndexMapAttr>(attr).walk([&](unsigned, unsigned, SubDimAttr sub) {
        if (sub.isPlain() && sub.getBound() != list[sub.getFactor()].getBound())
          ok = op->emitOpError("C1: factor '")
               << list[sub.getFactor()].getName() << "' has bound "
               << list[sub.getFactor()].getBound()
               << ", but indexes a sub-dimension of size " << sub.getBound();
      });
      if (failed(ok))
        return failure();
    }
  WalkResult walk = op->getRegion(0).walk([&](IndexOp index) {
    if (names.contains(index.getFactor()))
      return WalkResult::advance();
    index.emitOpError("B2: found '")
        << index.getFactor() << "', expected the name of a factor";
    return WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// GenericOp
//===----------------------------------------------------------------------===//

OperandRange GenericOp::getYielded() {
  return getBody().front().getTerminator()->getOperands();
}

bool GenericOp::isAllParallel() {
  return llvm::all_of(getFactors(), [](Attribute attr) {
    return cast<FactorAttr>(attr).isParallel();
  });
}

LogicalResult GenericOp::verify() {
  FactoredOp op(getOperation());
  if (failed(
          verifyFactored(op, getFactors(), getOperandMaps(), getResultMaps())))
    return failure();
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (unsigned index = 0, e = getNumResults(); index < e; ++index) {
    IndexMapAttr map = op.getResultMap(index);
    SmallVector<unsigned> uses(factors.size(), 0);
    map.walk([&](unsigned, unsigned, SubDimAttr sub) {
      if (!sub.isConstant())
        ++uses[sub.getFactor()];
    });
    if (!map.isPlain())
      return emitOpError("C2: the map of result ")
             << index << " has a constant or an offset";
    for (auto [factor, count] : llvm::zip(factors, uses))
      if (count != (factor.isParallel() ? 1u : 0u))
        return emitOpError("C2: factor '")
               << factor.getName() << "' occurs " << count
               << " times in the map of result " << index << ", expected "
               << (factor.isParallel() ? 1 : 0);
  }
  std::optional<FactorKind> combiner;
  for (FactorAttr factor : factors) {
    if (factor.isParallel())
      continue;
    if (combiner && *combiner != factor.getKind())
      return emitOpError("C5: reduction factors have different combiners");
    combiner = factor.getKind();
  }
  if (isTuple(op)) {
    if (failed(verifyComponents(*this, combinerOf(*combiner))))
      return failure();
  } else if (combiner) {
    for (Type type : getResultTypes())
      if (failed(verifyCombines(*this, "C6", *combiner,
                                getElementTypeOrSelf(type))))
        return failure();
  }
  Block &block = getBody().front();
  if (block.getNumArguments() != getNumOperands())
    return emitOpError("C3: found ")
           << block.getNumArguments() << " block arguments, expected "
           << getNumOperands();
  for (auto [argument, operand] : llvm::zip(block.getArguments(), getInputs()))
    if (argument.getType() !=
        cast<RankedTensorType>(operand.getType()).getElementType())
      return emitOpError("C3: a block argument has type ")
             << argument.getType() << ", its operand has " << operand.getType();
  if (block.empty() || !isa<YieldOp>(block.back()))
    return emitOpError("C3: the body must end with colossal.yield");
  if (getYielded().size() != getNumResults())
    return emitOpError("C3: found ")
           << getYielded().size() << " yielded values, expected "
           << getNumResults();
  for (auto [value, result] : llvm::zip(getYielded(), getOutputs()))
    if (value.getType() !=
        cast<RankedTensorType>(result.getType()).getElementType())
      return emitOpError("C3: yields ")
             << value.getType() << ", the result has " << result.getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Yield
//===----------------------------------------------------------------------===//

void YieldOp::build(OpBuilder &, OperationState &) {}

//===----------------------------------------------------------------------===//
// Cloning
//===----------------------------------------------------------------------===//

Operation *colossal::cloneFactored(OpBuilder &builder, FactoredOp op,
                                   ValueRange operands, TypeRange resultTypes,
                                   ArrayRef<FactorAttr> factors,
                                   ArrayRef<IndexMapAttr> operandMaps,
                                   ArrayRef<IndexMapAttr> resultMaps) {
  auto toArray = [&](auto list) {
    return builder.getArrayAttr(
        SmallVector<Attribute>(list.begin(), list.end()));
  };
  OperationState state(op->getLoc(), op->getName());
  state.addOperands(operands);
  state.addTypes(resultTypes);
  NamedAttrList attributes(op->getAttrs());
  attributes.set("factors", toArray(factors));
  attributes.set("operandMaps", toArray(operandMaps));
  attributes.set("resultMaps", toArray(resultMaps));
  state.addAttributes(attributes);
  Region *region = state.addRegion();
  IRMapping mapping;
  op->getRegion(0).cloneInto(region, mapping);
  return builder.create(state);
}

//===----------------------------------------------------------------------===//
// WithDerivativeOp
//===----------------------------------------------------------------------===//

/// A known number; nothing else may replace the op before it is differentiated.
OpFoldResult WithDerivativeOp::fold(FoldAdaptor adaptor) {
  return adaptor.getValue();
}
