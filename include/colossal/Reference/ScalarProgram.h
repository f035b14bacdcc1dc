//===- ScalarProgram.h - Bodies as register bytecode ------------*- C++ -*-===//
//
// The body of a factored op, compiled once into instructions over registers.
// A register holds a strip: the values of up to `kStrip` consecutive
// iterations, so that the cost of decoding an instruction is shared.
//
// Floats are doubles, whatever their type; extf and truncf do nothing, unless
// `float32` is asked for, when every result of type f32 is rounded to it.
// Integers are int64_t, wrapped to their width and sign-extended; i1 is 0 or 1.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_REFERENCE_SCALARPROGRAM_H
#define COLOSSAL_REFERENCE_SCALARPROGRAM_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal::reference {

/// Iterations that one pass over the instructions evaluates.
inline constexpr int64_t kStrip = 128;

union Word {
  double real;
  int64_t integer;
};

class ScalarProgram {
public:
  /// Compiles what `values` (of the block) depend on. Fails with an error on
  /// the op that is not understood.
  static mlir::FailureOr<ScalarProgram>
  compile(mlir::Block &block, mlir::ValueRange values, bool float32);

  /// Sets the registers of constants. Call once before `run`.
  void prepare();
  /// Evaluates iterations [0, count) of the strip, count <= kStrip.
  void run(int64_t count);

  /// The register of block argument `i`, null where no value needs it.
  Word *argument(unsigned i) { return registerOf(argumentRegisters[i]); }
  /// Registers of `colossal.index` ops: factor name and strip.
  struct Index {
    std::string factor;
    int number;
  };
  llvm::ArrayRef<Index> indices() const { return indexRegisters; }
  Word *registerOf(int number) {
    return number < 0 ? nullptr : registers.data() + number * kStrip;
  }
  Word *value(unsigned i) { return registerOf(valueRegisters[i]); }

  enum class Code : uint8_t;
  struct Instruction {
    Code code;
    uint8_t detail = 0; ///< predicate of a comparison
    uint8_t width = 64; ///< of an integer result
    bool rounds = false;
    int result = -1, a = -1, b = -1, c = -1;
    uint64_t stream = 0; ///< of a random number
  };

private:
  std::vector<Instruction> instructions;
  std::vector<std::pair<int, Word>> constants;
  std::vector<Index> indexRegisters;
  std::vector<int> argumentRegisters, valueRegisters;
  std::vector<Word> registers;
};

} // namespace colossal::reference

#endif // COLOSSAL_REFERENCE_SCALARPROGRAM_H
