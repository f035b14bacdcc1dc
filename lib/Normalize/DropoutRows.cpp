//===- DropoutRows.cpp - Elements that are dropped at random --------------===//

#include "Dropout.h"
#include "RandomNumber.h"
#include "Rows.h"
#include "Shapes.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

/// Gives each element to `kept` or `dropped`, the latter with probability p.
/// Elements that agree in the first `leading` dimensions share their fate.
static Value drop(Call &c, Value value, double p,
                  std::optional<int64_t> leading, StringRef suffix,
                  llvm::function_ref<Value(ScalarBuilder &, Value)> kept,
                  llvm::function_ref<Value(ScalarBuilder &, Value)> dropped) {
  auto type = cast<RankedTensorType>(value.getType());
  GenericBuilder g = c.generic(suffix);
  DimFactors dims = addFactors(g, dimsOf(value));
  IndexMapAttr map = plainMap(g, dims);
  g.operand(value, map);
  RandomNumber random(c, g, c.op.getName());
  g.result(type.getElementType(), map);
  SmallVector<int64_t> counted;
  for (auto [number, factors] : llvm::enumerate(dims))
    if (!leading || int64_t(number) < *leading)
      counted.append(factors.begin(), factors.end());
  return g.build([&](ScalarBuilder &s, ValueRange in) {
    Value number = random.at(s, in, counted);
    Value keep = s.compare(Relation::GreaterEqual, number,
                           s.constant(number.getType(), p));
    return s.select(keep, kept(s, in[0]), dropped(s, in[0]));
  });
}

Value normalize::dropout(Call &c, Value value, double p,
                         std::optional<int64_t> leading, StringRef suffix) {
  return drop(
      c, value, p, leading, suffix,
      [&](ScalarBuilder &s, Value x) {
        return s.mul(x, s.constant(x.getType(), p < 1 ? 1 / (1 - p) : 0));
      },
      [](ScalarBuilder &s, Value x) { return s.zero(x.getType()); });
}

/// The probability, or nothing where the op is the identity.
static std::optional<double> probability(Call &c) {
  double p = c.real(1);
  if (c.failed())
    return std::nullopt;
  if (!(p >= 0 && p <= 1)) {
    c.error("dropout with p = " + std::to_string(p) + ", expected 0 to 1");
    return std::nullopt;
  }
  if (p != 0 && c.flag(2)) {
    Type type = c.type(0).getElementType();
    if (isa<FloatType>(type))
      return p;
    std::string what = type.isInteger(1) ? "booleans" : "integers";
    c.error("dropout of " + what + ", expected floats");
    return std::nullopt;
  }
  c.result(c.item(0));
  return std::nullopt;
}

static void dropElements(Call &c, std::optional<int64_t> leading) {
  if (std::optional<double> p = probability(c))
    c.result(normalize::dropout(c, c.tensor(0), *p, leading, ""));
}

static void elementDropout(Call &c) { dropElements(c, std::nullopt); }

/// Whole channels: of the first two dimensions.
static void featureDropout(Call &c) { dropElements(c, 2); }

/// Keeps mean and variance of what a SELU makes: dropped elements become its
/// lower limit. Constants: Klambauer et al., Self-Normalizing Neural Networks,
/// 2017.
static void dropAlpha(Call &c, std::optional<int64_t> leading) {
  std::optional<double> p = probability(c);
  if (!p)
    return;
  constexpr double alpha = 1.7580993408473766;
  double scale =
      *p < 1 ? 1 / std::sqrt((alpha * alpha * *p + 1) * (1 - *p)) : 0;
  double shift = alpha * scale * *p;
  c.result(drop(
      c, c.tensor(0), *p, leading, "",
      [&](ScalarBuilder &s, Value x) {
        return s.add(s.mul(x, s.constant(x.getType(), scale)),
                     s.constant(x.getType(), shift));
      },
      [&](ScalarBuilder &s, Value x) {
        return s.constant(x.getType(), shift - alpha * scale);
      }));
}

static void alphaDropout(Call &c) { dropAlpha(c, std::nullopt); }
static void featureAlphaDropout(Call &c) { dropAlpha(c, 2); }

void normalize::addDropoutRows(Table &table) {
  table.add("aten::dropout", elementDropout);
  table.add("aten::feature_dropout", featureDropout);
  table.add("aten::alpha_dropout", alphaDropout);
  table.add("aten::feature_alpha_dropout", featureAlphaDropout);
}
