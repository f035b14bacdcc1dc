//===- Perceptron.cpp - A perceptron's training step ----------------------===//

#include "ProgramBuilder.h"

using namespace colossal::plan;

static ProgramBuilder::Options
kernel(int64_t flops, std::vector<std::vector<int>> linear = {}) {
  ProgramBuilder::Options options;
  options.work.flopsPerPoint = flops;
  options.linear = std::move(linear);
  return options;
}

Program colossal::plan::perceptron(const PerceptronSize &size) {
  ProgramBuilder builder;
  auto name = [](const char *what, int64_t layer) {
    return "layers." + std::to_string(layer) + "/" + what;
  };
  builder.bounds["b"] = size.batch;
  for (int64_t l = 0; l <= size.layers; ++l)
    builder.bounds["n" + std::to_string(l)] = size.width;
  int x = builder.argument("x", Role::Batch, "b n0", 0);
  builder.program.values[x].elementBytes = 4;
  std::string last = "n" + std::to_string(size.layers);
  int y = builder.argument("y", Role::Batch, "b " + last, 0);
  builder.program.values[y].elementBytes = 4;
  std::vector<int> weights, states;
  for (int64_t l = 0; l < size.layers; ++l) {
    std::string dims = "n" + std::to_string(l) + " n" + std::to_string(l + 1);
    weights.push_back(
        builder.argument(name("weight", l), Role::Parameter, dims));
    states.push_back(
        builder.argument(name("weight#momentum", l), Role::Optimizer, dims));
  }
  using S = Segment;
  std::vector<int> inputs, products;
  int h = x;
  for (int64_t l = 0; l < size.layers; ++l) {
    std::string k = "n" + std::to_string(l), n = "n" + std::to_string(l + 1);
    inputs.push_back(h);
    products.push_back(builder.product(
        name("matmul", l), S::Forward,
        "b " + k + ", " + k + " " + n + " -> b " + n, {h, weights[l]}));
    h = builder.one(name("relu", l), S::Forward, "b " + n + " -> b " + n,
                    {products.back()}, kernel(1));
  }
  builder.group = "loss";
  int difference = builder.one("loss/sub", S::Forward,
                               "b " + last + ", b " + last + " -> b " + last,
                               {h, y}, kernel(1, {{0, 1}}));
  int loss = builder.one("loss/sum", S::Forward, "b " + last + " -> ",
                         {difference}, kernel(2));
  builder.group = "";
  builder.program.values[loss].metric = true;
  int gradient =
      builder.one("loss/backward", S::Backward, "b " + last + " -> b " + last,
                  {difference}, kernel(1, {{0}}));
  std::vector<int> weightGradients(weights.size());
  for (int64_t l = size.layers - 1; l >= 0; --l) {
    std::string k = "n" + std::to_string(l), n = "n" + std::to_string(l + 1);
    builder.forwardOf = name("relu", l);
    gradient = builder.one(name("relu.backward", l), S::Backward,
                           "b " + n + ", b " + n + " -> b " + n,
                           {gradient, products[l]}, kernel(2, {{0}}));
    weightGradients[l] = builder.product(
        name("matmul.backward.w", l), S::Backward,
        "b " + k + ", b " + n + " -> " + k + " " + n, {inputs[l], gradient});
    if (l > 0)
      gradient = builder.product(name("matmul.backward.x", l), S::Backward,
                                 "b " + n + ", " + k + " " + n + " -> b " + k,
                                 {gradient, weights[l]});
  }
  for (int64_t l = 0; l < size.layers; ++l) {
    std::string dims = "n" + std::to_string(l) + " n" + std::to_string(l + 1);
    builder.group = name("update", l);
    builder.forwardOf = name("weight", l);
    int m = builder.one(name("update.momentum", l), S::Update,
                        dims + ", " + dims + " -> " + dims,
                        {states[l], weightGradients[l]}, kernel(2, {{0, 1}}));
    int w = builder.one(name("update.weight", l), S::Update,
                        dims + ", " + dims + " -> " + dims, {weights[l], m},
                        kernel(2, {{0, 1}}));
    builder.program.values[m].updates = states[l];
    builder.program.values[w].updates = weights[l];
  }
  return builder.program;
}
