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

class Colossal_FactoredBase<string opMnemonic, list<string> ownMethods = []>
    : Colossal_Op<opMnemonic, [Pure, IsolatedFromAbove, DeclareOpInterfaceMethods<Colossal_FactoredOp,
          !listconcat(["isShardable", "getLinearOperandSets", "getWork"], ownMethods)>, RecursiveMemoryEffects]> {
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let regions = (region SizedRegion<1>:$body);
}

def Colossal_GenericOp : Colossal_FactoredBase<"generic"> {
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
  }];
  let arguments = (ins StrAttr:$name, ArrayAttr:$factors, ArrayAttr:$operandMaps,
      ArrayAttr:$resultMaps, Variadic<AnyRankedTensor>:$inputs);
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
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

def Colossal_YieldOp : Colossal_Op<"yield", [Pure, Terminator, Colossal_InBody]> {
  let summary = "the values of one iteration";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), "">];
}

#endif // COLOSSAL_IR_OPS
