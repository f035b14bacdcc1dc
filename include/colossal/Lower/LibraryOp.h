//===- LibraryOp.h - Whole ops that the runtime calls -----------*- C++ -*-===//

#ifndef COLOSSAL_LOWER_LIBRARYOP_H
#define COLOSSAL_LOWER_LIBRARYOP_H

#include "colossal/Lower/LowerGroup.h"

#include "colossal/Lower/LibraryOp.h.inc"

#endif // COLOSSAL_LOWER_LIBRARYOP_H
