//===- ViewBuilder.h - Builds one view of a tensor --------------*- C++ -*-===//
//
// A row describes how the view's elements lie in its parent, dimension by
// dimension; reading the view makes a generic with an identity body.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_NORMALIZE_VIEWBUILDER_H
#define COLOSSAL_LIB_NORMALIZE_VIEWBUILDER_H

#include "Shapes.h"

namespace colossal::normalize {

/// Collects the factors and both maps of a view of one tensor.
struct ViewBuilder {
  ViewBuilder(Call &c, TensorRef parent)
      : c(c), parent(parent), g(c.builder(), c.loc(), ""),
        dims(dimsOf(c.state.read(parent))) {}

  Call &c;
  TensorRef parent;
  GenericBuilder g;
  Dims dims; ///< of the parent
  llvm::SmallVector<llvm::SmallVector<SubDimAttr>> from, to;

  int64_t rank() const { return parent->type.getRank(); }
  llvm::ArrayRef<int64_t> shape() const { return parent->type.getShape(); }

  /// Factors for a whole dimension of the parent, as sub-dimensions.
  llvm::SmallVector<SubDimAttr> whole(int64_t dim) {
    return plain(g, addFactors(g, dims[dim]));
  }
  /// Parent and view have dimension `dim` in common.
  void keep(int64_t dim) {
    from.push_back(whole(dim));
    to.push_back(from.back());
  }

  /// Dimensions of the parent, given as `finer`, become the next dimensions of
  /// the view: both lists of sub-dimensions are the same sequence, cut
  /// differently.
  void cutAnew(const Dims &finer, const Dims &target) {
    llvm::SmallVector<int64_t> factors;
    for (const Dim &dim : finer) {
      factors.append(addFactors(g, dim));
      from.push_back(
          plain(g, llvm::ArrayRef<int64_t>(factors).take_back(dim.size())));
    }
    llvm::ArrayRef<int64_t> rest = factors;
    for (const Dim &dim : target) {
      to.push_back(plain(g, rest.take_front(dim.size())));
      rest = rest.drop_front(dim.size());
    }
  }

  TensorRef finish() {
    View view;
    view.factors.assign(g.getFactors().begin(), g.getFactors().end());
    view.from = g.map(from);
    view.to = g.map(to);
    return c.state.viewOf(parent, view, c.op.getName(), c.loc());
  }
};

/// A view of `parent` with these sizes, one of which may be -1; see ViewRows.
Item reshapeTo(Call &c, const TensorRef &parent,
               llvm::SmallVector<int64_t> sizes);

/// The view `shaped` of `parent` as PyTorch's reshape gives it: a copy where
/// the elements have no strides.
Item reshaped(Call &c, const TensorRef &parent, const Item &shaped);

/// Elements that share nothing with the original.
inline Item withoutAliases(Call &c, const Item &item) {
  return Item(c.state.fresh(c.tensor(item), c.op.getName(), c.loc()));
}

} // namespace colossal::normalize

#endif // COLOSSAL_LIB_NORMALIZE_VIEWBUILDER_H
