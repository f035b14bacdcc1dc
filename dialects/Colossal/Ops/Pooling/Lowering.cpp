//===- Lowering.cpp - Pools as library calls ------------------------------===//

#include "Models.h"
#include "Roles.h"
#include "Run/Call.h"
#include "colossal/Lower/LibraryOp.h"

using namespace mlir;
using namespace colossal;
using namespace colossal::lower;
using namespace colossal::pooling;

namespace {
/// A map as strides of factors, and the position of the first element.
struct Layout {
  SmallVector<int64_t> strides;
  int64_t offset = 0;

  Layout(IndexMapAttr map, unsigned factors) : strides(factors, 0) {
    int64_t stride = 1;
    for (DimAttr dim : llvm::reverse(map.getDims()))
      for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
        if (sub.isConstant())
          offset += sub.getOffset() * stride;
        else
          strides[sub.getFactor()] += stride;
        stride *= sub.getBound();
      }
  }
};

/// Factors that are walked as one.
struct Extent {
  int64_t size = 1;
  SmallVector<int64_t> strides; ///< per tensor
};
} // namespace

/// The factors as extents, merged where every tensor nests them.
static SmallVector<Extent> merged(ArrayRef<unsigned> order,
                                  ArrayRef<FactorAttr> factors,
                                  ArrayRef<Layout> layouts) {
  SmallVector<Extent> extents;
  for (unsigned f : order) {
    Extent extent;
    extent.size = factors[f].getBound();
    for (const Layout &layout : layouts)
      extent.strides.push_back(layout.strides[f]);
    if (!extents.empty()) {
      Extent &major = extents.back();
      bool nests = llvm::all_of(
          llvm::zip(major.strides, extent.strides), [&](auto both) {
            return std::get<0>(both) == std::get<1>(both) * extent.size;
          });
      if (nests) {
        extent.size *= major.size;
        extents.pop_back();
      }
    }
    extents.push_back(std::move(extent));
  }
  return extents;
}

/// The stride of each spatial dimension; its factors, in order, must nest.
static FailureOr<SmallVector<int64_t>> spatialStrides(FactoredOp op,
                                                      ArrayRef<unsigned> order,
                                                      ArrayRef<int64_t> sizes,
                                                      const Layout &layout) {
  SmallVector<FactorAttr> factors = op.getFactorList();
  SmallVector<int64_t> strides;
  size_t next = 0;
  for (int64_t size : sizes) {
    int64_t product = 1, stride = 0;
    for (; product < size; ++next) {
      int64_t bound = factors[order[next]].getBound(),
              own = layout.strides[order[next]];
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
  SmallVector<Layout> layouts;
  SmallVector<bool> isOutput;
  for (unsigned i = 0, e = op->getNumOperands(); i <= e; ++i) {
    IndexMapAttr map = i < e ? op.getOperandMap(i) : op.getResultMap(0);
    layouts.emplace_back(map, factors.size());
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
    return std::pair(-layouts[0].strides[a], a) <
           std::pair(-layouts[0].strides[b], b);
  });
  SmallVector<Extent> extents = merged(batch, factors, layouts);
  for (const Extent &extent : extents)
    pool.batch.push_back(extent.size);
  for (auto [t, layout] : llvm::enumerate(layouts)) {
    std::vector<int64_t> &own = pool.strides.emplace_back();
    for (const Extent &extent : extents)
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
