//===- ColossalOps.td - Factored ops ------------------------*- tablegen -*-===//
#ifndef COLOSSAL_IR_OPS
#define COLOSSAL_IR_OPS

include "Colossal/IR/ColossalAttributes.td"
include "Colossal/IR/ColossalInterfaces.td"
include "Colossal/IR/ColossalTypes.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Colossal_Op<string opMnemonic, list<Trait> traits = []>
    : Op<Colossal_Dialect, opMnemonic, traits>;

/// Where and when an op runs (docs/Architecture.md, section 1).
defvar Colossal_placement = (ins OptionalAttr<Colossal_SegmentAttr>:$segment,
    OptionalAttr<I64Attr>:$stage);

/// `own` are the attributes and operands besides those that every factored op has.
class Colossal_FactoredBase<string opMnemonic, dag own, list<string> ownMethods = []>
    : Colossal_Op<opMnemonic, [Pure, IsolatedFromAbove, DeclareOpInterfaceMethods<Colossal_FactoredOp,
          !listconcat(["isShardable", "getLinearOperandSets", "getWork"], ownMethods)>, RecursiveMemoryEffects]> {
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let regions = (region SizedRegion<1>:$body);
  let arguments = !con((ins StrAttr:$name, ArrayAttr:$factors, ArrayAttr:$operandMaps,
      ArrayAttr:$resultMaps), own, (ins OptionalAttr<StrAttr>:$group, UnitAttr:$keep,
      UnitAttr:$no_gradient, OptionalAttr<Colossal_SegmentAttr>:$pass,
      OptionalAttr<StrAttr>:$forward_of, OptionalAttr<StrAttr>:$gradient_of,
      OptionalAttr<Colossal_AxesAttr>:$axes), Colossal_placement);
}

def Colossal_GenericOp : Colossal_FactoredBase<"generic", (ins Variadic<AnyRankedTensor>:$inputs)> {
  let summary = "a nest of factors with a scalar body";
  let description = [{
    result[j][map j] = combine over reduction factors of yield_j(body(operands at their
    index maps)). Accesses through an offset that fall outside the tensor read zero.

    Constraints:
    - C1 one index map per operand and per result, of the tensor's shape
    - C2 results list every parallel factor exactly once, plain, and no reduction factor
    - C3 block arguments have the operands' element types; yields have the results'
    - C4 factors are named once, and have sizes that a tensor may have
    - C5 all reduction factors have the same combiner
    - C6 the combiner takes the results' element types: any and all are of i1, the others
      of all other types
    - C7 a factor without axes is whole (bound = extent); one that is cut names each axis
      once, with the size that it has in the mesh
    - C8 the results of a tuple combiner are its components, in their order: indices are
      i64, the others of one type, floats where the combiner takes floats

    The terms of a tuple combiner are what one iteration yields: the greatest x and its
    index, where equal ones have the least,

        %v, %i = colossal.generic "top" [b = 4, k = 10 : argmax] (%x : [b, k]) -> ([b], [b]) {
        ^bb0(%0: f32):
          %1 = colossal.index "k"
          colossal.yield %0, %1 : f32, i64
        } : (tensor<4x10xf32>) -> (tensor<4xf32>, tensor<4xi64>)
  }];
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
  let hasRegionVerifier = 1;
  /// Without what phases say of the op, and with an empty region.
  let builders = [OpBuilder<(ins "::mlir::TypeRange":$outputs, "::llvm::StringRef":$name,
      "::mlir::ArrayAttr":$factors, "::mlir::ArrayAttr":$operandMaps,
      "::mlir::ArrayAttr":$resultMaps, "::mlir::ValueRange":$inputs), [{
    auto &properties = $_state.getOrAddProperties<Properties>();
    properties.name = $_builder.getStringAttr(name);
    properties.factors = factors;
    properties.operandMaps = operandMaps;
    properties.resultMaps = resultMaps;
    $_state.addOperands(inputs);
    $_state.addTypes(outputs);
    $_state.addRegion();
  }]>];
  let extraClassDeclaration = [{
    /// The body's terminator operands.
    ::mlir::OperandRange getYielded();
    /// True if no factor is a reduction.
    bool isAllParallel();
  }];
}

/// Inside the body of a factored op.
def Colossal_InBody : NativeOpTrait<"InFactoredBody"> {
  let cppNamespace = "::colossal";
}

def Colossal_IndexOp : Colossal_Op<"index", [Pure, Colossal_InBody]> {
  let summary = "the global index of a factor";
  let description = [{
    Constraints: B1 like every op of a body it is in one; B2 the factor is one of the op's.
  }];
  let arguments = (ins StrAttr:$factor);
  let results = (outs I64:$result);
  let assemblyFormat = "$factor attr-dict";
}

def Colossal_RandomOp : Colossal_Op<"random", [Pure, Colossal_InBody]> {
  let summary = "a random number in [0, 1)";
  let description = [{
    A function of the stream's name, the seed, the step and the index of an element in the
    global tensor (colossal/Support/Random.h): the same on every rank, in every
    microbatch, and when the op is computed again. A constant for the derivative.

        %u = colossal.random "h.0/dropout.0" (%seed, %step, %index)
  }];
  let arguments = (ins StrAttr:$stream, I64:$seed, I64:$step, I64:$index);
  let results = (outs F32:$result);
  let assemblyFormat = "$stream `(` $seed `,` $step `,` $index `)` attr-dict";
}

def Colossal_WithDerivativeOp : Colossal_Op<"with_derivative",
    [Pure, SameVariadicOperandSize, SameOperandsAndResultType, Colossal_InBody]> {
  let summary = "a scalar whose derivative is given";
  let description = [{
    The result is `value`. Its derivative by each of `variables` is the one of
    `derivatives` at the same place; by anything else that `value` is computed
    from it is zero. So a function has the derivative that its inventor wrote,
    where the derivative of the formula that computes it is 0 times infinity,
    imprecise, or of the other side of a kink:

        %y = colossal.with_derivative %s of (%x) by (%d) : f32

    Differentiate replaces the op by its value.
  }];
  let arguments = (ins AnyFloat:$value, Variadic<AnyFloat>:$variables,
      Variadic<AnyFloat>:$derivatives);
  let results = (outs AnyFloat:$result);
  let assemblyFormat = [{
    $value `of` `(` $variables `)` `by` `(` $derivatives `)` attr-dict `:` type($result)
  }];
  let hasFolder = 1;
}

def Colossal_WhereOp : Colossal_Op<"where",
    [Pure, HasParent<"GenericOp">, AllTypesMatch<["value", "result"]>, Colossal_InBody]> {
  let summary = "a value where equations of indices hold, else zero";
  let description = [{
    States which element is meant, for whoever need not visit the others: a look-up, a
    scatter by index, a copy into another decomposition.

        %r = colossal.where %x [v == %id : i64] : f32
        %r = colossal.where %x [8 * a + c == 6 * i + j + 3] : f32

    In a sum (or any) whose results are such values, the sums that an equation names are
    computed from the other indices (a gather, a copy), and parallel factors that are
    compared with an id of the terms are computed from the id (a scatter): see
    Colossal/Analysis/Selection.h. Elsewhere it is a scalar like any other. It is linear in
    the value, and its derivative is the same op on the cotangent.

    Constraints:
    - E1 an equation names factors of the op, each once, with a stride that is not 0
    - E2 a stride times the factor's extent, and the constant, are sizes that a tensor may have
    - E3 there is one id for each equation that has one
    - E4 an id does not vary with the factors of its equation
    - E5 what a sum (or any) selects is selected last, for all its results alike: otherwise
      it would pass over terms that the equations exclude
  }];
  let arguments = (ins AnyTypeOf<[AnyFloat, AnySignlessInteger, UI8]>:$value,
      Variadic<AnyTypeOf<[I32, I64]>>:$ids,
      TypedArrayAttrBase<Colossal_EquationAttr, "equations of indices">:$equations);
  let results = (outs AnyTypeOf<[AnyFloat, AnySignlessInteger, UI8]>:$result);
  let builders = [
    OpBuilder<(ins "::mlir::Value":$value, "::llvm::ArrayRef<EquationAttr>":$equations,
                   CArg<"::mlir::ValueRange", "{}">:$ids)>];
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    EquationAttr getEquation(unsigned number) {
      return ::llvm::cast<EquationAttr>(getEquations()[number]);
    }
    /// The id of an equation; null where it has none.
    ::mlir::Value getId(unsigned number);
    /// Whether both select by the same equations and ids.
    bool statesSame(WhereOp other) {
      return getEquations() == other.getEquations() && getIds() == other.getIds();
    }
    /// Replaces indices of factors in all equations.
    void substitute(
        ::llvm::function_ref<std::optional<IndexSum>(::mlir::StringAttr)> sumOf);
  }];
}

def Colossal_WidenOp : Colossal_Op<"widen", [Pure, Colossal_InBody]> {
  let summary = "the number that an unsigned byte holds";
  let description = [{
    ui8 is a form of storage: no op of `arith` takes it, so none can read its bits with
    a sign. A body computes with the number, 0 to 255, and says where it becomes a byte
    again (docs/Rationale/Unsigned-bytes.md):

        %1 = colossal.widen %0
        %2 = arith.addi %1, %c100_i32 : i32
        %3 = colossal.wrap %2
  }];
  let arguments = (ins UI8:$value);
  let results = (outs I32:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def Colossal_WrapOp : Colossal_Op<"wrap", [Pure, Colossal_InBody]> {
  let summary = "a number modulo 256, as an unsigned byte";
  let arguments = (ins I32:$value);
  let results = (outs UI8:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def Colossal_YieldOp : Colossal_Op<"yield", [Pure, Terminator, Colossal_InBody]> {
  let summary = "the values of one iteration";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), "">];
}

#endif // COLOSSAL_IR_OPS
