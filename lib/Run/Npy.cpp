//===- Npy.cpp - Files of one array, as numpy writes them -----------------===//

#include "colossal/Run/Npy.h"

#include "colossal/Run/Elements.h"
#include "colossal/Run/NarrowRows.h"
#include "colossal/Run/NpyHeader.h"

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

/// Size and time of the last change.
std::array<int64_t, 3> stampOf(const struct stat &info) {
  return {int64_t(info.st_size), int64_t(info.st_mtim.tv_sec),
          int64_t(info.st_mtim.tv_nsec)};
}

} // namespace

NpyFile::NpyFile(NpyFile &&other) noexcept
    : shape(std::move(other.shape)), descr(std::move(other.descr)),
      elementBytes(other.elementBytes), path(std::move(other.path)),
      descriptor(other.descriptor), dataOffset(other.dataOffset),
      stamp(other.stamp) {
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
  // Not to wait for the writer of a pipe.
  file.descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file.descriptor < 0)
    return fail(std::strerror(errno), "a readable .npy file");
  struct stat info;
  if (fstat(file.descriptor, &info) != 0)
    return fail(std::strerror(errno), "a readable .npy file");
  if (!S_ISREG(info.st_mode))
    return fail(S_ISDIR(info.st_mode) ? "a folder" : "a pipe or device",
                "a regular .npy file");
  file.stamp = stampOf(info);
  std::string fault;
  std::string header(
      size_t(std::min<int64_t>(kNpyStart, int64_t(info.st_size))), ' ');
  std::optional<int64_t> length;
  if (readAll(file.descriptor, 0, header.data(), int64_t(header.size())))
    length = npyHeaderBytes(header, fault);
  if (length && *length <= info.st_size) {
    header.resize(size_t(*length));
    if (!readAll(file.descriptor, 0, header.data(), *length))
      return fail("a file that cannot be read", "a readable .npy file");
  }
  std::optional<NpyHeader> parsed =
      length ? parseNpyHeader(header, fault) : std::nullopt;
  if (!parsed) {
    error = path + ": " + (fault.empty() ? "cannot be read" : fault);
    return std::nullopt;
  }
  file.dataOffset = parsed->dataOffset;
  file.shape = parsed->shape;
  file.descr = parsed->descr;
  if (parsed->fortranOrder && file.shape.size() > 1)
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
  int64_t bytes = 0;
  if (__builtin_mul_overflow(parsed->elements, file.elementBytes, &bytes) ||
      info.st_size - file.dataOffset < bytes)
    return fail(std::to_string(info.st_size) + " bytes",
                "more by the header: the file is cut off");
  return file;
}

bool NpyFile::isUnchanged() const {
  struct stat info;
  return fstat(descriptor, &info) == 0 && stampOf(info) == stamp;
}

/// As NumPy writes it. It has no bf16: bytes, which torch views as one.
static const char *nameInNumpy(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "<f4";
  case DType::F64:
    return "<f8";
  case DType::I64:
    return "<i8";
  case DType::I32:
    return "<i4";
  case DType::I16:
    return "<i2";
  case DType::I8:
    return "|i1";
  case DType::U8:
    return "|u1";
  case DType::I1:
    return "|b1";
  case DType::BF16:
    return "|V2";
  case DType::F16:
    break;
  }
  return "<f2";
}

bool NpyFile::converts(DType dtype) const {
  if (isNarrow(dtype)) // programs take no floats of 16 bits
    return false;
  if (descr == nameInNumpy(dtype))
    return true;
  if (dtype == DType::F64)
    return descr == "<f4";
  bool isUnsigned = descr[1] == 'u';
  if (!isInteger(dtype) || (descr[1] != 'i' && !isUnsigned))
    return false;
  // An unsigned number takes a bit more where it has a sign.
  return dtype != DType::U8 && elementBytes + isUnsigned <= bytesOf(dtype);
}

bool NpyFile::read(int64_t first, int64_t count, DType dtype, char *to) const {
  int64_t offset = dataOffset + first * elementBytes;
  if (descr == nameInNumpy(dtype))
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
    withElement(dtype, [&](auto zero) {
      auto *at = reinterpret_cast<decltype(zero) *>(to) + done;
      if constexpr (!isNarrowNumber<decltype(zero)>)
        from(at, elements);
    });
  }
  return true;
}

std::string npyHeader(const std::vector<int64_t> &shape, DType dtype) {
  std::string text = "{'descr': '" + std::string(nameInNumpy(dtype)) +
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
