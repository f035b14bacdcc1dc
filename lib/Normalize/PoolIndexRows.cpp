//===- PoolIndexRows.cpp - Where a maximum pool found its maxima ----------===//

#include "Lookup.h"
#include "PoolIndices.h"
#include "Rows.h"
#include "Shapes.h"

#include <limits>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

Item normalize::indicesOfPool(Call &c, const PoolWindows &windows) {
  unsigned count = windows.kernel.size();
  Item x = c.call("aten::detach", {c.item(0)});
  int64_t rank = c.type(0).getRank(), first = rank - count;
  // Less than every number before the first and behind the last element.
  SmallVector<int64_t> widths, sizes;
  for (unsigned d = count; d-- > 0;) {
    int64_t size = c.type(0).getDimSize(first + d);
    int64_t reach = (windows.output[d] - 1) * windows.stride[d] +
                    windows.dilation[d] * (windows.kernel[d] - 1) + 1;
    widths.push_back(windows.padding[d]);
    widths.push_back(std::max<int64_t>(reach - size - windows.padding[d], 0));
  }
  x = c.call("aten::constant_pad_nd",
             {x, c.numbers(widths),
              c.number(-std::numeric_limits<double>::infinity())});
  int64_t elements = 1;
  for (unsigned d = 0; d < count; ++d) {
    int64_t extent = windows.dilation[d] * (windows.kernel[d] - 1) + 1;
    x = c.call("aten::unfold", {x, c.number(first + int64_t(d)),
                                c.number(extent), c.number(windows.stride[d])});
    if (c.failed())
      return x;
    // The last window may be one that the pool leaves out.
    x = c.call("aten::narrow",
               {x, c.number(first + int64_t(d)), c.number(int64_t(0)),
                c.number(windows.output[d])});
    x = c.call("aten::slice.Tensor",
               {x, c.number(int64_t(-1)), c.number(int64_t(0)), Item(),
                c.number(windows.dilation[d])});
    elements *= windows.kernel[d];
  }
  SmallVector<int64_t> shape(c.type(0).getShape().take_front(first));
  llvm::append_range(shape, windows.output);
  shape.push_back(elements);
  x = c.call("aten::reshape", {x, c.numbers(shape)});
  Item place =
      c.call("aten::argmax", {x, c.number(int64_t(-1)), c.truth(false)});
  if (c.failed())
    return place;
  // From the place in the window to that in the plane.
  Value local = c.tensor(place);
  Type i64 = c.builder().getI64Type();
  GenericBuilder g = c.generic("indices");
  DimFactors dims = addFactors(g, dimsOf(local));
  g.operand(local, plainMap(g, dims));
  g.result(i64, plainMap(g, dims));
  Value indices = g.build([&](ScalarBuilder &s, ValueRange in) {
    auto number = [&](int64_t value) { return s.integer(i64, value); };
    Value rest = in[0], index = number(0);
    int64_t stride = 1;
    for (unsigned d = count; d-- > 0;) {
      Value tap = s.create<arith::RemSIOp>(rest, number(windows.kernel[d]));
      rest = s.create<arith::DivSIOp>(rest, number(windows.kernel[d]));
      Value start =
          s.mul(mixedRadix(g, s, dims[first + d]), number(windows.stride[d]));
      Value position = s.add(s.sub(start, number(windows.padding[d])),
                             s.mul(tap, number(windows.dilation[d])));
      index = s.add(index, s.mul(position, number(stride)));
      stride *= c.type(0).getDimSize(first + d);
    }
    return index;
  });
  return c.state.fresh(indices, c.op.getName(), c.loc());
}

/// max_unpool(x, indices, output sizes): each element where its index says in
/// its plane, zero elsewhere.
template <unsigned count> static void unpool(Call &c) {
  int64_t rank = c.type(0).getRank();
  SmallVector<int64_t> output = c.integers(2);
  if (c.failed() || rank < int64_t(count) || output.size() != count ||
      c.type(0).getShape() != c.type(1).getShape())
    return c.error("expected planes, an index for each of their elements and " +
                   Twine(count) + " output sizes");
  SmallVector<int64_t> batch(c.type(0).getShape().drop_back(count)),
      flat = batch, places = batch, shape = batch;
  int64_t elements = 1, outputs = 1;
  for (int64_t size : c.type(0).getShape().take_back(count))
    elements *= size;
  for (int64_t size : output)
    outputs *= size;
  flat.push_back(elements);
  places.push_back(outputs);
  llvm::append_range(shape, output);
  auto reshaped = [&](const Item &x, ArrayRef<int64_t> sizes) {
    return c.call("aten::reshape", {x, c.numbers(sizes)});
  };
  Item zeros = c.call("aten::new_zeros", {c.item(0), c.numbers(places), Item(),
                                          Item(), Item(), Item()});
  Item result = c.call("aten::scatter.src",
                       {zeros, c.number(int64_t(-1)), reshaped(c.item(1), flat),
                        reshaped(c.item(0), flat)});
  result = reshaped(result, shape);
  if (!c.failed())
    c.result(c.tensor(result));
}

void normalize::addPoolIndexRows(Table &table) {
  table.add("aten::max_unpool2d", unpool<2>);
  table.add("aten::max_unpool3d", unpool<3>);
}
