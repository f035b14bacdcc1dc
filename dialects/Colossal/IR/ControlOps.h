//===- ControlOps.h - Control flow that Import produces ---------*- C++ -*-===//

#ifndef COLOSSAL_IR_CONTROLOPS_H
#define COLOSSAL_IR_CONTROLOPS_H

#include "Colossal/IR/ColossalDialect.h"

#define GET_OP_CLASSES
#include "Colossal/IR/ControlOps.h.inc"

#endif // COLOSSAL_IR_CONTROLOPS_H
