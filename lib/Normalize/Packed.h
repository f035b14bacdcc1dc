//===- Packed.h - Sequences of several lengths, packed ----------*- C++ -*-===//
//
// PyTorch packs sequences: the elements of all first times, of all second
// times, and so on, of the sequences that last so long. Their number depends on
// data. Here there is a row for every time and sequence, [time x sequence,
// ...]; those after a sequence's end are selected rows that are not there
// (SelectedRows.h). The batch sizes that go with them stand for the lengths.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_PACKED_H
#define COLOSSAL_LIB_NORMALIZE_PACKED_H

#include "Call.h"

namespace colossal::normalize {

/// What the batch sizes in argument `index` stand for; null, with an error, if
/// they are not those of a packed sequence.
const Packed *packedBy(Call &c, unsigned index);

/// x [time, sequence, ...] as the rows of a packed sequence with these batch
/// sizes.
mlir::Value packRows(Call &c, mlir::Value x, int64_t timeDim,
                     mlir::Value batchSizes, llvm::StringRef suffix);

/// The rows as [time, sequence, ...], 0 after a sequence's end.
mlir::Value padRows(Call &c, mlir::Value rows, const Packed &packed,
                    llvm::StringRef suffix);

/// In a body, whether `time` is before the end: `length` is an i64.
mlir::Value isBeforeEnd(ScalarBuilder &s, mlir::Value time, mlir::Value length);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_PACKED_H
