//===- Collectives.cpp - What collectives compute -------------------------===//

#include "colossal/Reference/Collectives.h"
#include "colossal/Reference/Combine.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::reference;

bool colossal::reference::isCollective(Operation *op) {
  return isa<AllReduceOp, AllGatherOp, ReduceScatterOp, AllToAllOp>(op);
}

SmallVector<std::string> colossal::reference::axesOf(Operation *op) {
  SmallVector<std::string> result;
  for (Attribute axis : op->getAttrOfType<ArrayAttr>("axes"))
    result.push_back(cast<StringAttr>(axis).str());
  return result;
}

static int64_t sizeOf(const Place &place, const std::string &axis) {
  auto found = place.sizes.find(axis);
  return found == place.sizes.end() ? 1 : found->second;
}

int64_t colossal::reference::groupSize(Operation *op, const Place &place) {
  int64_t size = 1;
  for (const std::string &axis : axesOf(op))
    size *= sizeOf(place, axis);
  return size;
}

int64_t colossal::reference::memberAt(Operation *op, const Place &place) {
  int64_t member = 0;
  for (const std::string &axis : axesOf(op))
    member = member * sizeOf(place, axis) + place.coordinate(axis);
  return member;
}

static Tensor resultOf(Operation *op) {
  return Tensor::zeros(cast<RankedTensorType>(op->getResult(0).getType()));
}

/// target[o][e][i] := source[o][first + e][i] where first + e < sourceRows.
static void copyRows(Tensor &target, int64_t targetRows, int64_t targetFirst,
                     const Tensor &source, int64_t sourceRows,
                     int64_t sourceFirst, int64_t count, int64_t outer,
                     int64_t inner) {
  count = std::min({count, sourceRows - sourceFirst, targetRows - targetFirst});
  for (int64_t o = 0; o < outer; ++o)
    for (int64_t e = 0; e < count; ++e)
      for (int64_t i = 0; i < inner; ++i)
        target.copyElement((o * targetRows + targetFirst + e) * inner + i,
                           source,
                           (o * sourceRows + sourceFirst + e) * inner + i);
}

TensorRef colossal::reference::evaluateLocal(Operation *op,
                                             const TensorRef &input,
                                             const Place &place) {
  int64_t member = memberAt(op, place);
  Tensor result = resultOf(op);
  if (auto slice = dyn_cast<ShardSliceOp>(op)) {
    int64_t outer = slice.getOuter(), inner = slice.getInnermost();
    int64_t bound = outer * inner ? result.size() / (outer * inner) : 0;
    copyRows(result, bound, 0, *input, slice.getExtent(), member * bound, bound,
             outer, inner);
    return share(std::move(result));
  }
  return member == 0 ? input : share(std::move(result));
}

/// Over the group, in the order of its members.
static Tensor combineGroup(Operation *op, FactorKind combiner,
                           ArrayRef<TensorRef> inputs) {
  Tensor result = *inputs[0];
  for (const TensorRef &input : inputs.drop_front())
    combineTensor(combinerOf(combiner), getElementTypeOrSelf(op->getResult(0)),
                  result, *input);
  return result;
}

static Tensors evaluateAllToAll(AllToAllOp op, ArrayRef<TensorRef> inputs) {
  int64_t group = inputs.size();
  int64_t x = op.getXExtent(), y = op.getYExtent();
  int64_t middle = op.getMiddle(), inner = op.getInnermost();
  // Local bounds: of the cut dimension from the tensors' sizes.
  Tensor model = resultOf(op);
  int64_t rest = op.getOuter() * middle * inner;
  bool gatherX = op.getGatherX();
  if (rest * x * y == 0)
    return Tensors(group, share(std::move(model))); // no elements
  int64_t cutX = (gatherX ? inputs[0]->size() : model.size()) / (rest * y);
  int64_t cutY = (gatherX ? model.size() : inputs[0]->size()) / (rest * x);
  Tensors results;
  for (int64_t r = 0; r < group; ++r) {
    Tensor result = resultOf(op);
    for (int64_t o = 0, e = op.getOuter(); o < e; ++o)
      for (int64_t gx = 0; gx < x; ++gx)
        for (int64_t m = 0; m < middle; ++m)
          for (int64_t gy = 0; gy < y; ++gy) {
            int64_t owner = gatherX ? gy / cutY : gx / cutX;
            int64_t holder = gatherX ? gx / cutX : gy / cutY;
            if (owner != r)
              continue;
            auto at = [&](bool xIsCut) {
              int64_t px = xIsCut ? gx % cutX : gx, nx = xIsCut ? cutX : x;
              int64_t py = xIsCut ? gy : gy % cutY, ny = xIsCut ? y : cutY;
              return (((o * nx + px) * middle + m) * ny + py) * inner;
            };
            for (int64_t i = 0; i < inner; ++i)
              result.copyElement(at(!gatherX) + i, *inputs[holder],
                                 at(gatherX) + i);
          }
    results.push_back(share(std::move(result)));
  }
  return results;
}

Tensors colossal::reference::evaluateCollective(Operation *op,
                                                ArrayRef<TensorRef> inputs) {
  Tensors results;
  if (auto reduce = dyn_cast<AllReduceOp>(op)) {
    TensorRef result = share(combineGroup(op, reduce.getCombiner(), inputs));
    results.assign(inputs.size(), result);
  } else if (auto gather = dyn_cast<AllGatherOp>(op)) {
    int64_t outer = gather.getOuter(), inner = gather.getInnermost();
    int64_t bound = outer * inner ? inputs[0]->size() / (outer * inner) : 0;
    Tensor result = resultOf(op);
    for (auto [member, input] : llvm::enumerate(inputs))
      copyRows(result, gather.getExtent(), member * bound, *input, bound, 0,
               bound, outer, inner);
    results.assign(inputs.size(), share(std::move(result)));
  } else if (auto scatter = dyn_cast<ReduceScatterOp>(op)) {
    int64_t outer = scatter.getOuter(), inner = scatter.getInnermost();
    Tensor whole = combineGroup(op, scatter.getCombiner(), inputs);
    for (size_t member = 0; member < inputs.size(); ++member) {
      Tensor result = resultOf(op);
      int64_t bound = outer * inner ? result.size() / (outer * inner) : 0;
      copyRows(result, bound, 0, whole, scatter.getExtent(), member * bound,
               bound, outer, inner);
      results.push_back(share(std::move(result)));
    }
  } else {
    results = evaluateAllToAll(cast<AllToAllOp>(op), inputs);
  }
  return results;
}
