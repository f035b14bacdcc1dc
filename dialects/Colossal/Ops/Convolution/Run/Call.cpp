//===- Call.cpp - Convolution as a library function: parameters, checks ---===//

#include "Colossal/Ops/Convolution/Run/Call.h"
#include "colossal/Run/NarrowRows.h"

#include <algorithm>

namespace colossal::rank {

static const char *const functionNames[] = {
    "convolution", "convolution_backward_data", "convolution_backward_weights"};

/// Calls `visit(name, field, most)` for every choice, from 0.
template <class Call, class Visit> static void choices(Call &c, Visit visit) {
  visit("channelsLast", c.channelsLast, 1);
  visit("narrow", c.narrow, kMostNarrow);
  visit("wideResult", c.wideResult, 1);
}

/// Calls `visit(name, field)` for every size and step.
template <class Call, class Visit> static void integers(Call &c, Visit visit) {
  visit("samples", c.samples);
  visit("groups", c.groups);
  visit("outputs", c.outputs);
  visit("channels", c.channels);
  auto sizes = [&](const std::string &name, auto &values) {
    for (size_t d = 0; d < values.size(); ++d)
      visit(name + std::to_string(d), values[d]);
  };
  sizes("input", c.input);
  sizes("taps", c.taps);
  sizes("output", c.output);
  sizes("stride", c.stride);
  sizes("padding", c.padding);
  sizes("dilation", c.dilation);
}

LibraryCall callOf(const Convolution &convolution) {
  LibraryCall call;
  call.function = functionNames[size_t(convolution.pass)];
  integers(convolution, [&](const std::string &name, int64_t value) {
    call.integers[name] = value;
  });
  choices(convolution, [&](const std::string &name, int64_t value, int64_t) {
    if (value)
      call.integers[name] = value;
  });
  // Tensors are dense: no strides.
  call.strides.resize(3);
  return call;
}

Convolution convolutionOf(const LibraryCall &call) {
  Convolution convolution;
  for (size_t pass = 0; pass < 3; ++pass)
    if (call.function == functionNames[pass])
      convolution.pass = Convolution::Pass(pass);
  auto find = [&](const std::string &name, int64_t &value) {
    if (auto it = call.integers.find(name); it != call.integers.end())
      value = it->second;
  };
  integers(convolution, find);
  choices(convolution, [&](const std::string &name, int64_t &value, int64_t) {
    find(name, value);
  });
  return convolution;
}

std::array<int64_t, 3> elementsOf(const Convolution &c) {
  return {c.samples * c.groups * c.channels * pointsOf(c.input),
          c.groups * c.outputs * c.channels * pointsOf(c.taps),
          c.samples * c.groups * c.outputs * pointsOf(c.output)};
}

void checkConvolution(OperandFaults &faults, const std::string &place,
                      const Op &op) {
  Convolution convolution = convolutionOf(op.library);
  if (!faults.checkCount(place, op, 3, 1))
    return;
  choices(convolution,
          [&](const std::string &name, int64_t value, int64_t most) {
            if (value < 0 || value > most)
              faults.fault(place + " " + name, value,
                           most == 1 ? "0 or 1" : "0, 1 or 2");
          });
  // No buffer has so many elements; their products with steps do not overflow.
  const int64_t mostElements = int64_t(1) << 40, mostSteps = 1 << 20;
  bool inRange = true;
  integers(convolution, [&](const std::string &name, int64_t value) {
    bool isPadding = name.compare(0, 7, "padding") == 0;
    bool isStep = isPadding || name.compare(0, 6, "stride") == 0 ||
                  name.compare(0, 8, "dilation") == 0;
    int64_t least = isPadding ? 0 : 1, most = isStep ? mostSteps : mostElements;
    if (value >= least && value <= most)
      return;
    inRange = false;
    faults.fault(place + " " + name, value,
                 "a number from " + std::to_string(least) + " to " +
                     std::to_string(most));
  });
  if (!inRange)
    return;
  auto points = [](const Convolution::Sizes &sizes) {
    return double(sizes[0]) * double(sizes[1]) * double(sizes[2]);
  };
  double samples = double(convolution.samples),
         groups = double(convolution.groups),
         outputs = double(convolution.outputs),
         channels = double(convolution.channels);
  if (std::max({samples * groups * channels * points(convolution.input),
                groups * outputs * channels * points(convolution.taps),
                samples * groups * outputs * points(convolution.output)}) >
      double(mostElements)) {
    faults.fault(
        place, "a tensor of more elements than " + std::to_string(mostElements),
        "fewer");
    return;
  }
  // Of x, w and y in the order of the operands.
  static const size_t orders[3][3] = {{0, 1, 2}, {2, 1, 0}, {0, 2, 1}};
  for (size_t i = 0; i < 3; ++i) {
    std::string at = place + " operand " + std::to_string(i);
    size_t tensor = orders[size_t(convolution.pass)][i];
    bool isWide = !convolution.narrow || (i == 2 && convolution.wideResult);
    DType type = isWide ? DType::F32 : typeOfNarrow(convolution.narrow);
    faults.checkType(at, op.operands[i], type);
    faults.checkInside(at, op.operands[i],
                       bytesOf(type) * elementsOf(convolution)[tensor]);
  }
}

} // namespace colossal::rank
