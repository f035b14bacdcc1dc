//===- CollectiveOps.td - Reshards and collectives ----------*- tablegen -*-===//
//
// Conventions of all collectives. The group of a rank: the ranks of its stage whose
// coordinates differ from its own on `axes` only; g is its size, r the rank's number in it,
// the coordinates on `axes` as a mixed-radix number, first axis major. Tensors are row-major.
// A *cut* dimension has `bound` = ceil(extent / g) elements on each rank: rank r holds
// [r * bound, (r + 1) * bound) of [0, extent), the rest is padding and zero. `outer` and
// `innermost` are the numbers of elements above and below the cut sub-dimension.
// The axis `time` occurs in shard_slice alone.
//
// Constraints of all collectives:
// - L1 tensors have known sizes, the elements of the view, and one type of elements; what
//   changes no shape has one type
// - L2 the shard has ceil(extent / g) of `extent`
// - L3 the combiner is one of the element type
// - L4 axes are distinct, and of the mesh
// Of transfers: T1 `peer` is a device group; T2 `tag` is not negative.
//
//===----------------------------------------------------------------------===//
#ifndef COLOSSAL_IR_COLLECTIVEOPS
#define COLOSSAL_IR_COLLECTIVEOPS

include "Colossal/IR/ColossalOps.td"

def Colossal_ReshardOp : Colossal_Op<"reshard", [Pure, AllTypesMatch<["input", "result"]>,
    Colossal_PlacedOp]> {
  let summary = "the same value, distributed differently";
  let description = [{
    Inserted by Plan, in programs of global shapes. Partition turns it into collectives.
    Carries `segment` and `stage` like any planned op: where and when it is paid.
  }];
  let arguments = !con((ins StrAttr:$name, AnyRankedTensor:$input,
      Colossal_ShardingAttr:$from, Colossal_ShardingAttr:$to), Colossal_placement);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $name $input `from` $from `to` $to custom<Attributes>(attr-dict) `:` type($input)
  }];
  let hasVerifier = 1;
}

class Colossal_CollectiveOp<string opMnemonic> : Colossal_Op<opMnemonic, [Pure]> {
  let results = (outs AnyRankedTensor:$result);
  let hasVerifier = 1;
}

def Colossal_AllReduceOp : Colossal_CollectiveOp<"all_reduce"> {
  let summary = "combines the tensors of all ranks of the group; all get the result";
  let description = [{Operand and result types agree (L1); the combiner is one of the element type (L3).}];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      Colossal_FactorKindAttr:$combiner);
  let assemblyFormat = [{
    $name $combiner $input `over` $axes attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_AllGatherOp : Colossal_CollectiveOp<"all_gather"> {
  let summary = "concatenates the shards of the group along a sub-dimension";
  let description = [{
    The input is viewed as [outer, bound, innermost], the result as [outer, extent, innermost]:
    result[o][p * bound + e][i] = input of p [o][e][i]; what lies beyond `extent` is dropped.
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
    The input is viewed as [outer, extent, innermost], the result as [outer, bound, innermost]:
    result[o][e][i] = combine over p, in order, of input of p [o][r * bound + e][i], or zero
    where r * bound + e >= extent.
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      Colossal_FactorKindAttr:$combiner, I64Attr:$outer, I64Attr:$extent, I64Attr:$innermost);
  let assemblyFormat = [{
    $name $combiner $input `over` $axes `outer` $outer `extent` $extent `innermost` $innermost attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_ShardSliceOp : Colossal_CollectiveOp<"shard_slice"> {
  let summary = "keeps this coordinate's shard of a replicated value; local";
  let description = [{
    result[o][e][i] = input[o][r * bound + e][i], or zero beyond `extent`; views as for
    reduce_scatter. No communication. Over `time`, r is the number of the microbatch.
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      I64Attr:$outer, I64Attr:$extent, I64Attr:$innermost);
  let assemblyFormat = [{
    $name $input `over` $axes `outer` $outer `extent` $extent `innermost` $innermost attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_ShardMaskOp : Colossal_CollectiveOp<"shard_mask"> {
  let summary = "turns a replicated value into a partial sum: kept at coordinate 0, zero elsewhere";
  let description = [{Kept where the coordinates on all `axes` are 0. No communication.}];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes);
  let assemblyFormat = "$name $input `over` $axes attr-dict `:` type($input) `->` type($result)";
}

def Colossal_AllToAllOp : Colossal_CollectiveOp<"all_to_all"> {
  let summary = "moves the cut from one sub-dimension to another";
  let description = [{
    The value that the group holds is seen as [outer, x, middle, y, innermost]. With `gather_x`
    the input is cut along x (bound ceil(x / g)) and the result along y; without it, the reverse.
    Padding of the gathered dimension is dropped, that of the other is zero.
    `gather_x`: result[o][p * xb + e][m][y][i] = input of p [o][e][m][r * yb + y][i].
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, StrArrayAttr:$axes,
      I64Attr:$outer, I64Attr:$xExtent, I64Attr:$middle, I64Attr:$yExtent,
      I64Attr:$innermost, BoolAttr:$gatherX);
  let assemblyFormat = [{
    $name $input `over` $axes `view` $outer `,` $xExtent `,` $middle `,` $yExtent `,` $innermost `gather_x` $gatherX attr-dict `:` type($input) `->` type($result)
  }];
}

def Colossal_SendOp : Colossal_Op<"send"> {
  let summary = "sends a value to the same coordinate of another device group";
  let description = [{
    `name` and `tag` are equal on both sides; a tag is used once per ordered pair of groups. The
    receiver is in a segment of the same kind, and receives in the order in which the sender
    sends. A send waits only while the previous value of its tag has not been received.
  }];
  let arguments = (ins StrAttr:$name, AnyRankedTensor:$input, I64Attr:$peer, I64Attr:$tag);
  let hasVerifier = 1;
  let assemblyFormat = "$name $input `to` $peer `tag` $tag attr-dict `:` type($input)";
}

def Colossal_RecvOp : Colossal_Op<"recv"> {
  let summary = "receives a value from the same coordinate of another device group";
  let description = [{The other side of `colossal.send`, of equal name, tag and type.}];
  let arguments = (ins StrAttr:$name, I64Attr:$peer, I64Attr:$tag);
  let hasVerifier = 1;
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$name `from` $peer `tag` $tag attr-dict `:` type($result)";
}

#endif // COLOSSAL_IR_COLLECTIVEOPS
