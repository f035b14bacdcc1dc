//===- NarrowKernelsTest.cpp - Kernels over floats of 16 bits -------------===//
//
// Every number of 16 bits is read as what it is; what is stored is rounded to
// nearest, ties to even, overflows to infinity, and stays NaN; sums are f32
// until they are stored. Element by element, without a tolerance.
//
//===----------------------------------------------------------------------===//

#include "Harness.h"
#include "colossal/Support/NarrowFloats.h"

#include <cmath>

using namespace colossal;
using namespace colossal::lower::test;

namespace {

template <class T> struct Named;
template <> struct Named<BFloat16> {
  static constexpr const char *name = "bf16";
};
template <> struct Named<Float16> {
  static constexpr const char *name = "f16";
};

/// `@` is the type.
template <class T> std::string programOf(std::string text) {
  for (size_t at; (at = text.find('@', text.find("@f") + 1)) != text.npos;)
    text.replace(at, 1, Named<T>::name);
  return text;
}

Conditions exactly(std::vector<double> numbers) {
  Conditions setup;
  setup.numbers = std::move(numbers);
  setup.special = true;
  setup.tolerance = 0;
  return setup;
}

template <class T> class NarrowKernels : public testing::Test {};
using Types = testing::Types<BFloat16, Float16>;
TYPED_TEST_SUITE(NarrowKernels, Types);

} // namespace

template <class T> static std::vector<double> allNumbers() {
  std::vector<double> numbers;
  for (uint32_t bits = 0; bits < 1 << 16; ++bits) {
    T number;
    number.bits = uint16_t(bits);
    numbers.push_back(number);
  }
  return numbers;
}

TYPED_TEST(NarrowKernels, ReadAllNumbers) {
  compare(programOf<TypeParam>(R"(
    func.func @f(%x: tensor<256x256x@>) -> tensor<256x256xf32> {
      %y = colossal.generic "widen" [i = 256, k = 256] (%x : [i, k]) -> ([i, k]) {
        ^bb0(%0: @):
          %1 = arith.extf %0 : @ to f32
          colossal.yield %1 : f32
      } : (tensor<256x256x@>) -> tensor<256x256xf32>
      return %y : tensor<256x256xf32>
    })"),
          exactly(allNumbers<TypeParam>()));
}

/// Each number, the middle between it and the next, and what is just beside
/// the middle: of both signs.
TYPED_TEST(NarrowKernels, RoundWhatTheyStore) {
  std::vector<double> all = allNumbers<TypeParam>(), numbers;
  for (size_t i = 0; i + 1 < all.size(); ++i) {
    if (!std::isfinite(all[i]) || !std::isfinite(all[i + 1]))
      continue;
    float middle = float((all[i] + all[i + 1]) / 2);
    for (float x : {float(all[i]), middle, std::nextafter(middle, 1e30f),
                    std::nextafter(middle, -1e30f)})
      numbers.push_back(x);
  }
  for (float x : {INFINITY, -INFINITY, NAN, 65519.0f, 65520.0f, 65536.0f,
                  -65520.0f, 3.4028234e38f, 1e-40f, -1e-45f})
    numbers.push_back(x);
  numbers.resize(256 * 1024, 1.0);
  compare(programOf<TypeParam>(R"(
    func.func @f(%x: tensor<256x1024xf32>) -> tensor<256x1024x@> {
      %y = colossal.generic "narrow" [i = 256, k = 1024] (%x : [i, k]) -> ([i, k]) {
        ^bb0(%0: f32):
          %1 = arith.truncf %0 : f32 to @
          colossal.yield %1 : @
      } : (tensor<256x1024xf32>) -> tensor<256x1024x@>
      return %y : tensor<256x1024x@>
    })"),
          exactly(numbers));
}

/// Products that leave the range, upwards and downwards.
TYPED_TEST(NarrowKernels, ComputeInF32) {
  for (const char *factor : {"3.0", "1.0e-3"}) {
    std::string text = R"(
    func.func @f(%x: tensor<256x256x@>) -> tensor<256x256x@> {
      %y = colossal.generic "scale" [i = 256, k = 256] (%x : [i, k]) -> ([i, k]) {
        ^bb0(%0: @):
          %c = arith.constant FACTOR : f32
          %1 = arith.extf %0 : @ to f32
          %2 = arith.mulf %1, %c : f32
          %3 = arith.truncf %2 : f32 to @
          colossal.yield %3 : @
      } : (tensor<256x256x@>) -> tensor<256x256x@>
      return %y : tensor<256x256x@>
    })";
    text.replace(text.find("FACTOR"), 6, factor);
    compare(programOf<TypeParam>(text), exactly(allNumbers<TypeParam>()));
  }
}

/// What is rounded in the middle of a body is a number of the type.
TYPED_TEST(NarrowKernels, RoundInside) {
  std::vector<double> numbers;
  for (int i = 0; i < 64 * 64; ++i)
    numbers.push_back(float(std::ldexp(1.0 + i / 4096.0, i % 40 - 25)));
  compare(programOf<TypeParam>(R"(
    func.func @f(%x: tensor<64x64xf32>) -> tensor<64x64xi1> {
      %y = colossal.generic "isExact" [i = 64, k = 64] (%x : [i, k]) -> ([i, k]) {
        ^bb0(%0: f32):
          %1 = arith.truncf %0 : f32 to @
          %2 = arith.extf %1 : @ to f32
          %3 = arith.truncf %2 : f32 to @
          %4 = arith.extf %3 : @ to f32
          %5 = arith.cmpf oeq, %2, %4 : f32
          colossal.yield %5 : i1
      } : (tensor<64x64xf32>) -> tensor<64x64xi1>
      return %y : tensor<64x64xi1>
    })"),
          exactly(numbers));
}

/// Partial sums beyond f16's range; the last row's sum is itself beyond it.
TYPED_TEST(NarrowKernels, SumInF32) {
  std::vector<double> numbers(8 * 64, 0.0);
  for (int row = 0; row < 8; ++row)
    for (int k = 0; k < 64; ++k)
      numbers[size_t(row * 64 + k)] =
          row == 7 ? 32768.0
                   : (k < 32 ? 16384.0 : -16384.0) + (k == 40) * 512.0;
  compare(programOf<TypeParam>(R"(
    func.func @f(%x: tensor<8x64x@>) -> tensor<8x@> {
      %y = colossal.generic "sum" [i = 8, k = 64 : sum] (%x : [i, k]) -> ([i]) {
        ^bb0(%0: @):
          colossal.yield %0 : @
      } : (tensor<8x64x@>) -> tensor<8x@>
      return %y : tensor<8x@>
    })"),
          exactly(numbers));
}
