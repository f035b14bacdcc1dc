//===- OpWork.h - What a scalar body costs ----------------------*- C++ -*-===//
//
// GenericOp::getWork (OpWork.cpp) reads the kind of work off a body: a matrix
// product, or a loop nest with so many scalar operations per iteration.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_ANALYSIS_OPWORK_H
#define COLOSSAL_ANALYSIS_OPWORK_H

#include "Colossal/IR/ColossalDialect.h"

namespace colossal {

/// Scalar operations of one evaluation of the body, roughly; a transcendental
/// counts 16.
int64_t bodyWork(GenericOp op);

} // namespace colossal

#endif // COLOSSAL_ANALYSIS_OPWORK_H
