//===- AttentionTest.cpp - Attention against its definition ---------------===//

#include "Programs.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

// Two query heads share a key head (g); the mask is causal and has an operand.
static const char *const kTypes =
    "(%q: tensor<2x5x12xf32>, %k: tensor<2x5x6xf32>, %v: tensor<2x5x4xf32>, "
    "%m: tensor<2x5xi1>, %w: tensor<2x5x8xf32>, %u: tensor<2x2x2x5xf32>)";

static const char *const kFactors =
    "[b = 2, h = 2, g = 2, q = 5, k = 5, d = 3, e = 2]";

static const char *const kMask = R"({
    ^bb0(%s: f32, %keep: i1):
      %i = colossal.index "q"
      %j = colossal.index "k"
      %causal = arith.cmpi sle, %j, %i : i64
      %both = arith.andi %causal, %keep : i1
      %minus = arith.constant 0xFF800000 : f32
      %1 = arith.select %both, %s, %minus : f32
      colossal.yield %1 : f32
  })";

static const char *const kInputs =
    "%q : [b, q, (h, g, d)], %k : [b, k, (h, d)], %v : [b, k, (h, e)]";

static std::string forwardOp() {
  return std::string("%o, %l = colossal.attention \"a\" scale 0.5 ") +
         kFactors + " (" + kInputs + ", %m : [b, k])" +
         " -> ([b, q, (h, g, e)], [b, h, g, q]) " + kMask +
         " : (tensor<2x5x12xf32>, tensor<2x5x6xf32>, tensor<2x5x4xf32>, "
         "tensor<2x5xi1>) -> (tensor<2x5x8xf32>, tensor<2x2x2x5xf32>)\n";
}

static std::string forward() {
  return std::string("func.func @f") + kTypes +
         " -> (tensor<2x5x8xf32>, tensor<2x2x2x5xf32>) {\n" + forwardOp() +
         "return %o, %l : tensor<2x5x8xf32>, tensor<2x2x2x5xf32>\n}";
}

static std::string backward() {
  return std::string("func.func @f") + kTypes +
         " -> (tensor<2x5x12xf32>, tensor<2x5x6xf32>, tensor<2x5x4xf32>) {\n" +
         forwardOp() +
         "%dq, %dk, %dv = colossal.attention_backward \"a\" scale 0.5 " +
         kFactors + " (" + kInputs +
         ", %o : [b, q, (h, g, e)], %l : [b, h, g, q], "
         "%w : [b, q, (h, g, e)], %m : [b, k])"
         " -> ([b, q, (h, g, d)], [b, k, (h, d)], [b, k, (h, e)]) " +
         kMask +
         " : (tensor<2x5x12xf32>, tensor<2x5x6xf32>, tensor<2x5x4xf32>, "
         "tensor<2x5x8xf32>, tensor<2x2x2x5xf32>, tensor<2x5x8xf32>, "
         "tensor<2x5xi1>) -> (tensor<2x5x12xf32>, tensor<2x5x6xf32>, "
         "tensor<2x5x4xf32>)\n"
         "return %dq, %dk, %dv : tensor<2x5x12xf32>, tensor<2x5x6xf32>, "
         "tensor<2x5x4xf32>\n}";
}

TEST(Attention, IsSoftmaxOfMaskedScores) {
  auto module = parse(forward());
  Random random(11);
  Tensors x = randomArguments(functionOf(*module), random);
  Tensors results = run(*module, x);
  auto at = [](std::initializer_list<std::pair<int64_t, int64_t>> index) {
    int64_t position = 0;
    for (auto [i, size] : index)
      position = position * size + i;
    return position;
  };
  for (int64_t b = 0; b < 2; ++b)
    for (int64_t h = 0; h < 2; ++h)
      for (int64_t g = 0; g < 2; ++g)
        for (int64_t q = 0; q < 5; ++q) {
          double total = 0.0, out[2] = {0.0, 0.0};
          for (int64_t k = 0; k <= q; ++k) {
            if (!x[3]->booleans[b * 5 + k])
              continue;
            double s = 0.0;
            for (int64_t d = 0; d < 3; ++d)
              s += x[0]->floats[at({{b, 2}, {q, 5}, {h, 2}, {g, 2}, {d, 3}})] *
                   x[1]->floats[at({{b, 2}, {k, 5}, {h, 2}, {d, 3}})];
            double weight = std::exp(0.5 * s);
            total += weight;
            for (int64_t e = 0; e < 2; ++e)
              out[e] +=
                  weight * x[2]->floats[at({{b, 2}, {k, 5}, {h, 2}, {e, 2}})];
          }
          double lse = results[1]->floats[at({{b, 2}, {h, 2}, {g, 2}, {q, 5}})];
          // A query without a visible key: zero and -inf.
          if (total == 0.0)
            EXPECT_EQ(lse, -std::numeric_limits<double>::infinity());
          else
            EXPECT_NEAR(lse, std::log(total), 1e-12);
          for (int64_t e = 0; e < 2; ++e)
            EXPECT_NEAR(
                results[0]
                    ->floats[at({{b, 2}, {q, 5}, {h, 2}, {g, 2}, {e, 2}})],
                total == 0.0 ? 0.0 : out[e] / total, 1e-12);
        }
}

TEST(Attention, BackwardIsTheDerivative) {
  auto forwardModule = parse(forward());
  auto backwardModule = parse(backward());
  Random random(12);
  Tensors x = randomArguments(functionOf(*forwardModule), random);
  Tensors gradients = run(*backwardModule, x);
  // loss = sum(out * w), by central differences.
  auto loss = [&](const Tensors &arguments) {
    Tensors results = run(*forwardModule, arguments);
    double sum = 0.0;
    for (int64_t i = 0; i < results[0]->size(); ++i)
      sum += results[0]->floats[i] * x[4]->floats[i];
    return sum;
  };
  for (unsigned input = 0; input < 3; ++input)
    for (int64_t i = 0; i < x[input]->size(); i += 3) {
      constexpr double kStep = 1e-5;
      double sides[2];
      for (int side : {0, 1}) {
        Tensors moved = x;
        Tensor tensor = *x[input];
        tensor.floats[i] += side ? kStep : -kStep;
        moved[input] = share(std::move(tensor));
        sides[side] = loss(moved);
      }
      EXPECT_NEAR(gradients[input]->floats[i],
                  (sides[1] - sides[0]) / (2 * kStep), 1e-8);
    }
}
