//===- ConversionRows.cpp - The same tensor, perhaps of another type ------===//

#include "Elementwise.h"
#include "Rows.h"
#include "ViewBuilder.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

static void identity(Call &c) { c.result(c.item(0)); }

/// A conversion that changes nothing returns the tensor itself.
static void convert(Call &c, Type type, bool copy) {
  Item converted = castTo(c, c.item(0), type);
  c.result(copy && converted.isTensor() ? withoutAliases(c, converted)
                                        : converted);
}

static void toDtype(Call &c) {
  convert(c, c.dtype(1, c.type(0).getElementType()), c.flag(3));
}
static void toDtypeLayout(Call &c) {
  convert(c, c.dtype(1, c.type(0).getElementType()), c.flag(6));
}
static void toDevice(Call &c) {
  convert(c, c.dtype(2, c.type(0).getElementType()), c.flag(4));
}
static void toOther(Call &c) {
  convert(c, c.type(1).getElementType(), c.flag(3));
}
static void typeAs(Call &c) { convert(c, c.type(1).getElementType(), false); }

/// The same elements, constant for the derivative.
static void detach(Call &c) {
  if (c.item(0).isScalar())
    return c.result(c.item(0));
  c.result(Item(c.state.detachedFrom(c.alias(0), c.op.getName(), c.loc())));
}

void normalize::addConversionRows(Table &table) {
  table.add({"aten::alias", "aten::cpu", "aten::requires_grad", "aten::lift",
             "aten::lift_fresh"},
            identity);
  table.add("aten::to.dtype", toDtype);
  table.add("aten::to.dtype_layout", toDtypeLayout);
  table.add("aten::to.device", toDevice);
  table.add("aten::to.other", toOther);
  table.add("aten::type_as", typeAs);
  table.add("aten::detach", detach);
}
