//===- Call.h - One aten op as a row of the table sees it -------*- C++ -*-===//
//
// A row reads the arguments it understands, builds generics and gives the
// results:
//
//   static void relu(Call &c) {
//     c.result(elementwise(c, {c.item(0)}, c.elementType(0), ...));
//   }
//
// An argument of the wrong kind, or one with a value that is not supported, is
// reported once; the accessor then returns a harmless value, so that rows need
// no checks of their own.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_CALL_H
#define COLOSSAL_LIB_NORMALIZE_CALL_H

#include "Interpreter.h"

namespace colossal::normalize {

class Call {
public:
  Call(Interpreter &state, AtenOp op);

  Interpreter &state;
  AtenOp op;

  mlir::OpBuilder &builder() { return state.builder; }
  mlir::Location loc() { return op.getLoc(); }
  /// `aten::add.Tensor`: the schema without its arguments.
  llvm::StringRef key() const { return schemaKey; }
  /// A unique name for an op that the row builds: the aten op's name, or with
  /// a suffix `.mean`.
  std::string name(llvm::StringRef suffix = "");
  /// A generic of that name, not yet built.
  GenericBuilder generic(llvm::StringRef suffix = "");
  /// The same, as a member of the composite that this aten op is.
  GenericBuilder member(llvm::StringRef suffix = "");

  //===--------------------------------------------------------------------===//
  // Arguments, by position in the schema
  //===--------------------------------------------------------------------===//

  unsigned size() const { return arguments.size(); }
  /// None past the end.
  const Item &item(unsigned index) const;
  bool isNone(unsigned index) const { return item(index).isNone(); }
  /// The contents; a known number becomes a generic without operands.
  mlir::Value tensor(unsigned index);
  mlir::Value tensor(const Item &item);
  /// The tensor with its aliases; of a known number, a copy.
  TensorRef alias(unsigned index);
  /// The tensor that an in-place op writes: a known number gets a storage
  /// first, which later ops see.
  TensorRef destination(unsigned index);
  /// Of a tensor or a known 0-d tensor.
  mlir::RankedTensorType type(unsigned index);
  Scalar scalar(unsigned index);
  int64_t integer(unsigned index);
  double real(unsigned index);
  bool flag(unsigned index);
  llvm::StringRef text(unsigned index);
  llvm::SmallVector<int64_t> integers(unsigned index);
  /// Sizes of a view, which keeps rows that data select: the size that is their
  /// number is here that of all rows.
  llvm::SmallVector<int64_t> sizes(unsigned index);
  llvm::ArrayRef<Item> list(unsigned index);
  /// A dimension of a tensor of `rank`, counted from the end if negative.
  int64_t dimension(unsigned index, int64_t rank);
  int64_t dimension(int64_t value, int64_t rank, unsigned index);
  /// The dimensions of an optional list; all if it is none or empty. Sorted.
  llvm::SmallVector<int64_t> dimensions(unsigned index, int64_t rank);
  /// A dtype argument, or `otherwise` if it is none.
  mlir::Type dtype(unsigned index, mlir::Type otherwise);
  /// Replaces the arguments (a row that is a special case of another).
  void setArguments(std::vector<Item> items) { arguments = std::move(items); }
  llvm::ArrayRef<Item> getArguments() const { return arguments; }

  //===--------------------------------------------------------------------===//
  // Other ops
  //===--------------------------------------------------------------------===//

  /// What the op `key` makes of these arguments: what PyTorch writes in terms
  /// of other ops, a row writes so too. Its generics are named after this op
  /// and that one. None after an error, which is this op's.
  Item call(llvm::StringRef key, std::vector<Item> arguments);
  /// Arguments of such ops.
  Item number(int64_t value);
  Item number(double value);
  Item truth(bool value);
  Item string(llvm::StringRef text);
  Item numbers(llvm::ArrayRef<int64_t> values);

  //===--------------------------------------------------------------------===//
  // Results
  //===--------------------------------------------------------------------===//

  void result(Item item) { results.push_back(std::move(item)); }
  /// A tensor that shares nothing.
  void result(mlir::Value value);
  std::vector<Item> results;

  //===--------------------------------------------------------------------===//
  // Errors
  //===--------------------------------------------------------------------===//

  /// Reports `message`, once, with the op, its module path and its line.
  void error(const llvm::Twine &message);
  bool failed() const { return hasFailed; }
  /// Fails if `part`, another call of this op, has failed.
  void inherit(const Call &part) { hasFailed |= part.hasFailed; }

private:
  llvm::SmallVector<int64_t> numbers(unsigned index, bool countsRows);
  std::vector<Item> arguments;
  std::string schemaKey;
  std::string stem;  ///< of the names that it gives
  std::string group; ///< of its composite
  bool hasFailed = false;
};

/// "module path 'transformer.h.0' (model.py:12)".
std::string place(AtenOp op);
/// "'aten::add.Tensor' in module path 'transformer.h.0' (model.py:12)".
std::string describe(AtenOp op);

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_CALL_H
