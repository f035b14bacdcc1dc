//===- CollectiveOps.td - Reshards and collectives ----------*- tablegen -*-===//
#ifndef COLOSSAL_IR_COLLECTIVEOPS
#define COLOSSAL_IR_COLLECTIVEOPS

include "Colossal/IR/ColossalOps.td"

def Colossal_ReshardOp : Colossal_Op<"reshard", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "the same value, distributed differently";
  let description = [{
    Inserted by Plan, in programs of global shapes. Partition turns it into collectives.
    Carries `segment` and `stage` like any planned op: where and when it is paid.
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input,
      Colossal_ShardingAttr:$from, Colossal_ShardingAttr:$to);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $name $input `from` $from `to` $to attr-dict `:` type($input)
  }];
}

class Colossal_CollectiveOp<string opMnemonic> : Colossal_Op<opMnemonic, [Pure]> {
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
}

def Colossal_AllReduceOp : Colossal_CollectiveOp<"all_reduce"> {
  let summary = "combines the tensors of all ranks of the group; all get the result";
  let description = [{C1 operand and result types agree; C2 the combiner is a reduction.}];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      Colossal_FactorKindAttr:$combiner);
  let assemblyFormat = [{
    $name $combiner $input `over` $axes attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_AllGatherOp : Colossal_CollectiveOp<"all_gather"> {
  let summary = "concatenates the shards of the group along a sub-dimension";
  let description = [{
    The tensor is viewed as [outer, inner]; the result as [outer, group, inner], by coordinate.
    `extent`: of the [group * (elements per rank along the gathered sub-dimension)] rows, those
    that are not padding: the result keeps only `extent` of them. Units: elements.
    `innermost` is the number of elements below the gathered sub-dimension.
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      I64Attr:$outer, I64Attr:$extent, I64Attr:$innermost);
  let assemblyFormat = [{
    $name $input `over` $axes `outer` $outer `extent` $extent `innermost` $innermost attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_ReduceScatterOp : Colossal_CollectiveOp<"reduce_scatter"> {
  let summary = "combines over the group; each rank keeps its shard of a sub-dimension";
  let description = [{
    The input is viewed as [outer, extent, innermost], cut in `group` parts of equal bound along
    the middle (the last may be short: its padding is zero in the result); rank c of the group gets part c.
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      Colossal_FactorKindAttr:$combiner, I64Attr:$outer, I64Attr:$extent, I64Attr:$innermost);
  let assemblyFormat = [{
    $name $combiner $input `over` $axes `outer` $outer `extent` $extent `innermost` $innermost attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_ShardSliceOp : Colossal_CollectiveOp<"shard_slice"> {
  let summary = "keeps this coordinate's shard of a replicated value; local";
  let description = [{Views as for reduce_scatter; padding is zero. No communication.}];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      I64Attr:$outer, I64Attr:$extent, I64Attr:$innermost);
  let assemblyFormat = [{
    $name $input `over` $axes `outer` $outer `extent` $extent `innermost` $innermost attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_ShardMaskOp : Colossal_CollectiveOp<"shard_mask"> {
  let summary = "turns a replicated value into a partial sum: kept at coordinate 0, zero elsewhere";
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes);
  let assemblyFormat = "$name $input `over` $axes attr-dict `:` type($input) `->` type($result)";
}

def Colossal_AllToAllOp : Colossal_CollectiveOp<"all_to_all"> {
  let summary = "moves the cut from one sub-dimension to another";
  let description = [{
    The global value is seen as [outer, x, middle, y, innermost]. With `gather_x` the input is cut
    along x and the result along y; without it, the reverse. `x_extent` and `y_extent` are global
    extents; local bounds are their ceilings, and padding is zero.
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      I64Attr:$outer, I64Attr:$xExtent, I64Attr:$middle, I64Attr:$yExtent,
      I64Attr:$innermost, BoolAttr:$gatherX);
  let assemblyFormat = [{
    $name $input `over` $axes `view` $outer `,` $xExtent `,` $middle `,` $yExtent `,` $innermost `gather_x` $gatherX attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_SendOp : Colossal_Op<"send"> {
  let summary = "sends a value to the same coordinate of another stage";
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, I64Attr:$peer, I64Attr:$tag);
  let assemblyFormat = "$name $input `to` $peer `tag` $tag attr-dict `:` type($input)";
}

def Colossal_RecvOp : Colossal_Op<"recv"> {
  let summary = "receives a value from the same coordinate of another stage";
  let arguments = (ins StrAttr:$name, I64Attr:$peer, I64Attr:$tag);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$name `from` $peer `tag` $tag attr-dict `:` type($result)";
}

#endif // COLOSSAL_IR_COLLECTIVEOPS
