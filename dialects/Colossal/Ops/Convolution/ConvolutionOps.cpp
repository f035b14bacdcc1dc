//===- ConvolutionOps.cpp - Verifiers, syntax, cuts and work --------------===//

#include "Colossal/IR/FactoredChecks.h"
#include "Colossal/IR/FactoredSyntax.h"
#include "Colossal/IR/NarrowFloat.h"
#include "Roles.h"
#include "llvm/ADT/SmallVectorExtras.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::convolution;

//===----------------------------------------------------------------------===//
// Roles
//===----------------------------------------------------------------------===//

std::array<Tensor, 3> convolution::tensorsOf(Operation *op) {
  if (isa<ConvolutionOp>(op))
    return {Tensor::Input, Tensor::Weights, Tensor::Output};
  if (isa<ConvolutionBackwardDataOp>(op))
    return {Tensor::Output, Tensor::Weights, Tensor::Input};
  return {Tensor::Input, Tensor::Output, Tensor::Weights};
}

Roles::Roles(FactoredOp op)
    : factors(op.getFactorList()), tensors(tensorsOf(op)),
      channelsLast(op->hasAttr(channelsLastName)) {
  for (unsigned i = 0; i < 3; ++i)
    maps[unsigned(tensors[i])] =
        i < 2 ? op.getOperandMap(i) : op.getResultMap(0);
  for (unsigned f = 0, e = factors.size(); f < e; ++f) {
    bool x = maps[0].uses(f), w = maps[1].uses(f), y = maps[2].uses(f);
    roles.push_back(x && w && y ? Role::Group
                    : x && y    ? Role::Sample
                    : w && y    ? Role::OutputChannel
                    : x && w    ? Role::InputChannel
                    : x         ? Role::InputPosition
                    : w         ? Role::Tap
                                : Role::OutputPosition);
  }
}

SmallVector<unsigned> Roles::of(Role role) const {
  SmallVector<unsigned> list;
  for (auto [factor, own] : llvm::enumerate(roles))
    if (own == role)
      list.push_back(factor);
  return list;
}

int64_t Roles::size(Role role) const {
  int64_t size = 1;
  for (unsigned factor : of(role))
    size *= factors[factor].getBound();
  return size;
}

unsigned Roles::positionsBegin(Tensor tensor) const {
  return channelsLast && tensor != Tensor::Weights ? 1 : 2;
}

unsigned Roles::channelDim(Tensor tensor) const {
  return positionsBegin(tensor) == 1 ? map(tensor).getDims().size() - 1 : 1;
}

SmallVector<int64_t> Roles::positions(Tensor tensor) const {
  SmallVector<int64_t> sizes = map(tensor).getShape();
  return SmallVector<int64_t>(
      ArrayRef(sizes).slice(positionsBegin(tensor), sizes.size() - 2));
}

//===----------------------------------------------------------------------===//
// Verifiers
//===----------------------------------------------------------------------===//

/// Larger ones have no use, and products with sizes must not overflow.
static constexpr int64_t kMaxStep = 1 << 20;

static LogicalResult verifyAttributes(Operation *op, size_t spatial) {
  for (StringRef name : {"stride", "padding", "dilation"}) {
    ArrayRef<int64_t> values = op->getAttrOfType<DenseI64ArrayAttr>(name);
    int64_t least = name == "padding" ? 0 : 1;
    if (values.size() != spatial || llvm::any_of(values, [&](int64_t value) {
          return value < least || value > kMaxStep;
        }))
      return op->emitOpError("V2: found ")
             << name << " [" << values << "], expected " << spatial
             << " numbers from " << least << " to " << kMaxStep;
  }
  return success();
}

/// V4, for one tensor: its factors are those of the roles, dimension by
/// dimension.
static LogicalResult verifyLayout(Operation *op, const Roles &roles,
                                  Tensor tensor) {
  static const char *const names[] = {"x", "w", "y"};
  static const char *const layouts[2][3] = {
      {"[n, (g, c), positions...]", "[(g, o), c, positions...]",
       "[n, (g, o), positions...]"},
      {"[n, positions..., (g, c)]", "[(g, o), c, positions...]",
       "[n, positions..., (g, o)]"}};
  auto listOf = [&](std::initializer_list<Role> wanted) {
    SmallVector<int64_t> list;
    for (Role role : wanted)
      llvm::append_range(list, roles.of(role));
    return list;
  };
  SmallVector<int64_t> first, second;
  Role position;
  switch (tensor) {
  case Tensor::Input:
    first = listOf({Role::Sample});
    second = listOf({Role::Group, Role::InputChannel});
    position = Role::InputPosition;
    break;
  case Tensor::Weights:
    first = listOf({Role::Group, Role::OutputChannel});
    second = listOf({Role::InputChannel});
    position = Role::Tap;
    break;
  case Tensor::Output:
    first = listOf({Role::Sample});
    second = listOf({Role::Group, Role::OutputChannel});
    position = Role::OutputPosition;
    break;
  }
  bool agrees = true;
  for (auto [dim, entry] : llvm::enumerate(roles.map(tensor).getDims())) {
    SmallVector<int64_t> found = entry.getFactors();
    // Factors are numbered in one order, but a role's need not be.
    if (dim == 0)
      agrees &= found == first;
    else if (dim == roles.channelDim(tensor))
      agrees &= found == second;
    else
      agrees &= llvm::all_of(found, [&](unsigned factor) {
        return roles.roles[factor] == position;
      });
  }
  if (agrees)
    return success();
  return op->emitOpError("V4: found ")
         << names[unsigned(tensor)] << " by " << roles.map(tensor)
         << ", expected " << layouts[roles.channelsLast][unsigned(tensor)]
         << ", each role's factors in order";
}

static LogicalResult verifyConvolution(FactoredOp op) {
  if (failed(verifyFactored(op, op->getAttrOfType<ArrayAttr>("factors"),
                            op->getAttrOfType<ArrayAttr>("operandMaps"),
                            op->getAttrOfType<ArrayAttr>("resultMaps"))))
    return failure();
  auto result = cast<RankedTensorType>(op->getResult(0).getType());
  int64_t rank = result.getRank();
  Type element = getElementTypeOrSelf(op->getOperand(0));
  bool keepsSum = isNarrowFloat(element) && result.getElementType().isF32();
  for (Type type : op->getOperandTypes()) {
    auto own = cast<RankedTensorType>(type);
    if (rank < 3 || rank > 5 || own.getRank() != rank ||
        !isa<FloatType>(own.getElementType()) ||
        own.getElementType() != element ||
        (element != result.getElementType() && !keepsSum))
      return op->emitOpError("V1: found ")
             << own << " and result " << result
             << ", expected floats of one type and 3 to 5 dimensions";
  }
  if (failed(verifyAttributes(op, rank - 2)))
    return failure();
  Roles roles(op);
  for (IndexMapAttr map : roles.maps) {
    llvm::SmallDenseSet<int64_t> seen;
    bool once = map.isPlain();
    map.walk([&](unsigned, unsigned, SubDimAttr sub) {
      once &= sub.isConstant() || seen.insert(sub.getFactor()).second;
    });
    if (!once)
      return op->emitOpError("V3: found ")
             << map << ", expected plain factors, each once";
  }
  for (Tensor tensor : roles.tensors)
    if (failed(verifyLayout(op, roles, tensor)))
      return failure();
  for (auto [index, factor] : llvm::enumerate(roles.factors)) {
    bool inResult = op.getResultMap(0).uses(index);
    FactorKind kind = inResult ? FactorKind::Parallel : FactorKind::Sum;
    if (factor.getKind() != kind)
      return op->emitOpError("V5: factor '")
             << factor.getName() << "' is '"
             << stringifyFactorKind(factor.getKind()) << "', expected '"
             << stringifyFactorKind(kind) << "'";
  }
  Block &block = op->getRegion(0).front();
  if (block.getNumArguments() || !llvm::hasSingleElement(block) ||
      !isa<YieldOp>(block.front()) || block.front().getNumOperands())
    return op->emitOpError("V6: the body is not empty");
  return success();
}

//===----------------------------------------------------------------------===//
// Syntax
//===----------------------------------------------------------------------===//

static constexpr StringLiteral parameterNames[] = {"stride", "padding",
                                                   "dilation"};

static SmallVector<FactoredParameter> parameters() {
  return llvm::map_to_vector(parameterNames, [](StringRef name) {
    return FactoredParameter{name, Type()};
  });
}

//===----------------------------------------------------------------------===//
// Cuts and work
//===----------------------------------------------------------------------===//

static bool isPosition(Role role) {
  return role == Role::InputPosition || role == Role::Tap ||
         role == Role::OutputPosition;
}

/// A multiplication and an addition at every tap of every output position.
static cost::Work workOf(FactoredOp op, StringRef rate) {
  Roles roles(op);
  cost::Work work;
  work.kind = cost::Work::Kind::Library;
  work.rate = rate.str();
  work.terms.push_back({2, {}});
  for (auto [index, role] : llvm::enumerate(roles.roles))
    if (role != Role::InputPosition)
      work.terms[0].factors.push_back(index);
  return work;
}

//===----------------------------------------------------------------------===//
// The three ops
//===----------------------------------------------------------------------===//

#define COLOSSAL_CONVOLUTION(Op)                                               \
  LogicalResult Op::verify() {                                                 \
    return verifyConvolution(FactoredOp(getOperation()));                      \
  }                                                                            \
  ParseResult Op::parse(OpAsmParser &parser, OperationState &result) {         \
    return parseFactored(parser, result, parameters());                        \
  }                                                                            \
  void Op::print(OpAsmPrinter &printer) {                                      \
    printFactored(printer, FactoredOp(getOperation()), parameters());          \
  }                                                                            \
  bool Op::isShardable(unsigned factor) {                                      \
    return !isPosition(Roles(FactoredOp(getOperation())).roles[factor]);       \
  }                                                                            \
  SmallVector<SmallVector<unsigned>> Op::getLinearOperandSets() {              \
    return {{0}, {1}};                                                         \
  }                                                                            \
  bool Op::keepsLayout() { return true; }                                      \
  cost::Work Op::getWork() {                                                   \
    return workOf(FactoredOp(getOperation()),                                  \
                  getOperationName().split('.').second);                       \
  }

COLOSSAL_CONVOLUTION(ConvolutionOp)
COLOSSAL_CONVOLUTION(ConvolutionBackwardDataOp)
COLOSSAL_CONVOLUTION(ConvolutionBackwardWeightsOp)
