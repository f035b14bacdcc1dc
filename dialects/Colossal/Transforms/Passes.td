//===- Passes.td - Passes on the dialect alone -------------*- tablegen -*-===//
#ifndef COLOSSAL_TRANSFORMS_PASSES
#define COLOSSAL_TRANSFORMS_PASSES

include "mlir/Pass/PassBase.td"

def WidenStoredFloatsPass : Pass<"colossal-widen-stored-floats", "::mlir::func::FuncOp"> {
  let summary = "Make floats of 16 bits that are only stored f32";
  let description = [{
    Buffers and constants of f16 and bf16 are f32 where a function only moves them,
    chooses among them and reads them into wider floats: their numbers are exactly
    those. A function that computes in 16 bits, which rounds, stays as it is.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def PrecisionPass : Pass<"colossal-precision", "::mlir::func::FuncOp"> {
  let summary = "Compute products in 16 bits and what is sensitive in f32";
  let description = [{
    Rewrites a forward program for mixed precision, by the table of docs/Precision.md
    (Transforms/PrecisionTable.cpp): operands of products, convolutions and attention are
    cast to `type`, bf16 or f16, which these ops give as well; norms, softmax, losses, sums, exponentials
    and powers read and give f32; other ops have the widest type of their operands. Arguments
    and results of the function keep their types, so parameters stay f32. A value has one
    cast, a plain generic.
  }];
  let options = [
    Option<"type", "type", "std::string", "\"bf16\"", "bf16 or f16">,
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def FuseElementwisePass : Pass<"colossal-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Inline producers without reductions into their only user";
  let description = [{
    A chain of elementwise ops with one user each becomes one generic (a GELU, a
    sum of gradients). Data movement and functions of indices are inlined into
    every user: views become index maps, masks become predicates. Contractions
    keep their pure form: only data movement is inlined into them. Ops of different
    passes or groups stay apart.
  }];
}

def ChannelsLastPass : Pass<"colossal-channels-last", "::mlir::func::FuncOp"> {
  let summary = "Put the channels of images last where that is faster";
  let description = [{
    Images, [samples, channels, positions...], get the order [samples, positions...,
    channels] along chains of whole ops that take either (Transforms/LayoutOp.td) and of
    elementwise ops between them, where one of the whole ops prefers it and none refuses.
    Arguments and results keep their layout: there, before contractions and before ops
    without a choice, elements are moved by a generic.
  }];
}

def RefineFactorsPass : Pass<"colossal-refine-factors", "::mlir::func::FuncOp"> {
  let summary = "Give every value one decomposition into sub-dimensions";
  let description = [{
    If one op sees a dimension of 2304 as (3, 12, 64), all ops that touch the value do
    afterwards: their factors are split accordingly, to a fixed point. Factors
    of bound 1 vanish. Where two ops need decompositions without a common
    refinement (6 as 2 x 3 and as 3 x 2), or a window that a cut does not meet, one
    of them works on a copy, which is a sum over places (Analysis/Selection.h).
  }];
}

#endif // COLOSSAL_TRANSFORMS_PASSES
