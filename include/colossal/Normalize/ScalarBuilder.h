//===- ScalarBuilder.h - Scalar arithmetic in bodies ------------*- C++ -*-===//
//
// Builds the arith and math ops of a body without naming them: `add` is addf
// on floats, addi on integers and a logical or on booleans, as in PyTorch.
// Operands of a binary operation have the same type; `cast` converts. Of ui8
// they compute the numbers and wrap the result (Colossal/IR/UnsignedByte.h).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_NORMALIZE_SCALARBUILDER_H
#define COLOSSAL_NORMALIZE_SCALARBUILDER_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

enum class Relation { Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual };

class ScalarBuilder {
public:
  ScalarBuilder(mlir::OpBuilder &builder, mlir::Location loc)
      : builder(builder), loc(loc) {}

  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Location getLoc() const { return loc; }

  /// Any op with one result: `create<mlir::math::SinOp>(x)`.
  template <typename OpTy, typename... Args>
  mlir::Value create(Args &&...args) {
    return OpTy::create(builder, loc, std::forward<Args>(args)...);
  }

  /// A constant of a float, integer or boolean type. A value that the type
  /// cannot hold exactly is an f64 constant, rounded by truncf: evaluation in
  /// f64 then sees the number that the model's author wrote.
  mlir::Value constant(mlir::Type type, double value);
  mlir::Value integer(mlir::Type type, int64_t value);
  mlir::Value constant(mlir::TypedAttr value);
  mlir::Value zero(mlir::Type type) { return constant(type, 0.0); }
  mlir::Value one(mlir::Type type) { return constant(type, 1.0); }
  mlir::Value infinity(mlir::Type type, bool negative);

  /// The global index of a factor, i64.
  mlir::Value index(llvm::StringRef factor);

  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  /// Division of floats.
  mlir::Value div(mlir::Value a, mlir::Value b);
  /// A NaN operand gives NaN.
  mlir::Value maximum(mlir::Value a, mlir::Value b);
  mlir::Value minimum(mlir::Value a, mlir::Value b);
  mlir::Value negate(mlir::Value a);

  /// An op of `arith` on two integers or truth values, for which numbers of ui8
  /// are i32: `createInteger<arith::AndIOp>(a, b)`.
  template <typename OpTy>
  mlir::Value createInteger(mlir::Value a, mlir::Value b) {
    mlir::Type type = a.getType();
    return cast(create<OpTy>(toNumber(a), toNumber(b)), type);
  }
  /// Integers divided: DivSIOp (toward zero), FloorDivSIOp, or RemSIOp. The
  /// least number of a narrow type divided by -1 wraps around, as in PyTorch.
  template <typename OpTy>
  mlir::Value divideIntegers(mlir::Value a, mlir::Value b) {
    mlir::Type type = a.getType();
    bool isNarrow = type.getIntOrFloatBitWidth() < 32;
    mlir::Type wide = isNarrow ? builder.getI32Type() : type;
    return cast(create<OpTy>(cast(a, wide), cast(b, wide)), type);
  }

  /// Ordered comparison (false on NaN), except NotEqual (true on NaN).
  mlir::Value compare(Relation relation, mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);
  /// `value` where the equations hold, else zero; an id (i32 or i64) for each
  /// that has one.
  mlir::Value where(mlir::Value value, llvm::ArrayRef<EquationAttr> equations,
                    mlir::ValueRange ids = {});
  mlir::Value logicalAnd(mlir::Value a, mlir::Value b);
  mlir::Value logicalOr(mlir::Value a, mlir::Value b);
  mlir::Value logicalNot(mlir::Value a);

  /// `value`, with the derivative `derivatives[i]` by `variables[i]`, and none
  /// by anything else (floats of one type). A derivative that is a choice
  /// between a factor and zero (`select(inside, d, 0)`) chooses the gradient:
  /// what it masks stays zero, also where the gradient is infinite.
  mlir::Value withDerivative(mlir::Value value, mlir::ValueRange variables,
                             mlir::ValueRange derivatives);

  /// Converts between floats, integers and i1 (which is 0 or 1; a number is
  /// true if it differs from 0). Floats become integers by truncation, and
  /// narrow ones wrap around.
  mlir::Value cast(mlir::Value value, mlir::Type type);

private:
  /// Of a ui8, the i32; else the value.
  mlir::Value toNumber(mlir::Value value);

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace colossal

#endif // COLOSSAL_NORMALIZE_SCALARBUILDER_H
