// RUN: colossal-opt --colossal-normalize -split-input-file -verify-diagnostics %s | FileCheck %s

// Packed data have a row for every time and sequence; the first batch size is the number of sequences. Padding puts a number where a sequence is over.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<4x5x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %lengths: tensor<4xi64> {colossal.role = #colossal.role<batch>, colossal.name = "lengths", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %yes = colossal.aten_constant true -> !colossal.any
  %zero = colossal.aten_constant 0.0 : f64 -> !colossal.any
  %5 = colossal.aten_constant 5 : i64 -> !colossal.any
  // CHECK: %[[ROWS:.*]] = colossal.generic "pack" [b = 4, s = 5, d2 = 3] (%{{.*}} : [b, s, d2]) -> ([(s, b), d2])
  %data, %sizes = colossal.aten "aten::_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)"(%x, %lengths, %yes) name "pack" : (tensor<4x5x3xf32>, tensor<4xi64>, !colossal.any) -> (!colossal.any, !colossal.any)
  // CHECK: colossal.generic "pad" [b = 4, t = 5, d2 = 3] (%{{.*}} : [b], %[[ROWS]] : [(t, b), d2]) -> ([b, t, d2])
  // CHECK: arith.cmpi slt
  // CHECK: arith.select
  %padded, %again = colossal.aten "aten::_pad_packed_sequence(Tensor data, Tensor batch_sizes, bool batch_first, Scalar padding_value, int total_length) -> (Tensor, Tensor)"(%data, %sizes, %yes, %zero, %5) name "pad" : (!colossal.any, !colossal.any, !colossal.any, !colossal.any, !colossal.any) -> (!colossal.any, !colossal.any)
  return %padded : !colossal.any
}

// -----

// A sum over packed data leaves out what is not there.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %x: tensor<4x5x3xf32> {colossal.role = #colossal.role<batch>, colossal.name = "x", colossal.batch_dim = 0 : i64},
    %lengths: tensor<4xi64> {colossal.role = #colossal.role<batch>, colossal.name = "lengths", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %yes = colossal.aten_constant true -> !colossal.any
  %none = colossal.aten_constant unit -> !colossal.any
  %data, %sizes = colossal.aten "aten::_pack_padded_sequence(Tensor input, Tensor lengths, bool batch_first) -> (Tensor, Tensor)"(%x, %lengths, %yes) name "pack" : (tensor<4x5x3xf32>, tensor<4xi64>, !colossal.any) -> (!colossal.any, !colossal.any)
  // CHECK: %[[PRESENT:.*]] = colossal.generic "pack.present" [b = 4, t = 5] (%{{.*}} : [b]) -> ([(t, b)])
  // CHECK: arith.cmpi slt
  // CHECK: %[[DATA:.*]] = colossal.generic "pack"
  // CHECK: %[[ROWS:.*]] = colossal.generic "sum.present" {{.*}} (%[[PRESENT]] : {{.*}}, %[[DATA]] : {{.*}})
  // CHECK: arith.select
  // CHECK: colossal.generic "sum" {{.*}} (%[[ROWS]] : {{.*}}) -> ([])
  %y = colossal.aten "aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor"(%data, %none) name "sum" : (!colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// Two times of a classification: the scores of all labels are looked up at once, relative to the blank's, then there are two states a time, after u labels on the blank or on the next label.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %scores: tensor<2x3x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "scores", colossal.batch_dim = 1 : i64},
    %targets: tensor<3x1xi64> {colossal.role = #colossal.role<batch>, colossal.name = "targets", colossal.batch_dim = 0 : i64},
    %times: tensor<3xi64> {colossal.role = #colossal.role<batch>, colossal.name = "times", colossal.batch_dim = 0 : i64},
    %lengths: tensor<3xi64> {colossal.role = #colossal.role<batch>, colossal.name = "lengths", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %blank = colossal.aten_constant 0 : i64 -> !colossal.any
  %mean = colossal.aten_constant 1 : i64 -> !colossal.any
  %no = colossal.aten_constant false -> !colossal.any
  // CHECK: %[[LABELS:.*]] = colossal.generic "ctc.labels" {{.*}}u = 2
  // CHECK: %[[BLANKS:.*]] = colossal.generic "ctc.blanks" {{.*}}0 of 5
  // CHECK: %[[OFFSETS:.*]] = colossal.generic "ctc.offsets" {{.*}} (%[[BLANKS]]
  // CHECK: %[[SCORES:.*]] = colossal.generic "ctc.scores" {{.*}} : sum] (%[[LABELS]]
  // CHECK: colossal.where %{{.*}} [{{.*}} == %{{.*}} : i64] : f32
  // CHECK: colossal.generic "ctc.relative.scores" {{.*}} (%[[SCORES]] : {{.*}}, %[[OFFSETS]]
  // CHECK: %[[B0:.*]] = colossal.generic "ctc.t0.blank"
  // CHECK: %[[L0:.*]] = colossal.generic "ctc.t0.label"
  // CHECK: colossal.generic "ctc.t1.blank" {{.*}}%[[B0]] : {{.*}}%[[L0]] : [{{.*}}, u - 1 of 2]
  // CHECK: colossal.with_derivative
  // CHECK: colossal.generic "ctc.t1.label"
  // CHECK: colossal.generic "ctc.last.blank"
  // CHECK: colossal.generic "ctc.last.label"
  // CHECK: colossal.generic "ctc.normalization"
  // CHECK: colossal.generic "ctc.losses"
  // CHECK: colossal.generic "ctc"
  %y = colossal.aten "aten::ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor"(%scores, %targets, %times, %lengths, %blank, %mean, %no) name "ctc" : (tensor<2x3x5xf32>, tensor<3x1xi64>, tensor<3xi64>, tensor<3xi64>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}

// -----

// Targets that a mask selects are moved together: each goes to the number of those before it, the others nowhere.
// CHECK-LABEL: func.func @forward
func.func @forward(
    %scores: tensor<2x3x5xf32> {colossal.role = #colossal.role<batch>, colossal.name = "scores", colossal.batch_dim = 1 : i64},
    %targets: tensor<3x2xi64> {colossal.role = #colossal.role<batch>, colossal.name = "targets", colossal.batch_dim = 0 : i64},
    %mask: tensor<3x2xi1> {colossal.role = #colossal.role<batch>, colossal.name = "mask", colossal.batch_dim = 0 : i64},
    %times: tensor<3xi64> {colossal.role = #colossal.role<batch>, colossal.name = "times", colossal.batch_dim = 0 : i64},
    %lengths: tensor<3xi64> {colossal.role = #colossal.role<batch>, colossal.name = "lengths", colossal.batch_dim = 0 : i64}) -> !colossal.any {
  %blank = colossal.aten_constant 0 : i64 -> !colossal.any
  %mean = colossal.aten_constant 1 : i64 -> !colossal.any
  %no = colossal.aten_constant false -> !colossal.any
  // CHECK: %[[PRESENT:.*]] = colossal.generic "select.present"
  // CHECK: %[[ROWS:.*]] = colossal.generic "select"
  %rows = colossal.aten "aten::masked_select(Tensor self, Tensor mask) -> Tensor"(%targets, %mask) name "select" : (tensor<3x2xi64>, tensor<3x2xi1>) -> !colossal.any
  // CHECK: %[[BEFORE:.*]] = colossal.generic "ctc.before" [i = 6, j = 6 : sum] (%[[PRESENT]]
  // CHECK: %[[PLACES:.*]] = colossal.generic "ctc.places" {{.*}} (%[[BEFORE]] : {{.*}}, %[[PRESENT]]
  // CHECK: %[[COMPACT:.*]] = colossal.generic "ctc.compact" [v = 6, {{.*}} : sum] (%[[PLACES]] : {{.*}}, %[[ROWS]]
  // CHECK: colossal.where %{{.*}} [v == %{{.*}} : i64] : i64
  // CHECK: colossal.generic "ctc.labels" {{.*}}, %[[COMPACT]]
  %y = colossal.aten "aten::ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor"(%scores, %rows, %times, %lengths, %blank, %mean, %no) name "ctc" : (tensor<2x3x5xf32>, !colossal.any, tensor<3xi64>, tensor<3xi64>, !colossal.any, !colossal.any, !colossal.any) -> !colossal.any
  return %y : !colossal.any
}
