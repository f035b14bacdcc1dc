//===- CompiledCheck.cpp - Compiled code against the interpreter ----------===//

#include "CompiledCheck.h"
#include "colossal/Lower/LibraryOp.h"
#include "colossal/Reference/Compare.h"
#include "colossal/Reference/Sharding.h"
#include "colossal/Run/Elements.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/Support/Alignment.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

/// How many times as far from f64 as the interpreter in f32 code may be, and
/// how many units in the last place, by norm, in any case.
static constexpr double kDraws = 4.0, kUnits = 16.0;
/// The same for one element, of which a draw says less than of all.
static constexpr double kElementDraws = 32.0;
/// Bytes that no element holds by chance: of floats they are NaN.
static constexpr char kPoison = char(0xff);
/// Like the runtime's arenas.
static constexpr uint64_t kAlignment = 4096;

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

static void writeElements(rank::DType type, const Tensor &tensor, char *to) {
  rank::withElement(type, [&](auto zero) {
    using T = decltype(zero);
    auto *elements = reinterpret_cast<T *>(to);
    for (int64_t i = 0, e = tensor.size(); i < e; ++i) {
      if constexpr (std::is_integral_v<T>)
        elements[i] = tensor.kind == ElementKind::Boolean
                          ? T(tensor.booleans[i])
                          : T(tensor.integers[i]);
      else
        elements[i] = rank::elementOf<T>(tensor.floats[i]);
    }
  });
}

static Tensor readElements(rank::DType type, const Tensor &like,
                           const char *from) {
  Tensor tensor = like;
  rank::withElement(type, [&](auto zero) {
    using T = decltype(zero);
    auto *elements = reinterpret_cast<const T *>(from);
    for (int64_t i = 0, e = tensor.size(); i < e; ++i) {
      if constexpr (std::is_integral_v<T>) {
        if (tensor.kind == ElementKind::Boolean)
          tensor.booleans[i] = uint8_t(elements[i]);
        else
          tensor.integers[i] = int64_t(elements[i]);
      } else {
        tensor.floats[i] = double(elements[i]);
      }
    }
  });
  return tensor;
}

Tensor colossal::reference::roundedTo(rank::DType type, Tensor tensor) {
  if (tensor.kind != ElementKind::Float)
    return tensor;
  std::vector<char> bytes(tensor.size() * rank::bytesOf(type));
  writeElements(type, tensor, bytes.data());
  return readElements(type, tensor, bytes.data());
}

/// Half of the distance between 1 and the next number.
static double unitOf(rank::DType type) {
  switch (type) {
  case rank::DType::F64:
    return std::ldexp(1.0, -53);
  case rank::DType::BF16:
    return std::ldexp(1.0, -9);
  case rank::DType::F16:
    return std::ldexp(1.0, -12);
  default:
    return std::ldexp(1.0, -24);
  }
}

/// Below it numbers lose digits, or are taken for zero.
static double smallestOf(rank::DType type) {
  switch (type) {
  case rank::DType::F64:
    return std::numeric_limits<double>::min();
  case rank::DType::F16:
    return std::ldexp(1.0, -24);
  default:
    return double(std::numeric_limits<float>::min());
  }
}

/// Floats, each up or down by a unit in the last place.
static Tensor movedByAUnit(rank::DType type, Tensor tensor, Random &random) {
  for (double &element : tensor.floats)
    element *= 1.0 + (random.next() % 2 ? 2.0 : -2.0) * unitOf(type);
  return tensor;
}

//===----------------------------------------------------------------------===//
// The group
//===----------------------------------------------------------------------===//

/// What the group makes of its operands.
static FailureOr<DenseMap<Value, TensorRef>>
evaluateGroup(const schedule::Group &group,
              const DenseMap<Value, TensorRef> &inputs, const Place &place,
              bool float32) {
  DenseMap<Value, TensorRef> values = inputs;
  Options options;
  options.float32 = float32;
  for (Operation *op : group.ops) {
    Tensors operands;
    for (Value operand : op->getOperands())
      operands.push_back(values.lookup(operand));
    FailureOr<Tensors> results = evaluate(op, operands, place, options);
    if (failed(results))
      return failure();
    for (auto [value, result] : llvm::zip_equal(op->getResults(), *results))
      values[value] = result;
  }
  return values;
}

static Tensor sumOf(const TensorRef &before, Tensor tensor) {
  if (!before)
    return tensor;
  for (int64_t i = 0, e = tensor.size(); i < e; ++i) {
    if (tensor.kind == ElementKind::Float)
      tensor.floats[i] += before->floats[i];
    else if (tensor.kind == ElementKind::Integer)
      tensor.integers[i] =
          int64_t(uint64_t(tensor.integers[i]) + uint64_t(before->integers[i]));
  }
  return tensor;
}

//===----------------------------------------------------------------------===//
// Comparison
//===----------------------------------------------------------------------===//

namespace {
/// The norm of what differs, and the worst element. Equal infinities, and NaN
/// at the same place, do not differ.
struct Distance {
  double norm = 0.0;
  int64_t worst = -1;

  Distance(const Tensor &a, const Tensor &b) {
    double square = 0.0, largest = 0.0;
    for (int64_t i = 0, e = a.size(); i < e; ++i) {
      double x = a.number(i), y = b.number(i);
      if (x == y || (std::isnan(x) && std::isnan(y)))
        continue;
      double difference = std::fabs(x - y);
      if (!std::isfinite(difference))
        difference = std::numeric_limits<double>::infinity();
      square += difference * difference;
      if (difference > largest || worst < 0) {
        largest = difference;
        worst = i;
      }
    }
    norm = std::sqrt(square);
  }
};
} // namespace

static int64_t numDifferent(const Tensor &a, const Tensor &b) {
  int64_t count = 0;
  for (int64_t i = 0, e = a.size(); i < e; ++i)
    count += a.number(i) != b.number(i);
  return count;
}

bool CompiledCheck::compare(const Tensor &found, const Tensor &expected,
                            llvm::ArrayRef<Tensor> draws, rank::DType type,
                            size_t output, std::string &error) const {
  llvm::raw_string_ostream text(error);
  if (expected.kind != ElementKind::Float) {
    int64_t different = numDifferent(found, expected);
    int64_t undecided = 0;
    for (const Tensor &draw : draws)
      undecided = std::max(undecided, numDifferent(draw, expected));
    if (different <= kDraws * undecided)
      return true;
    int64_t worst = Distance(found, expected).worst;
    text << "its code gives output " << output << " " << different
         << " elements that the op does not, such as element " << worst << ": "
         << int64_t(found.number(worst)) << ", expected "
         << int64_t(expected.number(worst));
    return false;
  }
  Distance distance(found, expected);
  double drawn = 0.0;
  for (const Tensor &draw : draws)
    drawn = std::max(drawn, Distance(draw, expected).norm);
  double allowed =
      std::max(kUnits * unitOf(type) * normOf(expected), kDraws * drawn);
  if (distance.norm > allowed) {
    text << "its code differs from the op in output " << output << " by "
         << llvm::format("%.3g", distance.norm) << " by norm, expected at most "
         << llvm::format("%.3g", allowed) << "; element " << distance.worst
         << " is " << llvm::format("%.9g", found.number(distance.worst))
         << ", expected "
         << llvm::format("%.9g", expected.number(distance.worst));
    return false;
  }
  // Elements of one tensor may be of very different sizes: a mask's constants
  // say nothing of the rest.
  double common =
      drawn / std::sqrt(double(std::max<int64_t>(1, expected.size())));
  for (int64_t i = 0, e = expected.size(); i < e; ++i) {
    double value = expected.floats[i], own = 0.0;
    if (found.floats[i] == value || !std::isfinite(value))
      continue; // infinities were compared above
    for (const Tensor &draw : draws)
      own = std::max(own, std::fabs(draw.floats[i] - value));
    double limit = kElementDraws * (unitOf(type) * std::fabs(value) +
                                    smallestOf(type) + own + common);
    if (std::fabs(found.floats[i] - value) <= limit)
      continue;
    text << "its code gives element " << i << " of output " << output << " as "
         << llvm::format("%.9g", found.floats[i]) << ", expected "
         << llvm::format("%.9g", value) << " within "
         << llvm::format("%.3g", limit);
    return false;
  }
  return true;
}

/// Whether library calls alone read a value, in this segment and in those that
/// it is linked to.
static bool onlyCallsRead(Value value) {
  auto function = cast<func::FuncOp>(value.getParentBlock()->getParentOp());
  auto isCall = [](Operation *user) { return isa<lower::LibraryOp>(user); };
  for (OpOperand &use : value.getUses()) {
    if (isCall(use.getOwner()))
      continue;
    auto link = isa<func::ReturnOp>(use.getOwner())
                    ? function.getResultAttrOfType<StringAttr>(
                          use.getOperandNumber(), names::link)
                    : StringAttr();
    if (!link)
      return false;
    for (auto other :
         function->getParentOfType<ModuleOp>().getOps<func::FuncOp>())
      for (BlockArgument argument : other.getArguments())
        if (other.getArgAttr(argument.getArgNumber(), names::link) == link &&
            !llvm::all_of(argument.getUsers(), isCall))
          return false;
  }
  return true;
}

/// What library calls keep for each other of rows that are padding (the
/// logarithm of a sum over nothing) is whatever their code makes
/// of it.
static bool isBetweenCalls(Value value) {
  return isa_and_nonnull<lower::LibraryOp>(value.getDefiningOp()) &&
         onlyCallsRead(value);
}

/// Sets what is padding of a result at `place` to what `expected` has there.
static void forgetPadding(Value value, const Place &place,
                          const Tensor &expected, Tensor &found) {
  auto op = dyn_cast<FactoredOp>(value.getDefiningOp());
  if (!op)
    return;
  unsigned number = cast<OpResult>(value).getResultNumber();
  Layout::ofResult(op, number)
      .forEach(place, [&](int64_t local, int64_t global) {
        if (global < 0)
          found.copyElement(local, expected, local);
      });
}

//===----------------------------------------------------------------------===//
// One call
//===----------------------------------------------------------------------===//

char *CompiledCheck::address(const Operand &operand) {
  std::vector<char> &image = images[operand.inWindow];
  auto *base = reinterpret_cast<char *>(
      llvm::alignAddr(image.data(), llvm::Align(kAlignment)));
  return base + operand.offset;
}

static int64_t bytesOf(const CompiledCheck::Operand &operand) {
  return cast<RankedTensorType>(operand.value.getType()).getNumElements() *
         rank::bytesOf(operand.type);
}

bool CompiledCheck::run(const PairedOp &paired,
                        const std::vector<Operand> &operands,
                        const std::vector<int64_t> &indices, const Place &place,
                        std::string &error) {
  auto call = ops.prepare(*paired.op, error);
  if (!call)
    return false;
  if (scratch.size() < size_t(ops.scratchBytes()) + kAlignment)
    scratch.resize(ops.scratchBytes() + kAlignment);
  for (const Operand &operand : operands) {
    std::vector<char> &image = images[operand.inWindow];
    size_t end = operand.offset + bytesOf(operand) + 2 * kAlignment;
    if (image.size() < end)
      image.resize(end);
  }
  // Outputs first: an operand may lie in the same place.
  DenseMap<Value, TensorRef> inputs;
  for (size_t i = paired.numInputs; i < operands.size(); ++i) {
    std::memset(address(operands[i]), kPoison, bytesOf(operands[i]));
    if (operands[i].before)
      writeElements(operands[i].type, *operands[i].before,
                    address(operands[i]));
  }
  for (size_t i = 0; i < paired.numInputs; ++i) {
    Tensor rounded = roundedTo(operands[i].type, *operands[i].before);
    writeElements(operands[i].type, rounded, address(operands[i]));
    inputs[operands[i].value] = share(std::move(rounded));
  }
  std::vector<char *> buffers;
  for (const Operand &operand : operands)
    buffers.push_back(address(operand) + operand.viewOffset);
  auto *scratchBase = reinterpret_cast<char *>(
      llvm::alignAddr(scratch.data(), llvm::Align(kAlignment)));
  ops.run(*call, buffers.data(), indices.data(), scratchBase);

  auto exact = evaluateGroup(*paired.group, inputs, place, false);
  auto narrow = evaluateGroup(*paired.group, inputs, place, true);
  DenseMap<Value, TensorRef> moved;
  Random random(1);
  for (size_t i = 0; i < paired.numInputs; ++i)
    moved[operands[i].value] = share(
        movedByAUnit(operands[i].type, *inputs[operands[i].value], random));
  auto neighbour = evaluateGroup(*paired.group, moved, place, false);
  if (failed(exact) || failed(narrow) || failed(neighbour)) {
    error = "its group was not evaluated";
    return false;
  }
  for (size_t i = paired.numInputs; i < operands.size(); ++i) {
    const Operand &output = operands[i];
    auto resultOf = [&](const DenseMap<Value, TensorRef> &values) {
      return sumOf(output.before, *values.lookup(output.value));
    };
    Tensor expected = resultOf(*exact);
    Tensor found = readElements(output.type, expected, address(output));
    if (isBetweenCalls(output.value))
      forgetPadding(output.value, place, expected, found);
    if (!compare(
            found, expected,
            {roundedTo(output.type, resultOf(*narrow)), resultOf(*neighbour)},
            output.type, i - paired.numInputs, error))
      return false;
  }
  return true;
}
