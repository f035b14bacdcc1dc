//===- CombinersTest.cpp - Reductions and collectives of every combiner ---===//
//
// Every combiner and element type against a fold by Support/Combiner.h: the
// interpreter's generic along rows and columns, for sizes from 0, and its
// collective. Values hold NaN, infinities, zeros of both signs, and integers
// that overflow.
//
//===----------------------------------------------------------------------===//

#include "Colossal/IR/Combiner.h"
#include "Colossal/IR/UnsignedByte.h"
#include "Programs.h"
#include "colossal/Reference/Collectives.h"
#include <cmath>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

namespace {
constexpr int64_t kRows = 8;

/// Row 0 has a NaN, 1 and 2 an infinity, 3 zeros of both signs, 4 both
/// infinities; integers are of all sizes.
Tensor values(RankedTensorType type, Random &random) {
  Tensor tensor = randomTensor(type, random, 2.0);
  int64_t n = type.getDimSize(1);
  constexpr double inf = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < tensor.floats.size(); ++i) {
    int64_t row = i / n, column = i % n;
    double &x = tensor.floats[i];
    if (column == n / 2 && row < 3)
      x = row == 0 ? std::nan("") : row == 1 ? inf : -inf;
    if (row == 3)
      x = column % 2 ? 0.0 : -0.0;
    if (row == 4 && column < 2)
      x = column ? inf : -inf;
  }
  for (int64_t &x : tensor.integers)
    x = wrapped(type.getElementType(), random.next() >> random.integer(0, 40));
  return tensor;
}

/// The elements as T, in the type's width.
template <class T> T element(const Tensor &tensor, int64_t i) {
  if (tensor.kind == ElementKind::Float)
    return T(tensor.floats[i]);
  return T(tensor.kind == ElementKind::Integer ? tensor.integers[i]
                                               : tensor.booleans[i]);
}

template <class T> bool same(T a, T b) {
  if (a != a || b != b)
    return a != a && b != b;
  if constexpr (std::is_floating_point_v<T>)
    return a == b && std::signbit(a) == std::signbit(b);
  return a == b;
}

/// `terms` and `found` in the type T that the combiner works in.
template <class T>
void expectFold(Combiner combiner, const std::vector<T> &terms, T found) {
  T value = withCombiner(combiner, [&](auto c) {
    T result = neutralOf<c(), T>();
    for (T term : terms)
      result = combine<c()>(result, term);
    return result;
  });
  EXPECT_TRUE(same(value, found)) << found << ", expected " << value;
}

template <class T>
void checkType(const CombinerFacts &facts, const std::string &type) {
  Random random(5);
  for (int64_t n : {0, 1, 2, 37}) {
    SCOPED_TRACE(std::string(facts.name) + " of " + type + ", size " +
                 std::to_string(n));
    std::string size = std::to_string(n);
    auto program = [&](const std::string &factors, const std::string &kept) {
      std::string in = "tensor<8x" + size + "x" + type + ">";
      std::string out =
          "tensor<" + (kept == "i" ? "8" : size) + "x" + type + ">";
      return "func.func @f(%x: " + in + ") -> " + out +
             " {\n %y = colossal.generic \"r\" [" + factors +
             "] (%x : [i, k]) -> ([" + kept + "]) {\n ^bb0(%0: " + type +
             "):\n colossal.yield %0 : " + type + "\n } : (" + in + ") -> " +
             out + "\n return %y : " + out + "\n}";
    };
    std::string kind = std::string(" : ") + facts.name;
    auto alongRows = parse(program("i = 8, k = " + size + kind, "i"));
    auto alongColumns = parse(program("i = 8" + kind + ", k = " + size, "k"));
    ASSERT_TRUE(alongRows && alongColumns);
    TensorRef x = share(values(
        cast<RankedTensorType>(functionOf(*alongRows).getArgumentTypes()[0]),
        random));
    Tensors rows = run(*alongRows, {x}), columns = run(*alongColumns, {x});
    ASSERT_EQ(rows.size(), 1u);
    ASSERT_EQ(columns.size(), 1u);
    for (int64_t i = 0; i < kRows; ++i) {
      std::vector<T> terms;
      for (int64_t k = 0; k < n; ++k)
        terms.push_back(element<T>(*x, i * n + k));
      expectFold(facts.combiner, terms, element<T>(*rows[0], i));
    }
    Tensors members;
    for (int64_t k = 0; k < n; ++k) {
      std::vector<T> terms;
      for (int64_t i = 0; i < kRows; ++i)
        terms.push_back(element<T>(*x, i * n + k));
      expectFold(facts.combiner, terms, element<T>(*columns[0], k));
    }
    // The columns again, each row from a member of a group.
    if (n == 0)
      continue;
    std::string part = "tensor<" + size + "x" + type + ">";
    auto reduce = parse("func.func @f(%x: " + part + ") -> " + part +
                        " {\n %y = colossal.all_reduce \"r\" " + facts.name +
                        " %x over [\"a\"] : " + part + " -> " + part +
                        "\n return %y : " + part + "\n}");
    ASSERT_TRUE(reduce);
    for (int64_t i = 0; i < kRows; ++i) {
      Tensor member = Tensor::zeros(x->kind, {n});
      for (int64_t k = 0; k < n; ++k)
        member.copyElement(k, *x, i * n + k);
      members.push_back(share(std::move(member)));
    }
    Operation *op = &functionOf(*reduce).getBody().front().front();
    Tensors all = evaluateCollective(op, members);
    for (int64_t k = 0; k < n; ++k) {
      T found = element<T>(*all[0], k), expected = element<T>(*columns[0], k);
      // A group begins with its first member: a sum of -0 stays -0.
      EXPECT_TRUE(same(found, expected) || (found == 0 && expected == 0))
          << found << ", expected " << expected;
    }
  }
}
} // namespace

TEST(Combiners, ReduceLikeTheirDefinition) {
  for (const CombinerFacts &facts : combiners) {
    if (facts.isTuple()) // TuplesTest.cpp
      continue;
    if (facts.ofBooleans) {
      checkType<uint8_t>(facts, "i1");
      continue;
    }
    checkType<double>(facts, "f32"); // evaluated in f64
    checkType<double>(facts, "f64");
    checkType<int64_t>(facts, "i64");
    checkType<int32_t>(facts, "i32");
    checkType<int16_t>(facts, "i16");
    checkType<int8_t>(facts, "i8");
    checkType<uint8_t>(facts, "ui8");
  }
}
