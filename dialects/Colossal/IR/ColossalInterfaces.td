//===- ColossalInterfaces.td - FactoredOp ------------------*- tablegen -*-===//
#ifndef COLOSSAL_IR_INTERFACES
#define COLOSSAL_IR_INTERFACES

include "mlir/IR/OpBase.td"

/// Accessors that ODS generates from the attribute of an op.
class Colossal_Get<string type, string what>
    : InterfaceMethod<"", type, "get" # what, (ins), "return $_op.get" # what # "();">;
class Colossal_Set<string type, string what>
    : InterfaceMethod<"", "void", "set" # what, (ins type:$value), "$_op.set" # what # "(value);">;

def Colossal_PlacedOp : OpInterface<"PlacedOp"> {
  let cppNamespace = "::colossal";
  let description = [{An op of a planned program: what Plan says of when and where it runs.}];
  let methods = [
    Colossal_Get<"::std::optional<::colossal::Segment>", "Segment">,
    Colossal_Set<"::std::optional<::colossal::Segment>", "Segment">,
    Colossal_Get<"::std::optional<uint64_t>", "Stage">,
    Colossal_Set<"::std::optional<uint64_t>", "Stage">,
  ];
}

def Colossal_FactoredOp : OpInterface<"FactoredOp", [Colossal_PlacedOp]> {
  let cppNamespace = "::colossal";
  let description = [{
    An op that iterates over factors. This is all that the planner and the
    partitioner see of an op: the sharding rule follows from it.

    Cutting a parallel or reduction factor f over a mesh axis cuts every operand
    and result sub-dimension that is f; a result without f becomes partial, with
    f's combiner, unless that is a tuple combiner: then it is complete; an operand without
    f is needed in full.
  }];
  let methods = [
    InterfaceMethod<"The factors, in order.", "::llvm::SmallVector<::colossal::FactorAttr>",
      "getFactorList", (ins), "", [{
        return ::llvm::map_to_vector($_op.getFactors(), [](::mlir::Attribute a) {
          return ::llvm::cast<::colossal::FactorAttr>(a); });
      }]>,
    InterfaceMethod<"The index map of an operand.", "::colossal::IndexMapAttr",
      "getOperandMap", (ins "unsigned":$index), "", [{
        return ::llvm::cast<::colossal::IndexMapAttr>($_op.getOperandMaps()[index]);
      }]>,
    InterfaceMethod<"The index map of a result.", "::colossal::IndexMapAttr",
      "getResultMap", (ins "unsigned":$index), "", [{
        return ::llvm::cast<::colossal::IndexMapAttr>($_op.getResultMaps()[index]);
      }]>,
    InterfaceMethod<"The unique name.", "::llvm::StringRef", "getFactoredName", (ins), "", [{
        return $_op.getName();
      }]>,
    InterfaceMethod<"True if the factor may be cut over a mesh axis.", "bool",
      "isShardable", (ins "unsigned":$factor)>,
    InterfaceMethod<[{
        Sets of operands in which the op is jointly linear: if the operands of one set
        are partial sums (and the others complete), so are the results.
      }], "::llvm::SmallVector<::llvm::SmallVector<unsigned>>",
      "getLinearOperandSets", (ins)>,
    InterfaceMethod<[{
        How the terms of a result combine: what its elements are where there are none is
        the neutral element. That of the reduction factors unless an op says otherwise.
      }], "::colossal::FactorKind", "getCombiner", (ins "unsigned":$result), "", [{
        for (::mlir::Attribute attr : $_op.getFactors())
          if (auto factor = ::llvm::cast<::colossal::FactorAttr>(attr); !factor.isParallel())
            return factor.getKind();
        return ::colossal::FactorKind::Sum;
      }]>,
    InterfaceMethod<[{
        True if the op prescribes how its tensors are laid out: passes then leave movement
        of operands and results an op of its own, and only split factors.
      }], "bool", "keepsLayout", (ins), "", [{ return false; }]>,
    InterfaceMethod<"What the op costs, by its factors.", "::colossal::cost::Work",
      "getWork", (ins)>,
    // The attributes of all factored ops (docs/Architecture.md, section 1).
    Colossal_Get<"::mlir::StringAttr", "GroupAttr">,
    Colossal_Set<"::mlir::StringAttr", "GroupAttr">,
    Colossal_Get<"bool", "Keep">,
    Colossal_Set<"bool", "Keep">,
    Colossal_Get<"bool", "NoGradient">,
    Colossal_Set<"bool", "NoGradient">,
    Colossal_Get<"::std::optional<::colossal::Segment>", "Pass">,
    Colossal_Set<"::std::optional<::colossal::Segment>", "Pass">,
    Colossal_Get<"::mlir::StringAttr", "ForwardOfAttr">,
    Colossal_Set<"::mlir::StringAttr", "ForwardOfAttr">,
    Colossal_Get<"::mlir::StringAttr", "GradientOfAttr">,
    Colossal_Set<"::mlir::StringAttr", "GradientOfAttr">,
    Colossal_Get<"::colossal::AxesAttr", "AxesAttr">,
    Colossal_Set<"::colossal::AxesAttr", "AxesAttr">,
  ];
}

def Colossal_DifferentiableOp : OpInterface<"DifferentiableOp"> {
  let cppNamespace = "::colossal";
  let description = [{
    The derivative of a whole op, in ops of the dialect. That of a generic
    follows from its body (Differentiate/Gradient.h).
  }];
  let methods = [
    InterfaceMethod<[{
        Emits the gradients of the operands at `builder`: one for each operand, of its
        shape; null for an operand that is constant for the derivative. `operands` and
        `results` stand for the op's own; `cotangents` are the gradients of the results,
        null where nothing depends on one. New ops are named after `name`. Failure: an
        error was emitted on the op.
      }], "::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>", "buildGradients",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$operands,
           "::mlir::ValueRange":$results, "::llvm::ArrayRef<::mlir::Value>":$cotangents,
           "::llvm::StringRef":$name)>,
  ];
}

#endif // COLOSSAL_IR_INTERFACES
