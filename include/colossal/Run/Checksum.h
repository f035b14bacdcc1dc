//===- Checksum.h - CRC-32 --------------------------------------*- C++ -*-===//
//
// Also of a text whose pieces are on several ranks. A CRC is linear: with zero
// in its register, the remainder of a text is the XOR of what its pieces would
// leave with zeros in place of all others. Each rank finds that of its pieces,
// in any order; one XOR over the ranks and `crcOfZeros` give the CRC of the
// text. Nobody needs to have it all.
//

#ifndef COLOSSAL_RUN_CHECKSUM_H
#define COLOSSAL_RUN_CHECKSUM_H

#include <cstdint>

namespace colossal::rank {

/// CRC-32 of zip and PNG (polynomial 0xEDB88320), continued from `crc`; start
/// with 0.
uint32_t crc32(uint32_t crc, const char *data, int64_t bytes);

/// Where the CRC of a piece starts, instead of 0.
constexpr uint32_t kPieceStart = 0xFFFFFFFFu;

/// What a piece gives to the CRC of its text. `crc`: of the piece, begun with
/// kPieceStart; `behind`: bytes of the text behind the piece.
uint32_t crcPart(uint32_t crc, int64_t behind);

/// CRC-32 of a text of zeros: what the parts of a text are XORed to.
uint32_t crcOfZeros(int64_t bytes);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_CHECKSUM_H
