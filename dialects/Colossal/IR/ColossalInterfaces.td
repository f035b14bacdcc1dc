//===- ColossalInterfaces.td - FactoredOp ------------------*- tablegen -*-===//
#ifndef COLOSSAL_IR_INTERFACES
#define COLOSSAL_IR_INTERFACES

include "mlir/IR/OpBase.td"

def Colossal_FactoredOp : OpInterface<"FactoredOp"> {
  let cppNamespace = "::colossal";
  let description = [{
    An op that iterates over factors. This is all that the planner and the
    partitioner see of an op: the sharding rule follows from it.

    Cutting a parallel or reduction factor f over a mesh axis cuts every operand
    and result sub-dimension that is f; a result without f becomes partial, with
    f's combiner; an operand without f is needed in full.
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
    InterfaceMethod<"What the op costs, by its factors.", "::colossal::cost::Work",
      "getWork", (ins)>,
  ];
}

#endif // COLOSSAL_IR_INTERFACES
