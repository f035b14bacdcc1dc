//===- Sharding.cpp - Global tensors to shards and back -------------------===//

#include "colossal/Reference/Sharding.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

static int64_t sizeOf(const Place &place, StringRef axis) {
  auto found = place.sizes.find(axis.str());
  return found == place.sizes.end() ? 0 : found->second;
}

std::optional<Layout> Layout::get(DictionaryAttr attributes,
                                  RankedTensorType type, const Place &sizes,
                                  std::string &error) {
  Layout layout;
  auto sharding =
      attributes ? attributes.getAs<ShardingAttr>(names::sharding) : nullptr;
  auto shape =
      attributes ? attributes.getAs<ArrayAttr>(names::globalShape) : nullptr;
  auto fail = [&](const Twine &message) {
    error = message.str();
    return std::nullopt;
  };
  unsigned rank = type.getRank();
  if ((shape && shape.size() != rank) ||
      (sharding && !sharding.getDims().empty() &&
       sharding.getDims().size() != rank))
    return fail("found a sharding or global shape of another rank than the "
                "tensor");
  for (unsigned d = 0; d < rank; ++d) {
    ArrayRef<CutAttr> cuts;
    if (sharding && !sharding.getDims().empty())
      cuts = sharding.getDims()[d].getSubDims();
    auto given = shape ? dyn_cast<ArrayAttr>(shape[d]) : nullptr;
    bool isCut = llvm::any_of(
        cuts, [](CutAttr axes) { return !axes.getAxes().empty(); });
    if (isCut && (!given || given.size() != cuts.size() ||
                  !llvm::all_of(given, llvm::IsaPred<IntegerAttr>)))
      return fail("found dimension " + Twine(d) +
                  " cut, expected its sub-dimensions in colossal.global_shape");
    std::vector<SubDim> subs;
    int64_t local = 1;
    for (unsigned s = 0, e = isCut ? cuts.size() : 1; s < e; ++s) {
      SubDim sub;
      sub.size =
          isCut ? cast<IntegerAttr>(given[s]).getInt() : type.getDimSize(d);
      int64_t parts = 1;
      if (isCut)
        for (StringAttr axis : cuts[s].getAxes()) {
          if (sizeOf(sizes, axis) == 0)
            return fail("found axis '" + axis.getValue() +
                        "', expected an axis of the mesh");
          parts *= sizeOf(sizes, axis);
        }
      sub.bound = (sub.size + parts - 1) / parts;
      int64_t stride = sub.bound;
      if (isCut)
        for (StringAttr axis : llvm::reverse(cuts[s].getAxes())) {
          sub.terms.push_back({axis.str(), stride});
          stride *= sizeOf(sizes, axis);
        }
      local *= sub.bound;
      subs.push_back(sub);
    }
    if (local != type.getDimSize(d))
      return fail("found dimension " + Twine(d) + " of size " +
                  Twine(type.getDimSize(d)) + ", expected " + Twine(local) +
                  " by its sharding");
    layout.dims.push_back(std::move(subs));
  }
  return layout;
}

Layout Layout::ofResult(FactoredOp op, unsigned result) {
  Layout layout;
  SmallVector<FactorAttr> factors = op.getFactorList();
  for (DimAttr dim : op.getResultMap(result).getDims()) {
    std::vector<SubDim> subs;
    for (SubDimAttr entry : dim.getSubDims()) {
      SubDim sub;
      if (!entry.isConstant()) {
        FactorAttr factor = factors[entry.getFactor()];
        sub.size = factor.getExtent();
        sub.bound = factor.getBound();
        for (AxisTermAttr term : factor.getTerms())
          sub.terms.push_back({term.getAxis().str(), term.getStride()});
      }
      subs.push_back(sub);
    }
    layout.dims.push_back(std::move(subs));
  }
  return layout;
}

std::vector<int64_t> Layout::globalShape() const {
  std::vector<int64_t> shape;
  for (const auto &dim : dims) {
    shape.push_back(1);
    for (const SubDim &sub : dim)
      shape.back() *= sub.size;
  }
  return shape;
}

std::vector<int64_t> Layout::localShape() const {
  std::vector<int64_t> shape;
  for (const auto &dim : dims) {
    shape.push_back(1);
    for (const SubDim &sub : dim)
      shape.back() *= sub.bound;
  }
  return shape;
}

bool Layout::isCutOver(StringRef axis) const {
  for (const auto &dim : dims)
    for (const SubDim &sub : dim)
      for (const auto &[name, stride] : sub.terms)
        if (name == axis)
          return true;
  return false;
}

bool Layout::isCut() const {
  for (const auto &dim : dims)
    for (const SubDim &sub : dim)
      if (!sub.terms.empty() || sub.bound != sub.size)
        return true;
  return false;
}

void Layout::forEach(const Place &place,
                     llvm::function_ref<void(int64_t, int64_t)> visit) const {
  SmallVector<int64_t> bounds, sizes, offsets, strides;
  for (const auto &dim : dims)
    for (const SubDim &sub : dim) {
      bounds.push_back(sub.bound);
      sizes.push_back(sub.size);
      offsets.push_back(0);
      for (const auto &[axis, stride] : sub.terms)
        offsets.back() += place.coordinate(axis) * stride;
    }
  if (llvm::is_contained(bounds, 0))
    return;
  // A scalar is the one element of a dimension.
  if (bounds.empty()) {
    bounds = {1};
    sizes = {1};
    offsets = {0};
  }
  strides.resize(sizes.size());
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0; stride *= sizes[i])
    strides[i] = stride;
  // The last sub-dimension is the inner loop.
  int64_t count = bounds.pop_back_val(), first = offsets.back(),
          end = sizes.back();
  SmallVector<int64_t> index(bounds.size(), 0);
  for (int64_t local = 0;;) {
    int64_t global = first;
    bool padding = false;
    for (size_t i = 0; i < index.size(); ++i) {
      int64_t at = index[i] + offsets[i];
      padding |= at >= sizes[i];
      global += at * strides[i];
    }
    for (int64_t i = 0; i < count; ++i, ++local)
      visit(local, padding || first + i >= end ? -1 : global + i);
    size_t i = index.size();
    while (i > 0 && ++index[i - 1] == bounds[i - 1])
      index[--i] = 0;
    if (i == 0)
      return;
  }
}

TensorRef Layout::shard(const TensorRef &global, const Place &place) const {
  if (!isCut())
    return global;
  Tensor result = Tensor::zeros(global->kind, localShape());
  forEach(place, [&](int64_t local, int64_t position) {
    if (position >= 0)
      result.copyElement(local, *global, position);
  });
  return share(std::move(result));
}

Gatherer::Gatherer(Layout given, ElementKind kind) : layout(std::move(given)) {
  if (!layout.isCut())
    return;
  global = Tensor::zeros(kind, layout.globalShape());
  present.resize(global.size(), 0);
}

bool Gatherer::add(const TensorRef &given, const Place &place,
                   std::string &error) {
  const Tensor &shard = *given;
  if (shard.shape != layout.localShape()) {
    error = "found a shard of another shape than its sharding says";
    return false;
  }
  bool isWhole = !layout.isCut();
  if (isWhole && (!whole || whole == given)) {
    whole = given;
    return true;
  }
  const Tensor &known = isWhole ? *whole : global;
  bool ok = true;
  auto fail = [&](const Twine &message) {
    if (ok)
      error = message.str();
    ok = false;
  };
  layout.forEach(place, [&](int64_t local, int64_t position) {
    double value = shard.number(local);
    if (position < 0) {
      if (value != 0.0)
        fail("found " + std::to_string(value) +
             " in the padding at local element " + Twine(local) +
             ", expected 0");
    } else if (!isWhole && !present[position]) {
      global.copyElement(position, shard, local);
      present[position] = 1;
    } else {
      double other = known.number(position);
      if (value != other && !(value != value && other != other))
        fail("found " + std::to_string(value) + " at element " +
             Twine(position) + ", expected " + std::to_string(other) +
             " as on another rank");
    }
  });
  return ok;
}

TensorRef Gatherer::finish(std::string &error) {
  if (!layout.isCut()) {
    if (!whole)
      error = "found no rank that holds it";
    return whole;
  }
  for (size_t i = 0; i < present.size(); ++i)
    if (!present[i]) {
      error = "found no rank that holds element " + std::to_string(i);
      return nullptr;
    }
  return share(std::move(global));
}
