//===- InputsAttribute.h - What a module says of its inputs -----*- C++ -*-===//
//
// A list of {name}, and for integers that index something {lowest, highest,
// lookup} and, where other values are allowed (ignored labels), {others}.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_IR_INPUTSATTRIBUTE_H
#define COLOSSAL_IR_INPUTSATTRIBUTE_H

#include "llvm/ADT/StringRef.h"

namespace colossal::names {
inline constexpr llvm::StringLiteral inputs = "colossal.inputs";
} // namespace colossal::names

#endif // COLOSSAL_IR_INPUTSATTRIBUTE_H
