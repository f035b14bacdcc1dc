//===- Convolution.td - Convolution as whole ops -------------*- tablegen -*-===//
#ifndef COLOSSAL_OPS_CONVOLUTION
#define COLOSSAL_OPS_CONVOLUTION

include "Colossal/IR/ColossalOps.td"

class Colossal_ConvolutionBase<string opMnemonic>
    : Colossal_FactoredBase<opMnemonic, (ins DenseI64ArrayAttr:$stride,
          DenseI64ArrayAttr:$padding, DenseI64ArrayAttr:$dilation, AnyRankedTensor:$first,
          AnyRankedTensor:$second), ["keepsLayout"]> {
  let results = (outs AnyRankedTensor:$result);
}

def Colossal_ConvolutionOp : Colossal_ConvolutionBase<"convolution"> {
  let summary = "y = x convolved with w, in one to three spatial dimensions";
  let description = [{
    Three tensors: the input x, the weights w and the output y. One equation, which each
    of the three ops solves for one of them:

        y[n, (g, o), y...] = sum over c, k... of
            x[n, (g, c), stride * y + dilation * k - padding...] * w[(g, o), c, k...]

    | op                           | operands | result |
    |------------------------------|----------|--------|
    | convolution                  | x, w     | y      |
    | convolution_backward_data    | y, w     | x      |
    | convolution_backward_weights | x, y     | w      |

    So each is linear in either operand, and its derivative is the other two. The second
    is a transposed convolution as well.

    Roles of factors follow from the maps: in x and y, not in w: samples n; in all: groups
    g; in w and y, not in x: output channels o of a group; in x and w, not in y: input
    channels c of a group; in one tensor only: its positions. A role may have several
    factors or none (a size of 1).

    An element of x at a position outside of it is zero, and `padding` is what lies before
    the first position; what lies after the last follows from the sizes of x, w and y,
    which are independent: positions that nothing reaches have no part in y.

    Samples, groups and channels may be cut; a cut of positions would need elements of
    the neighbours (halos), which is not supported. The factors that are not in the result
    are summed over. There are two layouts of x and y: channels first, and channels last
    with the attribute `channels_last` (where sizes are 1, the maps do not tell). Any other
    movement of an operand or of the result stays an op of its own.

    Constraints:
    - V1 x, w and y are floats of one type, with two dimensions and one to three spatial
      ones; the result of operands of 16 bits may be f32, the sum without rounding
    - V2 stride, padding and dilation have one entry per spatial dimension, from 0 to
      1048576; strides and dilations are at least 1
    - V3 maps are plain, and name a factor once
    - V4 x is [n, (g, c), positions...], w is [(g, o), c, positions...], y is
      [n, (g, o), positions...]; with channels last x is [n, positions..., (g, c)] and y
      [n, positions..., (g, o)]; with the same factors in the same order
    - V5 factors of the result are parallel, all others sums
    - V6 the body is empty
  }];
}

def Colossal_ConvolutionBackwardDataOp
    : Colossal_ConvolutionBase<"convolution_backward_data"> {
  let summary = "the derivative of convolution with respect to x; transposed convolution";
}

def Colossal_ConvolutionBackwardWeightsOp
    : Colossal_ConvolutionBase<"convolution_backward_weights"> {
  let summary = "the derivative of convolution with respect to w";
}

#endif // COLOSSAL_OPS_CONVOLUTION
