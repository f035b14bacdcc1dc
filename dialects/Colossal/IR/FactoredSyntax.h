//===- FactoredSyntax.h - Text form of factors and index maps --*- C++ -*-===//
//
// Shared by the attributes (factor i printed as `di`) and the factored ops
// (factors printed by name), generic and whole.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_FACTOREDSYNTAX_H
#define COLOSSAL_IR_FACTOREDSYNTAX_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// `b = 4`, `v = 25129 of 50257 {tensor(2) * 25129} : sum`.
void printFactor(mlir::AsmPrinter &printer, FactorAttr factor);
mlir::FailureOr<FactorAttr> parseFactor(mlir::AsmParser &parser);

/// `[(b, s), n]`; `nameOf(i)` is the text of factor i.
void printIndexMap(mlir::AsmPrinter &printer, IndexMapAttr map,
                   llvm::function_ref<std::string(int64_t)> nameOf);
/// `factorOf(name)` is the factor's number, -1 if there is none, and
/// `boundOf(i)` its bound.
mlir::FailureOr<IndexMapAttr>
parseIndexMap(mlir::AsmParser &parser,
              llvm::function_ref<int64_t(llvm::StringRef)> factorOf,
              llvm::function_ref<int64_t(int64_t)> boundOf);

/// `8 * a + c == 6 * i + j`; `printId` prints what stands for the id.
void printEquation(mlir::AsmPrinter &printer, EquationAttr equation,
                   llvm::function_ref<void()> printId);
/// `parseId` parses what stands for the id, if it is there.
mlir::FailureOr<EquationAttr>
parseEquation(mlir::AsmParser &parser,
              llvm::function_ref<mlir::OptionalParseResult()> parseId);
/// `{axes = {data = b}, keep, segment = forward}`, or nothing: like any
/// attribute dictionary, but what phases attach is written without its type.
mlir::ParseResult parseAttributes(mlir::OpAsmParser &parser,
                                  mlir::NamedAttrList &attributes);
void printAttributes(mlir::OpAsmPrinter &printer,
                     llvm::ArrayRef<mlir::NamedAttribute> attributes,
                     llvm::ArrayRef<llvm::StringRef> elided);
/// The same for the custom directive `Attributes` of CollectiveOps.td.
inline void printAttributes(mlir::OpAsmPrinter &printer, mlir::Operation *,
                            mlir::DictionaryAttr attributes) {
  printAttributes(printer, attributes.getValue(), {"name", "from", "to"});
}

/// An attribute of a whole op that stands after its name: `scale 0.125`.
struct FactoredParameter {
  llvm::StringRef name;
  mlir::Type type; ///< of the value, which is printed without it
};

/// "name" parameters [factors] (operands : maps) -> (maps) attributes {body} :
/// type. A body that yields nothing is left out.
mlir::ParseResult parseFactored(mlir::OpAsmParser &parser,
                                mlir::OperationState &result,
                                llvm::ArrayRef<FactoredParameter> parameters);
void printFactored(mlir::OpAsmPrinter &printer, FactoredOp op,
                   llvm::ArrayRef<FactoredParameter> parameters);

} // namespace colossal

#endif // COLOSSAL_IR_FACTOREDSYNTAX_H
