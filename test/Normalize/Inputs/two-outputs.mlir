func.func @forward(
    %x: tensor<6x8xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %w: tensor<5x8xf32> {colossal.role = #colossal.role<parameter>, colossal.name = "w"}) -> !colossal.any {
  %none = colossal.aten_constant unit -> !colossal.any
  %y = colossal.aten "aten::linear"(%x, %w, %none) name "head/linear.0" : (tensor<6x8xf32>, tensor<5x8xf32>, !colossal.any) -> !colossal.any
  %z = colossal.aten "aten::relu"(%x) name "relu.0" : (tensor<6x8xf32>) -> !colossal.any
  %hidden = colossal.aten_constant "hidden" -> !colossal.any
  %logits = colossal.aten_constant "logits" -> !colossal.any
  %all = colossal.aten "prim::DictConstruct"(%hidden, %z, %logits, %y) name "DictConstruct.0"
      : (!colossal.any, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %all : !colossal.any
}
