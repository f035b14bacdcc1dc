//===- ColossalAttributes.td - Factors, index maps, shardings -*- tablegen -*-===//
#ifndef COLOSSAL_IR_ATTRIBUTES
#define COLOSSAL_IR_ATTRIBUTES

include "Colossal/IR/ColossalDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

class Colossal_Attr<string name, string attrMnemonic>
    : AttrDef<Colossal_Dialect, name> {
  let mnemonic = attrMnemonic;
}

/// Parallel, or a combiner of include/colossal/Support/Combiner.h.
def Colossal_FactorKind : I32EnumAttr<"FactorKind", "how iterations of a factor combine", [
    I32EnumAttrCase<"Parallel", 0, "parallel">,
    I32EnumAttrCase<"Sum", 1, "sum">,
    I32EnumAttrCase<"Max", 2, "max">,
    I32EnumAttrCase<"Product", 3, "product">,
    I32EnumAttrCase<"Min", 4, "min">,
    I32EnumAttrCase<"Any", 5, "any">,
    I32EnumAttrCase<"All", 6, "all">,
    I32EnumAttrCase<"ArgMax", 7, "argmax">,
    I32EnumAttrCase<"ArgMin", 8, "argmin">,
    I32EnumAttrCase<"MaxSumExp", 9, "max_sum_exp">,
    I32EnumAttrCase<"Welford", 10, "welford">]> {
  let cppNamespace = "::colossal";
  let genSpecializedAttr = 0;
}

def Colossal_FactorKindAttr : EnumAttr<Colossal_Dialect, Colossal_FactorKind, "kind">;

def Colossal_AxisTermAttr : Colossal_Attr<"AxisTerm", "axis_term"> {
  let summary = "coordinate(axis) * stride, with coordinates below `size`";
  let parameters = (ins "mlir::StringAttr":$axis, "int64_t":$size, "int64_t":$stride);
  let assemblyFormat = "`<` $axis `,` $size `,` $stride `>`";
}

def Colossal_FactorAttr : Colossal_Attr<"Factor", "factor"> {
  let summary = "an iteration dimension of an op";
  let description = [{
    **Definition.** A factor is a name, a bound (the number of iterations here)
    and a kind: parallel, or a reduction with its combiner. A local factor also
    knows the global extent and the offset of its first element, an affine
    function of the mesh coordinate: global index = local + sum(coordinate * stride).
    Iterations with a global index of `extent` or more are padding and contribute
    the neutral element.

    The combiners are sum, product, max, min (of numbers), any and all (of i1),
    and, of all results of an op together, argmax, argmin, max_sum_exp and
    welford; colossal/Support/Combiner.h says what each means.

    **Text form.** `b = 4`, `k = 768 : sum`, `v = 25129 of 50257 {tensor(2) * 25129} : min`.

    **Constraints.** bound >= 0; an unsharded factor has extent = bound and no terms.
  }];
  let parameters = (ins StringRefParameter<"name">:$name, "int64_t":$bound,
      "::colossal::FactorKind":$kind, "int64_t":$extent,
      OptionalArrayRefParameter<"::colossal::AxisTermAttr">:$terms);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// An unsharded factor.
    static FactorAttr get(::mlir::MLIRContext *context, ::llvm::StringRef name,
                          int64_t bound, FactorKind kind = FactorKind::Parallel) {
      return get(context, name, bound, kind, bound, {});
    }
    bool isParallel() const { return getKind() == FactorKind::Parallel; }
    /// True if some rank's part of the factor has padding, or the factor is cut.
    bool isLocal() const { return !getTerms().empty(); }
    /// True if the last rank's last iteration is padding.
    bool isPadded() const;
  }];
}

def Colossal_SubDimAttr : Colossal_Attr<"SubDim", "sub_dim"> {
  let summary = "how one sub-dimension of a tensor is indexed";
  let description = [{
    - plain, `s`: the factor, whose bound is the sub-dimension's size;
    - clipped, `s + 1 of 8`, `s + 0 of 8`: index factor + offset in a sub-dimension of
      size `bound`, which may fall outside (then the element reads as zero);
    - constant, `1 of 3`: index `offset` in a sub-dimension of size `bound` (`factor` = -1).
  }];
  let parameters = (ins "int64_t":$factor, "int64_t":$offset, "int64_t":$bound,
      "bool":$clipped);
  let builders = [
    AttrBuilder<(ins "int64_t":$factor, "int64_t":$offset, "int64_t":$bound), [{
      return $_get($_ctxt, factor, offset, bound, factor >= 0 && offset != 0);
    }]>];
  let assemblyFormat = "`<` $factor `,` $offset `,` $bound `,` $clipped `>`";
  let extraClassDeclaration = [{
    bool isConstant() const { return getFactor() < 0; }
    /// A factor that covers the sub-dimension.
    bool isPlain() const { return getFactor() >= 0 && !getClipped(); }
  }];
}

def Colossal_DimAttr : Colossal_Attr<"Dim", "dim"> {
  let summary = "one dimension: its sub-dimensions, major to minor";
  let parameters = (ins OptionalArrayRefParameter<"::colossal::SubDimAttr">:$subDims);
  let assemblyFormat = "`<` (`[` $subDims^ `]`)? `>`";
  let extraClassDeclaration = [{
    /// The factors of its sub-dimensions, in order; constants have none.
    ::llvm::SmallVector<int64_t> getFactors() const {
      ::llvm::SmallVector<int64_t> factors;
      for (SubDimAttr sub : getSubDims())
        if (!sub.isConstant())
          factors.push_back(sub.getFactor());
      return factors;
    }
  }];
}

def Colossal_IndexMapAttr : Colossal_Attr<"IndexMap", "map"> {
  let summary = "how a tensor is indexed by the factors of an op";
  let description = [{
    **Definition.** Per dimension an ordered list of sub-dimensions, major to
    minor; the index in the dimension is their mixed-radix number.

    **Text form.** In an op, with the names of its factors: `[(b, s), n]`,
    `[k, (0 of 3, h, d)]`, `[b, s + 1 of 16]`. Alone, factor i is `di`.
  }];
  let parameters = (ins OptionalArrayRefParameter<"::colossal::DimAttr">:$dims);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// Calls `visit(dimension, position in the dimension, sub-dimension)`.
    void walk(::llvm::function_ref<void(unsigned, unsigned, SubDimAttr)> visit) const;
    /// True if some sub-dimension is this factor.
    bool uses(int64_t factor) const;
    /// Rewrites every sub-dimension by a list of sub-dimensions.
    IndexMapAttr replace(
        ::llvm::function_ref<::llvm::SmallVector<SubDimAttr>(SubDimAttr)> rewrite) const;
    /// Size of each dimension.
    ::llvm::SmallVector<int64_t> getShape() const;
    /// True if every sub-dimension is a plain factor or `0 of 1`.
    bool isPlain() const;
  }];
}

def Colossal_EquationAttr : Colossal_Attr<"Equation", "equation"> {
  let summary = "a linear equation of global indices";
  let description = [{
    **Definition.** sum(stride * global index of a factor) == constant, or constant + an
    id: an integer scalar, which is an operand of the op that has the equation. No stride is
    0, and without an id the first one is positive.

    **Text form.** In an op, `8 * a + c == 6 * i + j + 3` or `v == %id : i64`: terms of
    negative stride stand on the right. Alone, `?` stands for the id.
  }];
  let parameters = (ins OptionalArrayRefParameter<"::mlir::StringAttr">:$factors,
      OptionalArrayRefParameter<"int64_t">:$strides, "int64_t":$constant, "bool":$hasId);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// sum(sum of terms) == constant (+ id): terms of one factor are added up.
    static EquationAttr get(::mlir::MLIRContext *context, const IndexSum &sum,
                            int64_t constant, bool hasId);
    /// The stride of a factor; 0 where it does not occur.
    int64_t getStride(::llvm::StringRef factor) const;
    /// Replaces the index of every factor for which `sumOf` has a sum.
    EquationAttr substitute(
        ::llvm::function_ref<std::optional<IndexSum>(::mlir::StringAttr)> sumOf) const;
  }];
}

def Colossal_CutAttr : Colossal_Attr<"Cut", "cut"> {
  let summary = "the mesh axes that cut one sub-dimension, major first";
  let parameters = (ins OptionalArrayRefParameter<"::mlir::StringAttr">:$axes);
  let assemblyFormat = "`<` (`[` $axes^ `]`)? `>`";
}

def Colossal_DimShardingAttr : Colossal_Attr<"DimSharding", "dim_sharding"> {
  let summary = "the sharding of one dimension: per sub-dimension its axes";
  let parameters = (ins OptionalArrayRefParameter<"::colossal::CutAttr">:$subDims);
  let assemblyFormat = "`<` (`[` $subDims^ `]`)? `>`";
}

def Colossal_PartialAttr : Colossal_Attr<"Partial", "partial"> {
  let summary = "over `axis` the true value is the combination of all ranks' values";
  let parameters = (ins "mlir::StringAttr":$axis, "::colossal::FactorKind":$combiner);
  let assemblyFormat = "`<` $axis `,` $combiner `>`";
}

def Colossal_ShardingAttr : Colossal_Attr<"Sharding", "sharding"> {
  let summary = "how a value is distributed over a mesh";
  let description = [{
    **Definition.** For each dimension, for each of its sub-dimensions (in the
    decomposition that refinement has fixed for the value), the ordered list of
    mesh axes that cut it, major first; and the axes over which the value is
    partial. An axis in neither place: replicated. An axis occurs at most once
    (S1 to S4 of ColossalDialect.td).

    **Text form.** `#colossal.sharding<[data], [_, tensor, _]>`,
    `#colossal.sharding<[_], [data*tensor], partial {time = sum}>`: one bracket a
    dimension, one entry a sub-dimension, `_` for an uncut one. A scalar: `<>`.
  }];
  let parameters = (ins
      OptionalArrayRefParameter<"::colossal::DimShardingAttr">:$dims,
      OptionalArrayRefParameter<"::colossal::PartialAttr">:$partial);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// Axes of one sub-dimension.
    ::llvm::ArrayRef<::mlir::StringAttr> getAxes(unsigned dim, unsigned subDim) const;
    bool isReplicated() const;
  }];
}

//===----------------------------------------------------------------------===//
// What phases say of ops, arguments, functions and modules
//===----------------------------------------------------------------------===//

/// One word: an enumerator of colossal/Support/Step.h. In the text of an op `forward`, elsewhere
/// `#colossal.segment<forward>`.
class Colossal_WordAttr<string name, string attrMnemonic, string enum>
    : Colossal_Attr<name, attrMnemonic> {
  let parameters = (ins enum:$value);
  let hasCustomAssemblyFormat = 1;
  let returnType = enum;
  let convertFromStorage = "$_self.getValue()";
  let constBuilderCall = "::colossal::" # name # "Attr::get($_builder.getContext(), $0)";
}

def Colossal_SegmentAttr : Colossal_WordAttr<"Segment", "segment", "::colossal::Segment"> {
  let summary = "prologue, forward, backward or update";
}
def Colossal_ScheduleAttr : Colossal_WordAttr<"Schedule", "schedule", "::colossal::ScheduleKind"> {
  let summary = "gpipe or \"1f1b\"";
}
def Colossal_RoleAttr : Colossal_WordAttr<"Role", "role", "::colossal::ArgumentRole"> {
  let summary = "parameter, buffer, optimizer, batch or control";
}

def Colossal_MeshAxisAttr : Colossal_Attr<"MeshAxis", "mesh_axis"> {
  let summary = "an axis of devices, and how many coordinates it has";
  let parameters = (ins "mlir::StringAttr":$name, "int64_t":$size);
  let assemblyFormat = "`<` $name `,` $size `>`";
}

def Colossal_MeshAttr : Colossal_Attr<"Mesh", "mesh"> {
  let summary = "the devices of one stage";
  let description = [{
    The axes, major first (M1 of ColossalDialect.td).

    **Text form.** `#colossal.mesh<data = 2, tensor = 4>`; one device: `#colossal.mesh<>`.
  }];
  let parameters = (ins OptionalArrayRefParameter<"::colossal::MeshAxisAttr">:$axes);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Colossal_AxisUseAttr : Colossal_Attr<"AxisUse", "axis_use"> {
  let summary = "what an op does with a mesh axis: cut a factor, or be linear";
  let parameters = (ins "mlir::StringAttr":$axis, OptionalParameter<"mlir::StringAttr">:$factor,
      OptionalArrayRefParameter<"int64_t">:$operands);
  let assemblyFormat = "`<` $axis (`,` `cuts` $factor^)? (`,` `[` $operands^ `]`)? `>`";
  let extraClassDeclaration = [{
    /// Cuts no factor: over the axis `operands` are partial sums, and so are the results.
    bool isLinear() const { return !getFactor(); }

    static AxisUseAttr cut(::mlir::StringAttr axis, ::mlir::StringAttr factor) {
      return get(axis.getContext(), axis, factor, {});
    }
    static AxisUseAttr linear(::mlir::StringAttr axis, ::llvm::ArrayRef<int64_t> operands) {
      return get(axis.getContext(), axis, {}, operands);
    }
  }];
}

def Colossal_AxesAttr : Colossal_Attr<"Axes", "axes"> {
  let summary = "the strategy of an op: what it does with each mesh axis";
  let description = [{
    **Definition.** An axis cuts one factor of the op; or the op, linear in some operands, has
    partial sums over the axis in these operands and in its results, and the other operands
    complete. Over an axis that is not named every coordinate computes the same (D5 to D7 of
    ColossalDialect.td). Kept in the order of the axes' names.

    **Text form.** In an op `axes = {data = b, tensor = linear [0, 2]}`; alone
    `#colossal.axes<data = b, tensor = linear [0, 2]>`.
  }];
  let parameters = (ins OptionalArrayRefParameter<"::colossal::AxisUseAttr">:$uses);
  let skipDefaultBuilders = 1;
  let builders = [AttrBuilder<(ins "::llvm::ArrayRef<::colossal::AxisUseAttr>":$uses), [{
    ::llvm::SmallVector<AxisUseAttr> sorted(uses);
    ::llvm::sort(sorted, [](AxisUseAttr a, AxisUseAttr b) {
      return a.getAxis().getValue() < b.getAxis().getValue(); });
    return $_get($_ctxt, sorted);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

#endif // COLOSSAL_IR_ATTRIBUTES
