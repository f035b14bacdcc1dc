//===- Rows.h - The table from ATen schemas to builders ---------*- C++ -*-===//

#ifndef COLOSSAL_LIB_NORMALIZE_ROWS_H
#define COLOSSAL_LIB_NORMALIZE_ROWS_H

#include "Call.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/ErrorHandling.h"

namespace colossal::normalize {

using Row = void (*)(Call &);

class Table {
public:
  /// `key` is a schema without arguments: `aten::add.Tensor`. It has one row.
  void add(llvm::StringRef key, Row row) {
    if (!rows.try_emplace(key, row).second)
      llvm::report_fatal_error(llvm::Twine("two rows for ") + key);
  }
  void add(std::initializer_list<llvm::StringRef> keys, Row row) {
    for (llvm::StringRef key : keys)
      add(key, row);
  }
  /// Null if there is none.
  Row find(llvm::StringRef key) const { return rows.lookup(key); }

  /// Every row there is.
  static const Table &get();

private:
  llvm::StringMap<Row> rows;
};

/// Fails with one message for all ops without a row: each kind with its first
/// place and how many there are.
mlir::LogicalResult checkSupported(mlir::func::FuncOp function);

/// Interprets one op: finds its row (of an in-place op `add_` the row of
/// `add`) and binds the results. Reports an error and fails if there is none.
mlir::LogicalResult interpret(Interpreter &state, AtenOp op);

/// Whether an op writes into the value, or into a view of it.
bool isWritten(mlir::Value value);

/// Runs the row of an op, or of the functional one that writes back; false if
/// there is none.
bool runRow(Call &call);

/// `aten::add_.Tensor` -> `aten::add.Tensor`, `aten::__ior__.Tensor` (from
/// `|=`) -> `aten::__or__.Tensor`; empty if `key` is not in place.
std::string functionalKey(llvm::StringRef key);

// One function a subject.
void addPoolingRows(Table &table);
void addScalarRows(Table &table);
void addUnaryRows(Table &table);
void addFunctionRows(Table &table);
void addActivationRows(Table &table);
void addElementwiseRows(Table &table);
void addEmbeddingRows(Table &table);
void addMarginRows(Table &table);
void addExtremeRows(Table &table);
void addReductionRows(Table &table);
void addMomentRows(Table &table);
void addReorderRows(Table &table);
void addRearrangeRows(Table &table);
void addDiagonalRows(Table &table);
void addViewRows(Table &table);
void addPackedRows(Table &table);
void addPartRows(Table &table);
void addConversionRows(Table &table);
void addContractionRows(Table &table);
void addProductRows(Table &table);
void addBesselRows(Table &table);
void addCountRows(Table &table);
void addDivisorRows(Table &table);
void addPoolIndexRows(Table &table);
void addRefusedRows(Table &table);
void addMatrixRows(Table &table);
void addDecompositionRows(Table &table);
void addDistanceRows(Table &table);
void addDropoutRows(Table &table);
void addComplexRows(Table &table);
void addConvolutionRows(Table &table);
void addCtcRows(Table &table);
void addNormalizationRows(Table &table);
void addChannelNormRows(Table &table);
void addLossRows(Table &table);
void addValueLossRows(Table &table);
void addAttentionRows(Table &table);
void addCreationRows(Table &table);
void addLookupRows(Table &table);
void addInterpolationRows(Table &table);
void addWindowRows(Table &table);
void addRandomRows(Table &table);
void addSignalRows(Table &table);
void addSortRows(Table &table);
void addSpecialRows(Table &table);
void addPutRows(Table &table);
void addScatterRows(Table &table);
void addScriptRows(Table &table);
void addRecurrentRows(Table &table);
void addJoinRows(Table &table);
void addGridRows(Table &table);
void addLayoutRows(Table &table);
void addNormRows(Table &table);
void addOrderStatisticRows(Table &table);
void addPairRows(Table &table);
void addReplaceRows(Table &table);
void addRunningRows(Table &table);
void addScatterReduceRows(Table &table);
void addTrigonometricRows(Table &table);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_ROWS_H
