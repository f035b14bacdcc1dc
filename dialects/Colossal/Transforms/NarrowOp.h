//===- NarrowOp.h - Whole ops that take floats of 16 bits -------*- C++ -*-===//

#ifndef COLOSSAL_TRANSFORMS_NARROWOP_H
#define COLOSSAL_TRANSFORMS_NARROWOP_H

#include "Colossal/IR/ColossalDialect.h"

#include "Colossal/Transforms/NarrowOp.h.inc"

#endif // COLOSSAL_TRANSFORMS_NARROWOP_H
