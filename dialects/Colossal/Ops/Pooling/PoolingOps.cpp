//===- PoolingOps.cpp - Verifiers, syntax, cuts and work of pools ---------===//

#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/FactoredSyntax.h"
#include "Roles.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::pooling;

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

static bool isBackward(Operation *op) {
  return isa<MaxPoolBackwardOp, AveragePoolBackwardOp>(op);
}

IndexMapAttr pooling::inputMap(FactoredOp op) {
  return isa<AveragePoolBackwardOp>(op.getOperation()) ? op.getResultMap(0)
                                                       : op.getOperandMap(0);
}

IndexMapAttr pooling::outputMap(FactoredOp op) {
  if (!isBackward(op))
    return op.getResultMap(0);
  return op.getOperandMap(isa<MaxPoolBackwardOp>(op.getOperation()) ? 1 : 0);
}

static ArrayRef<int64_t> listOf(Operation *op, StringRef name) {
  return op->getAttrOfType<DenseI64ArrayAttr>(name).asArrayRef();
}

Pool::Pool(FactoredOp op)
    : max(isa<MaxPoolOp, MaxPoolBackwardOp>(op.getOperation())),
      backward(isBackward(op)) {
  if (!max) {
    countPadding = op->hasAttr("count_padding");
    if (auto given = op->getAttrOfType<IntegerAttr>("divisor"))
      divisor = given.getInt();
  }
  ArrayRef<int64_t> kernel = listOf(op, "kernel");
  for (auto [index, size] : llvm::enumerate(listOf(op, "input"))) {
    rank::PoolDim &dim = dims.emplace_back();
    dim.input = size;
    dim.output = listOf(op, "output")[index];
    dim.kernel = kernel.empty() ? 0 : kernel[index];
    if (kernel.empty())
      continue;
    dim.stride = listOf(op, "stride")[index];
    dim.padding = listOf(op, "padding")[index];
    dim.dilation = listOf(op, "dilation")[index];
  }
  IndexMapAttr x = inputMap(op), y = outputMap(op);
  for (unsigned f = 0, e = op.getFactorList().size(); f < e; ++f)
    roles.push_back(x.uses(f) && y.uses(f) ? Role::Batch
                    : x.uses(f)            ? Role::Input
                    : y.uses(f)            ? Role::Output
                                           : Role::None);
}

SmallVector<unsigned> Pool::factorsOf(Role role) const {
  SmallVector<unsigned> found;
  for (auto [index, own] : llvm::enumerate(roles))
    if (own == role)
      found.push_back(index);
  return found;
}

int64_t Pool::windowElements() const {
  int64_t elements = 1;
  for (const rank::PoolDim &dim : dims)
    elements *=
        dim.kernel ? dim.kernel : (dim.input + dim.output - 1) / dim.output;
  return elements;
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// P3, P4, P5.
static LogicalResult verifyWindows(Operation *op) {
  ArrayRef<int64_t> input = listOf(op, "input"), output = listOf(op, "output");
  ArrayRef<int64_t> kernel = listOf(op, "kernel"),
                    stride = listOf(op, "stride"),
                    padding = listOf(op, "padding"),
                    dilation = listOf(op, "dilation");
  size_t count = input.size(), given = kernel.size();
  if (count < 1 || count > 3 || output.size() != count ||
      (given != 0 && given != count) || stride.size() != given ||
      padding.size() != given || dilation.size() != given)
    return op->emitOpError("P3: found ")
           << count << " input and " << output.size() << " output sizes, "
           << given << " of a kernel, " << stride.size() << " strides, "
           << padding.size() << " paddings and " << dilation.size()
           << " dilations, expected one to three of all, or no kernel";
  auto sized = [](int64_t value, int64_t least) {
    return value >= least && value <= (int64_t(1) << 31);
  };
  __int128 windows = 1;
  for (size_t d = 0; d < count; ++d) {
    bool sound = sized(input[d], 1) && sized(output[d], 1);
    if (sound && given) {
      sound = sized(kernel[d], 1) && sized(stride[d], 1) &&
              sized(padding[d], 0) && sized(dilation[d], 1) &&
              dilation[d] * (kernel[d] - 1) < (int64_t(1) << 31) &&
              padding[d] <= ((kernel[d] - 1) * dilation[d] + 1) / 2;
      windows *= sound ? kernel[d] : 1;
    }
    if (!sound || windows > (int64_t(1) << 31))
      return op->emitOpError("P4: spatial dimension ")
             << d << " has a size that is too small or too large, or a padding "
             << "of more than half of the window";
    if (given && (output[d] - 1) * stride[d] - padding[d] >= input[d])
      return op->emitOpError("P5: the last of ")
             << output[d] << " windows over spatial dimension " << d
             << " begins beyond its " << input[d] << " elements";
  }
  return success();
}

/// P6: the factors of one role, in order, against sizes.
static LogicalResult verifySizes(FactoredOp op, ArrayRef<unsigned> factors,
                                 ArrayRef<int64_t> sizes, StringRef what) {
  SmallVector<FactorAttr> list = op.getFactorList();
  size_t dim = 0;
  int64_t product = 1;
  bool fits = true;
  for (unsigned f : factors) {
    if (list[f].getBound() == 1)
      continue; // of any dimension, also of one that is complete
    while (dim < sizes.size() && product == sizes[dim]) {
      product = 1;
      ++dim;
    }
    product *= list[f].getBound();
    fits &= dim < sizes.size() && list[f].getBound() > 0 &&
            product <= sizes[dim] && sizes[dim] % product == 0;
    if (!fits)
      break;
  }
  for (; fits && dim < sizes.size(); ++dim, product = 1)
    fits &= product == sizes[dim];
  if (fits)
    return success();
  return op->emitOpError("P6: the ")
         << what << " factors do not multiply to the " << what << " sizes ["
         << sizes << "]";
}

static LogicalResult verifyPool(FactoredOp op, ArrayAttr factors,
                                ArrayAttr operandMaps, ArrayAttr resultMaps) {
  unsigned operands = isa<MaxPoolBackwardOp>(op.getOperation()) ? 2 : 1;
  if (op->getNumOperands() != operands || op->getNumResults() != 1)
    return op->emitOpError("P1: found ")
           << op->getNumOperands() << " operands and " << op->getNumResults()
           << " results, expected " << operands << " and 1";
  if (failed(verifyFactored(op, factors, operandMaps, resultMaps)))
    return failure();
  Block &block = op->getRegion(0).front();
  if (block.getNumArguments() != 0 || !llvm::hasSingleElement(block) ||
      !isa<YieldOp>(block.back()) || block.back().getNumOperands() != 0)
    return op->emitOpError("P1: the body yields nothing");
  Type element = getElementTypeOrSelf(op->getResult(0));
  for (Value operand : op->getOperands())
    if (!isa<FloatType>(element) || getElementTypeOrSelf(operand) != element)
      return op->emitOpError("P2: found elements of types ")
             << getElementTypeOrSelf(operand) << " and " << element
             << ", expected one type of floats";
  if (failed(verifyWindows(op)))
    return failure();
  Pool pool(op);
  if (pool.divisor < 0)
    return op->emitOpError("P7: found the divisor ")
           << pool.divisor << ", expected at least 1, or 0";
  // x and dx have the same factors, once each.
  SmallVector<IndexMapAttr> inputs = {inputMap(op)};
  if (isa<MaxPoolBackwardOp>(op.getOperation()))
    inputs.push_back(op.getResultMap(0));
  IndexMapAttr y = outputMap(op);
  SmallVector<FactorAttr> list = op.getFactorList();
  for (auto [f, factor, role] : llvm::enumerate(list, pool.roles)) {
    auto expectUses = [&](IndexMapAttr map, unsigned expected) {
      unsigned uses = 0;
      bool plain = true;
      map.walk([&, f = int64_t(f)](unsigned, unsigned, SubDimAttr sub) {
        uses += sub.getFactor() == f;
        plain &= sub.getFactor() != f || sub.isPlain();
      });
      return plain && uses == expected;
    };
    bool sound = role != Role::None;
    for (IndexMapAttr map : inputs)
      sound &= expectUses(map, role != Role::Output);
    sound &= expectUses(y, role != Role::Input);
    bool missing = role == (pool.backward ? Role::Output : Role::Input);
    sound &= factor.isParallel() != missing;
    if (role != Role::Batch)
      sound &= !factor.isLocal() && factor.getExtent() == factor.getBound();
    if (!sound)
      return op->emitOpError("P6: factor '")
             << factor.getName()
             << "' is cut, shifted, of the wrong kind, or not used once by "
                "each tensor of its role";
  }
  if (failed(verifySizes(op, pool.factorsOf(Role::Input), listOf(op, "input"),
                         "input")))
    return failure();
  return verifySizes(op, pool.factorsOf(Role::Output), listOf(op, "output"),
                     "output");
}

//===----------------------------------------------------------------------===//
// Work
//===----------------------------------------------------------------------===//

/// One flop for each element of a window.
static cost::Work workOf(FactoredOp op, StringRef rate, double perElement) {
  Pool pool(op);
  cost::Work work;
  work.kind = cost::Work::Kind::Library;
  work.rate = rate.str();
  cost::FlopTerm term;
  term.perPoint = perElement * double(pool.windowElements());
  for (auto [index, role] : llvm::enumerate(pool.roles))
    if (role != Role::Input)
      term.factors.push_back(index);
  work.terms.push_back(std::move(term));
  return work;
}

//===----------------------------------------------------------------------===//
// The ops
//===----------------------------------------------------------------------===//

#define COLOSSAL_POOL(Op, rate, perElement, linear)                            \
  LogicalResult Op::verify() {                                                 \
    return verifyPool(FactoredOp(getOperation()), getFactors(),                \
                      getOperandMaps(), getResultMaps());                      \
  }                                                                            \
  ParseResult Op::parse(OpAsmParser &parser, OperationState &result) {         \
    return parseFactored(parser, result, {});                                  \
  }                                                                            \
  void Op::print(OpAsmPrinter &printer) { printFactored(printer, *this, {}); } \
  bool Op::isShardable(unsigned factor) {                                      \
    FactoredOp op(getOperation());                                             \
    return inputMap(op).uses(factor) && outputMap(op).uses(factor);            \
  }                                                                            \
  bool Op::keepsLayout() { return true; }                                      \
  SmallVector<SmallVector<unsigned>> Op::getLinearOperandSets() {              \
    return linear;                                                             \
  }                                                                            \
  cost::Work Op::getWork() {                                                   \
    return workOf(FactoredOp(getOperation()), rate, perElement);               \
  }

using Sets = SmallVector<SmallVector<unsigned>>;
COLOSSAL_POOL(MaxPoolOp, "max_pool", 1, Sets())
COLOSSAL_POOL(MaxPoolBackwardOp, "max_pool_backward", 2, Sets({{1}}))
COLOSSAL_POOL(AveragePoolOp, "average_pool", 1, Sets({{0}}))
COLOSSAL_POOL(AveragePoolBackwardOp, "average_pool_backward", 1, Sets({{0}}))
