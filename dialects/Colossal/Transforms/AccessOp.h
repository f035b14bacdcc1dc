//===- AccessOp.h - Whole ops that walk few strides -------------*- C++ -*-===//

#ifndef COLOSSAL_TRANSFORMS_ACCESSOP_H
#define COLOSSAL_TRANSFORMS_ACCESSOP_H

#include "Colossal/IR/ColossalDialect.h"

#include "Colossal/Transforms/AccessOp.h.inc"

#endif // COLOSSAL_TRANSFORMS_ACCESSOP_H
