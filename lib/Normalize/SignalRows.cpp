//===- SignalRows.cpp - Windows, and transforms of short times ------------===//

#include "Bessel.h"
#include "Complex.h"
#include "Elementwise.h"
#include "Rows.h"
#include "Shapes.h"

#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

//===----------------------------------------------------------------------===//
// Windows
//===----------------------------------------------------------------------===//

/// Of `count` elements, a function of k / n with n = `count`, or count - 1
/// where the window is symmetric; one element is 1. `.periodic` says which,
/// else it is periodic. In f64 until it is stored.
static void windowOf(Call &c, unsigned dtype,
                     llvm::function_ref<Value(ScalarBuilder &, Value)> value) {
  int64_t count = c.integer(0);
  bool isPeriodic = !c.key().contains('.') || c.flag(1);
  Type type = c.dtype(dtype, c.builder().getF32Type());
  if (count < 0)
    c.error("a window of " + Twine(count) + " elements");
  if (!isa<FloatType>(type))
    c.error("a window of a type that is no float");
  if (c.failed())
    return;
  GenericBuilder g = c.generic();
  DimFactors dims = addFactors(g, plainDims({count}));
  g.result(type, plainMap(g, dims));
  c.result(g.build([&](ScalarBuilder &s, ValueRange) -> Value {
    Type f64 = s.getBuilder().getF64Type();
    if (count == 1)
      return s.one(type);
    Value index = s.cast(mixedRadix(g, s, dims[0]), f64);
    Value ratio =
        s.div(index, s.constant(f64, double(isPeriodic ? count : count - 1)));
    return s.cast(value(s, ratio), type);
  }));
}

/// The sum of terms[i] cos(2 pi i x).
static void cosineWindow(Call &c, unsigned dtype, ArrayRef<double> terms) {
  windowOf(c, dtype, [&](ScalarBuilder &s, Value x) {
    Type f64 = x.getType();
    Value sum = s.constant(f64, terms[0]);
    for (size_t i = 1; i < terms.size(); ++i) {
      Value angle = s.mul(x, s.constant(f64, 2 * M_PI * double(i)));
      sum = s.add(
          sum, s.mul(s.constant(f64, terms[i]), s.create<math::CosOp>(angle)));
    }
    return sum;
  });
}

/// Where the dtype is: behind the length, and behind what the overload adds.
static unsigned dtypeOfWindow(Call &c) {
  return llvm::StringSwitch<unsigned>(c.key().split('.').second)
      .Case("periodic", 2)
      .Case("periodic_alpha", 3)
      .Case("periodic_alpha_beta", 4)
      .Default(1);
}

static void hannWindow(Call &c) {
  cosineWindow(c, dtypeOfWindow(c), {0.5, -0.5});
}
static void hammingWindow(Call &c) {
  unsigned dtype = dtypeOfWindow(c);
  double alpha = dtype > 2 ? c.real(2) : 0.54;
  double beta = dtype > 3 ? c.real(3) : 0.46;
  cosineWindow(c, dtype, {alpha, -beta});
}
static void blackmanWindow(Call &c) {
  cosineWindow(c, dtypeOfWindow(c), {0.42, -0.5, 0.08});
}

/// I0(beta sqrt(1 - y^2)) / I0(beta), y from -1 to 1.
static void kaiserWindow(Call &c) {
  unsigned dtype = c.key().ends_with(".beta") ? 3 : dtypeOfWindow(c);
  double beta = dtype > 2 ? c.real(2) : 12.0;
  windowOf(c, dtype, [&](ScalarBuilder &s, Value x) {
    Type f64 = x.getType();
    auto number = [&](double value) { return s.constant(f64, value); };
    Value y = s.sub(s.mul(number(2), x), number(1));
    Value rest = s.maximum(s.sub(number(1), s.mul(y, y)), number(0));
    Value argument = s.mul(number(beta), s.create<math::SqrtOp>(rest));
    return s.div(besselOf(s, argument, 0, false),
                 besselOf(s, number(beta), 0, false));
  });
}

/// A triangle.
static void bartlettWindow(Call &c) {
  windowOf(c, dtypeOfWindow(c), [](ScalarBuilder &s, Value x) {
    Type f64 = x.getType();
    Value twice = s.mul(s.constant(f64, 2), x);
    return s.minimum(twice, s.sub(s.constant(f64, 2), twice));
  });
}

//===----------------------------------------------------------------------===//
// Transforms of short times
//===----------------------------------------------------------------------===//

namespace {
/// What stft and istft share.
struct Frames {
  explicit Frames(Call &c) : n(c.integer(1)) {
    hop = c.isNone(2) ? n / 4 : c.integer(2);
    int64_t length = c.isNone(3) ? n : c.integer(3);
    if (n < 1 || hop < 1 || length < 1 || length > n)
      c.error("found n_fft = " + Twine(n) + ", hop_length = " + Twine(hop) +
              ", win_length = " + Twine(length) +
              ", expected 0 < win_length <= n_fft and 0 < hop_length");
    if (c.failed() || c.isNone(4)) {
      // Ones, but for what the window leaves free on both sides.
      if (!c.failed() && length < n)
        window = c.call("aten::ones", {c.numbers({length}), Item()});
    } else {
      window = c.item(4);
      if (c.type(4).getRank() != 1 || c.type(4).getDimSize(0) != length)
        c.error("found a window of shape " + shapeText(c.type(4).getShape()) +
                ", expected " + Twine(length) + " elements");
    }
    int64_t left = (n - length) / 2;
    if (!c.failed() && !window.isNone() && length < n)
      window =
          c.call("aten::constant_pad_nd",
                 {window, c.numbers({left, n - length - left}), c.number(0.0)});
  }
  int64_t n, hop;
  Item window; ///< n elements; none: ones
};
} // namespace

static Item norm(Call &c, bool normalized) {
  return normalized ? c.string("ortho") : Item();
}

/// stft(x, n_fft, hop_length, win_length, window, normalized, onesided,
/// return_complex): [.., frequencies, frames].
static void shortTimeTransform(Call &c) {
  int64_t rank = c.type(0).getRank();
  if (rank != 1 && rank != 2)
    return c.error("expected a signal, or a batch of them");
  Frames frames(c);
  if (c.failed())
    return;
  int64_t last = c.type(0).getShape().back();
  if (frames.n > last)
    return c.error("found n_fft = " + Twine(frames.n) + " for a signal of " +
                   Twine(last) + " elements");
  Item x = c.call("aten::unfold", {c.item(0), c.number(int64_t(-1)),
                                   c.number(frames.n), c.number(frames.hop)});
  if (!frames.window.isNone())
    x = c.call("aten::mul.Tensor", {x, frames.window});
  bool isHalf = c.isNone(6) || c.flag(6);
  Item y = c.call(isHalf ? "aten::fft_rfft" : "aten::fft_fft",
                  {x, Item(), c.number(int64_t(-1)), norm(c, c.flag(5))});
  y = c.call("aten::transpose.int",
             {y, c.number(int64_t(-1)), c.number(int64_t(-2))});
  bool isComplex = c.isNone(7) || c.flag(7);
  c.result(isComplex ? y : c.call("aten::view_as_real", {y}));
}

/// istft(x, n_fft, hop_length, win_length, window, center, normalized,
/// onesided, length): frames added up where they overlap, divided by the sum
/// of the squares of their windows there.
static void inverseShortTimeTransform(Call &c) {
  const Item &spectrum = c.item(0);
  if (!spectrum.isComplex())
    return c.error("expected complex frames");
  bool isHalf = c.isNone(7) || c.flag(7);
  if (!isHalf || (!c.isNone(9) && c.flag(9)))
    return c.error("expected half of a spectrum and real signals");
  Item real = c.call("aten::real", {spectrum});
  if (c.failed())
    return;
  auto shape = cast<RankedTensorType>(c.tensor(real).getType()).getShape();
  int64_t rank = shape.size(), count = shape.back();
  if (rank != 2 && rank != 3)
    return c.error("expected the frames of a signal, or of a batch");
  Frames frames(c);
  if (c.failed())
    return;
  int64_t batch = rank == 3 ? shape[0] : 1, n = frames.n;
  Item x = c.call("aten::transpose.int",
                  {spectrum, c.number(int64_t(-1)), c.number(int64_t(-2))});
  x = c.call("aten::fft_irfft",
             {x, c.number(n), c.number(int64_t(-1)), norm(c, c.flag(6))});
  Item square = c.call("aten::ones", {c.numbers({n}), Item()});
  if (!frames.window.isNone()) {
    x = c.call("aten::mul.Tensor", {x, frames.window});
    square = c.call("aten::mul.Tensor", {frames.window, frames.window});
  }
  int64_t whole = n + frames.hop * (count - 1);
  auto overlapped = [&](Item parts, int64_t rows) {
    parts = c.call("aten::reshape", {parts, c.numbers({rows, count, n})});
    parts = c.call("aten::transpose.int",
                   {parts, c.number(int64_t(1)), c.number(int64_t(2))});
    return c.call("aten::col2im",
                  {parts, c.numbers({1, whole}), c.numbers({1, n}),
                   c.numbers({1, 1}), c.numbers({0, 0}),
                   c.numbers({1, frames.hop})});
  };
  Item sum = overlapped(x, batch);
  square = c.call("aten::expand",
                  {c.call("aten::reshape", {square, c.numbers({1, n})}),
                   c.numbers({count, n}), c.truth(false)});
  Item weight = overlapped(square, 1);
  int64_t first = c.flag(5) ? n / 2 : 0;
  int64_t end = !c.isNone(8) ? first + c.integer(8)
                : c.flag(5)  ? whole - n / 2
                             : whole;
  auto part = [&](const Item &item) {
    return c.call("aten::slice.Tensor",
                  {item, c.number(int64_t(-1)), c.number(first),
                   c.number(std::min(end, whole)), c.number(int64_t(1))});
  };
  Item y = c.call("aten::div.Tensor", {part(sum), part(weight)});
  SmallVector<int64_t> sizes;
  if (rank == 3)
    sizes.push_back(batch);
  sizes.push_back(-1);
  y = c.call("aten::reshape", {y, c.numbers(sizes)});
  if (end > whole)
    y = c.call("aten::constant_pad_nd",
               {y, c.numbers({0, end - whole}), c.number(0.0)});
  c.result(y);
}

void normalize::addSignalRows(Table &table) {
  table.add({"aten::hann_window", "aten::hann_window.periodic"}, hannWindow);
  table.add({"aten::hamming_window", "aten::hamming_window.periodic",
             "aten::hamming_window.periodic_alpha",
             "aten::hamming_window.periodic_alpha_beta"},
            hammingWindow);
  table.add({"aten::blackman_window", "aten::blackman_window.periodic"},
            blackmanWindow);
  table.add({"aten::kaiser_window", "aten::kaiser_window.periodic",
             "aten::kaiser_window.beta"},
            kaiserWindow);
  table.add({"aten::bartlett_window", "aten::bartlett_window.periodic"},
            bartlettWindow);
  table.add("aten::stft", shortTimeTransform);
}

void normalize::addSignalsOfComplex(Table &table) {
  table.add("aten::istft", inverseShortTimeTransform);
}
