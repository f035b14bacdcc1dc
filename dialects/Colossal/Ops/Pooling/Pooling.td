//===- Pooling.td - Maxima and averages of windows ----------*- tablegen -*-===//
#ifndef COLOSSAL_OPS_POOLING
#define COLOSSAL_OPS_POOLING

include "Colossal/IR/ColossalOps.td"

/// Windows over `input` (sizes of the spatial dimensions of x) with a value of y for
/// each: `output` of them. With a `kernel`, window o of a dimension has the elements
/// o * stride - padding + k * dilation, k < kernel, that exist. Without one (all four
/// lists are empty) it is adaptive: [floor(o * input / output), ceil((o + 1) * input / output)).
///
/// Roles of factors follow from the maps: in x and in y: batch; in x only: input; in y
/// only: output. The input factors, in order, are the spatial dimensions of x, one or
/// several for each; the output factors those of y. A dimension of size 1 may have none; a
/// factor of 1 belongs to any dimension.
/// Batch factors may be cut.
///
/// Constraints:
/// - P1 one x and one y, in the places that the op's description gives them; the body yields nothing
/// - P2 x and y have one element type, a float
/// - P3 one to three spatial dimensions, a size in each list for each (or no kernel at all)
/// - P4 sizes, strides and dilations of at least 1; 0 <= padding <= half of the window's extent
/// - P5 every window begins before the end of its dimension
/// - P6 factors are plain: batch, input or output, each once in a map; input and output ones are uncut,
///   reductions where the result has none of them, and multiply to the sizes
/// - P7 (averages) the divisor is not negative
class Colossal_PoolingOp<string opMnemonic, dag parameters = (ins)>
    : Colossal_FactoredBase<opMnemonic, !con((ins DenseI64ArrayAttr:$input,
          DenseI64ArrayAttr:$output, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$stride,
          DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation), parameters,
          (ins Variadic<AnyRankedTensor>:$inputs)), ["keepsLayout"]> {
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
}

def Colossal_MaxPoolOp : Colossal_PoolingOp<"max_pool"> {
  let summary = "the maximum of each window";
  let description = [{
    (x) -> y. NaN if the window has one; -infinity where it has no element.
  }];
}

def Colossal_MaxPoolBackwardOp : Colossal_PoolingOp<"max_pool_backward"> {
  let summary = "the derivative of max_pool";
  let description = [{
    (x, dy) -> dx. The element of a window that is its maximum takes the window's gradient:
    the first of equals, the last NaN, as in PyTorch.
  }];
}

defvar Pooling_averages = (ins DefaultValuedAttr<I64Attr, "0">:$divisor, UnitAttr:$count_padding);

def Colossal_AveragePoolOp : Colossal_PoolingOp<"average_pool", Pooling_averages> {
  let summary = "the mean of each window";
  let description = [{
    (x) -> y. The sum is divided by `divisor`; if that is 0, by the number of elements, with
    `count_padding` also those in the padding (not beyond it). 0 where there is no element.
  }];
}

def Colossal_AveragePoolBackwardOp : Colossal_PoolingOp<"average_pool_backward", Pooling_averages> {
  let summary = "the derivative of average_pool";
  let description = [{
    (dy) -> dx. Each element of a window gets the window's gradient over the divisor.
  }];
}

#endif // COLOSSAL_OPS_POOLING
