//===- ConvolutionTest.cpp - Convolution against loops in double ----------===//

#include "Colossal/Ops/Convolution/Run/Call.h"
#include "Engine.h"
#include "OneRank.h"
#include "ProgramBuilder.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace colossal::rank;
using namespace colossal::rank::test;

namespace {

float value(int64_t i) { return float(std::sin(0.37 * double(i) + 1)); }

/// The elements of x, w and y that each product joins.
template <class Visit> void visitProducts(const Convolution &c, Visit visit) {
  int64_t plane = pointsOf(c.input), taps = pointsOf(c.taps),
          positions = pointsOf(c.output);
  auto digits = [](int64_t number, const Convolution::Sizes &sizes) {
    return Convolution::Sizes{number / sizes[2] / sizes[1],
                              number / sizes[2] % sizes[1], number % sizes[2]};
  };
  for (int64_t j = 0; j < positions; ++j)
    for (int64_t t = 0; t < taps; ++t) {
      Convolution::Sizes at = digits(j, c.output), tap = digits(t, c.taps);
      int64_t i = 0;
      bool inside = true;
      for (int d = 0; d < 3; ++d) {
        int64_t own =
            c.stride[d] * at[d] + c.dilation[d] * tap[d] - c.padding[d];
        inside &= own >= 0 && own < c.input[d];
        i = i * c.input[d] + own;
      }
      if (!inside)
        continue;
      for (int64_t n = 0; n < c.samples; ++n)
        for (int64_t g = 0; g < c.groups; ++g)
          for (int64_t o = 0; o < c.outputs; ++o)
            for (int64_t k = 0; k < c.channels; ++k) {
              int64_t output = g * c.outputs + o;
              visit(((n * c.groups + g) * c.channels + k) * plane + i,
                    (output * c.channels + k) * taps + t,
                    (n * c.groups * c.outputs + output) * positions + j);
            }
    }
}

/// Where element `i` of a tensor [samples, channels, positions...] is.
int64_t placeOf(const Convolution &c, int64_t tensor, int64_t i) {
  if (!c.channelsLast || tensor == 1)
    return i;
  int64_t points = pointsOf(tensor == 0 ? c.input : c.output);
  int64_t channels = c.groups * (tensor == 0 ? c.channels : c.outputs);
  int64_t sample = i / points / channels, channel = i / points % channels;
  return (sample * points + i % points) * channels + channel;
}

/// One call; returns its result, whatever the layout as [samples, channels,
/// positions...]. Operands have the values of their buffers.
std::vector<float> execute(const Convolution &c, int threads) {
  static const int orders[3][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};
  const int *order = orders[int(c.pass)];
  auto elements = elementsOf(c);
  ProgramBuilder b({});
  int64_t first = b.state("first", {b.cut(elements[size_t(order[0])])});
  int64_t second = b.state("second", {b.cut(elements[size_t(order[1])])});
  int64_t result = b.buffer("result", elements[size_t(order[2])]);
  b.segment("forward");
  Op &op = b.op(OpKind::Library, "convolution", {}, 1);
  op.operands = {{first, 0}, {second, 0}, {result, 0}};
  op.library = callOf(c);
  b.schedule("forward");
  std::unique_ptr<Engine> engine = engineOf(b.program, threads);
  for (int64_t id : {first, second, result}) {
    float *data = dataOf(*engine, id);
    int64_t tensor = order[id == first ? 0 : id == second ? 1 : 2];
    for (int64_t i = 0; i < b.program.buffers[size_t(id)].bytes / 4; ++i)
      data[placeOf(c, tensor, i)] = value(i + 1000 * tensor);
  }
  runStepWithoutAllocating(*engine);
  // Nothing else was written.
  for (int64_t id : {first, second}) {
    float *data = dataOf(*engine, id);
    int64_t tensor = order[id == first ? 0 : 1];
    for (int64_t i = 0; i < elements[size_t(tensor)]; ++i)
      EXPECT_EQ(data[placeOf(c, tensor, i)], value(i + 1000 * tensor));
  }
  float *data = dataOf(*engine, result);
  const int64_t count = elements[size_t(order[2])];
  std::vector<float> found(count);
  for (size_t i = 0; i < found.size(); ++i)
    found[i] = data[placeOf(c, order[2], int64_t(i))];
  return found;
}

void check(Convolution c) {
  auto elements = elementsOf(c);
  // And the sums of absolute values: rounding errors are parts of them.
  std::vector<double> want[3], sizes[3];
  for (int tensor = 0; tensor < 3; ++tensor) {
    want[tensor].resize(size_t(elements[size_t(tensor)]));
    sizes[tensor].resize(size_t(elements[size_t(tensor)]));
  }
  visitProducts(c, [&](int64_t x, int64_t w, int64_t y) {
    double a = value(x), b = value(w + 1000), r = value(y + 2000);
    want[0][size_t(x)] += b * r;
    want[1][size_t(w)] += a * r;
    want[2][size_t(y)] += a * b;
    sizes[0][size_t(x)] += std::fabs(b * r);
    sizes[1][size_t(w)] += std::fabs(a * r);
    sizes[2][size_t(y)] += std::fabs(a * b);
  });
  using Pass = Convolution::Pass;
  for (auto [pass, tensor] : {std::pair(Pass::Forward, 2),
                              {Pass::BackwardData, 0},
                              {Pass::BackwardWeights, 1}}) {
    SCOPED_TRACE(testing::Message() << "pass " << int(pass));
    c.pass = pass;
    for (bool channelsLast : {false, true}) {
      SCOPED_TRACE(channelsLast ? "channels last" : "channels first");
      c.channelsLast = channelsLast;
      std::vector<float> found = execute(c, 1);
      ASSERT_EQ(found.size(), want[tensor].size());
      for (size_t i = 0; i < found.size(); ++i)
        ASSERT_NEAR(found[i], want[tensor][i], 1e-6 * sizes[tensor][i])
            << "element " << i;
      for (int threads : {2, 3})
        ASSERT_EQ(execute(c, threads), found) << threads << " threads";
    }
  }
}

Convolution shaped(int64_t samples, int64_t groups, int64_t outputs,
                   int64_t channels, Convolution::Sizes input,
                   Convolution::Sizes taps, Convolution::Sizes output,
                   Convolution::Sizes stride, Convolution::Sizes padding,
                   Convolution::Sizes dilation) {
  Convolution c;
  c.samples = samples;
  c.groups = groups;
  c.outputs = outputs;
  c.channels = channels;
  c.input = input;
  c.taps = taps;
  c.output = output;
  c.stride = stride;
  c.padding = padding;
  c.dilation = dilation;
  return c;
}

TEST(Convolution, ForwardAndBackward) {
  const Convolution shapes[] = {
      shaped(1, 1, 1, 1, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {},
             {1, 1, 1}),
      shaped(3, 1, 5, 4, {1, 1, 9}, {1, 1, 3}, {1, 1, 9}, {1, 1, 1}, {0, 0, 1},
             {1, 1, 1}),
      shaped(2, 1, 7, 3, {1, 9, 8}, {1, 3, 3}, {1, 5, 4}, {1, 2, 2}, {0, 1, 1},
             {1, 1, 1}),
      // A stride that leaves a rest, padding beyond the weights' reach.
      shaped(2, 1, 4, 3, {1, 8, 8}, {1, 2, 1}, {1, 4, 5}, {1, 3, 3}, {0, 2, 3},
             {1, 1, 1}),
      shaped(2, 3, 4, 2, {1, 7, 6}, {1, 3, 2}, {1, 3, 4}, {1, 1, 1}, {},
             {1, 2, 2}),
      shaped(2, 6, 1, 1, {1, 6, 6}, {1, 3, 3}, {1, 6, 6}, {1, 1, 1}, {0, 1, 1},
             {1, 1, 1}),
      shaped(2, 2, 3, 2, {4, 5, 4}, {2, 3, 2}, {3, 2, 4}, {1, 2, 1}, {0, 0, 1},
             {1, 1, 2}),
      // Several blocks: of positions, of samples with a rest, of channels.
      shaped(2, 1, 9, 5, {1, 37, 31}, {1, 3, 3}, {1, 37, 31}, {1, 1, 1},
             {0, 1, 1}, {1, 1, 1}),
      shaped(21, 1, 140, 20, {1, 7, 7}, {1, 3, 3}, {1, 7, 7}, {1, 1, 1},
             {0, 1, 1}, {1, 1, 1}),
      shaped(1, 1, 6, 90, {1, 20, 25}, {1, 3, 3}, {1, 18, 23}, {1, 1, 1}, {},
             {1, 1, 1}),
      shaped(1, 1, 3, 2, {1, 1, 5000}, {1, 1, 7}, {1, 1, 1250}, {1, 1, 4},
             {0, 0, 3}, {1, 1, 1}),
      // Sizes that do not fit: elements that nothing reaches, and reads far
      // outside.
      shaped(2, 1, 3, 2, {1, 9, 3}, {1, 2, 2}, {1, 2, 6}, {1, 1, 2}, {0, 0, 4},
             {1, 1, 3}),
      // What networks have: channels of whole vectors and of parts, strides,
      // dilation, one tap with a stride (positions are picked), depthwise, as
      // many groups as vectors, one and three dimensions.
      shaped(3, 1, 32, 16, {1, 9, 7}, {1, 3, 3}, {1, 9, 7}, {1, 1, 1},
             {0, 1, 1}, {1, 1, 1}),
      shaped(2, 1, 20, 3, {1, 17, 18}, {1, 7, 7}, {1, 9, 9}, {1, 2, 2},
             {0, 3, 3}, {1, 1, 1}),
      shaped(2, 1, 24, 40, {1, 8, 8}, {1, 3, 3}, {1, 4, 4}, {1, 2, 2},
             {0, 1, 1}, {1, 1, 1}),
      shaped(2, 1, 16, 16, {1, 12, 9}, {1, 3, 3}, {1, 12, 9}, {1, 1, 1},
             {0, 2, 2}, {1, 2, 2}),
      shaped(2, 1, 32, 24, {1, 9, 8}, {1, 1, 1}, {1, 5, 4}, {1, 2, 2}, {},
             {1, 1, 1}),
      shaped(2, 1, 24, 16, {1, 9, 10}, {1, 1, 1}, {1, 3, 4}, {1, 3, 2}, {},
             {1, 1, 1}),
      shaped(3, 1, 48, 32, {1, 5, 5}, {1, 1, 1}, {1, 5, 5}, {1, 1, 1}, {},
             {1, 1, 1}),
      shaped(2, 40, 1, 1, {1, 9, 9}, {1, 3, 3}, {1, 5, 5}, {1, 2, 2}, {0, 1, 1},
             {1, 1, 1}),
      shaped(2, 2, 16, 32, {1, 6, 6}, {1, 3, 3}, {1, 6, 6}, {1, 1, 1},
             {0, 1, 1}, {1, 1, 1}),
      shaped(2, 1, 16, 24, {1, 1, 33}, {1, 1, 5}, {1, 1, 15}, {1, 1, 2}, {},
             {1, 1, 1}),
      shaped(2, 1, 16, 16, {5, 6, 4}, {3, 3, 3}, {5, 6, 4}, {1, 1, 1},
             {1, 1, 1}, {1, 1, 1}),
      // Patches that leave a rest.
      shaped(2, 1, 16, 3, {1, 14, 13}, {1, 4, 4}, {1, 3, 3}, {1, 4, 4}, {},
             {1, 1, 1}),
      // Blocks of channels with a rest, blocks of samples with a rest.
      shaped(9, 1, 144, 128, {1, 4, 4}, {1, 3, 3}, {1, 4, 4}, {1, 1, 1},
             {0, 1, 1}, {1, 1, 1}),
      shaped(17, 1, 16, 16, {1, 6, 6}, {1, 3, 3}, {1, 6, 6}, {1, 1, 1},
             {0, 1, 1}, {1, 1, 1}),
  };
  for (const Convolution &c : shapes) {
    SCOPED_TRACE(testing::Message()
                 << c.samples << " samples, " << c.groups << " x " << c.outputs
                 << " x " << c.channels << " channels, x " << c.input[1] << " "
                 << c.input[2] << ", w " << c.taps[1] << " " << c.taps[2]);
    check(c);
  }
}

TEST(Convolution, FaultsOfACall) {
  Convolution c;
  c.channels = 2;
  c.input = {1, 1, 4};
  c.output = {1, 1, 4};
  auto faultsOf = [&](int64_t elements) {
    ProgramBuilder b({});
    int64_t x = b.state("x", {b.cut(elements)});
    int64_t w = b.state("w", {b.cut(2)});
    int64_t y = b.buffer("y", 4);
    b.segment("forward");
    Op &op = b.op(OpKind::Library, "convolution", {}, 1);
    op.operands = {{x, 0}, {w, 0}, {y, 0}};
    op.library = callOf(c);
    b.schedule("forward");
    std::string all;
    for (const std::string &fault : checkProgram(b.program))
      all += fault + "\n";
    return all;
  };
  EXPECT_EQ(faultsOf(8), "");
  EXPECT_NE(faultsOf(7).find("bytes [0, 32)"), std::string::npos)
      << faultsOf(7);
  c.stride[1] = 0;
  EXPECT_NE(faultsOf(8).find("stride1: found 0, expected a number from 1"),
            std::string::npos)
      << faultsOf(8);
  c.stride[1] = 1;
  c.samples = c.outputs = int64_t(1) << 30;
  EXPECT_NE(faultsOf(8).find("a tensor of more elements"), std::string::npos)
      << faultsOf(8);
}

} // namespace
