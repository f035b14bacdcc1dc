//===- EvaluableOp.h - Whole ops of the interpreter -------------*- C++ -*-===//

#ifndef COLOSSAL_REFERENCE_EVALUABLEOP_H
#define COLOSSAL_REFERENCE_EVALUABLEOP_H

#include "colossal/Reference/Evaluate.h"

#include "colossal/Reference/EvaluableOp.h.inc"

#endif // COLOSSAL_REFERENCE_EVALUABLEOP_H
