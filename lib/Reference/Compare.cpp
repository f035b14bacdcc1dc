//===- Compare.cpp - Random tensors and their comparison ------------------===//

#include "colossal/Reference/Compare.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace colossal::reference;

double colossal::reference::normOf(const Tensor &tensor) {
  double square = 0.0;
  for (int64_t i = 0, e = tensor.size(); i < e; ++i)
    if (std::isfinite(tensor.number(i)))
      square += tensor.number(i) * tensor.number(i);
  return std::sqrt(square);
}

double colossal::reference::relativeError(const Tensor &found,
                                          const Tensor &expected) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (found.shape != expected.shape || found.kind != expected.kind)
    return kInfinity;
  double difference = 0.0, norm = 0.0;
  for (int64_t i = 0, e = expected.size(); i < e; ++i) {
    double x = found.number(i), y = expected.number(i);
    if (x == y) {
      norm += std::isfinite(y) ? y * y : 0.0;
      continue;
    }
    if (std::isnan(x) && std::isnan(y))
      continue;
    if (!std::isfinite(x) || !std::isfinite(y))
      return kInfinity;
    difference += (x - y) * (x - y);
    norm += y * y;
  }
  return norm > 0.0 ? std::sqrt(difference / norm) : std::sqrt(difference);
}

uint64_t Random::next() {
  state += 0x9e3779b97f4a7c15ull;
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

int64_t Random::integer(int64_t low, int64_t high) {
  return low + int64_t(next() % uint64_t(high - low + 1));
}

double Random::real() { return double(next() >> 11) * 0x1p-52 - 1.0; }

double Random::normal() {
  // The sum of twelve uniform numbers of variance 1/12.
  double sum = 0.0;
  for (int i = 0; i < 12; ++i)
    sum += 0.5 * real();
  return sum;
}

Tensor colossal::reference::randomTensor(RankedTensorType type, Random &random,
                                         double deviation, int64_t low,
                                         int64_t high) {
  Tensor result = Tensor::zeros(type);
  for (double &value : result.floats)
    value = deviation * random.normal();
  for (int64_t &value : result.integers)
    value = random.integer(low, high);
  for (uint8_t &value : result.booleans)
    value = random.next() & 1;
  return result;
}
