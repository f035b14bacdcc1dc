//===- ScalarProgram.cpp - Compiles bodies to bytecode --------------------===//

#include "ScalarInstructions.h"
#include "colossal/Support/Random.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

using Instruction = ScalarProgram::Instruction;
using Code = ScalarProgram::Code;

static unsigned widthOf(Type type) {
  return isa<IntegerType>(type) ? type.getIntOrFloatBitWidth() : 64;
}

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
      .Case([&](WidenOp) { return is(Code::TruncI); })
      .Case([&](WrapOp) { return is(Code::ExtUI, 8); })
      .Case([&](math::IsNaNOp) { return is(Code::IsNaN); })
      .Case([&](math::IsInfOp) { return is(Code::IsInf); })
      .Case([&](math::IsFiniteOp) { return is(Code::IsFinite); })
      .Case([&](math::FPowIOp) { return is(Code::FPowI); })
      .Case([&](RandomOp random) {
        is(Code::Random);
        result.stream = random::streamOf(random.getStream());
        return result;
      })
      .Default([](Operation *) { return std::nullopt; });
}

/// Ops of the block on which `values` depend, in order.
static std::vector<Operation *> slice(Block &block, ValueRange values) {
  llvm::SmallPtrSet<Operation *, 16> needed;
  SmallVector<Value> worklist(values);
  while (!worklist.empty()) {
    Operation *op = worklist.pop_back_val().getDefiningOp();
    if (!op || !needed.insert(op).second)
      continue;
    if (auto own = dyn_cast<WithDerivativeOp>(op))
      worklist.push_back(own.getValue());
    else
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
    if (auto own = dyn_cast<WithDerivativeOp>(op)) {
      numbers[own.getResult()] = numberOf(own.getValue());
      continue;
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
