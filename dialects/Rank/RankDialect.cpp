//===- RankDialect.cpp - Registration and constraints ---------------------===//

#include "Rank/RankDialect.h"

using namespace mlir;
using namespace colossal::rank;

#include "Rank/RankDialect.cpp.inc"

#define GET_OP_CLASSES
#include "Rank/RankOps.cpp.inc"

void RankDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "Rank/RankOps.cpp.inc"
      >();
}

/// Buffer and offset, `count` times; a buffer is at least `leastBuffer`.
static bool arePlaces(Attribute attribute, size_t count, int64_t leastBuffer) {
  auto numbers = dyn_cast<DenseI64ArrayAttr>(attribute);
  if (!numbers || numbers.size() != int64_t(2 * count))
    return false;
  for (size_t i = 0; i < count; ++i)
    if (numbers[2 * i] < leastBuffer || numbers[2 * i + 1] < 0)
      return false;
  return true;
}

static LogicalResult fail(Operation *op, StringRef label,
                          NamedAttribute attribute, StringRef expected) {
  return op->emitError(label)
         << ": found " << attribute.getName() << " = " << attribute.getValue()
         << ", expected " << expected;
}

LogicalResult RankDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attribute) {
  if (attribute.getName() == names::groups) {
    auto numbers = dyn_cast<DenseI64ArrayAttr>(attribute.getValue());
    if (!numbers || numbers.empty() ||
        llvm::any_of(numbers.asArrayRef(), [](int64_t n) { return n < 0; }))
      return fail(op, "R1", attribute, "numbers of groups");
    return success();
  }
  if (attribute.getName() == names::places) {
    if (!arePlaces(attribute.getValue(), op->getNumResults(), -1))
      return fail(op, "R2", attribute, "a buffer and an offset a result");
    return success();
  }
  if (attribute.getName() == names::token) {
    auto number = dyn_cast<IntegerAttr>(attribute.getValue());
    if (!number || number.getInt() < 1)
      return fail(op, "R5", attribute, "a number above 0");
    return success();
  }
  if (attribute.getName() == names::waits) {
    auto numbers = dyn_cast<DenseI64ArrayAttr>(attribute.getValue());
    if (!numbers || numbers.empty() ||
        llvm::any_of(numbers.asArrayRef(), [](int64_t n) { return n < 1; }))
      return fail(op, "R6", attribute, "tokens above 0");
    return success();
  }
  if (attribute.getName() == names::device) {
    auto device = dyn_cast<StringAttr>(attribute.getValue());
    if (!device || device.empty() || !isa<ModuleOp>(op))
      return fail(op, "R7", attribute, "a kind of device on a module");
    return success();
  }
  return fail(op, "R4", attribute,
              "rank.groups, rank.places, rank.token or rank.waits on an op");
}

LogicalResult RankDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned,
                                                    NamedAttribute attribute) {
  if (attribute.getName() != names::place)
    return fail(op, "R4", attribute, "rank.place on an argument");
  if (!arePlaces(attribute.getValue(), 1, 0))
    return fail(op, "R3", attribute, "a buffer and an offset");
  return success();
}
