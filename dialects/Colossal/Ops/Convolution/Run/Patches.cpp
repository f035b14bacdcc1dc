//===- Patches.cpp - The parts of x under the weights, as a matrix --------===//

#include "Patches.h"

#include <algorithm>
#include <cstring>

namespace colossal::rank {

static ImageStrides stridesOf(const Convolution &c, int64_t channels,
                              const Convolution::Sizes &sizes) {
  if (c.channelsLast)
    return {1, c.groups * channels};
  return {pointsOf(sizes), 1};
}

ImageStrides inputStrides(const Convolution &c) {
  return stridesOf(c, c.channels, c.input);
}

ImageStrides outputStrides(const Convolution &c) {
  return stridesOf(c, c.outputs, c.output);
}

namespace {

/// Output positions that lie in one row, and what they meet.
struct Line {
  int64_t at;    ///< of the first position, from the beginning of the block
  int64_t count; ///< of positions
  /// Of those, [first, last) lie inside x; the others meet zero.
  int64_t first, last;
  int64_t from; ///< in x, of position `first`
};

/// Calls visit(row of the matrix, channel, line) for every line of every row.
template <class Visit>
void walk(const Convolution &c, int64_t channels, int64_t begin, int64_t end,
          Visit visit) {
  const auto &x = c.input, &y = c.output;
  const ImageStrides strides = inputStrides(c);
  int64_t number = 0;
  for (int64_t channel = 0; channel < channels; ++channel)
    for (int64_t t0 = 0; t0 < c.taps[0]; ++t0)
      for (int64_t t1 = 0; t1 < c.taps[1]; ++t1)
        for (int64_t t2 = 0; t2 < c.taps[2]; ++t2, ++number) {
          int64_t shift = c.dilation[2] * t2 - c.padding[2], step = c.stride[2];
          // Positions j of the last dimension with 0 <= step * j + shift < x.
          int64_t low = shift >= 0 ? 0 : (step - 1 - shift) / step;
          int64_t high =
              shift >= x[2] ? 0 : std::min(y[2], (x[2] - 1 - shift) / step + 1);
          for (int64_t j = begin; j < end;) {
            int64_t outer = j / y[2], j2 = j % y[2];
            int64_t i0 = c.stride[0] * (outer / y[1]) + c.dilation[0] * t0 -
                         c.padding[0];
            int64_t i1 = c.stride[1] * (outer % y[1]) + c.dilation[1] * t1 -
                         c.padding[1];
            Line line;
            line.at = j - begin;
            line.count = std::min(y[2] - j2, end - j);
            line.first = std::clamp<int64_t>(low - j2, 0, line.count);
            line.last = std::clamp(high - j2, line.first, line.count);
            if (i0 < 0 || i0 >= x[0] || i1 < 0 || i1 >= x[1])
              line.last = line.first;
            line.from =
                channel * strides.channel +
                ((i0 * x[1] + i1) * x[2] + step * (j2 + line.first) + shift) *
                    strides.position;
            visit(number, line);
            j += line.count;
          }
        }
}

} // namespace

void fillPatches(const Convolution &convolution, const float *x,
                 int64_t channels, int64_t begin, int64_t end, float *matrix,
                 int64_t row) {
  int64_t step = convolution.stride[2] * inputStrides(convolution).position;
  walk(convolution, channels, begin, end,
       [&](int64_t number, const Line &line) {
         float *to = matrix + number * row + line.at;
         for (int64_t i = 0; i < line.first; ++i)
           to[i] = 0;
         int64_t inside = line.last - line.first;
         if (inside > 0 && step == 1)
           memcpy(to + line.first, x + line.from, size_t(inside) * 4);
         else if (inside > 0)
           for (int64_t i = 0; i < inside; ++i)
             to[line.first + i] = x[line.from + i * step];
         for (int64_t i = line.last; i < line.count; ++i)
           to[i] = 0;
       });
}

void addPatches(const Convolution &convolution, float *x, int64_t channels,
                int64_t begin, int64_t end, const float *matrix, int64_t row) {
  int64_t step = convolution.stride[2] * inputStrides(convolution).position;
  walk(convolution, channels, begin, end,
       [&](int64_t number, const Line &line) {
         const float *from = matrix + number * row + line.at + line.first;
         int64_t inside = line.last - line.first;
         if (inside <= 0)
           return;
         float *to = x + line.from;
         if (step == 1)
           for (int64_t i = 0; i < inside; ++i)
             to[i] += from[i];
         else
           for (int64_t i = 0; i < inside; ++i)
             to[i * step] += from[i];
       });
}

} // namespace colossal::rank
