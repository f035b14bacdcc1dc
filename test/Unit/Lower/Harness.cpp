//===- Harness.cpp - Compiled groups against the interpreter --------------===//

#include "Harness.h"
#include "Colossal/IR/NarrowFloat.h"
#include "Colossal/IR/UnsignedByte.h"
#include "Colossal/Ops/Attention/Run/Call.h"
#include "Colossal/Ops/WholeOps.h"

#include "colossal/Emit/CompileKernels.h"
#include "colossal/Lower/LowerGroup.h"
#include "colossal/Reference/Compare.h"
#include "colossal/Schedule/Cpu/KernelPlanner.h"
#include "colossal/Support/NarrowFloats.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"

#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <set>

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::schedule;
using reference::Tensor;
using reference::TensorRef;

using Bytes = std::vector<uint8_t>;

static int64_t widthOf(Type element) {
  return element.isInteger(1) ? 1 : element.getIntOrFloatBitWidth() / 8;
}

/// The number of 16 bits that is nearest, from it or to its memory.
template <class Visit>
static void withNarrow(Type element, double number, Visit visit) {
  if (element.isF16())
    visit(Float16(float(number)));
  else
    visit(BFloat16(float(number)));
}

/// The interpreter's tensor as the runtime stores it.
static Bytes pack(const Tensor &tensor, Type element) {
  int64_t width = widthOf(element);
  Bytes bytes(tensor.size() * width);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    uint8_t *to = bytes.data() + i * width;
    double number = tensor.number(i);
    float single = number;
    int64_t integer = tensor.kind == reference::ElementKind::Integer
                          ? tensor.integers[i]
                          : int64_t(number);
    int32_t narrow = integer;
    if (isNarrowFloat(element))
      withNarrow(element, number,
                 [&](auto rounded) { std::memcpy(to, &rounded, 2); });
    else if (element.isF32())
      std::memcpy(to, &single, 4);
    else if (element.isF64())
      std::memcpy(to, &number, 8);
    else
      std::memcpy(to, width == 4 ? (void *)&narrow : (void *)&integer, width);
  }
  return bytes;
}

static Tensor unpack(const Bytes &bytes, RankedTensorType type) {
  Tensor tensor = Tensor::zeros(type);
  Type element = type.getElementType();
  int64_t width = widthOf(element);
  for (int64_t i = 0; i < tensor.size(); ++i) {
    const uint8_t *from = bytes.data() + i * width;
    float single = 0;
    double number = 0;
    int64_t integer = 0;
    int32_t narrow = 0;
    if (isNarrowFloat(element))
      withNarrow(element, 0, [&](auto stored) {
        std::memcpy(&stored, from, 2);
        number = stored;
      });
    else if (element.isF32())
      std::memcpy(&single, from, 4), number = single;
    else if (element.isF64())
      std::memcpy(&number, from, 8);
    else if (width == 4)
      std::memcpy(&narrow, from, 4), integer = narrow;
    else {
      std::memcpy(&integer, from, width);
      number = integer = wrapped(element, integer);
    }
    if (tensor.kind == reference::ElementKind::Integer)
      tensor.integers[i] = integer;
    else
      tensor.setNumber(i, number);
  }
  return tensor;
}

namespace {

/// The arrays of one program, and its library.
class Machine {
public:
  Machine(const lower::test::Conditions &conditions, void *library)
      : conditions(conditions), library(library) {}

  std::map<void *, Bytes> memory; ///< by the value

  Bytes &of(Value value) { return memory[value.getAsOpaquePointer()]; }

  void runKernel(const Group &group, const LoweredGroup &lowered) {
    std::vector<int64_t> integers = indices(lowered.op);
    std::vector<Bytes> first;
    // One piece, pieces of one unit, uneven pieces; the last time in place.
    for (int attempt = 0; attempt < 4; ++attempt) {
      std::vector<Bytes> outputs;
      for (Value value : group.outputs)
        outputs.push_back(of(value));
      std::vector<void *> pointers;
      for (Value value : group.inputs)
        pointers.push_back(of(value).data());
      std::set<unsigned> taken;
      for (auto [number, output] : llvm::enumerate(outputs)) {
        if (attempt == 3)
          for (auto [input, paired] : group.inPlace)
            if (paired == number && taken.insert(input).second) {
              output = of(group.inputs[input]);
              pointers[input] = output.data();
              break;
            }
        pointers.push_back(output.data());
      }
      call(lowered.op.symbol, pointers, integers, lowered.op.range, attempt);
      if (attempt == 0)
        first = outputs;
      for (auto [number, output] : llvm::enumerate(outputs))
        EXPECT_EQ(output, first[number])
            << group.name() << ", output " << number << ", attempt " << attempt;
    }
    for (auto [value, bytes] : llvm::zip(group.outputs, first))
      of(value) = bytes;
  }

  void runGemm(const LoweredGroup &lowered) {
    const rank::Gemm &g = lowered.op.gemm;
    auto at = [&](unsigned i) {
      return (float *)(of(lowered.operands[i]).data() + lowered.offsets[i]);
    };
    const float *a = at(0), *b = at(1);
    float *c = at(2);
    int64_t count = 1;
    for (int64_t size : g.batch)
      count *= size;
    for (int64_t number = 0; number < count; ++number) {
      int64_t rest = number, ao = 0, bo = 0, co = 0;
      for (int i = g.batch.size() - 1; i >= 0; --i) {
        int64_t index = rest % g.batch[i];
        rest /= g.batch[i];
        ao += index * g.aBatch[i];
        bo += index * g.bBatch[i];
        co += index * g.cBatch[i];
      }
      for (int64_t m = 0; m < g.m; ++m)
        for (int64_t n = 0; n < g.n; ++n) {
          double sum = 0;
          for (int64_t k = 0; k < g.k; ++k)
            sum += double(a[ao + m * g.aM + k * g.aK]) *
                   b[bo + k * g.bK + n * g.bN];
          float &to = c[co + m * g.cM + n * g.cN];
          to = g.accumulate ? to + sum : sum;
        }
    }
  }

  void runAttention(const Group &group, const LoweredGroup &lowered);

private:
  const lower::test::Conditions &conditions;
  void *library;

  std::vector<int64_t> indices(const rank::Op &op) {
    std::vector<int64_t> integers;
    for (const rank::AffineOffset &offset : op.indices) {
      int64_t sum = offset.constant;
      for (auto &[axis, stride] : offset.terms)
        sum += conditions.place.coordinate(axis) * stride;
      integers.push_back(sum);
    }
    return integers;
  }

  void call(const std::string &symbol, std::vector<void *> &pointers,
            std::vector<int64_t> &integers, int64_t range, int attempt) {
    auto function = (rank::KernelFunction)dlsym(library, symbol.c_str());
    ASSERT_TRUE(function) << symbol;
    rank::ColossalArgs args{pointers.data(), integers.data()};
    int64_t piece = attempt == 0   ? range
                    : attempt == 1 ? 1
                                   : std::max<int64_t>(1, range * 2 / 5);
    // Last piece first: no piece depends on another.
    int64_t pieces = (range + piece - 1) / piece;
    for (int64_t p = pieces - 1; p >= 0; --p)
      function(&args, p * piece, std::min(range, (p + 1) * piece));
  }
};

} // namespace

void Machine::runAttention(const Group &group, const LoweredGroup &lowered) {
  rank::Attention a = rank::attentionOf(lowered.op.library);
  bool backward = a.backward;
  unsigned outputs = lowered.op.numOutputs;
  unsigned inputs = lowered.operands.size() - outputs;
  unsigned firstExtra = backward ? 6 : 3;
  auto element = [&](unsigned t, int64_t b, int64_t h, int64_t p,
                     int64_t f) -> float & {
    const auto &s = a.strides[t];
    float *base =
        (float *)(of(lowered.operands[t]).data() + lowered.offsets[t]);
    return base[b * s[0] + h * s[1] + p * s[2] + f * s[3]];
  };
  std::vector<int64_t> integers = indices(lowered.op);
  integers.resize(integers.size() + 2);
  for (int64_t b = 0; b < a.batch; ++b)
    for (int64_t h = 0; h < a.heads; ++h) {
      std::vector<float> scores(a.queries * a.keys);
      for (int64_t q = 0; q < a.queries; ++q)
        for (int64_t k = 0; k < a.keys; ++k) {
          double sum = 0;
          for (int64_t f = 0; f < a.qkFeatures; ++f)
            sum += double(element(0, b, h, q, f)) * element(1, b, h, k, f);
          bool hidden = a.causal && k > q + a.causalOffset;
          scores[q * a.keys + k] = hidden ? -INFINITY : sum * a.scale;
        }
      if (!a.kernel.empty()) {
        std::vector<void *> pointers = {scores.data()};
        for (unsigned t = firstExtra; t < inputs; ++t)
          pointers.push_back(of(lowered.operands[t]).data());
        integers[integers.size() - 2] = b;
        integers[integers.size() - 1] = h;
        call(a.kernel, pointers, integers, a.queries, 2);
      }
      for (int64_t q = 0; q < a.queries; ++q) {
        if (!backward) {
          double largest = -INFINITY, sum = 0;
          for (int64_t k = 0; k < a.keys; ++k)
            largest = std::max<double>(largest, scores[q * a.keys + k]);
          for (int64_t k = 0; k < a.keys; ++k)
            sum += std::exp(scores[q * a.keys + k] - largest);
          double lse = largest + std::log(sum);
          element(inputs + 1, b, h, q, 0) = lse;
          for (int64_t f = 0; f < a.vFeatures; ++f) {
            double out = 0;
            for (int64_t k = 0; k < a.keys; ++k)
              out += std::exp(scores[q * a.keys + k] - lse) *
                     element(2, b, h, k, f);
            element(inputs, b, h, q, f) = out;
          }
          continue;
        }
        double lse = element(4, b, h, q, 0), delta = 0;
        for (int64_t f = 0; f < a.vFeatures; ++f)
          delta += double(element(3, b, h, q, f)) * element(5, b, h, q, f);
        for (int64_t f = 0; f < a.qkFeatures; ++f)
          element(inputs, b, h, q, f) = 0;
        for (int64_t k = 0; k < a.keys; ++k) {
          double p = std::exp(scores[q * a.keys + k] - lse), dp = 0;
          for (int64_t f = 0; f < a.vFeatures; ++f) {
            dp += double(element(5, b, h, q, f)) * element(2, b, h, k, f);
            float &dv = element(inputs + 2, b, h, k, f);
            dv = (q ? dv : 0) + p * element(5, b, h, q, f);
          }
          double ds = p * (dp - delta) * a.scale;
          for (int64_t f = 0; f < a.qkFeatures; ++f) {
            element(inputs, b, h, q, f) += ds * element(1, b, h, k, f);
            float &dk = element(inputs + 1, b, h, k, f);
            dk = (q ? dk : 0) + ds * element(0, b, h, q, f);
          }
        }
      }
    }
}

static MLIRContext &context() {
  static MLIRContext *result = [] {
    auto *made = new MLIRContext(MLIRContext::Threading::DISABLED);
    loadDialects(*made);
    return made;
  }();
  return *result;
}

/// Zero where the index of a cut factor is padding, as in all state and
/// batches.
static void clearPadding(Tensor &tensor, IndexMapAttr map,
                         ArrayRef<FactorAttr> factors,
                         const reference::Place &place) {
  int64_t stride = 1;
  for (DimAttr dim : llvm::reverse(map.getDims()))
    for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
      if (sub.isPlain()) {
        int64_t valid = place.validBound(factors[sub.getFactor()]);
        for (int64_t i = 0; i < tensor.size(); ++i)
          if (i / stride % sub.getBound() >= valid)
            tensor.setNumber(i, 0);
      }
      stride *= sub.getBound();
    }
}

static bool isCommunication(Operation *op) {
  return !isa<FactoredOp, ShardSliceOp, ShardMaskOp>(op);
}

/// The results of the function, op by op at a place.
static std::vector<TensorRef> interpret(func::FuncOp function,
                                        ArrayRef<TensorRef> arguments,
                                        const reference::Place &place) {
  DenseMap<Value, TensorRef> values;
  for (auto [argument, tensor] : llvm::zip(function.getArguments(), arguments))
    values[argument] = tensor;
  for (Operation &op : function.getBody().front().without_terminator()) {
    std::vector<TensorRef> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values[operand]);
    if (isCommunication(&op)) {
      for (Value result : op.getResults()) {
        bool same = op.getNumOperands() == 1 &&
                    result.getType() == op.getOperand(0).getType();
        values[result] = same ? operands[0]
                              : reference::share(Tensor::zeros(
                                    cast<RankedTensorType>(result.getType())));
      }
      continue;
    }
    auto results = reference::evaluate(&op, operands, place, {});
    EXPECT_TRUE(succeeded(results));
    for (auto [result, tensor] : llvm::zip(op.getResults(), *results))
      values[result] = tensor;
  }
  std::vector<TensorRef> results;
  for (Value value : function.getBody().front().getTerminator()->getOperands())
    results.push_back(values[value]);
  return results;
}

static void setSpecial(Tensor &tensor) {
  int64_t columns = tensor.shape.back();
  for (size_t i = 0; i < tensor.floats.size(); ++i) {
    int64_t row = i / columns, column = i % columns;
    double &x = tensor.floats[i];
    if (row < 3 && column == columns / 2)
      x = row == 0 ? NAN : row == 1 ? INFINITY : -INFINITY;
    if (row == 3)
      x = column % 2 ? 0.0 : -0.0;
    if (row == 4 && column < 2)
      x = column ? INFINITY : -INFINITY;
  }
}

static void expectElements(const Tensor &found, const Tensor &expected,
                           double tolerance) {
  ASSERT_EQ(found.size(), expected.size());
  for (int64_t i = 0; i < found.size(); ++i) {
    if (found.kind == reference::ElementKind::Integer) {
      EXPECT_EQ(found.integers[i], expected.integers[i]) << "element " << i;
      continue;
    }
    double x = found.number(i), y = expected.number(i);
    bool same = (std::isnan(x) && std::isnan(y)) ||
                (x == y && std::signbit(x) == std::signbit(y)) ||
                std::abs(x - y) <= tolerance * std::abs(y);
    EXPECT_TRUE(same) << "element " << i << " is " << x << ", expected " << y;
  }
}

static void compareFunction(func::FuncOp function,
                            const lower::test::Conditions &conditions,
                            lower::test::Outcome &outcome) {
  SCOPED_TRACE("@" + function.getName().str());
  reference::Random random(7);
  std::vector<TensorRef> arguments;
  for (Value argument : function.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    Tensor tensor = reference::randomTensor(type, random, conditions.deviation,
                                            conditions.low, conditions.high);
    // What f32 holds exactly, so that both sides start alike.
    for (double &value : tensor.floats)
      value = float(conditions.positive ? std::abs(value) : value);
    if (!conditions.numbers.empty() && arguments.empty())
      tensor.floats = conditions.numbers;
    else if (conditions.special && arguments.empty())
      setSpecial(tensor);
    for (OpOperand &use : argument.getUses())
      if (auto op = dyn_cast<FactoredOp>(use.getOwner()))
        clearPadding(tensor, op.getOperandMap(use.getOperandNumber()),
                     op.getFactorList(), conditions.place);
    arguments.push_back(reference::share(std::move(tensor)));
  }
  std::vector<TensorRef> expected =
      interpret(function, arguments, conditions.place);

  prepareForGrouping(function, schedule::cpu::kernelPlanner());
  std::vector<Group> groups =
      groupOps(function, schedule::cpu::kernelPlanner());
  Lowering lowering(&context());
  std::vector<LoweredGroup> lowered;
  for (const Group &group : groups) {
    outcome.kinds.push_back(nameOf(group.kind).str());
    if (group.kind == GroupKind::Alias || isCommunication(group.ops[0])) {
      lowered.emplace_back();
      continue;
    }
    FailureOr<LoweredGroup> op = lowering.lowerGroup(group);
    EXPECT_TRUE(succeeded(op)) << group.name();
    if (failed(op))
      return;
    lowered.push_back(*op);
  }
  for (auto function : lowering.module().getOps<func::FuncOp>())
    outcome.kernels += function ? 1 : 0;
  if (getenv("COLOSSAL_DUMP"))
    lowering.module().dump();

  llvm::SmallString<64> path;
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("kernels", "so", path));
  std::string error;
  emit::TargetOptions options;
  if (const char *dump = getenv("COLOSSAL_DUMP"))
    options.dumpIR = dump;
  auto compiled =
      emit::compileKernels(lowering.module(), options, path.str().str(), error);
  EXPECT_TRUE(compiled) << error;
  if (!compiled)
    return;
  outcome.compileSeconds = compiled->seconds;
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_TRUE(library) << dlerror();
  llvm::sys::fs::remove(path);
  if (!library)
    return;

  Machine machine(conditions, library);
  for (auto [value, tensor] : llvm::zip(function.getArguments(), arguments))
    machine.of(value) =
        pack(*tensor, cast<RankedTensorType>(value.getType()).getElementType());
  for (auto [group, op] : llvm::zip(groups, lowered)) {
    for (auto [number, value] : llvm::enumerate(group.outputs)) {
      auto type = cast<RankedTensorType>(value.getType());
      int64_t bytes = type.getNumElements() * widthOf(type.getElementType());
      // Not zero: a kernel must not rely on what is there.
      machine.of(value).assign(bytes, group.accumulate[number] ? 0 : 0x5A);
    }
    switch (group.kind) {
    case GroupKind::Kernel:
      machine.runKernel(group, op);
      break;
    case GroupKind::Gemm:
      machine.runGemm(op);
      break;
    case GroupKind::Library:
      machine.runAttention(group, op);
      break;
    case GroupKind::Collective:
    case GroupKind::Send:
    case GroupKind::Recv:
      for (Value to : group.outputs) {
        Bytes &bytes = machine.of(to);
        bytes.assign(bytes.size(), 0);
        if (!group.inputs.empty() && group.inputs[0].getType() == to.getType())
          bytes = machine.of(group.inputs[0]);
      }
      break;
    case GroupKind::Alias: {
      Value from = group.inputs[0], to = group.outputs[0];
      int64_t start =
          group.aliasOffset *
          widthOf(cast<RankedTensorType>(to.getType()).getElementType());
      std::memcpy(machine.of(to).data(), machine.of(from).data() + start,
                  machine.of(to).size());
    }
    }
  }
  auto terminator = function.getBody().front().getTerminator();
  for (auto [number, tensor] : llvm::enumerate(expected)) {
    Value value = terminator->getOperand(number);
    Tensor found =
        unpack(machine.of(value), cast<RankedTensorType>(value.getType()));
    // The log-sum-exp of a padding head is whatever the runtime computes.
    if (auto attention = value.getDefiningOp<AttentionOp>())
      clearPadding(found,
                   FactoredOp(attention.getOperation())
                       .getResultMap(cast<OpResult>(value).getResultNumber()),
                   FactoredOp(attention.getOperation()).getFactorList(),
                   conditions.place);
    SCOPED_TRACE("result " + std::to_string(number));
    Tensor wanted = *tensor;
    if (Type element = getElementTypeOrSelf(value.getType());
        isNarrowFloat(element))
      for (double &number : wanted.floats)
        withNarrow(element, number,
                   [&](auto rounded) { number = float(rounded); });
    if (conditions.special)
      expectElements(found, wanted, conditions.tolerance);
    else
      EXPECT_LE(reference::relativeError(found, wanted), conditions.tolerance);
  }
  dlclose(library);
}

lower::test::Outcome lower::test::compare(const std::string &program,
                                          const Conditions &conditions) {
  Outcome outcome;
  auto module = parseSourceString<ModuleOp>(program, &context());
  EXPECT_TRUE(module);
  if (module)
    for (auto function : module->getOps<func::FuncOp>())
      compareFunction(function, conditions, outcome);
  return outcome;
}
