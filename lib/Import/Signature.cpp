//===- Signature.cpp - Input shapes written by the user -------------------===//

#include "colossal/Import/ReadTorchScript.h"

#include <cerrno>
#include <cstdlib>

using namespace colossal::torchscript;

std::optional<Input> colossal::torchscript::parseInput(const std::string &text,
                                                       std::string &error) {
  auto fail = [&]() -> std::optional<Input> {
    error =
        "--input '" + text +
        "' is not of the form NAME=SHAPE, for example "
        "'input_ids=8x512xi64' (types: f64, f32, i64, i32, i16, i8, ui8, i1)";
    return std::nullopt;
  };
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    return fail();
  // What the compiler counts with stays within 64 bits (2^40 is its bound of
  // elements of any value).
  constexpr int64_t kMostElements = int64_t(1) << 40;
  int64_t elements = 1;
  Input input;
  input.name = text.substr(0, equals);
  std::string rest = text.substr(equals + 1);
  while (true) {
    size_t cross = rest.find('x');
    if (cross == std::string::npos)
      break;
    std::string number = rest.substr(0, cross);
    if (number.empty() || number.find_first_not_of("0123456789") != number.npos)
      return fail();
    errno = 0;
    int64_t size = std::strtoll(number.c_str(), nullptr, 10);
    if (errno != 0 || size < 1)
      return fail();
    if (size > kMostElements / elements) {
      error = "--input '" + text + "': found more than " +
              std::to_string(kMostElements) +
              " elements, expected at most so many";
      return std::nullopt;
    }
    elements *= size;
    input.type.shape.push_back(size);
    rest = rest.substr(cross + 1);
  }
  auto element = elementTypeNamed(rest);
  if (!element)
    return fail();
  input.type.element = *element;
  return input;
}
