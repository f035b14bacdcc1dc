//===- GenericBuilder.h - Builds one colossal.generic -----------*- C++ -*-===//
//
// A generic reads like its text form:
//
//   GenericBuilder g(builder, loc, "fc/linear.0");
//   g.factor("b", 4);
//   g.factor("n", 12);
//   g.factor("k", 8, FactorKind::Sum);
//   g.operand(x, "[b, k]");
//   g.operand(w, "[n, k]");
//   g.result(f32, "[b, n]");
//   Value y = g.build([](ScalarBuilder &s, ValueRange in) {
//     return s.mul(in[0], in[1]);
//   });
//
// Maps are given as text or as lists of sub-dimensions. A mistake in a map is
// a mistake of the caller: it is reported by the op's verifier, or ends the
// program if the text does not parse.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_NORMALIZE_GENERICBUILDER_H
#define COLOSSAL_NORMALIZE_GENERICBUILDER_H

#include "colossal/Normalize/ScalarBuilder.h"

namespace colossal {

class GenericBuilder {
public:
  GenericBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                 llvm::StringRef name)
      : builder(builder), loc(loc), name(name.str()) {}

  //===--------------------------------------------------------------------===//
  // Factors
  //===--------------------------------------------------------------------===//

  /// Adds a factor and returns its number. A name that is taken gets a number
  /// appended (`d`, `d1`; `d0`, `d0_1`).
  int64_t factor(llvm::StringRef name, int64_t bound,
                 FactorKind kind = FactorKind::Parallel);
  /// Adds a factor as it stands (local factors included); the name must be new.
  int64_t factor(FactorAttr factor);
  llvm::ArrayRef<FactorAttr> getFactors() const { return factors; }
  FactorAttr getFactor(int64_t number) const { return factors[number]; }
  /// Number of the factor with this name, -1 if there is none.
  int64_t lookup(llvm::StringRef name) const;
  llvm::StringRef nameOf(int64_t number) const {
    return factors[number].getName();
  }
  void setKind(int64_t number, FactorKind kind);

  //===--------------------------------------------------------------------===//
  // Index maps
  //===--------------------------------------------------------------------===//

  /// The factor, which covers the sub-dimension.
  SubDimAttr plain(int64_t number) const;
  /// factor + offset in a sub-dimension of size `bound`.
  SubDimAttr clipped(int64_t number, int64_t offset, int64_t bound) const;
  /// Index `index` in a sub-dimension of size `bound`.
  SubDimAttr constant(int64_t index, int64_t bound) const;

  /// One plain factor a dimension.
  IndexMapAttr map(llvm::ArrayRef<int64_t> numbers) const;
  /// A list of sub-dimensions a dimension.
  IndexMapAttr
  map(llvm::ArrayRef<llvm::SmallVector<SubDimAttr>> dimensions) const;
  /// Text form: `[(b, s), n]`, `[k, (0 of 3, h, d)]`, `[b, s + 1 of 8]`.
  IndexMapAttr map(llvm::StringRef text) const;

  //===--------------------------------------------------------------------===//
  // Operands, results, body
  //===--------------------------------------------------------------------===//

  /// Adds an operand and returns its number.
  unsigned operand(mlir::Value value, IndexMapAttr map);
  unsigned operand(mlir::Value value, llvm::StringRef text) {
    return operand(value, map(text));
  }
  /// Adds a result; its shape follows from the map.
  void result(mlir::Type elementType, IndexMapAttr map);
  void result(mlir::Type elementType, llvm::StringRef text) {
    result(elementType, map(text));
  }

  /// The op's attributes of these names.
  GenericBuilder &group(llvm::StringRef groupName);
  GenericBuilder &keep();
  GenericBuilder &noGradient();

  using Body =
      llvm::function_ref<mlir::Value(ScalarBuilder &, mlir::ValueRange)>;
  using Bodies = llvm::function_ref<llvm::SmallVector<mlir::Value>(
      ScalarBuilder &, mlir::ValueRange)>;

  /// Builds a generic of one result; `body` gets one element of each operand.
  mlir::Value build(Body body);
  /// Builds a generic of any number of results.
  GenericOp buildMany(Bodies body);

private:
  mlir::OpBuilder &builder;
  mlir::Location loc;
  std::string name;
  llvm::SmallVector<FactorAttr> factors;
  llvm::SmallVector<mlir::Value> operands;
  llvm::SmallVector<IndexMapAttr> operandMaps;
  llvm::SmallVector<mlir::Type> resultTypes;
  llvm::SmallVector<IndexMapAttr> resultMaps;
  llvm::SmallVector<mlir::NamedAttribute> attributes;
};

/// Builds an op with factors, maps and a one-block region whose arguments have
/// types `arguments`; used for generics and for whole ops. `body` returns what
/// the block yields.
mlir::Operation *createFactored(
    mlir::OpBuilder &builder, mlir::Location loc, llvm::StringRef opName,
    llvm::StringRef name, llvm::ArrayRef<FactorAttr> factors,
    mlir::ValueRange operands, llvm::ArrayRef<IndexMapAttr> operandMaps,
    mlir::TypeRange resultTypes, llvm::ArrayRef<IndexMapAttr> resultMaps,
    llvm::ArrayRef<mlir::NamedAttribute> attributes, mlir::TypeRange arguments,
    GenericBuilder::Bodies body);

} // namespace colossal

#endif // COLOSSAL_NORMALIZE_GENERICBUILDER_H
