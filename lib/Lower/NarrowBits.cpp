//===- NarrowBits.cpp - Floats of 16 bits in kernels ----------------------===//
//
// The formulas of Support/NarrowFloats.h, by integers: CPUs without
// instructions for them would call a function for each number.
//
//===----------------------------------------------------------------------===//

#include "NarrowBits.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;

namespace {

/// Writes integer arithmetic on the bits of f32.
struct Bits {
  KernelFrame &frame;
  OpBuilder &builder = frame.builder;
  Location loc = frame.loc;
  Type i32 = builder.getI32Type(), f32 = builder.getF32Type();

  Value number(int64_t n) { return frame.constantOf(i32, double(n)); }
  Value add(Value a, Value b) {
    return arith::AddIOp::create(builder, loc, a, b);
  }
  Value add(Value a, int64_t n) { return add(a, number(n)); }
  Value mask(Value a, int64_t n) {
    return arith::AndIOp::create(builder, loc, a, number(n));
  }
  Value join(Value a, Value b) {
    return arith::OrIOp::create(builder, loc, a, b);
  }
  Value left(Value a, int64_t n) {
    return arith::ShLIOp::create(builder, loc, a, number(n));
  }
  Value right(Value a, int64_t n) {
    return arith::ShRUIOp::create(builder, loc, a, number(n));
  }
  /// For numbers without a sign.
  Value isAtLeast(Value a, int64_t n) {
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::sge, a,
                                 number(n));
  }
  Value select(Value condition, Value a, Value b) {
    return arith::SelectOp::create(builder, loc, condition, a, b);
  }
  Value toFloat(Value bits) {
    return arith::BitcastOp::create(builder, loc, f32, bits);
  }
  Value ofFloat(Value value) {
    return arith::BitcastOp::create(builder, loc, i32, value);
  }
  Value addFloats(Value a, double b) {
    return arith::AddFOp::create(builder, loc, a, frame.constantOf(f32, b));
  }
};

} // namespace

static constexpr int64_t kInfinity = 0x7f800000, kSize = 0x7fffffff;

static Value widenBFloat16(Bits b, Value whole) {
  return b.toFloat(b.left(whole, 16));
}

static Value narrowBFloat16(Bits b, Value value) {
  Value whole = b.ofFloat(value), upper = b.right(whole, 16);
  Value half = b.add(b.mask(upper, 1), 0x7fff);
  Value rounded = b.right(b.add(whole, half), 16);
  Value quiet = b.join(upper, b.number(0x40));
  Value isNan = arith::CmpFOp::create(b.builder, b.loc,
                                      arith::CmpFPredicate::UNO, value, value);
  return b.select(isNan, quiet, rounded);
}

static Value widenFloat16(Bits b, Value whole) {
  Value size = b.left(b.mask(whole, 0x7fff), 13);
  Value small =
      b.ofFloat(b.addFloats(b.toFloat(b.add(size, 113 << 23)), -0x1p-14));
  Value normal = b.add(size, 112 << 23);
  Value large = b.add(size, 224 << 23); // infinities and NaN
  Value widened = b.select(b.isAtLeast(size, 1 << 23), normal, small);
  widened = b.select(b.isAtLeast(size, 31 << 23), large, widened);
  return b.toFloat(b.join(widened, b.left(b.mask(whole, 0x8000), 16)));
}

static Value narrowFloat16(Bits b, Value value) {
  Value whole = b.ofFloat(value), size = b.mask(whole, kSize);
  Value half = b.add(b.mask(b.right(size, 13), 1), 0xfff - (112 << 23));
  Value normal = b.right(b.add(size, half), 13);
  Value small =
      b.add(b.ofFloat(b.addFloats(b.toFloat(size), 0.5)), -0x3f000000);
  Value large = b.select(b.isAtLeast(size, kInfinity + 1), b.number(0x7e00),
                         b.number(0x7c00));
  Value narrow = b.select(b.isAtLeast(size, 113 << 23), normal, small);
  narrow = b.select(b.isAtLeast(size, 143 << 23), large, narrow);
  return b.join(narrow, b.mask(b.right(whole, 16), 0x8000));
}

Value lower::widenBits(KernelFrame &frame, Type element, Value bits) {
  Bits b{frame};
  Value whole = arith::ExtUIOp::create(b.builder, b.loc, b.i32, bits);
  return element.isBF16() ? widenBFloat16(b, whole) : widenFloat16(b, whole);
}

Value lower::narrowBits(KernelFrame &frame, Type element, Value value) {
  Bits b{frame};
  Value narrow =
      element.isBF16() ? narrowBFloat16(b, value) : narrowFloat16(b, value);
  return arith::TruncIOp::create(b.builder, b.loc, b.builder.getI16Type(),
                                 narrow);
}
