module {
  func.func @forward(%arg0: tensor<17x12xf32> {colossal.aliases = ["lm_head.weight"], colossal.name = "transformer.wte.weight", colossal.role = #colossal.role<parameter>}, %arg1: tensor<5x12xf32> {colossal.name = "transformer.wpe.weight", colossal.role = #colossal.role<parameter>}, %arg2: tensor<12xf32> {colossal.name = "transformer.h.0.ln_1.weight", colossal.role = #colossal.role<parameter>}, %arg3: tensor<12xf32> {colossal.name = "transformer.h.0.ln_1.bias", colossal.role = #colossal.role<parameter>}, %arg4: tensor<12x36xf32> {colossal.name = "transformer.h.0.attn.c_attn.weight", colossal.role = #colossal.role<parameter>}, %arg5: tensor<36xf32> {colossal.name = "transformer.h.0.attn.c_attn.bias", colossal.role = #colossal.role<parameter>}, %arg6: tensor<12x12xf32> {colossal.name = "transformer.h.0.attn.c_proj.weight", colossal.role = #colossal.role<parameter>}, %arg7: tensor<12xf32> {colossal.name = "transformer.h.0.attn.c_proj.bias", colossal.role = #colossal.role<parameter>}, %arg8: tensor<12xf32> {colossal.name = "transformer.h.0.ln_2.weight", colossal.role = #colossal.role<parameter>}, %arg9: tensor<12xf32> {colossal.name = "transformer.h.0.ln_2.bias", colossal.role = #colossal.role<parameter>}, %arg10: tensor<12x48xf32> {colossal.name = "transformer.h.0.mlp.c_fc.weight", colossal.role = #colossal.role<parameter>}, %arg11: tensor<48xf32> {colossal.name = "transformer.h.0.mlp.c_fc.bias", colossal.role = #colossal.role<parameter>}, %arg12: tensor<48x12xf32> {colossal.name = "transformer.h.0.mlp.c_proj.weight", colossal.role = #colossal.role<parameter>}, %arg13: tensor<12xf32> {colossal.name = "transformer.h.0.mlp.c_proj.bias", colossal.role = #colossal.role<parameter>}, %arg14: tensor<12xf32> {colossal.name = "transformer.h.1.ln_1.weight", colossal.role = #colossal.role<parameter>}, %arg15: tensor<12xf32> {colossal.name = "transformer.h.1.ln_1.bias", colossal.role = #colossal.role<parameter>}, %arg16: tensor<12x36xf32> {colossal.name = "transformer.h.1.attn.c_attn.weight", colossal.role = #colossal.role<parameter>}, %arg17: tensor<36xf32> {colossal.name = "transformer.h.1.attn.c_attn.bias", colossal.role = #colossal.role<parameter>}, %arg18: tensor<12x12xf32> {colossal.name = "transformer.h.1.attn.c_proj.weight", colossal.role = #colossal.role<parameter>}, %arg19: tensor<12xf32> {colossal.name = "transformer.h.1.attn.c_proj.bias", colossal.role = #colossal.role<parameter>}, %arg20: tensor<12xf32> {colossal.name = "transformer.h.1.ln_2.weight", colossal.role = #colossal.role<parameter>}, %arg21: tensor<12xf32> {colossal.name = "transformer.h.1.ln_2.bias", colossal.role = #colossal.role<parameter>}, %arg22: tensor<12x48xf32> {colossal.name = "transformer.h.1.mlp.c_fc.weight", colossal.role = #colossal.role<parameter>}, %arg23: tensor<48xf32> {colossal.name = "transformer.h.1.mlp.c_fc.bias", colossal.role = #colossal.role<parameter>}, %arg24: tensor<48x12xf32> {colossal.name = "transformer.h.1.mlp.c_proj.weight", colossal.role = #colossal.role<parameter>}, %arg25: tensor<12xf32> {colossal.name = "transformer.h.1.mlp.c_proj.bias", colossal.role = #colossal.role<parameter>}, %arg26: tensor<12xf32> {colossal.name = "transformer.ln_f.weight", colossal.role = #colossal.role<parameter>}, %arg27: tensor<12xf32> {colossal.name = "transformer.ln_f.bias", colossal.role = #colossal.role<parameter>}, %arg28: tensor<4x5xi64> {colossal.batch_dim = 0 : i64, colossal.name = "input_ids", colossal.role = #colossal.role<batch>}, %arg29: tensor<4x5xi64> {colossal.batch_dim = 0 : i64, colossal.name = "labels", colossal.role = #colossal.role<batch>}) -> tensor<f32> {
    %0 = colossal.generic "transformer.wte/embedding.0" [b = 4, s = 5, v = 17 : sum, d1 = 12] (%arg28 : [b, s], %arg0 : [v, d1]) -> ([b, s, d1]) {
    ^bb0(%arg30: i64, %arg31: f32):
      %114 = colossal.where %arg31 [v == %arg30 : i64] : f32
      colossal.yield %114 : f32
    } : (tensor<4x5xi64>, tensor<17x12xf32>) -> tensor<4x5x12xf32>
    %1 = colossal.generic "transformer.wpe/embedding.0" [d0 = 5, d1 = 12] (%arg1 : [d0, d1]) -> ([0 of 1, d0, d1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<5x12xf32>) -> tensor<1x5x12xf32>
    %2 = colossal.generic "transformer/add.1" [b = 4, s = 5, d1 = 12] (%0 : [b, s, d1], %1 : [0 of 1, s, d1]) -> ([b, s, d1]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x12xf32>, tensor<1x5x12xf32>) -> tensor<4x5x12xf32>
    %3 = colossal.generic "transformer.h.0.ln_1/layer_norm.0.mean" [b = 4, s = 5, d1 = 12 : sum] (%2 : [b, s, d1]) -> ([b, s, 0 of 1]) attributes {group = "transformer.h.0.ln_1/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0.083333333333333329 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x1xf32>
    %4 = colossal.generic "transformer.h.0.ln_1/layer_norm.0.variance" [b = 4, s = 5, d1 = 12 : sum] (%2 : [b, s, d1], %3 : [b, s, 0 of 1]) -> ([b, s, 0 of 1]) attributes {group = "transformer.h.0.ln_1/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.subf %arg30, %arg31 : f32
      %113 = arith.mulf %112, %112 : f32
      %cst = arith.constant 0.083333333333333329 : f64
      %114 = arith.truncf %cst : f64 to f32
      %115 = arith.mulf %113, %114 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %5 = colossal.generic "transformer.h.0.ln_1/layer_norm.0.rstd" [b = 4, s = 5] (%4 : [b, s, 0 of 1]) -> ([b, s, 0 of 1]) attributes {group = "transformer.h.0.ln_1/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 1.000000e-05 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.addf %arg30, %112 : f32
      %114 = math.rsqrt %113 : f32
      colossal.yield %114 : f32
    } : (tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %6 = colossal.generic "transformer.h.0.ln_1/layer_norm.0" [b = 4, s = 5, d1 = 12] (%2 : [b, s, d1], %5 : [b, s, 0 of 1], %3 : [b, s, 0 of 1], %arg2 : [d1], %arg3 : [d1]) -> ([b, s, d1]) attributes {group = "transformer.h.0.ln_1/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32, %arg32: f32, %arg33: f32, %arg34: f32):
      %112 = arith.subf %arg30, %arg32 : f32
      %113 = arith.mulf %112, %arg31 : f32
      %114 = arith.mulf %113, %arg33 : f32
      %115 = arith.addf %114, %arg34 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>, tensor<4x5x1xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<4x5x12xf32>
    %7 = colossal.generic "transformer.h.0.attn.c_attn/view.0" [b = 4, s = 5, d1 = 12] (%6 : [b, s, d1]) -> ([(b, s), d1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<20x12xf32>
    %8 = colossal.generic "transformer.h.0.attn.c_attn/addmm.0" [b = 4, s = 5, n = 36, k = 12 : sum] (%7 : [(b, s), k], %arg4 : [k, n]) -> ([(b, s), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12x36xf32>) -> tensor<20x36xf32>
    %9 = colossal.generic "transformer.h.0.attn.c_attn/addmm.0.bias" [b = 4, s = 5, n = 36] (%8 : [(b, s), n], %arg5 : [n]) -> ([(b, s), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x36xf32>, tensor<36xf32>) -> tensor<20x36xf32>
    %10 = colossal.generic "transformer.h.0.attn.c_attn/view.1" [b = 4, s = 5, n = 36] (%9 : [(b, s), n]) -> ([b, s, n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x36xf32>) -> tensor<4x5x36xf32>
    %11 = colossal.generic "transformer.h.0.attn/split.0" [b = 4, s = 5, n1 = 12] (%10 : [b, s, (0 of 3, n1)]) -> ([b, s, n1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x36xf32>) -> tensor<4x5x12xf32>
    %12 = colossal.generic "transformer.h.0.attn/view.0" [b = 4, s = 5, n1_0 = 3, n1_1 = 4] (%11 : [b, s, (n1_0, n1_1)]) -> ([b, s, n1_0, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x3x4xf32>
    %13 = colossal.generic "transformer.h.0.attn/split.0.2" [b = 4, s = 5, n1 = 12] (%10 : [b, s, (1 of 3, n1)]) -> ([b, s, n1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x36xf32>) -> tensor<4x5x12xf32>
    %14 = colossal.generic "transformer.h.0.attn/view.1" [b = 4, s = 5, n1_0 = 3, n1_1 = 4] (%13 : [b, s, (n1_0, n1_1)]) -> ([b, s, n1_0, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x3x4xf32>
    %15 = colossal.generic "transformer.h.0.attn/split.0.3" [b = 4, s = 5, n1 = 12] (%10 : [b, s, (2 of 3, n1)]) -> ([b, s, n1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x36xf32>) -> tensor<4x5x12xf32>
    %16 = colossal.generic "transformer.h.0.attn/view.2" [b = 4, s = 5, n1_0 = 3, n1_1 = 4] (%15 : [b, s, (n1_0, n1_1)]) -> ([b, s, n1_0, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x3x4xf32>
    %17 = colossal.generic "transformer.h.0.attn/transpose.0" [b = 4, s = 5, n1_0 = 3, n1_1 = 4] (%12 : [b, s, n1_0, n1_1]) -> ([b, n1_0, s, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x3x4xf32>) -> tensor<4x3x5x4xf32>
    %18 = colossal.generic "transformer.h.0.attn/transpose.1" [b = 4, s = 5, n1_0 = 3, n1_1 = 4] (%14 : [b, s, n1_0, n1_1]) -> ([b, n1_0, s, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x3x4xf32>) -> tensor<4x3x5x4xf32>
    %19 = colossal.generic "transformer.h.0.attn/transpose.2" [b = 4, s = 5, n1_0 = 3, n1_1 = 4] (%16 : [b, s, n1_0, n1_1]) -> ([b, n1_0, s, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x3x4xf32>) -> tensor<4x3x5x4xf32>
    %20:2 = colossal.attention "transformer.h.0.attn/scaled_dot_product_attention.0.2" scale 5.000000e-01 [b = 4, h = 3, q = 5, k = 5, d = 4, e = 4] (%17 : [b, h, q, d], %18 : [b, h, k, d], %19 : [b, h, k, e]) -> ([b, h, q, e], [b, h, q]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0xFF800000 : f32
      %112 = colossal.index "b"
      %c0_i64 = arith.constant 0 : i64
      %113 = colossal.index "q"
      %114 = colossal.index "k"
      %c0_i64_0 = arith.constant 0 : i64
      %c0_i64_1 = arith.constant 0 : i64
      %c0_i64_2 = arith.constant 0 : i64
      %cst_3 = arith.constant -3.40282347E+38 : f32
      %c0_i64_4 = arith.constant 0 : i64
      %c1_i64 = arith.constant 1 : i64
      %115 = arith.addi %113, %c1_i64 : i64
      %116 = arith.cmpi slt, %114, %115 : i64
      %c0_i64_5 = arith.constant 0 : i64
      %117 = arith.sitofp %c0_i64_5 : i64 to f32
      %118 = arith.select %116, %117, %cst_3 : f32
      %119 = arith.addf %arg30, %118 : f32
      colossal.yield %119 : f32
    } : (tensor<4x3x5x4xf32>, tensor<4x3x5x4xf32>, tensor<4x3x5x4xf32>) -> (tensor<4x3x5x4xf32>, tensor<4x3x5xf32>)
    %21 = colossal.generic "transformer.h.0.attn/transpose.3" [b = 4, h = 3, q = 5, e = 4] (%20#0 : [b, h, q, e]) -> ([b, q, h, e]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x3x5x4xf32>) -> tensor<4x5x3x4xf32>
    %22 = colossal.generic "transformer.h.0.attn/reshape.0" [b = 4, q = 5, h = 3, e = 4] (%21 : [b, q, h, e]) -> ([b, q, (h, e)]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x3x4xf32>) -> tensor<4x5x12xf32>
    %23 = colossal.generic "transformer.h.0.attn.c_proj/view.0" [b = 4, q = 5, h = 3, e = 4] (%22 : [b, q, (h, e)]) -> ([(b, q), (h, e)]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<20x12xf32>
    %24 = colossal.generic "transformer.h.0.attn.c_proj/addmm.0" [b = 4, q = 5, n = 12, h = 3 : sum, e = 4 : sum] (%23 : [(b, q), (h, e)], %arg6 : [(h, e), n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12x12xf32>) -> tensor<20x12xf32>
    %25 = colossal.generic "transformer.h.0.attn.c_proj/addmm.0.bias" [b = 4, q = 5, n = 12] (%24 : [(b, q), n], %arg7 : [n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12xf32>) -> tensor<20x12xf32>
    %26 = colossal.generic "transformer.h.0.attn.c_proj/view.1" [b = 4, q = 5, n = 12] (%25 : [(b, q), n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x12xf32>) -> tensor<4x5x12xf32>
    %27 = colossal.generic "transformer.h.0/add.0" [b = 4, q = 5, n = 12] (%26 : [b, q, n], %2 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x12xf32>) -> tensor<4x5x12xf32>
    %28 = colossal.generic "transformer.h.0.ln_2/layer_norm.0.mean" [b = 4, q = 5, n = 12 : sum] (%27 : [b, q, n]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.0.ln_2/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0.083333333333333329 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x1xf32>
    %29 = colossal.generic "transformer.h.0.ln_2/layer_norm.0.variance" [b = 4, q = 5, n = 12 : sum] (%27 : [b, q, n], %28 : [b, q, 0 of 1]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.0.ln_2/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.subf %arg30, %arg31 : f32
      %113 = arith.mulf %112, %112 : f32
      %cst = arith.constant 0.083333333333333329 : f64
      %114 = arith.truncf %cst : f64 to f32
      %115 = arith.mulf %113, %114 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %30 = colossal.generic "transformer.h.0.ln_2/layer_norm.0.rstd" [b = 4, q = 5] (%29 : [b, q, 0 of 1]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.0.ln_2/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 1.000000e-05 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.addf %arg30, %112 : f32
      %114 = math.rsqrt %113 : f32
      colossal.yield %114 : f32
    } : (tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %31 = colossal.generic "transformer.h.0.ln_2/layer_norm.0" [b = 4, q = 5, n = 12] (%27 : [b, q, n], %30 : [b, q, 0 of 1], %28 : [b, q, 0 of 1], %arg8 : [n], %arg9 : [n]) -> ([b, q, n]) attributes {group = "transformer.h.0.ln_2/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32, %arg32: f32, %arg33: f32, %arg34: f32):
      %112 = arith.subf %arg30, %arg32 : f32
      %113 = arith.mulf %112, %arg31 : f32
      %114 = arith.mulf %113, %arg33 : f32
      %115 = arith.addf %114, %arg34 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>, tensor<4x5x1xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<4x5x12xf32>
    %32 = colossal.generic "transformer.h.0.mlp.c_fc/view.0" [b = 4, q = 5, n = 12] (%31 : [b, q, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<20x12xf32>
    %33 = colossal.generic "transformer.h.0.mlp.c_fc/addmm.0" [b = 4, q = 5, n = 48, k = 12 : sum] (%32 : [(b, q), k], %arg10 : [k, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12x48xf32>) -> tensor<20x48xf32>
    %34 = colossal.generic "transformer.h.0.mlp.c_fc/addmm.0.bias" [b = 4, q = 5, n = 48] (%33 : [(b, q), n], %arg11 : [n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x48xf32>, tensor<48xf32>) -> tensor<20x48xf32>
    %35 = colossal.generic "transformer.h.0.mlp.c_fc/view.1" [b = 4, q = 5, n = 48] (%34 : [(b, q), n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x48xf32>) -> tensor<4x5x48xf32>
    %36 = colossal.generic "transformer.h.0.mlp.act/mul.0" [b = 4, q = 5, n = 48] (%35 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 5.000000e-01 : f32
      %112 = arith.mulf %arg30, %cst : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %37 = colossal.generic "transformer.h.0.mlp.act/pow.0" [b = 4, q = 5, n = 48] (%35 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 3.000000e+00 : f32
      %112 = math.powf %arg30, %cst : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %38 = colossal.generic "transformer.h.0.mlp.act/mul.1" [b = 4, q = 5, n = 48] (%37 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 4.471500e-02 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %39 = colossal.generic "transformer.h.0.mlp.act/add.0" [b = 4, q = 5, n = 48] (%35 : [b, q, n], %38 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>, tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %40 = colossal.generic "transformer.h.0.mlp.act/mul.2" [b = 4, q = 5, n = 48] (%39 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0.79788456080286541 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %41 = colossal.generic "transformer.h.0.mlp.act/tanh.0" [b = 4, q = 5, n = 48] (%40 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %112 = math.tanh %arg30 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %42 = colossal.generic "transformer.h.0.mlp.act/add.1" [b = 4, q = 5, n = 48] (%41 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 1.000000e+00 : f32
      %112 = arith.addf %arg30, %cst : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %43 = colossal.generic "transformer.h.0.mlp.act/mul.3" [b = 4, q = 5, n = 48] (%36 : [b, q, n], %42 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>, tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %44 = colossal.generic "transformer.h.0.mlp.c_proj/view.0" [b = 4, q = 5, n = 48] (%43 : [b, q, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x48xf32>) -> tensor<20x48xf32>
    %45 = colossal.generic "transformer.h.0.mlp.c_proj/addmm.0" [b = 4, q = 5, n = 12, k = 48 : sum] (%44 : [(b, q), k], %arg12 : [k, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x48xf32>, tensor<48x12xf32>) -> tensor<20x12xf32>
    %46 = colossal.generic "transformer.h.0.mlp.c_proj/addmm.0.bias" [b = 4, q = 5, n = 12] (%45 : [(b, q), n], %arg13 : [n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12xf32>) -> tensor<20x12xf32>
    %47 = colossal.generic "transformer.h.0.mlp.c_proj/view.1" [b = 4, q = 5, n = 12] (%46 : [(b, q), n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x12xf32>) -> tensor<4x5x12xf32>
    %48 = colossal.generic "transformer.h.0/add.1" [b = 4, q = 5, n = 12] (%27 : [b, q, n], %47 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x12xf32>) -> tensor<4x5x12xf32>
    %49 = colossal.generic "transformer.h.1.ln_1/layer_norm.0.mean" [b = 4, q = 5, n = 12 : sum] (%48 : [b, q, n]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.1.ln_1/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0.083333333333333329 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x1xf32>
    %50 = colossal.generic "transformer.h.1.ln_1/layer_norm.0.variance" [b = 4, q = 5, n = 12 : sum] (%48 : [b, q, n], %49 : [b, q, 0 of 1]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.1.ln_1/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.subf %arg30, %arg31 : f32
      %113 = arith.mulf %112, %112 : f32
      %cst = arith.constant 0.083333333333333329 : f64
      %114 = arith.truncf %cst : f64 to f32
      %115 = arith.mulf %113, %114 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %51 = colossal.generic "transformer.h.1.ln_1/layer_norm.0.rstd" [b = 4, q = 5] (%50 : [b, q, 0 of 1]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.1.ln_1/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 1.000000e-05 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.addf %arg30, %112 : f32
      %114 = math.rsqrt %113 : f32
      colossal.yield %114 : f32
    } : (tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %52 = colossal.generic "transformer.h.1.ln_1/layer_norm.0" [b = 4, q = 5, n = 12] (%48 : [b, q, n], %51 : [b, q, 0 of 1], %49 : [b, q, 0 of 1], %arg14 : [n], %arg15 : [n]) -> ([b, q, n]) attributes {group = "transformer.h.1.ln_1/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32, %arg32: f32, %arg33: f32, %arg34: f32):
      %112 = arith.subf %arg30, %arg32 : f32
      %113 = arith.mulf %112, %arg31 : f32
      %114 = arith.mulf %113, %arg33 : f32
      %115 = arith.addf %114, %arg34 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>, tensor<4x5x1xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<4x5x12xf32>
    %53 = colossal.generic "transformer.h.1.attn.c_attn/view.0" [b = 4, q = 5, n = 12] (%52 : [b, q, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<20x12xf32>
    %54 = colossal.generic "transformer.h.1.attn.c_attn/addmm.0" [b = 4, q = 5, n = 36, k = 12 : sum] (%53 : [(b, q), k], %arg16 : [k, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12x36xf32>) -> tensor<20x36xf32>
    %55 = colossal.generic "transformer.h.1.attn.c_attn/addmm.0.bias" [b = 4, q = 5, n = 36] (%54 : [(b, q), n], %arg17 : [n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x36xf32>, tensor<36xf32>) -> tensor<20x36xf32>
    %56 = colossal.generic "transformer.h.1.attn.c_attn/view.1" [b = 4, q = 5, n = 36] (%55 : [(b, q), n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x36xf32>) -> tensor<4x5x36xf32>
    %57 = colossal.generic "transformer.h.1.attn/split.0" [b = 4, q = 5, n1 = 12] (%56 : [b, q, (0 of 3, n1)]) -> ([b, q, n1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x36xf32>) -> tensor<4x5x12xf32>
    %58 = colossal.generic "transformer.h.1.attn/view.0" [b = 4, q = 5, n1_0 = 3, n1_1 = 4] (%57 : [b, q, (n1_0, n1_1)]) -> ([b, q, n1_0, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x3x4xf32>
    %59 = colossal.generic "transformer.h.1.attn/split.0.2" [b = 4, q = 5, n1 = 12] (%56 : [b, q, (1 of 3, n1)]) -> ([b, q, n1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x36xf32>) -> tensor<4x5x12xf32>
    %60 = colossal.generic "transformer.h.1.attn/view.1" [b = 4, q = 5, n1_0 = 3, n1_1 = 4] (%59 : [b, q, (n1_0, n1_1)]) -> ([b, q, n1_0, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x3x4xf32>
    %61 = colossal.generic "transformer.h.1.attn/split.0.3" [b = 4, q = 5, n1 = 12] (%56 : [b, q, (2 of 3, n1)]) -> ([b, q, n1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x36xf32>) -> tensor<4x5x12xf32>
    %62 = colossal.generic "transformer.h.1.attn/view.2" [b = 4, q = 5, n1_0 = 3, n1_1 = 4] (%61 : [b, q, (n1_0, n1_1)]) -> ([b, q, n1_0, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x3x4xf32>
    %63 = colossal.generic "transformer.h.1.attn/transpose.0" [b = 4, q = 5, n1_0 = 3, n1_1 = 4] (%58 : [b, q, n1_0, n1_1]) -> ([b, n1_0, q, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x3x4xf32>) -> tensor<4x3x5x4xf32>
    %64 = colossal.generic "transformer.h.1.attn/transpose.1" [b = 4, q = 5, n1_0 = 3, n1_1 = 4] (%60 : [b, q, n1_0, n1_1]) -> ([b, n1_0, q, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x3x4xf32>) -> tensor<4x3x5x4xf32>
    %65 = colossal.generic "transformer.h.1.attn/transpose.2" [b = 4, q = 5, n1_0 = 3, n1_1 = 4] (%62 : [b, q, n1_0, n1_1]) -> ([b, n1_0, q, n1_1]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x3x4xf32>) -> tensor<4x3x5x4xf32>
    %66:2 = colossal.attention "transformer.h.1.attn/scaled_dot_product_attention.0.2" scale 5.000000e-01 [b = 4, h = 3, q = 5, k = 5, d = 4, e = 4] (%63 : [b, h, q, d], %64 : [b, h, k, d], %65 : [b, h, k, e]) -> ([b, h, q, e], [b, h, q]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0xFF800000 : f32
      %112 = colossal.index "b"
      %c0_i64 = arith.constant 0 : i64
      %113 = colossal.index "q"
      %114 = colossal.index "k"
      %c0_i64_0 = arith.constant 0 : i64
      %c0_i64_1 = arith.constant 0 : i64
      %c0_i64_2 = arith.constant 0 : i64
      %cst_3 = arith.constant -3.40282347E+38 : f32
      %c0_i64_4 = arith.constant 0 : i64
      %c1_i64 = arith.constant 1 : i64
      %115 = arith.addi %113, %c1_i64 : i64
      %116 = arith.cmpi slt, %114, %115 : i64
      %c0_i64_5 = arith.constant 0 : i64
      %117 = arith.sitofp %c0_i64_5 : i64 to f32
      %118 = arith.select %116, %117, %cst_3 : f32
      %119 = arith.addf %arg30, %118 : f32
      colossal.yield %119 : f32
    } : (tensor<4x3x5x4xf32>, tensor<4x3x5x4xf32>, tensor<4x3x5x4xf32>) -> (tensor<4x3x5x4xf32>, tensor<4x3x5xf32>)
    %67 = colossal.generic "transformer.h.1.attn/transpose.3" [b = 4, h = 3, q = 5, e = 4] (%66#0 : [b, h, q, e]) -> ([b, q, h, e]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x3x5x4xf32>) -> tensor<4x5x3x4xf32>
    %68 = colossal.generic "transformer.h.1.attn/reshape.0" [b = 4, q = 5, h = 3, e = 4] (%67 : [b, q, h, e]) -> ([b, q, (h, e)]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x3x4xf32>) -> tensor<4x5x12xf32>
    %69 = colossal.generic "transformer.h.1.attn.c_proj/view.0" [b = 4, q = 5, h = 3, e = 4] (%68 : [b, q, (h, e)]) -> ([(b, q), (h, e)]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<20x12xf32>
    %70 = colossal.generic "transformer.h.1.attn.c_proj/addmm.0" [b = 4, q = 5, n = 12, h = 3 : sum, e = 4 : sum] (%69 : [(b, q), (h, e)], %arg18 : [(h, e), n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12x12xf32>) -> tensor<20x12xf32>
    %71 = colossal.generic "transformer.h.1.attn.c_proj/addmm.0.bias" [b = 4, q = 5, n = 12] (%70 : [(b, q), n], %arg19 : [n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12xf32>) -> tensor<20x12xf32>
    %72 = colossal.generic "transformer.h.1.attn.c_proj/view.1" [b = 4, q = 5, n = 12] (%71 : [(b, q), n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x12xf32>) -> tensor<4x5x12xf32>
    %73 = colossal.generic "transformer.h.1/add.0" [b = 4, q = 5, n = 12] (%72 : [b, q, n], %48 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x12xf32>) -> tensor<4x5x12xf32>
    %74 = colossal.generic "transformer.h.1.ln_2/layer_norm.0.mean" [b = 4, q = 5, n = 12 : sum] (%73 : [b, q, n]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.1.ln_2/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0.083333333333333329 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x1xf32>
    %75 = colossal.generic "transformer.h.1.ln_2/layer_norm.0.variance" [b = 4, q = 5, n = 12 : sum] (%73 : [b, q, n], %74 : [b, q, 0 of 1]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.1.ln_2/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.subf %arg30, %arg31 : f32
      %113 = arith.mulf %112, %112 : f32
      %cst = arith.constant 0.083333333333333329 : f64
      %114 = arith.truncf %cst : f64 to f32
      %115 = arith.mulf %113, %114 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %76 = colossal.generic "transformer.h.1.ln_2/layer_norm.0.rstd" [b = 4, q = 5] (%75 : [b, q, 0 of 1]) -> ([b, q, 0 of 1]) attributes {group = "transformer.h.1.ln_2/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 1.000000e-05 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.addf %arg30, %112 : f32
      %114 = math.rsqrt %113 : f32
      colossal.yield %114 : f32
    } : (tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %77 = colossal.generic "transformer.h.1.ln_2/layer_norm.0" [b = 4, q = 5, n = 12] (%73 : [b, q, n], %76 : [b, q, 0 of 1], %74 : [b, q, 0 of 1], %arg20 : [n], %arg21 : [n]) -> ([b, q, n]) attributes {group = "transformer.h.1.ln_2/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32, %arg32: f32, %arg33: f32, %arg34: f32):
      %112 = arith.subf %arg30, %arg32 : f32
      %113 = arith.mulf %112, %arg31 : f32
      %114 = arith.mulf %113, %arg33 : f32
      %115 = arith.addf %114, %arg34 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>, tensor<4x5x1xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<4x5x12xf32>
    %78 = colossal.generic "transformer.h.1.mlp.c_fc/view.0" [b = 4, q = 5, n = 12] (%77 : [b, q, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x12xf32>) -> tensor<20x12xf32>
    %79 = colossal.generic "transformer.h.1.mlp.c_fc/addmm.0" [b = 4, q = 5, n = 48, k = 12 : sum] (%78 : [(b, q), k], %arg22 : [k, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12x48xf32>) -> tensor<20x48xf32>
    %80 = colossal.generic "transformer.h.1.mlp.c_fc/addmm.0.bias" [b = 4, q = 5, n = 48] (%79 : [(b, q), n], %arg23 : [n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x48xf32>, tensor<48xf32>) -> tensor<20x48xf32>
    %81 = colossal.generic "transformer.h.1.mlp.c_fc/view.1" [b = 4, q = 5, n = 48] (%80 : [(b, q), n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x48xf32>) -> tensor<4x5x48xf32>
    %82 = colossal.generic "transformer.h.1.mlp.act/mul.0" [b = 4, q = 5, n = 48] (%81 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 5.000000e-01 : f32
      %112 = arith.mulf %arg30, %cst : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %83 = colossal.generic "transformer.h.1.mlp.act/pow.0" [b = 4, q = 5, n = 48] (%81 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 3.000000e+00 : f32
      %112 = math.powf %arg30, %cst : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %84 = colossal.generic "transformer.h.1.mlp.act/mul.1" [b = 4, q = 5, n = 48] (%83 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 4.471500e-02 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %85 = colossal.generic "transformer.h.1.mlp.act/add.0" [b = 4, q = 5, n = 48] (%81 : [b, q, n], %84 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>, tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %86 = colossal.generic "transformer.h.1.mlp.act/mul.2" [b = 4, q = 5, n = 48] (%85 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0.79788456080286541 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %87 = colossal.generic "transformer.h.1.mlp.act/tanh.0" [b = 4, q = 5, n = 48] (%86 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %112 = math.tanh %arg30 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %88 = colossal.generic "transformer.h.1.mlp.act/add.1" [b = 4, q = 5, n = 48] (%87 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      %cst = arith.constant 1.000000e+00 : f32
      %112 = arith.addf %arg30, %cst : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %89 = colossal.generic "transformer.h.1.mlp.act/mul.3" [b = 4, q = 5, n = 48] (%82 : [b, q, n], %88 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x48xf32>, tensor<4x5x48xf32>) -> tensor<4x5x48xf32>
    %90 = colossal.generic "transformer.h.1.mlp.c_proj/view.0" [b = 4, q = 5, n = 48] (%89 : [b, q, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x48xf32>) -> tensor<20x48xf32>
    %91 = colossal.generic "transformer.h.1.mlp.c_proj/addmm.0" [b = 4, q = 5, n = 12, k = 48 : sum] (%90 : [(b, q), k], %arg24 : [k, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x48xf32>, tensor<48x12xf32>) -> tensor<20x12xf32>
    %92 = colossal.generic "transformer.h.1.mlp.c_proj/addmm.0.bias" [b = 4, q = 5, n = 12] (%91 : [(b, q), n], %arg25 : [n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<20x12xf32>, tensor<12xf32>) -> tensor<20x12xf32>
    %93 = colossal.generic "transformer.h.1.mlp.c_proj/view.1" [b = 4, q = 5, n = 12] (%92 : [(b, q), n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x12xf32>) -> tensor<4x5x12xf32>
    %94 = colossal.generic "transformer.h.1/add.1" [b = 4, q = 5, n = 12] (%73 : [b, q, n], %93 : [b, q, n]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.addf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x12xf32>) -> tensor<4x5x12xf32>
    %95 = colossal.generic "transformer.ln_f/layer_norm.0.mean" [b = 4, q = 5, n = 12 : sum] (%94 : [b, q, n]) -> ([b, q, 0 of 1]) attributes {group = "transformer.ln_f/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 0.083333333333333329 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.mulf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<4x5x12xf32>) -> tensor<4x5x1xf32>
    %96 = colossal.generic "transformer.ln_f/layer_norm.0.variance" [b = 4, q = 5, n = 12 : sum] (%94 : [b, q, n], %95 : [b, q, 0 of 1]) -> ([b, q, 0 of 1]) attributes {group = "transformer.ln_f/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.subf %arg30, %arg31 : f32
      %113 = arith.mulf %112, %112 : f32
      %cst = arith.constant 0.083333333333333329 : f64
      %114 = arith.truncf %cst : f64 to f32
      %115 = arith.mulf %113, %114 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %97 = colossal.generic "transformer.ln_f/layer_norm.0.rstd" [b = 4, q = 5] (%96 : [b, q, 0 of 1]) -> ([b, q, 0 of 1]) attributes {group = "transformer.ln_f/layer_norm.0", keep} {
    ^bb0(%arg30: f32):
      %cst = arith.constant 1.000000e-05 : f64
      %112 = arith.truncf %cst : f64 to f32
      %113 = arith.addf %arg30, %112 : f32
      %114 = math.rsqrt %113 : f32
      colossal.yield %114 : f32
    } : (tensor<4x5x1xf32>) -> tensor<4x5x1xf32>
    %98 = colossal.generic "transformer.ln_f/layer_norm.0" [b = 4, q = 5, n = 12] (%94 : [b, q, n], %97 : [b, q, 0 of 1], %95 : [b, q, 0 of 1], %arg26 : [n], %arg27 : [n]) -> ([b, q, n]) attributes {group = "transformer.ln_f/layer_norm.0"} {
    ^bb0(%arg30: f32, %arg31: f32, %arg32: f32, %arg33: f32, %arg34: f32):
      %112 = arith.subf %arg30, %arg32 : f32
      %113 = arith.mulf %112, %arg31 : f32
      %114 = arith.mulf %113, %arg33 : f32
      %115 = arith.addf %114, %arg34 : f32
      colossal.yield %115 : f32
    } : (tensor<4x5x12xf32>, tensor<4x5x1xf32>, tensor<4x5x1xf32>, tensor<12xf32>, tensor<12xf32>) -> tensor<4x5x12xf32>
    %99 = colossal.generic "lm_head/linear.0" [b = 4, q = 5, n = 17, k = 12 : sum] (%98 : [b, q, k], %arg0 : [n, k]) -> ([b, q, n]) {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.mulf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<4x5x12xf32>, tensor<17x12xf32>) -> tensor<4x5x17xf32>
    %100 = colossal.generic "pad.0" [b = 4, s = 6] (%arg29 : [b, s + 0 of 5]) -> ([b, s]) {
    ^bb0(%arg30: i64):
      %112 = colossal.index "s"
      %c5_i64 = arith.constant 5 : i64
      %113 = arith.cmpi slt, %112, %c5_i64 : i64
      %c-100_i64 = arith.constant -100 : i64
      %114 = arith.select %113, %arg30, %c-100_i64 : i64
      colossal.yield %114 : i64
    } : (tensor<4x5xi64>) -> tensor<4x6xi64>
    %101 = colossal.generic "slice.0" [b = 4, s = 5] (%100 : [b, s + 1 of 6]) -> ([b, s]) {
    ^bb0(%arg30: i64):
      colossal.yield %arg30 : i64
    } : (tensor<4x6xi64>) -> tensor<4x5xi64>
    %102 = colossal.generic "view.0" [b = 4, q = 5, n = 17] (%99 : [b, q, n]) -> ([(b, q), n]) {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<4x5x17xf32>) -> tensor<20x17xf32>
    %103 = colossal.generic "view.1" [b = 4, s = 5] (%101 : [b, s]) -> ([(b, s)]) {
    ^bb0(%arg30: i64):
      colossal.yield %arg30 : i64
    } : (tensor<4x5xi64>) -> tensor<20xi64>
    %104 = colossal.generic "cross_entropy_loss.0.max" [b = 4, q = 5, n = 17 : max] (%102 : [(b, q), n]) -> ([(b, q)]) attributes {group = "cross_entropy_loss.0", keep, no_gradient} {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20x17xf32>) -> tensor<20xf32>
    %105 = colossal.generic "cross_entropy_loss.0.sum" [b = 4, q = 5, n = 17 : sum] (%102 : [(b, q), n], %104 : [(b, q)]) -> ([(b, q)]) attributes {group = "cross_entropy_loss.0", keep} {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.subf %arg30, %arg31 : f32
      %113 = math.exp %112 : f32
      colossal.yield %113 : f32
    } : (tensor<20x17xf32>, tensor<20xf32>) -> tensor<20xf32>
    %106 = colossal.generic "cross_entropy_loss.0.lse" [b = 4, q = 5] (%104 : [(b, q)], %105 : [(b, q)]) -> ([(b, q)]) attributes {group = "cross_entropy_loss.0", keep} {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = math.log %arg31 : f32
      %113 = arith.addf %arg30, %112 : f32
      colossal.yield %113 : f32
    } : (tensor<20xf32>, tensor<20xf32>) -> tensor<20xf32>
    %107 = colossal.generic "cross_entropy_loss.0.label" [b = 4, q = 5, v = 17 : sum] (%103 : [(b, q)], %102 : [(b, q), v]) -> ([(b, q)]) attributes {group = "cross_entropy_loss.0"} {
    ^bb0(%arg30: i64, %arg31: f32):
      %114 = colossal.where %arg31 [v == %arg30 : i64] : f32
      colossal.yield %114 : f32
    } : (tensor<20xi64>, tensor<20x17xf32>) -> tensor<20xf32>
    %108 = colossal.generic "cross_entropy_loss.0.row" [b = 4, s = 5] (%103 : [(b, s)], %106 : [(b, s)], %107 : [(b, s)]) -> ([(b, s)]) attributes {group = "cross_entropy_loss.0"} {
    ^bb0(%arg30: i64, %arg31: f32, %arg32: f32):
      %c-100_i64 = arith.constant -100 : i64
      %112 = arith.cmpi ne, %arg30, %c-100_i64 : i64
      %113 = arith.subf %arg31, %arg32 : f32
      %cst = arith.constant 0.000000e+00 : f32
      %114 = arith.select %112, %113, %cst : f32
      colossal.yield %114 : f32
    } : (tensor<20xi64>, tensor<20xf32>, tensor<20xf32>) -> tensor<20xf32>
    %109 = colossal.generic "cross_entropy_loss.0.total" [b = 4 : sum, s = 5 : sum] (%108 : [(b, s)]) -> ([]) attributes {group = "cross_entropy_loss.0"} {
    ^bb0(%arg30: f32):
      colossal.yield %arg30 : f32
    } : (tensor<20xf32>) -> tensor<f32>
    %110 = colossal.generic "cross_entropy_loss.0.count" [b = 4 : sum, s = 5 : sum] (%103 : [(b, s)]) -> ([]) {
    ^bb0(%arg30: i64):
      %c-100_i64 = arith.constant -100 : i64
      %112 = arith.cmpi ne, %arg30, %c-100_i64 : i64
      %cst = arith.constant 1.000000e+00 : f32
      %cst_0 = arith.constant 0.000000e+00 : f32
      %113 = arith.select %112, %cst, %cst_0 : f32
      colossal.yield %113 : f32
    } : (tensor<20xi64>) -> tensor<f32>
    %111 = colossal.generic "cross_entropy_loss.0" [] (%109 : [], %110 : []) -> ([]) attributes {group = "cross_entropy_loss.0"} {
    ^bb0(%arg30: f32, %arg31: f32):
      %112 = arith.divf %arg30, %arg31 : f32
      colossal.yield %112 : f32
    } : (tensor<f32>, tensor<f32>) -> tensor<f32>
    return %111 : tensor<f32>
  }
}

