//===- Strides.cpp - Where PyTorch has a tensor's elements ----------------===//

#include "Strides.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"

#include <numeric>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

Strides normalize::denseStrides(ArrayRef<int64_t> shape,
                                ArrayRef<unsigned> order) {
  Strides strides;
  strides.ofDims.resize(shape.size());
  int64_t next = 1;
  for (unsigned dim : llvm::reverse(order)) {
    strides.ofDims[dim] = next;
    next *= std::max<int64_t>(shape[dim], 1);
  }
  return strides;
}

Strides normalize::rowMajor(ArrayRef<int64_t> shape) {
  SmallVector<unsigned> order(shape.size());
  std::iota(order.begin(), order.end(), 0);
  return denseStrides(shape, order);
}

bool normalize::isContiguous(const Alias &tensor) {
  if (!tensor.strides)
    return false;
  ArrayRef<int64_t> shape = tensor.type.getShape();
  Strides wanted = rowMajor(shape);
  return llvm::is_contained(shape, 0) ||
         llvm::all_of(llvm::seq<unsigned>(0, shape.size()), [&](unsigned dim) {
           return shape[dim] == 1 ||
                  tensor.strides->ofDims[dim] == wanted.ofDims[dim];
         });
}

std::optional<SmallVector<unsigned>>
normalize::orderInMemory(const Alias &tensor) {
  if (!tensor.strides)
    return std::nullopt;
  ArrayRef<int64_t> shape = tensor.type.getShape(),
                    strides = tensor.strides->ofDims;
  SmallVector<unsigned> order(shape.size());
  std::iota(order.begin(), order.end(), 0);
  llvm::sort(order, [&](unsigned a, unsigned b) {
    if ((shape[a] == 1) != (shape[b] == 1))
      return shape[b] == 1;
    return shape[a] == 1 || strides[a] == strides[b] ? a < b
                                                     : strides[a] > strides[b];
  });
  Strides dense = denseStrides(shape, order);
  for (unsigned dim : order)
    if (shape[dim] != 1 && strides[dim] != dense.ofDims[dim])
      return std::nullopt;
  return order;
}

std::optional<Strides> normalize::stridesOfView(const View &view,
                                                const Strides &parent,
                                                ArrayRef<int64_t> shape) {
  Strides result;
  result.offset = parent.offset;
  SmallVector<int64_t> ofFactors(view.factors.size(), 0);
  for (auto [dim, ofDim] : llvm::zip(view.from.getDims(), parent.ofDims)) {
    int64_t stride = ofDim;
    for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
      if (result.offset && sub.getOffset() != 0)
        *result.offset += sub.getOffset() * stride;
      if (!sub.isConstant())
        ofFactors[sub.getFactor()] += stride;
      stride *= sub.getBound();
    }
  }
  int64_t inner = 1; // for dimensions of size 1, which have none
  for (DimAttr dim : llvm::reverse(view.to.getDims())) {
    std::optional<int64_t> stride, next;
    for (SubDimAttr sub : llvm::reverse(dim.getSubDims())) {
      if (sub.isConstant() || sub.getBound() == 1)
        continue;
      int64_t own = ofFactors[sub.getFactor()];
      if (next && *next != own)
        return std::nullopt;
      stride = stride.value_or(own);
      next = own * sub.getBound();
    }
    result.ofDims.push_back(stride.value_or(inner));
    inner = next.value_or(inner);
  }
  std::reverse(result.ofDims.begin(), result.ofDims.end());
  return result;
}

std::optional<Strides>
normalize::stridesOfElementwise(ArrayRef<TensorRef> operands,
                                ArrayRef<int64_t> shape) {
  bool areAlike = true; // of one shape and dense in one order
  for (const TensorRef &operand : operands) {
    if (!operand->strides)
      return std::nullopt;
    areAlike &= operand->type.getShape() == shape && orderInMemory(*operand) &&
                operand->strides->ofDims == operands.front()->strides->ofDims;
  }
  if (!operands.empty() && areAlike)
    return Strides{operands.front()->strides->ofDims, 0};
  /// Of an operand in a dimension of the result; 0 where it is broadcast.
  auto strideOf = [&](const Alias &operand, unsigned dim) -> int64_t {
    int64_t own = int64_t(dim) + operand.type.getRank() - int64_t(shape.size());
    if (own < 0 || (operand.type.getDimSize(own) == 1 && shape[dim] != 1))
      return 0;
    return operand.strides->ofDims[own];
  };
  /// Positive if `a`, now inside of `b`, belongs outside; 0 if that is open.
  auto compare = [&](unsigned a, unsigned b) {
    for (const TensorRef &operand : operands) {
      int64_t first = strideOf(*operand, a), second = strideOf(*operand, b);
      if (first == 0 || second == 0)
        continue;
      if (first != second)
        return first < second ? -1 : 1;
      if (shape[a] > shape[b])
        return 1;
    }
    return 0;
  };
  // ATen's insertion sort, as what is open makes the result depend on it.
  SmallVector<unsigned> inward(shape.size());
  std::iota(inward.rbegin(), inward.rend(), 0);
  for (int i = 1; i < int(inward.size()); ++i) {
    int moved = i;
    for (int j = i - 1; j >= 0; --j) {
      int order = compare(inward[j], inward[moved]);
      if (order > 0) {
        std::swap(inward[j], inward[moved]);
        moved = j;
      } else if (order < 0) {
        break;
      }
    }
  }
  std::reverse(inward.begin(), inward.end());
  return denseStrides(shape, inward);
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

/// Ops whose results are row-major whatever their operands are.
static bool isRowMajor(StringRef key, int64_t rank) {
  static const llvm::StringSet<> always = {
      "aten::softmax.int", "aten::log_softmax.int",
      "aten::layer_norm",  "aten::rms_norm",
      "aten::linear",      "aten::matmul",
      "aten::mm",          "aten::bmm",
      "aten::addmm",       "aten::masked_fill",
      "aten::embedding",   "aten::index_select",
      "aten::gather",      "aten::repeat",
      "aten::cumsum",      "aten::roll",
      "aten::tril",        "aten::triu"};
  static const llvm::StringSet<> unlessImages = {"aten::constant_pad_nd",
                                                 "aten::pad", "aten::cat"};
  return always.contains(key) || (rank < 4 && unlessImages.contains(key));
}

/// Ops that copy what is dense in the order that it has.
static bool keepsOrder(StringRef key) {
  static const llvm::StringSet<> keys = {
      "aten::clone",     "aten::dropout",   "aten::zeros_like",
      "aten::ones_like", "aten::full_like", "aten::empty_like",
      "aten::rand_like", "aten::randn_like"};
  return keys.contains(key);
}

static void collect(const Item &item, SmallVectorImpl<TensorRef> &tensors) {
  if (item.isTensor())
    tensors.push_back(item.tensor);
  for (const Item &element : item.list)
    collect(element, tensors);
}

void normalize::settleStrides(Call &call) {
  SmallVector<TensorRef> operands, results;
  for (const Item &item : call.getArguments())
    collect(item, operands);
  for (const Item &item : call.results)
    collect(item, results);
  bool inOrder = llvm::all_of(
      operands, [](const TensorRef &tensor) { return isContiguous(*tensor); });
  for (const TensorRef &result : results) {
    if (result->parent || llvm::is_contained(operands, result))
      continue;
    ArrayRef<int64_t> shape = result->type.getShape();
    if (isRowMajor(call.key(), shape.size()))
      result->strides = rowMajor(shape);
    else if (result->areStridesAssumed && !inOrder)
      result->strides = keepsOrder(call.key())
                            ? stridesOfElementwise(operands.front(), shape)
                            : std::nullopt;
    result->areStridesAssumed = false;
  }
}
