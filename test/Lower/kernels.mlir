// RUN: colossal-opt %s -split-input-file --colossal-print-kernels -o /dev/null | FileCheck %s

// Two layers with the same structure share one kernel, whatever their names. The
// range is the rows; the scalar of the row is loaded outside the lanes' loop.
// CHECK: // first: @[[FIRST:k[0-9a-f]+_first]], range 64
// CHECK: // second: @[[FIRST]], range 64
// CHECK: #llvm.loop_vectorize<disable = false, width = 16 : i32>
// CHECK: parallelAccesses = #[[GROUP:.*]]>
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_first(%arg0: !llvm.ptr, %arg1: i64, %arg2: i64)
// CHECK: scf.for %[[ROW:.*]] = %arg1 to %arg2
// CHECK: %[[SCALE:.*]] = llvm.load
// CHECK: scf.for %[[LANE:.*]] = %{{.*}} to %{{.*}} step
// CHECK: %[[X:.*]] = llvm.load {{.*}}access_groups
// CHECK: %[[Y:.*]] = arith.mulf %[[X]], %[[SCALE]]
// CHECK: llvm.store %[[Y]]
// CHECK-NOT: func.func
func.func @scale(%x: tensor<64x32xf32>, %y: tensor<64x32xf32>, %s: tensor<64xf32>) -> (tensor<64x32xf32>, tensor<64x32xf32>) {
  %a = colossal.generic "first" [i = 64, k = 32] (%x : [i, k], %s : [i]) -> ([i, k]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x32xf32>, tensor<64xf32>) -> tensor<64x32xf32>
  %b = colossal.generic "second" [row = 64, n = 32] (%y : [row, n], %s : [row]) -> ([row, n]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x32xf32>, tensor<64xf32>) -> tensor<64x32xf32>
  return %a, %b : tensor<64x32xf32>, tensor<64x32xf32>
}

// -----

// A product that does not change along the lanes is computed once a row, and only added there.
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_shift
// CHECK: scf.for
// CHECK: %[[OFFSET:.*]] = arith.mulf
// CHECK: scf.for
// CHECK: %[[X:.*]] = llvm.load {{.*}}access_groups
// CHECK-NOT: math.fma
// CHECK: arith.addf %[[X]], %[[OFFSET]]
func.func @shift(%x: tensor<64x32xf32>, %s: tensor<64xf32>) -> tensor<64x32xf32> {
  %y = colossal.generic "shift" [i = 64, k = 32] (%x : [i, k], %s : [i]) -> ([i, k]) {
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %1, %1 : f32
      %3 = arith.addf %0, %2 : f32
      colossal.yield %3 : f32
  } : (tensor<64x32xf32>, tensor<64xf32>) -> tensor<64x32xf32>
  return %y : tensor<64x32xf32>
}

// -----

// A long body has chains enough: the vectoriser makes no copies of it.
// CHECK: #[[ONE:.*]] = #llvm.loop_interleave<count = 1 : i32>
// CHECK: #llvm.loop_annotation<vectorize = {{.*}}, interleave = #[[ONE]],
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_long
func.func @long(%x: tensor<64x32xf32>) -> tensor<64xf32> {
  %y = colossal.generic "long" [i = 64, k = 32 : sum] (%x : [i, k]) -> ([i]) {
    ^bb0(%0: f32):
      %1 = math.erf %0 : f32
      %2 = math.exp %1 : f32
      colossal.yield %2 : f32
  } : (tensor<64x32xf32>) -> tensor<64xf32>
  return %y : tensor<64xf32>
}

// -----

// bf16 is a form of storage: 16 bits are widened when they are loaded and rounded, to even, when they are
// stored; a sum is in f32 until then, and so is what one op hands to another in registers.
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_narrow
// CHECK:         scf.for
// CHECK:           %[[SUM:.*]] = scf.for {{.*}} iter_args({{.*}} = %{{.*}}) -> (f32)
// CHECK:             %[[BITS:.*]] = llvm.load {{.*}} -> i16
// CHECK:             %[[WHOLE:.*]] = arith.extui %[[BITS]] : i16 to i32
// CHECK:             %[[UPPER:.*]] = arith.shli %[[WHOLE]]
// CHECK:             arith.bitcast %[[UPPER]] : i32 to f32
// CHECK-NOT:       bf16
// CHECK:           %[[INT:.*]] = arith.bitcast %[[SUM]] : f32 to i32
// CHECK:           arith.cmpf uno, %[[SUM]], %[[SUM]]
// CHECK:           %[[ROUNDED:.*]] = arith.trunci %{{.*}} : i32 to i16
// CHECK:           llvm.store %[[ROUNDED]]
func.func @narrow(%x: tensor<64x32xbf16>) -> tensor<64xbf16> {
  %a = colossal.generic "square" [i = 64, k = 32] (%x : [i, k]) -> ([i, k]) {
    ^bb0(%0: bf16):
      %1 = arith.extf %0 : bf16 to f32
      %2 = arith.mulf %1, %1 : f32
      %3 = arith.truncf %2 : f32 to bf16
      colossal.yield %3 : bf16
  } : (tensor<64x32xbf16>) -> tensor<64x32xbf16>
  %b = colossal.generic "narrow" [i = 64, k = 32 : sum] (%a : [i, k]) -> ([i]) {
    ^bb0(%0: bf16):
      colossal.yield %0 : bf16
  } : (tensor<64x32xbf16>) -> tensor<64xbf16>
  return %b : tensor<64xbf16>
}

// -----

// f16 is the same with other bits: subnormal numbers on the way through a sum of f32, those too large become
// infinite, and no function is called.
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_half
// CHECK:         %[[BITS:.*]] = llvm.load {{.*}} -> i16
// CHECK:         %[[WHOLE:.*]] = arith.extui %[[BITS]] : i16 to i32
// CHECK:         %[[SMALL:.*]] = arith.addf
// CHECK:         arith.select
// CHECK:         arith.select
// CHECK:         %[[X:.*]] = arith.bitcast %{{.*}} : i32 to f32
// CHECK:         %[[Y:.*]] = arith.mulf %[[X]], %[[X]] {{.*}}: f32
// CHECK:         arith.bitcast %[[Y]] : f32 to i32
// CHECK-NOT:     f16
// CHECK:         %[[ROUNDED:.*]] = arith.trunci %{{.*}} : i32 to i16
// CHECK:         llvm.store %[[ROUNDED]]
func.func @half(%x: tensor<64x32xf16>) -> tensor<64x32xf16> {
  %a = colossal.generic "half" [i = 64, k = 32] (%x : [i, k]) -> ([i, k]) {
    ^bb0(%0: f16):
      %1 = arith.extf %0 : f16 to f32
      %2 = arith.mulf %1, %1 : f32
      %3 = arith.truncf %2 : f32 to f16
      colossal.yield %3 : f16
  } : (tensor<64x32xf16>) -> tensor<64x32xf16>
  return %a : tensor<64x32xf16>
}

// -----

// Bytes without a sign are held as the numbers that they are: read without one, cut where they are stored, and
// wrapped around where another op of the kernel reads a sum of them.
// CHECK-LABEL: func.func @k{{[0-9a-f]+}}_number
// CHECK: %[[BYTE:.*]] = llvm.load {{.*}} -> i8
// CHECK: %[[NUMBER:.*]] = arith.extui %[[BYTE]] : i8 to i32
// CHECK: %[[SUM:.*]] = arith.addi %{{.*}}, %[[NUMBER]] : i32
// CHECK: arith.andi %[[SUM]], %c255{{.*}} : i32
// CHECK: %[[STORED:.*]] = arith.trunci %{{.*}} : i32 to i8
// CHECK: llvm.store %[[STORED]], {{.*}} : i8
// CHECK: llvm.store {{.*}} : i32
// CHECK-NOT: extsi
func.func @bytes(%x: tensor<64x32xui8>) -> (tensor<64xui8>, tensor<64xi32>) {
  %t = colossal.generic "total" [i = 64, k = 32 : sum] (%x : [i, k]) -> ([i]) {
    ^bb0(%0: ui8):
      colossal.yield %0 : ui8
  } : (tensor<64x32xui8>) -> tensor<64xui8>
  %n = colossal.generic "number" [i = 64] (%t : [i]) -> ([i]) {
    ^bb0(%0: ui8):
      %1 = colossal.widen %0
      colossal.yield %1 : i32
  } : (tensor<64xui8>) -> tensor<64xi32>
  return %t, %n : tensor<64xui8>, tensor<64xi32>
}
