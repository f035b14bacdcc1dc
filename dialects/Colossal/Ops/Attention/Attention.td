//===- Attention.td - Attention as whole ops -----------------*- tablegen -*-===//
#ifndef COLOSSAL_OPS_ATTENTION
#define COLOSSAL_OPS_ATTENTION

include "Colossal/IR/ColossalOps.td"

defvar Attention_own = (ins F64Attr:$scale, Variadic<AnyRankedTensor>:$inputs);

def Colossal_AttentionOp : Colossal_FactoredBase<"attention", Attention_own, ["getCombiner"]> {
  let summary = "softmax(body(scale * q k^T)) v, and the log-sum-exp of each query";
  let description = [{
    Roles of factors follow from the maps: in q, k and v: batch; in q and not in k: query;
    in k, v and not in q: key; in q and k and not in v: feature of the scores; in v only:
    feature of the values.

    s = body(scale * sum_d q k, extra operands...); the body may use the indices of all batch,
    query and key factors. out = softmax over keys of s, times v; lse = log sum_key exp(s).
    Batch and query factors may be cut.

    Operands: q, k, v, extra...; results: out, lse.

    Constraints, besides C1, C4 and C7 of generics:
    - A1 the operands and results are there
    - A2 the body takes the score and one element of each extra operand
    - A3 the body yields the masked score
    - A4 the score is a float of q's element type (of 16 bits: f32), the others are of their
      operands'
    - A5 each factor has one of the roles
    - A6 `out` is indexed by batch, query and features of the values, `lse` by batch and
      query; in the backward op, gradients by the factors of what they are the gradient of
  }];
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
}

def Colossal_AttentionBackwardOp : Colossal_FactoredBase<"attention_backward", Attention_own> {
  let summary = "the derivative of attention with respect to q, k, v";
  let description = [{
    Operands: q, k, v, out, lse, dout, extra...; results: dq, dk, dv. The body is that of
    the forward op; extra operands are constants for the derivative.
    Batch, query and key factors may be cut.
  }];
  let results = (outs Variadic<AnyRankedTensor>:$outputs);
}

#endif // COLOSSAL_OPS_ATTENTION
