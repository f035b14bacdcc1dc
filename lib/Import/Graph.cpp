//===- Graph.cpp - A TorchScript graph as plain data ----------------------===//

#include "colossal/Import/Graph.h"

using namespace colossal::torchscript;

namespace {
struct Row {
  ElementType type;
  const char *name;
  int64_t bytes;
};
constexpr Row table[] = {
    {ElementType::F64, "f64", 8}, {ElementType::F32, "f32", 4},
    {ElementType::F16, "f16", 2}, {ElementType::BF16, "bf16", 2},
    {ElementType::I64, "i64", 8}, {ElementType::I32, "i32", 4},
    {ElementType::I16, "i16", 2}, {ElementType::I8, "i8", 1},
    {ElementType::U8, "ui8", 1},  {ElementType::I1, "i1", 1},
    {ElementType::C64, "c64", 8}, {ElementType::C128, "c128", 16},
};
} // namespace

const char *colossal::torchscript::nameOf(ElementType type) {
  return table[static_cast<int>(type)].name;
}

std::optional<ElementType>
colossal::torchscript::elementTypeNamed(const std::string &name) {
  for (const Row &row : table)
    if (name == row.name)
      return row.type;
  return std::nullopt;
}

int64_t colossal::torchscript::bytesOf(ElementType type) {
  return table[static_cast<int>(type)].bytes;
}
