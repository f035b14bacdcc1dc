//===- Npy.cpp - Files of one array, as numpy writes them -----------------===//

#include "colossal/Run/Npy.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace colossal::rank {

namespace {

bool readAll(int descriptor, int64_t offset, char *to, int64_t bytes) {
  while (bytes > 0) {
    ssize_t got = pread(descriptor, to, size_t(bytes), offset);
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    to += got;
    offset += got;
    bytes -= got;
  }
  return true;
}

/// The text after 'key': in a header, up to the character before `end`.
std::optional<std::string> field(const std::string &header,
                                 const std::string &key, char open,
                                 char close) {
  size_t at = header.find("'" + key + "'");
  if (at == std::string::npos)
    return std::nullopt;
  at = header.find(open, at + key.size() + 2);
  if (at == std::string::npos)
    return std::nullopt;
  size_t end = header.find(close, at + 1);
  if (end == std::string::npos)
    return std::nullopt;
  return header.substr(at + 1, end - at - 1);
}

} // namespace

NpyFile::NpyFile(NpyFile &&other) noexcept
    : shape(std::move(other.shape)), descr(std::move(other.descr)),
      elementBytes(other.elementBytes), path(std::move(other.path)),
      descriptor(other.descriptor), dataOffset(other.dataOffset) {
  other.descriptor = -1;
}

NpyFile::~NpyFile() {
  if (descriptor >= 0)
    close(descriptor);
}

std::optional<NpyFile> NpyFile::open(const std::string &path,
                                     std::string &error) {
  NpyFile file;
  file.path = path;
  auto fail = [&](const std::string &found, const std::string &expected) {
    error = path + ": found " + found + ", expected " + expected;
    return std::nullopt;
  };
  file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file.descriptor < 0)
    return fail(std::strerror(errno), "a readable .npy file");
  char start[12];
  if (!readAll(file.descriptor, 0, start, 10) ||
      memcmp(start, "\x93NUMPY", 6) != 0)
    return fail("another format", "a .npy file (numpy.save)");
  int64_t length = uint8_t(start[8]) | uint8_t(start[9]) << 8, begin = 10;
  if (start[6] > 1) {
    uint32_t wide = 0;
    if (!readAll(file.descriptor, 8, reinterpret_cast<char *>(&wide), 4))
      return fail("a short header", "a whole .npy file");
    length = wide;
    begin = 12;
  }
  if (length > (1 << 20))
    return fail("a header of " + std::to_string(length) + " bytes",
                "a .npy file");
  std::string header(size_t(length), ' ');
  if (!readAll(file.descriptor, begin, header.data(), length))
    return fail("a short header", "a whole .npy file");
  file.dataOffset = begin + length;
  auto descr = field(header, "descr", '\'', '\'');
  auto shape = field(header, "shape", '(', ')');
  if (!descr || !shape)
    return fail("a header without descr and shape", "an array of one type");
  file.descr = *descr;
  if (header.find("'fortran_order': False") == std::string::npos)
    return fail("Fortran order", "C order (numpy.ascontiguousarray)");
  static const char *known[] = {"|b1", "|i1", "|u1", "<i2", "<u2",
                                "<i4", "<u4", "<i8", "<f4", "<f8"};
  bool isKnown = false;
  for (const char *name : known)
    isKnown |= file.descr == name;
  if (!isKnown)
    return fail("type '" + file.descr + "'",
                "bool, int8 to int64, uint8 to uint32, float32 or float64, "
                "little endian");
  file.elementBytes = file.descr[2] - '0';
  int64_t elements = 1;
  for (size_t at = 0; at < shape->size();) {
    size_t used = 0;
    while (at < shape->size() && !isdigit((*shape)[at]))
      ++at;
    if (at == shape->size())
      break;
    int64_t size = 0;
    while (at + used < shape->size() && isdigit((*shape)[at + used]) &&
           used < 18)
      size = size * 10 + ((*shape)[at + used++] - '0');
    at += used;
    file.shape.push_back(size);
    if (__builtin_mul_overflow(elements, size, &elements))
      return fail("a shape that is too large", "an array that fits the file");
  }
  struct stat info;
  int64_t bytes = 0;
  if (fstat(file.descriptor, &info) != 0 ||
      __builtin_mul_overflow(elements, file.elementBytes, &bytes) ||
      info.st_size - file.dataOffset < bytes)
    return fail(std::to_string(info.st_size) + " bytes",
                std::to_string(file.dataOffset + bytes) +
                    ", by the header: the file is cut off");
  return file;
}

bool NpyFile::converts(DType dtype) const {
  switch (dtype) {
  case DType::F32:
    return descr == "<f4";
  case DType::F64:
    return descr == "<f8" || descr == "<f4";
  case DType::I64:
    return descr[1] == 'i' || descr[1] == 'u';
  case DType::I32:
    return (descr[1] == 'i' && elementBytes <= 4) ||
           (descr[1] == 'u' && elementBytes <= 2);
  case DType::I1:
    return descr == "|b1";
  }
  return false;
}

bool NpyFile::read(int64_t first, int64_t count, DType dtype, char *to) const {
  static const char *same[] = {"<f4", "<f8", "<i8", "<i4", "|b1"};
  int64_t offset = dataOffset + first * elementBytes;
  if (descr == same[static_cast<int>(dtype)])
    return readAll(descriptor, offset, to, count * elementBytes);
  char piece[4096];
  auto convert = [&](auto *from, auto *target, int64_t elements) {
    using To = std::remove_pointer_t<decltype(target)>;
    for (int64_t i = 0; i < elements; ++i)
      target[i] = static_cast<To>(from[i]);
  };
  auto from = [&](auto *target, int64_t elements) {
    char kind = descr[1];
    switch (elementBytes) {
    case 1:
      return kind == 'u'
                 ? convert(reinterpret_cast<uint8_t *>(piece), target, elements)
                 : convert(reinterpret_cast<int8_t *>(piece), target, elements);
    case 2:
      return kind == 'u' ? convert(reinterpret_cast<uint16_t *>(piece), target,
                                   elements)
                         : convert(reinterpret_cast<int16_t *>(piece), target,
                                   elements);
    default:
      return kind == 'f'
                 ? convert(reinterpret_cast<float *>(piece), target, elements)
             : kind == 'u' ? convert(reinterpret_cast<uint32_t *>(piece),
                                     target, elements)
                           : convert(reinterpret_cast<int32_t *>(piece), target,
                                     elements);
    }
  };
  int64_t chunk = int64_t(sizeof(piece)) / elementBytes;
  for (int64_t done = 0; done < count; done += chunk) {
    int64_t elements = std::min(chunk, count - done);
    if (!readAll(descriptor, offset + done * elementBytes, piece,
                 elements * elementBytes))
      return false;
    char *at = to + done * bytesOf(dtype);
    if (dtype == DType::I64)
      from(reinterpret_cast<int64_t *>(at), elements);
    else if (dtype == DType::I32)
      from(reinterpret_cast<int32_t *>(at), elements);
    else
      from(reinterpret_cast<double *>(at), elements);
  }
  return true;
}

std::string npyHeader(const std::vector<int64_t> &shape, DType dtype) {
  static const char *names[] = {"<f4", "<f8", "<i8", "<i4", "|b1"};
  std::string text = "{'descr': '" +
                     std::string(names[static_cast<int>(dtype)]) +
                     "', 'fortran_order': False, 'shape': (";
  for (int64_t size : shape)
    text += std::to_string(size) + (shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1)
    text.resize(text.size() - 2);
  text += "), }";
  while ((10 + text.size() + 1) % 64)
    text += ' ';
  text += '\n';
  std::string header = "\x93NUMPY";
  header += '\x01';
  header += '\x00';
  header += char(text.size() & 255);
  header += char(text.size() >> 8);
  return header + text;
}

} // namespace colossal::rank
