//===- Npy.cpp - NumPy's array files --------------------------------------===//

#include "colossal/Reference/Npy.h"
#include "colossal/Run/NpyHeader.h"
#include "colossal/Support/Files.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <cstring>

using namespace llvm;
using namespace colossal;
using namespace colossal::reference;

static constexpr StringLiteral kMagic("\x93NUMPY");

template <typename From, typename To>
static void decode(StringRef bytes, std::vector<To> &out) {
  for (size_t i = 0, e = out.size(); i < e; ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    out[i] = To(value);
  }
}

std::optional<Tensor>
colossal::reference::decodeElements(StringRef descr, StringRef bytes,
                                    ArrayRef<int64_t> shape) {
  int64_t count = elementsOf(shape);
  StringRef type = descr.drop_front(descr.empty() ? 0 : 1);
  unsigned width = 0;
  if (descr.starts_with(">") || type.drop_front(1).getAsInteger(10, width) ||
      int64_t(bytes.size()) < count * width)
    return std::nullopt;
  ElementKind kind = type.starts_with("f")   ? ElementKind::Float
                     : type.starts_with("b") ? ElementKind::Boolean
                                             : ElementKind::Integer;
  Tensor result = Tensor::zeros(kind, shape);
  if (type == "f8")
    decode<double>(bytes, result.floats);
  else if (type == "f4")
    decode<float>(bytes, result.floats);
  else if (type == "i8")
    decode<int64_t>(bytes, result.integers);
  else if (type == "i4")
    decode<int32_t>(bytes, result.integers);
  else if (type == "i2")
    decode<int16_t>(bytes, result.integers);
  else if (type == "i1")
    decode<int8_t>(bytes, result.integers);
  else if (type == "u4")
    decode<uint32_t>(bytes, result.integers);
  else if (type == "u2")
    decode<uint16_t>(bytes, result.integers);
  else if (type == "u1")
    decode<uint8_t>(bytes, result.integers);
  else if (type == "b1")
    decode<uint8_t>(bytes, result.booleans);
  else
    return std::nullopt;
  return result;
}

/// Column-major to row-major.
static Tensor transposed(const Tensor &tensor) {
  Tensor result = Tensor::zeros(tensor.kind, tensor.shape);
  SmallVector<int64_t> index(tensor.shape.size(), 0);
  for (int64_t i = 0, e = tensor.size(); i < e; ++i) {
    int64_t source = 0, stride = 1;
    for (size_t d = 0; d < index.size(); ++d) {
      source += index[d] * stride;
      stride *= tensor.shape[d];
    }
    result.copyElement(i, tensor, source);
    for (size_t d = index.size(); d-- > 0;) {
      if (++index[d] < tensor.shape[d])
        break;
      index[d] = 0;
    }
  }
  return result;
}

std::optional<Tensor> colossal::reference::readNpy(const std::string &path,
                                                   std::string &error) {
  sys::fs::file_status status;
  if (!sys::fs::status(path, status) && !sys::fs::is_regular_file(status)) {
    error = path + ": found no regular file, expected a .npy file";
    return std::nullopt;
  }
  std::optional<std::string> text = readTextFile(path, error);
  if (!text)
    return std::nullopt;
  auto fail = [&](const Twine &reason) {
    error = (path + ": " + reason).str();
    return std::nullopt;
  };
  std::string fault;
  std::optional<rank::NpyHeader> header = rank::parseNpyHeader(*text, fault);
  if (!header)
    return fail(fault);
  const std::string &descr = header->descr;
  StringRef bytes = StringRef(*text).drop_front(header->dataOffset);
  // An element has a byte at least: the file bounds what is allocated.
  if (header->elements > int64_t(bytes.size()))
    return fail("found too few bytes, expected " + Twine(header->elements) +
                " elements");
  std::optional<Tensor> result = decodeElements(descr, bytes, header->shape);
  if (!result)
    return fail("found elements of type '" + descr +
                "' or too few bytes, expected little-endian f4, f8, i1 to i8, "
                "u1 to u4 or b1");
  if (header->fortranOrder)
    return transposed(*result);
  return result;
}

bool colossal::reference::writeNpy(const std::string &path,
                                   const Tensor &tensor, std::string &error) {
  std::string text;
  raw_string_ostream out(text);
  std::string header = "{'descr': '";
  header += tensor.kind == ElementKind::Float     ? "<f8"
            : tensor.kind == ElementKind::Integer ? "<i8"
                                                  : "|b1";
  header += "', 'fortran_order': False, 'shape': (";
  for (int64_t size : tensor.shape)
    header += std::to_string(size) + ",";
  header += "), }";
  // Magic, version and length are 10 bytes; the data starts at a multiple
  // of 64.
  header.resize((header.size() + 1 + 10 + 63) / 64 * 64 - 10, ' ');
  header.back() = '\n';
  out << kMagic << '\1' << '\0' << char(header.size() & 255)
      << char(header.size() >> 8) << header;
  auto write = [&](const auto &data) {
    out.write(reinterpret_cast<const char *>(data.data()),
              data.size() * sizeof(data[0]));
  };
  write(tensor.floats);
  write(tensor.integers);
  write(tensor.booleans);
  return writeTextFile(path, text, error);
}
