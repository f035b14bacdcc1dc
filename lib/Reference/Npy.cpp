//===- Npy.cpp - NumPy's array files --------------------------------------===//

#include "colossal/Reference/Npy.h"
#include "colossal/Support/Files.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringRef.h"
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

/// The text after `'key':` in the header's dictionary.
static StringRef fieldOf(StringRef header, StringRef key) {
  size_t at = header.find(("'" + key + "'").str());
  if (at == StringRef::npos)
    return {};
  return header.drop_front(at).split(':').second.ltrim();
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
  std::optional<std::string> text = readTextFile(path, error);
  if (!text)
    return std::nullopt;
  auto fail = [&](const Twine &reason) {
    error = (path + ": " + reason).str();
    return std::nullopt;
  };
  StringRef bytes(*text);
  if (!bytes.consume_front(kMagic) || bytes.size() < 4)
    return fail("found no NumPy header, expected a .npy file");
  unsigned version = uint8_t(bytes[0]);
  unsigned lengthBytes = version == 1 ? 2 : 4;
  bytes = bytes.drop_front(2);
  if (bytes.size() < lengthBytes)
    return fail("the header is cut off");
  uint32_t length = 0;
  for (unsigned i = 0; i < lengthBytes; ++i)
    length |= uint32_t(uint8_t(bytes[i])) << (8 * i);
  bytes = bytes.drop_front(lengthBytes);
  if (bytes.size() < length)
    return fail("the header is cut off");
  StringRef header = bytes.take_front(length);
  bytes = bytes.drop_front(length);
  StringRef descr = fieldOf(header, "descr");
  descr = descr.starts_with("'") ? descr.drop_front().split('\'').first
                                 : StringRef();
  SmallVector<StringRef> sizes;
  fieldOf(header, "shape").split('(').second.split(')').first.split(sizes, ',');
  SmallVector<int64_t> shape;
  int64_t count = 1;
  for (StringRef size : sizes) {
    int64_t value = 0;
    if (size.trim().empty())
      continue;
    if (size.trim().getAsInteger(10, value) || value < 0 ||
        (value > 0 && count > (int64_t(1) << 40) / value))
      return fail("found shape entry '" + size + "', expected a size");
    shape.push_back(value);
    count *= value;
  }
  std::optional<Tensor> result = decodeElements(descr, bytes, shape);
  if (!result)
    return fail("found elements of type '" + descr +
                "' or too few bytes, expected little-endian f4, f8, i1 to i8, "
                "u1 to u4 or b1");
  if (fieldOf(header, "fortran_order").starts_with("True"))
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
