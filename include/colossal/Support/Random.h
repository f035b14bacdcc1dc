//===- Random.h - Counter-based random numbers ------------------*- C++ -*-===//
//
// A number is a function of (stream, seed, step, index): the same on every
// rank, under every plan and microbatch, and when an op is computed again. The
// index is the element's in the global tensor, the stream is the name of the
// op.
//
// The function: the stream, the seed and the step are hashed to two words; the
// index is mixed with one, then with the other. `mix` is the integer hash
// "lowbias32" of C. Wellons (Prospecting for Hash Functions, 2018: bias 0.17 of
// 2^-32 over all single bit flips).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SUPPORT_RANDOM_H
#define COLOSSAL_SUPPORT_RANDOM_H

#include <cmath>
#include <cstdint>
#include <string_view>

namespace colossal::random {

inline constexpr uint32_t kFirstFactor = 0x7feb352d, kSecondFactor = 0x846ca68b,
                          kGolden = 0x9e3779b9;

inline uint32_t mix(uint32_t x) {
  x = (x ^ (x >> 16)) * kFirstFactor;
  x = (x ^ (x >> 15)) * kSecondFactor;
  return x ^ (x >> 16);
}

/// FNV-1a of the stream's name.
inline uint64_t streamOf(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (char c : name)
    hash = (hash ^ uint8_t(c)) * 0x100000001b3;
  return hash;
}

/// The two words, from the lower halves of seed and step.
inline uint32_t firstWord(uint64_t stream, int64_t seed, int64_t step) {
  return mix(mix(mix(uint32_t(stream)) ^ uint32_t(seed)) ^ uint32_t(step));
}
inline uint32_t secondWord(uint64_t stream, int64_t seed, int64_t step) {
  uint32_t high = uint32_t(stream >> 32) ^ kGolden;
  return mix(mix(mix(high) + uint32_t(seed)) + uint32_t(step));
}

/// 32 random bits.
inline uint32_t bits(uint64_t stream, int64_t seed, int64_t step,
                     int64_t index) {
  uint32_t counter =
      uint32_t(index) + uint32_t(uint64_t(index) >> 32) * kGolden;
  uint32_t x = mix(counter + firstWord(stream, seed, step));
  return mix(x ^ secondWord(stream, seed, step));
}

/// In [0, 1), a multiple of 2^-24.
inline float uniform(uint64_t stream, int64_t seed, int64_t step,
                     int64_t index) {
  return float(bits(stream, seed, step, index) >> 8) * 0x1p-24f;
}

/// Of the normal distribution of mean 0 and deviation 1, for values that a
/// program begins with: G. Box, M. Muller, A note on the generation of random
/// normal deviates, 1958, in f64. Its two numbers are those of steps 0 and 1.
inline double normal(uint64_t stream, int64_t seed, int64_t index) {
  double positive = (bits(stream, seed, 0, index) + 1.0) * 0x1p-32; // (0, 1]
  double turn = bits(stream, seed, 1, index) * 0x1p-32;
  return std::sqrt(-2 * std::log(positive)) *
         std::cos(6.283185307179586476925 * turn);
}

} // namespace colossal::random

#endif // COLOSSAL_SUPPORT_RANDOM_H
