//===- Lowering.cpp - Pools as library calls ------------------------------===//

#include "Colossal/IR/MapStrides.h"
#include "Models.h"
#include "Roles.h"
#include "Run/Call.h"
#include "colossal/Lower/LibraryOp.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::pooling;

/// The stride of each spatial dimension; its factors, in order, must nest.
static FailureOr<SmallVector<int64_t>>
spatialStrides(FactoredOp op, ArrayRef<unsigned> order, ArrayRef<int64_t> sizes,
               const MapStrides &layout) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  SmallVector<int64_t> strides;
  size_t next = 0;
  for (int64_t size : sizes) {
    int64_t product = 1, stride = 0;
    for (; product < size; ++next) {
      int64_t bound = factors[order[next]].getBound(),
              own = layout.of[order[next]];
      if (bound != 1 && product != 1 && stride != own * bound)
        return op->emitError("the factors of one spatial dimension do not lie "
                             "in one order in memory");
      if (bound != 1)
        stride = own;
      product *= bound;
    }
    strides.push_back(stride);
  }
  return strides;
}

static LogicalResult lowerPool(FactoredOp op, LoweredGroup &call) {
  pooling::Pool given(op);
  rank::Pool pool;
  pool.max = given.max;
  pool.backward = given.backward;
  pool.divisor = given.divisor;
  pool.countPadding = given.countPadding;
  pool.dims.assign(given.dims.begin(), given.dims.end());
  SmallVector<int64_t> inputs, outputs;
  for (const rank::PoolDim &dim : given.dims) {
    inputs.push_back(dim.input);
    outputs.push_back(dim.output);
  }
  SmallVector<FactorAttr> factors = op.getFactorList();
  SmallVector<MapStrides> layouts;
  SmallVector<unsigned> tensors;
  SmallVector<bool> isOutput;
  for (unsigned i = 0, e = op->getNumOperands(); i <= e; ++i) {
    IndexMapAttr map = i < e ? op.getOperandMap(i) : op.getResultMap(0);
    layouts.emplace_back(map, factors.size());
    tensors.push_back(i);
    bool last = i == e;
    isOutput.push_back(given.backward ? i + 1 == e : last);
    Type type = last ? op->getResult(0).getType() : op->getOperand(i).getType();
    if (!getElementTypeOrSelf(type).isF32())
      return op->emitError("found a pool of ")
             << getElementTypeOrSelf(type)
             << " elements, the runtime has only one of f32";
  }
  // Batch factors by the stride of the first tensor.
  SmallVector<unsigned> batch;
  for (unsigned f : given.factorsOf(Role::Batch))
    if (factors[f].getBound() != 1)
      batch.push_back(f);
  llvm::sort(batch, [&](unsigned a, unsigned b) {
    return std::pair(-layouts[0].of[a], a) < std::pair(-layouts[0].of[b], b);
  });
  SmallVector<NestedExtent> extents =
      mergeNested(batch, factors, layouts, tensors);
  for (const NestedExtent &extent : extents)
    pool.batch.push_back(extent.size);
  for (auto [t, layout] : llvm::enumerate(layouts)) {
    std::vector<int64_t> &own = pool.strides.emplace_back();
    for (const NestedExtent &extent : extents)
      own.push_back(extent.strides[t]);
    FailureOr<SmallVector<int64_t>> spatial = spatialStrides(
        op, given.factorsOf(isOutput[t] ? Role::Output : Role::Input),
        isOutput[t] ? outputs : inputs, layout);
    if (failed(spatial))
      return failure();
    llvm::append_range(own, *spatial);
    call.offsets.push_back(4 * layout.offset);
  }
  call.operands.assign(op->operand_begin(), op->operand_end());
  call.operands.push_back(op->getResult(0));
  call.op.library = rank::callOf(pool);
  return success();
}

namespace {
template <class Op> struct Call : LibraryOp::ExternalModel<Call<Op>, Op> {
  LogicalResult lowerToCall(Operation *op, Lowering &,
                            LoweredGroup &call) const {
    return lowerPool(FactoredOp(op), call);
  }
};
} // namespace

void colossal::pooling::attachLowering(MLIRContext *context) {
  MaxPoolOp::attachInterface<Call<MaxPoolOp>>(*context);
  MaxPoolBackwardOp::attachInterface<Call<MaxPoolBackwardOp>>(*context);
  AveragePoolOp::attachInterface<Call<AveragePoolOp>>(*context);
  AveragePoolBackwardOp::attachInterface<Call<AveragePoolBackwardOp>>(*context);
}
