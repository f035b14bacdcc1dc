//===- RandomNumber.cpp - Random numbers for the elements of a tensor -----===//

#include "RandomNumber.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

RandomNumber::RandomNumber(Call &c, GenericBuilder &g, StringRef stream)
    : g(g), stream(stream.str()),
      seed(g.operand(c.state.control("seed", 0.0), "[]")),
      step(g.operand(c.state.control("step", std::nullopt), "[]")) {}

Value RandomNumber::at(ScalarBuilder &s, ValueRange in,
                       ArrayRef<int64_t> factors) const {
  OpBuilder &builder = s.getBuilder();
  Type i64 = builder.getI64Type();
  Value number = mixedRadix(g, s, factors);
  return s.create<RandomOp>(builder.getF32Type(), builder.getStringAttr(stream),
                            s.cast(in[seed], i64), s.cast(in[step], i64),
                            number);
}
