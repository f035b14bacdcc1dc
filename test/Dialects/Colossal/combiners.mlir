// Combiners of factors, shardings and collectives: their text, and what takes them.
// RUN: colossal-opt -split-input-file -verify-diagnostics %s | FileCheck %s

// CHECK-LABEL: @texts
func.func @texts(%x: tensor<4x6xf32>, %n: tensor<4x6xi64>, %b: tensor<4x6xi1>) -> (tensor<4xf32>, tensor<4xf32>, tensor<4xi64>, tensor<4xi1>, tensor<6xi1>) {
  // CHECK: "least" [i = 4, k = 6 : min]
  %least = colossal.generic "least" [i = 4, k = 6 : min] (%x : [i, k]) -> ([i]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4x6xf32>) -> tensor<4xf32>
  // CHECK: reshard "w" %{{.*}} from <[_], partial {data = min}> to <[_]>
  %whole = colossal.reshard "w" %least from <[_], partial {data = min}> to <[_]> : tensor<4xf32>
  // CHECK: "product" [i = 4, k = 6 : product]
  %product = colossal.generic "product" [i = 4, k = 6 : product] (%n : [i, k]) -> ([i]) {
  ^bb0(%0: i64):
    colossal.yield %0 : i64
  } : (tensor<4x6xi64>) -> tensor<4xi64>
  // CHECK: "any" [i = 4, k = 6 : any]
  %any = colossal.generic "any" [i = 4, k = 6 : any] (%b : [i, k]) -> ([i]) {
  ^bb0(%0: i1):
    colossal.yield %0 : i1
  } : (tensor<4x6xi1>) -> tensor<4xi1>
  // CHECK: "all" [i = 4 : all, k = 6]
  %all = colossal.generic "all" [i = 4 : all, k = 6] (%b : [i, k]) -> ([k]) {
  ^bb0(%0: i1):
    colossal.yield %0 : i1
  } : (tensor<4x6xi1>) -> tensor<6xi1>
  // CHECK: colossal.all_reduce "r" all %{{.*}} over ["data"]
  %reduced = colossal.all_reduce "r" all %all over ["data"] : tensor<6xi1> -> tensor<6xi1>
  return %least, %whole, %product, %any, %reduced : tensor<4xf32>, tensor<4xf32>, tensor<4xi64>, tensor<4xi1>, tensor<6xi1>
}

// -----

func.func @f(%x: tensor<4xi1>) -> tensor<i1> {
  // expected-error @below {{C6: found 'sum' of 'i1' elements, expected any or all}}
  %y = colossal.generic "y" [i = 4 : sum] (%x : [i]) -> ([]) {
  ^bb0(%0: i1):
    colossal.yield %0 : i1
  } : (tensor<4xi1>) -> tensor<i1>
  return %y : tensor<i1>
}

// -----

func.func @f(%x: tensor<4xi1>) -> tensor<i1> {
  // expected-error @below {{C6: found 'max' of 'i1' elements, expected any or all}}
  %y = colossal.generic "y" [i = 4 : max] (%x : [i]) -> ([]) {
  ^bb0(%0: i1):
    colossal.yield %0 : i1
  } : (tensor<4xi1>) -> tensor<i1>
  return %y : tensor<i1>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<f32> {
  // expected-error @below {{C6: found 'any' of 'f32' elements, expected sum, max, product or min}}
  %y = colossal.generic "y" [i = 4 : any] (%x : [i]) -> ([]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

// Each result counts.
func.func @f(%x: tensor<4xi64>, %b: tensor<4xi1>) -> (tensor<i64>, tensor<i1>) {
  // expected-error @below {{C6: found 'min' of 'i1' elements, expected any or all}}
  %y, %z = colossal.generic "y" [i = 4 : min] (%x : [i], %b : [i]) -> ([], []) {
  ^bb0(%0: i64, %1: i1):
    colossal.yield %0, %1 : i64, i1
  } : (tensor<4xi64>, tensor<4xi1>) -> (tensor<i64>, tensor<i1>)
  return %y, %z : tensor<i64>, tensor<i1>
}

// -----

func.func @f(%x: tensor<4x4xf32>) -> tensor<f32> {
  // expected-error @below {{C5: reduction factors have different combiners}}
  %y = colossal.generic "y" [i = 4 : min, k = 4 : max] (%x : [i, k]) -> ([]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4x4xf32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func @f(%x: tensor<4xi1>) -> tensor<4xi1> {
  // expected-error @below {{L3: found 'sum' of 'i1' elements, expected any or all}}
  %y = colossal.all_reduce "y" sum %x over ["a"] : tensor<4xi1> -> tensor<4xi1>
  return %y : tensor<4xi1>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{L3: found 'parallel', expected a combiner: sum, max, product, min, any or all}}
  %y = colossal.all_reduce "y" parallel %x over ["a"] : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xi32>) -> tensor<2xi32> {
  // expected-error @below {{L3: found 'all' of 'i32' elements, expected sum, max, product or min}}
  %y = colossal.reduce_scatter "y" all %x over ["a"] outer 1 extent 4 innermost 1 : tensor<4xi32> -> tensor<2xi32>
  return %y : tensor<2xi32>
}

// -----

func.func @f(%x: tensor<4xi1>) -> tensor<4xi1> {
  // expected-error @below {{S2: found 'max' of 'i1' elements, expected any or all}}
  %y = colossal.reshard "y" %x from <[_], partial {a = max}> to <[_]> : tensor<4xi1>
  return %y : tensor<4xi1>
}

// -----

// Microbatches are added up, and in no other way.
// expected-error @below {{found "colossal.accumulate" = "max", expected "sum"}}
func.func @f(%x: tensor<4xf32>) -> (tensor<4xf32> {colossal.accumulate = "max"}) { return %x : tensor<4xf32> }

// -----

// CHECK-LABEL: @tuples
func.func @tuples(%x: tensor<4x6xf32>, %n: tensor<4x6xi32>) -> (tensor<4xi64>, tensor<6xi32>, tensor<f32>, tensor<4x1xf32>) {
  // CHECK: "top" [i = 4, k = 6 : argmax]
  %v, %p = colossal.generic "top" [i = 4, k = 6 : argmax] (%x : [i, k]) -> ([i], [i]) {
  ^bb0(%0: f32):
    %1 = colossal.index "k"
    colossal.yield %0, %1 : f32, i64
  } : (tensor<4x6xf32>) -> (tensor<4xf32>, tensor<4xi64>)
  // CHECK: "least" [i = 4 : argmin, k = 6]
  %w, %q = colossal.generic "least" [i = 4 : argmin, k = 6] (%n : [i, k]) -> ([k], [k]) {
  ^bb0(%0: i32):
    %1 = colossal.index "i"
    colossal.yield %0, %1 : i32, i64
  } : (tensor<4x6xi32>) -> (tensor<6xi32>, tensor<6xi64>)
  // CHECK: "pair" [i = 4 : max_sum_exp, k = 6 : max_sum_exp]
  %m, %s = colossal.generic "pair" [i = 4 : max_sum_exp, k = 6 : max_sum_exp] (%x : [i, k]) -> ([], []) {
  ^bb0(%0: f32):
    %1 = arith.constant 1.0 : f32
    colossal.yield %0, %1 : f32, f32
  } : (tensor<4x6xf32>) -> (tensor<f32>, tensor<f32>)
  // CHECK: "moments" [i = 4, k = 6 : welford]
  %c, %mean, %squares = colossal.generic "moments" [i = 4, k = 6 : welford] (%x : [i, k]) -> ([i, 0 of 1], [i, 0 of 1], [i, 0 of 1]) {
  ^bb0(%0: f32):
    %1 = arith.constant 1 : i64
    %2 = arith.constant 0.0 : f32
    colossal.yield %1, %0, %2 : i64, f32, f32
  } : (tensor<4x6xf32>) -> (tensor<4x1xi64>, tensor<4x1xf32>, tensor<4x1xf32>)
  return %p, %w, %s, %squares : tensor<4xi64>, tensor<6xi32>, tensor<f32>, tensor<4x1xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<f32> {
  // expected-error @below {{C8: found 1 results, expected the 2 components of 'argmax'}}
  %y = colossal.generic "y" [i = 4 : argmax] (%x : [i]) -> ([]) {
  ^bb0(%0: f32):
    colossal.yield %0 : f32
  } : (tensor<4xf32>) -> tensor<f32>
  return %y : tensor<f32>
}

// -----

func.func @f(%x: tensor<4xf32>, %k: tensor<4xi32>) -> (tensor<f32>, tensor<i32>) {
  // expected-error @below {{C8: result 1 of 'argmin' has 'i32' elements, expected i64}}
  %y:2 = colossal.generic "y" [i = 4 : argmin] (%x : [i], %k : [i]) -> ([], []) {
  ^bb0(%0: f32, %1: i32):
    colossal.yield %0, %1 : f32, i32
  } : (tensor<4xf32>, tensor<4xi32>) -> (tensor<f32>, tensor<i32>)
  return %y#0, %y#1 : tensor<f32>, tensor<i32>
}

// -----

func.func @f(%x: tensor<4xi1>) -> (tensor<i1>, tensor<i64>) {
  // expected-error @below {{C8: result 0 of 'argmax' has 'i1' elements, expected a number of one type in all components}}
  %y:2 = colossal.generic "y" [i = 4 : argmax] (%x : [i]) -> ([], []) {
  ^bb0(%0: i1):
    %1 = colossal.index "i"
    colossal.yield %0, %1 : i1, i64
  } : (tensor<4xi1>) -> (tensor<i1>, tensor<i64>)
  return %y#0, %y#1 : tensor<i1>, tensor<i64>
}

// -----

func.func @f(%x: tensor<4xf32>, %k: tensor<4xf64>) -> (tensor<f32>, tensor<f64>) {
  // expected-error @below {{C8: result 1 of 'max_sum_exp' has 'f64' elements, expected a float of one type in all components}}
  %y:2 = colossal.generic "y" [i = 4 : max_sum_exp] (%x : [i], %k : [i]) -> ([], []) {
  ^bb0(%0: f32, %1: f64):
    colossal.yield %0, %1 : f32, f64
  } : (tensor<4xf32>, tensor<4xf64>) -> (tensor<f32>, tensor<f64>)
  return %y#0, %y#1 : tensor<f32>, tensor<f64>
}

// -----

// A component is of no use without the others: no value is partial by a tuple combiner.
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{L3: found 'argmax' of 'f32' elements, expected sum, max, product or min}}
  %y = colossal.all_reduce "y" argmax %x over ["a"] : tensor<4xf32> -> tensor<4xf32>
  return %y : tensor<4xf32>
}

// -----

func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{S2: found 'welford' of 'f32' elements, expected sum, max, product or min}}
  %y = colossal.reshard "y" %x from <[_], partial {a = welford}> to <[_]> : tensor<4xf32>
  return %y : tensor<4xf32>
}
