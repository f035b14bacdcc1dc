//===- Checksum.h - CRC-32 --------------------------------------*- C++ -*-===//

#ifndef COLOSSAL_RUN_CHECKSUM_H
#define COLOSSAL_RUN_CHECKSUM_H

#include <cstdint>

namespace colossal::rank {

/// CRC-32 of zip and PNG (polynomial 0xEDB88320), continued from `crc`; start
/// with 0.
uint32_t crc32(uint32_t crc, const char *data, int64_t bytes);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_CHECKSUM_H
