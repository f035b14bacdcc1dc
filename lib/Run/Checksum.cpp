//===- Checksum.cpp - CRC-32, eight bytes at a time -----------------------===//

#include "colossal/Run/Checksum.h"

#include <array>
#include <cstring>

namespace colossal::rank {

namespace {

struct CrcTables {
  std::array<std::array<uint32_t, 256>, 8> table;
  CrcTables() {
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit)
        value = value & 1 ? 0xEDB88320u ^ (value >> 1) : value >> 1;
      table[0][i] = value;
    }
    for (uint32_t i = 0; i < 256; ++i)
      for (int t = 1; t < 8; ++t)
        table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 255];
  }
};

} // namespace

uint32_t crc32(uint32_t crc, const char *data, int64_t bytes) {
  static const CrcTables tables;
  const auto &t = tables.table;
  crc = ~crc;
  for (; bytes >= 8; bytes -= 8, data += 8) {
    uint32_t low, high;
    memcpy(&low, data, 4);
    memcpy(&high, data + 4, 4);
    low ^= crc;
    crc = t[7][low & 255] ^ t[6][low >> 8 & 255] ^ t[5][low >> 16 & 255] ^
          t[4][low >> 24] ^ t[3][high & 255] ^ t[2][high >> 8 & 255] ^
          t[1][high >> 16 & 255] ^ t[0][high >> 24];
  }
  for (; bytes > 0; --bytes, ++data)
    crc = crc >> 8 ^ t[0][(crc ^ uint8_t(*data)) & 255];
  return ~crc;
}

namespace {

/// Polynomials modulo the CRC's, lowest degree in the highest bit.
uint32_t product(uint32_t a, uint32_t b) {
  uint32_t result = 0;
  for (uint32_t bit = 0x80000000u; bit; bit >>= 1) {
    if (a & bit)
      result ^= b;
    b = b & 1 ? 0xEDB88320u ^ (b >> 1) : b >> 1;
  }
  return result;
}

/// x to the power 8 * bytes.
uint32_t powerOf(int64_t bytes) {
  // Entry i is x to the power 8 * 2^i.
  static const std::array<uint32_t, 63> powers = [] {
    std::array<uint32_t, 63> all;
    all[0] = 0x80000000u >> 8;
    for (size_t i = 1; i < all.size(); ++i)
      all[i] = product(all[i - 1], all[i - 1]);
    return all;
  }();
  uint32_t result = 0x80000000u;
  for (size_t i = 0; bytes; bytes >>= 1, ++i)
    if (bytes & 1)
      result = product(result, powers[i]);
  return result;
}

} // namespace

uint32_t crcPart(uint32_t crc, int64_t behind) {
  return product(~crc, powerOf(behind));
}

uint32_t crcOfZeros(int64_t bytes) {
  return ~product(0xFFFFFFFFu, powerOf(bytes));
}

} // namespace colossal::rank
