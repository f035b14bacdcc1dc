//===- StoredFloat.cpp - Floats of a file in the compiler's types ---------===//

#include "colossal/Support/StoredFloat.h"
#include "colossal/Support/NarrowFloats.h"

#include <cstring>

using namespace colossal;

int64_t colossal::bytesOfFloat(std::string_view type) {
  return type == "f64"    ? 8
         : type == "f32"  ? 4
         : type == "f16"  ? 2
         : type == "bf16" ? 2
                          : 0;
}

template <class T> static T load(const char *from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class Float, class Read>
static void convert(char *into, int64_t count, Read read) {
  for (int64_t i = 0; i < count; ++i) {
    Float value = Float(read(i));
    std::memcpy(into + i * int64_t(sizeof(Float)), &value, sizeof value);
  }
}

template <class Float>
static void convertTo(const char *from, std::string_view type, char *into,
                      int64_t count) {
  if (type == "f64")
    return convert<Float>(
        into, count, [&](int64_t i) { return load<double>(from + 8 * i); });
  if (type == "f32")
    return convert<Float>(into, count,
                          [&](int64_t i) { return load<float>(from + 4 * i); });
  auto narrow = [&](auto number) {
    convert<Float>(into, count, [&](int64_t i) {
      return float(load<decltype(number)>(from + 2 * i));
    });
  };
  return type == "f16" ? narrow(Float16()) : narrow(BFloat16());
}

void colossal::convertFloats(const char *from, std::string_view type,
                             char *into, std::string_view to, int64_t count) {
  if (to == "f64")
    return convertTo<double>(from, type, into, count);
  convertTo<float>(from, type, into, count);
}
