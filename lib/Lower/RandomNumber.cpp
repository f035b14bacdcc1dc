//===- RandomNumber.cpp - colossal.random in a kernel ---------------------===//
//
// colossal/Support/Random.h on i32, which vectorises. The words of stream, seed
// and step do not change in a loop.
//
//===----------------------------------------------------------------------===//

#include "RandomNumber.h"
#include "colossal/Support/Random.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;

namespace {

class Emitter {
public:
  explicit Emitter(KernelFrame &frame)
      : frame(frame), b(frame.builder), i32(b.getI32Type()) {}

  Value number(int64_t value) {
    return frame.constant(b.getIntegerAttr(i32, int32_t(value)));
  }
  Value low(Value x) { return arith::TruncIOp::create(b, frame.loc, i32, x); }
  Value high(Value x) { return low(shift64(x)); }
  Value add(Value x, Value y) {
    return arith::AddIOp::create(b, frame.loc, x, y);
  }
  Value exclusiveOr(Value x, Value y) {
    return arith::XOrIOp::create(b, frame.loc, x, y);
  }
  Value times(Value x, uint32_t factor) {
    return arith::MulIOp::create(b, frame.loc, x, number(factor));
  }
  Value shift(Value x, int64_t places) {
    return arith::ShRUIOp::create(b, frame.loc, x, number(places));
  }
  Value mix(Value x) {
    x = times(exclusiveOr(x, shift(x, 16)), random::kFirstFactor);
    x = times(exclusiveOr(x, shift(x, 15)), random::kSecondFactor);
    return exclusiveOr(x, shift(x, 16));
  }

private:
  Value shift64(Value x) {
    return arith::ShRUIOp::create(b, frame.loc, x, frame.constant(32));
  }

  KernelFrame &frame;
  OpBuilder &b;
  Type i32;
};

} // namespace

Value colossal::lower::emitRandom(KernelFrame &frame, RandomOp op,
                                  ValueRange operands, bool isWide) {
  Emitter e(frame);
  OpBuilder &b = frame.builder;
  Value stream = frame.parameter(int64_t(random::streamOf(op.getStream())));
  Value seed = e.low(operands[0]), step = e.low(operands[1]);
  Value first = e.mix(
      e.exclusiveOr(e.mix(e.exclusiveOr(e.mix(e.low(stream)), seed)), step));
  Value second =
      e.mix(e.add(e.mix(e.add(e.mix(e.exclusiveOr(e.high(stream),
                                                  e.number(random::kGolden))),
                              seed)),
                  step));
  Value counter = e.low(operands[2]);
  if (isWide)
    counter = e.add(counter, e.times(e.high(operands[2]), random::kGolden));
  Value bits = e.mix(e.exclusiveOr(e.mix(e.add(counter, first)), second));
  // 24 bits: positive, and exact in f32.
  Value number =
      arith::SIToFPOp::create(b, frame.loc, b.getF32Type(), e.shift(bits, 8));
  return arith::MulFOp::create(b, frame.loc, number,
                               frame.constantOf(b.getF32Type(), 0x1p-24));
}
