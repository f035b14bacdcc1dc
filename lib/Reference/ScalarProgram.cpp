//===- ScalarProgram.cpp - Bodies as register bytecode --------------------===//

#include "colossal/Reference/ScalarProgram.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

// Unary, binary and ternary instructions: name and expression in x, y, z (or
// integers i, j). The compiler and the evaluator both read this list.
#define UNARY_REAL(X)                                                          \
  X(NegF, arith::NegFOp, -x)                                                   \
  X(ExtF, arith::ExtFOp, x)                                                    \
  X(TruncF, arith::TruncFOp, x)                                                \
  X(Exp, math::ExpOp, std::exp(x))                                             \
  X(Exp2, math::Exp2Op, std::exp2(x))                                          \
  X(ExpM1, math::ExpM1Op, std::expm1(x))                                       \
  X(Log, math::LogOp, std::log(x))                                             \
  X(Log2, math::Log2Op, std::log2(x))                                          \
  X(Log10, math::Log10Op, std::log10(x))                                       \
  X(Log1p, math::Log1pOp, std::log1p(x))                                       \
  X(Sqrt, math::SqrtOp, std::sqrt(x))                                          \
  X(Rsqrt, math::RsqrtOp, 1.0 / std::sqrt(x))                                  \
  X(Cbrt, math::CbrtOp, std::cbrt(x))                                          \
  X(Tanh, math::TanhOp, std::tanh(x))                                          \
  X(Sinh, math::SinhOp, std::sinh(x))                                          \
  X(Cosh, math::CoshOp, std::cosh(x))                                          \
  X(Erf, math::ErfOp, std::erf(x))                                             \
  X(Erfc, math::ErfcOp, std::erfc(x))                                          \
  X(Sin, math::SinOp, std::sin(x))                                             \
  X(Cos, math::CosOp, std::cos(x))                                             \
  X(Tan, math::TanOp, std::tan(x))                                             \
  X(Asin, math::AsinOp, std::asin(x))                                          \
  X(Acos, math::AcosOp, std::acos(x))                                          \
  X(Atan, math::AtanOp, std::atan(x))                                          \
  X(AbsF, math::AbsFOp, std::fabs(x))                                          \
  X(Ceil, math::CeilOp, std::ceil(x))                                          \
  X(Floor, math::FloorOp, std::floor(x))                                       \
  X(Round, math::RoundOp, std::round(x))                                       \
  X(RoundEven, math::RoundEvenOp, std::nearbyint(x))                           \
  X(Trunc, math::TruncOp, std::trunc(x))

#define BINARY_REAL(X)                                                         \
  X(AddF, arith::AddFOp, x + y)                                                \
  X(SubF, arith::SubFOp, x - y)                                                \
  X(MulF, arith::MulFOp, x *y)                                                 \
  X(DivF, arith::DivFOp, x / y)                                                \
  X(RemF, arith::RemFOp, std::fmod(x, y))                                      \
  X(MaximumF, arith::MaximumFOp, maximum(x, y))                                \
  X(MinimumF, arith::MinimumFOp, -maximum(-x, -y))                             \
  X(MaxNumF, arith::MaxNumFOp, std::fmax(x, y))                                \
  X(MinNumF, arith::MinNumFOp, std::fmin(x, y))                                \
  X(PowF, math::PowFOp, std::pow(x, y))                                        \
  X(Atan2, math::Atan2Op, std::atan2(x, y))                                    \
  X(CopySign, math::CopySignOp, std::copysign(x, y))

#define BINARY_INTEGER(X)                                                      \
  X(AddI, arith::AddIOp, int64_t(uint64_t(i) + uint64_t(j)))                   \
  X(SubI, arith::SubIOp, int64_t(uint64_t(i) - uint64_t(j)))                   \
  X(MulI, arith::MulIOp, int64_t(uint64_t(i) * uint64_t(j)))                   \
  X(DivSI, arith::DivSIOp, divide(i, j))                                       \
  X(RemSI, arith::RemSIOp, j == 0 || j == -1 ? 0 : i % j)                      \
  X(FloorDivSI, arith::FloorDivSIOp, floorDivide(i, j))                        \
  X(CeilDivSI, arith::CeilDivSIOp, -floorDivide(-i, j))                        \
  X(AndI, arith::AndIOp, i &j)                                                 \
  X(OrI, arith::OrIOp, i | j)                                                  \
  X(XOrI, arith::XOrIOp, i ^ j)                                                \
  X(MinSI, arith::MinSIOp, std::min(i, j))                                     \
  X(MaxSI, arith::MaxSIOp, std::max(i, j))                                     \
  X(ShLI, arith::ShLIOp, int64_t(uint64_t(i) << (j & 63)))                     \
  X(ShRSI, arith::ShRSIOp, i >> (j & 63))

// These look at the operand's bits, zero-extended from its width.
#define BINARY_UNSIGNED(X)                                                     \
  X(DivUI, arith::DivUIOp, v == 0 ? 0 : u / v)                                 \
  X(RemUI, arith::RemUIOp, v == 0 ? 0 : u % v)                                 \
  X(MinUI, arith::MinUIOp, std::min(u, v))                                     \
  X(MaxUI, arith::MaxUIOp, std::max(u, v))                                     \
  X(ShRUI, arith::ShRUIOp, v > 63 ? 0 : u >> v)

enum class ScalarProgram::Code : uint8_t {
#define X(NAME, OP, EXPRESSION) NAME,
  UNARY_REAL(X) BINARY_REAL(X) BINARY_INTEGER(X) BINARY_UNSIGNED(X)
#undef X
      Fma,
  CmpF,
  CmpI,
  CmpU,
  Select,
  SIToFP,
  UIToFP,
  FPToSI,
  AbsI,
  TruncI, ///< also extsi and copies: wraps to the width
  ExtSI1, ///< i1 to -1 or 0
  ExtUI,  ///< zero-extends from `detail` bits
  IsNaN,
  IsInf,
  IsFinite,
  FPowI,
};

/// IEEE maximum: NaN if either is, as arith.maximumf.
static double maximum(double x, double y) {
  if (std::isnan(x) || std::isnan(y))
    return std::numeric_limits<double>::quiet_NaN();
  return x < y ? y : x;
}

/// Division by zero gives 0, not a trap.
static int64_t divide(int64_t i, int64_t j) {
  if (j == 0 || j == -1)
    return j == 0 ? 0 : int64_t(-uint64_t(i));
  return i / j;
}

static int64_t floorDivide(int64_t i, int64_t j) {
  int64_t q = divide(i, j);
  if (j == 0 || j == -1)
    return q;
  return q - ((i % j != 0) && ((i < 0) != (j < 0)) ? 1 : 0);
}

static unsigned widthOf(Type type) {
  return isa<IntegerType>(type) ? type.getIntOrFloatBitWidth() : 64;
}

/// Wraps to `width` bits: i1 is 0 or 1, wider ones are sign-extended.
static int64_t wrap(int64_t value, unsigned width) {
  if (width >= 64)
    return value;
  if (width == 1)
    return value & 1;
  return int64_t(uint64_t(value) << (64 - width)) >> (64 - width);
}

static uint64_t zeroExtend(int64_t value, unsigned width) {
  return width >= 64 ? uint64_t(value)
                     : uint64_t(value) & ((uint64_t(1) << width) - 1);
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

using Instruction = ScalarProgram::Instruction;
using Code = ScalarProgram::Code;

/// The instruction of an op, without registers.
static std::optional<Instruction> selectInstruction(Operation *op) {
  Instruction result;
  auto is = [&](Code code, unsigned detail = 0) {
    result.code = code;
    result.detail = detail;
    return result;
  };
#define X(NAME, OP, EXPRESSION)                                                \
  if (isa<OP>(op))                                                             \
    return is(Code::NAME);
  UNARY_REAL(X)
  BINARY_REAL(X)
  BINARY_INTEGER(X)
#undef X
#define X(NAME, OP, EXPRESSION)                                                \
  if (isa<OP>(op))                                                             \
    return is(Code::NAME, widthOf(op->getOperand(0).getType()));
  BINARY_UNSIGNED(X)
#undef X
  Type from = op->getNumOperands() ? op->getOperand(0).getType() : Type();
  using Result = std::optional<Instruction>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](math::FmaOp) { return is(Code::Fma); })
      .Case([&](arith::SelectOp) { return is(Code::Select); })
      .Case([&](arith::CmpFOp cmp) {
        return is(Code::CmpF, unsigned(cmp.getPredicate()));
      })
      .Case([&](arith::CmpIOp cmp) {
        bool isUnsigned = cmp.getPredicate() >= arith::CmpIPredicate::ult;
        // i1 is held as 0 or 1, but signed comparisons see -1.
        if (widthOf(from) == 1 && !isUnsigned &&
            cmp.getPredicate() >= arith::CmpIPredicate::slt)
          return Result();
        return Result(is(isUnsigned ? Code::CmpU : Code::CmpI,
                         unsigned(cmp.getPredicate())));
      })
      .Case([&](arith::SIToFPOp) {
        return widthOf(from) == 1 ? Result() : Result(is(Code::SIToFP));
      })
      .Case([&](arith::UIToFPOp) { return is(Code::UIToFP, widthOf(from)); })
      .Case<arith::FPToSIOp, arith::FPToUIOp>(
          [&](auto) { return is(Code::FPToSI); })
      .Case([&](math::AbsIOp) { return is(Code::AbsI); })
      .Case([&](arith::TruncIOp) { return is(Code::TruncI); })
      .Case([&](arith::ExtSIOp) {
        return is(widthOf(from) == 1 ? Code::ExtSI1 : Code::TruncI);
      })
      .Case([&](arith::ExtUIOp) { return is(Code::ExtUI, widthOf(from)); })
      .Case([&](math::IsNaNOp) { return is(Code::IsNaN); })
      .Case([&](math::IsInfOp) { return is(Code::IsInf); })
      .Case([&](math::IsFiniteOp) { return is(Code::IsFinite); })
      .Case([&](math::FPowIOp) { return is(Code::FPowI); })
      .Default([](Operation *) { return std::nullopt; });
}

/// Ops of the block on which `values` depend, in order.
static std::vector<Operation *> slice(Block &block, ValueRange values) {
  llvm::SmallPtrSet<Operation *, 16> needed;
  SmallVector<Value> worklist(values);
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (op && needed.insert(op).second)
      llvm::append_range(worklist, op->getOperands());
  }
  std::vector<Operation *> result;
  for (Operation &op : block)
    if (needed.contains(&op))
      result.push_back(&op);
  return result;
}

FailureOr<ScalarProgram> ScalarProgram::compile(Block &block, ValueRange values,
                                                bool float32) {
  ScalarProgram program;
  DenseMap<Value, int> numbers;
  auto numberOf = [&](Value value) {
    return numbers.try_emplace(value, numbers.size()).first->second;
  };
  std::vector<Operation *> ops = slice(block, values);
  for (Operation *op : ops) {
    if (op->getBlock() != &block || op->getNumResults() != 1) {
      op->emitError("the interpreter does not evaluate '")
          << op->getName() << "' in a body";
      return failure();
    }
    int result = -1;
    SmallVector<int, 3> inputs;
    for (Value operand : op->getOperands())
      inputs.push_back(numberOf(operand));
    result = numberOf(op->getResult(0));
    Type type = op->getResult(0).getType();
    bool rounds = float32 && type.isF32();
    if (auto index = dyn_cast<IndexOp>(op)) {
      program.indexRegisters.push_back({index.getFactor().str(), result});
      continue;
    }
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      Word word;
      if (auto real = dyn_cast<FloatAttr>(constant.getValue()))
        word.real = real.getValueAsDouble();
      else if (auto integer = dyn_cast<IntegerAttr>(constant.getValue()))
        word.integer = widthOf(type) == 1
                           ? int64_t(integer.getValue().getZExtValue())
                           : integer.getValue().getSExtValue();
      else {
        op->emitError("the interpreter expects a scalar constant here");
        return failure();
      }
      program.constants.push_back({result, word});
      continue;
    }
    std::optional<Instruction> instruction = selectInstruction(op);
    if (!instruction) {
      op->emitError("the interpreter does not evaluate '")
          << op->getName() << "' in a body";
      return failure();
    }
    instruction->width = widthOf(type);
    instruction->rounds = rounds;
    instruction->result = result;
    int *slots[] = {&instruction->a, &instruction->b, &instruction->c};
    for (auto [slot, input] : llvm::zip(slots, inputs))
      *slot = input;
    program.instructions.push_back(*instruction);
  }
  for (Value value : values)
    program.valueRegisters.push_back(numberOf(value));
  for (BlockArgument argument : block.getArguments()) {
    auto found = numbers.find(argument);
    program.argumentRegisters.push_back(found == numbers.end() ? -1
                                                               : found->second);
  }
  program.registers.resize(numbers.size() * kStrip);
  return program;
}

void ScalarProgram::prepare() {
  for (auto [number, word] : constants)
    std::fill_n(registerOf(number), kStrip, word);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static bool compare(arith::CmpFPredicate predicate, double x, double y) {
  bool unordered = std::isnan(x) || std::isnan(y);
  using P = arith::CmpFPredicate;
  switch (predicate) {
  case P::AlwaysFalse:
    return false;
  case P::AlwaysTrue:
    return true;
  case P::OEQ:
    return x == y;
  case P::OGT:
    return x > y;
  case P::OGE:
    return x >= y;
  case P::OLT:
    return x < y;
  case P::OLE:
    return x <= y;
  case P::ONE:
    return !unordered && x != y;
  case P::ORD:
    return !unordered;
  case P::UEQ:
    return unordered || x == y;
  case P::UGT:
    return unordered || x > y;
  case P::UGE:
    return unordered || x >= y;
  case P::ULT:
    return unordered || x < y;
  case P::ULE:
    return unordered || x <= y;
  case P::UNE:
    return unordered || x != y;
  case P::UNO:
    return unordered;
  }
  return false;
}

template <typename T>
static bool compareIntegers(arith::CmpIPredicate predicate, T i, T j) {
  using P = arith::CmpIPredicate;
  switch (predicate) {
  case P::eq:
    return i == j;
  case P::ne:
    return i != j;
  case P::slt:
  case P::ult:
    return i < j;
  case P::sle:
  case P::ule:
    return i <= j;
  case P::sgt:
  case P::ugt:
    return i > j;
  case P::sge:
  case P::uge:
    return i >= j;
  }
  return false;
}

/// Conversion that saturates; NaN gives 0.
static int64_t toInteger(double x) {
  if (std::isnan(x))
    return 0;
  if (x >= 0x1p63)
    return std::numeric_limits<int64_t>::max();
  if (x <= -0x1p63)
    return std::numeric_limits<int64_t>::min();
  return int64_t(x);
}

void ScalarProgram::run(int64_t count) {
  for (const Instruction &instruction : instructions) {
    Word *out = registerOf(instruction.result);
    const Word *a = registerOf(instruction.a);
    const Word *b = registerOf(instruction.b);
    const Word *c = registerOf(instruction.c);
    unsigned detail = instruction.detail, width = instruction.width;
    switch (instruction.code) {
#define X(NAME, OP, EXPRESSION)                                                \
  case Code::NAME:                                                             \
    for (int64_t e = 0; e < count; ++e) {                                      \
      double x = a[e].real;                                                    \
      out[e].real = EXPRESSION;                                                \
    }                                                                          \
    break;
      UNARY_REAL(X)
#undef X
#define X(NAME, OP, EXPRESSION)                                                \
  case Code::NAME:                                                             \
    for (int64_t e = 0; e < count; ++e) {                                      \
      double x = a[e].real, y = b[e].real;                                     \
      out[e].real = EXPRESSION;                                                \
    }                                                                          \
    break;
      BINARY_REAL(X)
#undef X
#define X(NAME, OP, EXPRESSION)                                                \
  case Code::NAME:                                                             \
    for (int64_t e = 0; e < count; ++e) {                                      \
      int64_t i = a[e].integer, j = b[e].integer;                              \
      out[e].integer = wrap(EXPRESSION, width);                                \
    }                                                                          \
    break;
      BINARY_INTEGER(X)
#undef X
#define X(NAME, OP, EXPRESSION)                                                \
  case Code::NAME:                                                             \
    for (int64_t e = 0; e < count; ++e) {                                      \
      uint64_t u = zeroExtend(a[e].integer, detail);                           \
      uint64_t v = zeroExtend(b[e].integer, detail);                           \
      out[e].integer = wrap(int64_t(EXPRESSION), width);                       \
    }                                                                          \
    break;
      BINARY_UNSIGNED(X)
#undef X
    case Code::Fma:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = std::fma(a[e].real, b[e].real, c[e].real);
      break;
    case Code::CmpF:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer =
            compare(arith::CmpFPredicate(detail), a[e].real, b[e].real);
      break;
    case Code::CmpI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = compareIntegers(arith::CmpIPredicate(detail),
                                         a[e].integer, b[e].integer);
      break;
    case Code::CmpU:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer =
            compareIntegers(arith::CmpIPredicate(detail),
                            uint64_t(a[e].integer), uint64_t(b[e].integer));
      break;
    case Code::Select:
      for (int64_t e = 0; e < count; ++e)
        out[e] = a[e].integer ? b[e] : c[e];
      break;
    case Code::SIToFP:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = double(a[e].integer);
      break;
    case Code::UIToFP:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = double(zeroExtend(a[e].integer, detail));
      break;
    case Code::FPToSI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = wrap(toInteger(a[e].real), width);
      break;
    case Code::AbsI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = wrap(
            a[e].integer < 0 ? int64_t(-uint64_t(a[e].integer)) : a[e].integer,
            width);
      break;
    case Code::TruncI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = wrap(a[e].integer, width);
      break;
    case Code::ExtSI1:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = -a[e].integer;
      break;
    case Code::ExtUI:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = int64_t(zeroExtend(a[e].integer, detail));
      break;
    case Code::IsNaN:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = std::isnan(a[e].real);
      break;
    case Code::IsInf:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = std::isinf(a[e].real);
      break;
    case Code::IsFinite:
      for (int64_t e = 0; e < count; ++e)
        out[e].integer = std::isfinite(a[e].real);
      break;
    case Code::FPowI:
      for (int64_t e = 0; e < count; ++e)
        out[e].real = std::pow(a[e].real, double(b[e].integer));
      break;
    }
    if (instruction.rounds)
      for (int64_t e = 0; e < count; ++e)
        out[e].real = double(float(out[e].real));
  }
}
