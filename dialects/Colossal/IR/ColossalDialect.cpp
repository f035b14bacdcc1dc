//===- ColossalDialect.cpp - Registration ---------------------------------===//

#include "Colossal/IR/ColossalDialect.h"
#include "Colossal/IR/ControlOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace colossal;

#include "Colossal/IR/ColossalDialect.cpp.inc"
#include "Colossal/IR/ColossalInterfaces.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "Colossal/IR/ColossalTypes.cpp.inc"

void ColossalDialect::initialize() {
  registerColossalAttributes();
  addTypes<
#define GET_TYPEDEF_LIST
#include "Colossal/IR/ColossalTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Colossal/IR/ColossalOps.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "Colossal/IR/ControlOps.cpp.inc"
      >();
}
