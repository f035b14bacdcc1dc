"""Writes a program with its inputs, and checks the results of evaluating it."""
import sys
import zlib
import struct

PROGRAM = """
func.func @step(%w: tensor<3x2xf32> {{colossal.role = #colossal.role<parameter>, colossal.name = "w",
      colossal.source = {{file = "weights.bin", offset = 8 : i64, bytes = 24 : i64, crc = {crc} : i64}}}},
    %lr: tensor<f64> {{colossal.role = #colossal.role<control>, colossal.name = "lr"}},
    %x: tensor<2x3xf32> {{colossal.role = #colossal.role<batch>, colossal.name = "x"}})
    -> (tensor<f32> {{colossal.metric = "loss"}}, tensor<3x2xf32> {{colossal.updates = 0 : i64}}) {{
  %loss = colossal.generic "loss" [b = 2 : sum, n = 2 : sum, k = 3 : sum] (%x : [b, k], %w : [k, n]) -> ([]) {{
    ^bb0(%0: f32, %1: f32):
      %2 = arith.mulf %0, %1 : f32
      colossal.yield %2 : f32
  }} : (tensor<2x3xf32>, tensor<3x2xf32>) -> tensor<f32>
  %grad = colossal.generic "grad" [k = 3, n = 2, b = 2 : sum] (%x : [b, k]) -> ([k, n]) {{
    ^bb0(%0: f32):
      colossal.yield %0 : f32
  }} : (tensor<2x3xf32>) -> tensor<3x2xf32>
  %new = colossal.generic "sgd" [k = 3, n = 2] (%w : [k, n], %grad : [k, n], %lr : []) -> ([k, n]) {{
    ^bb0(%0: f32, %1: f32, %2: f64):
      %3 = arith.truncf %2 : f64 to f32
      %4 = arith.mulf %3, %1 : f32
      %5 = arith.subf %0, %4 : f32
      colossal.yield %5 : f32
  }} : (tensor<3x2xf32>, tensor<3x2xf32>, tensor<f64>) -> tensor<3x2xf32>
  return %loss, %new : tensor<f32>, tensor<3x2xf32>
}}
"""
X = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
W = [[1.0, 2.0], [3.0, 4.0], [0.0, 5.0]]


def write(folder):
    import numpy
    numpy.save(folder + "/x.npy", numpy.array(X, dtype="float32"))
    numpy.save(folder + "/w.npy", numpy.array(W, dtype="float64"))
    data = struct.pack("<6f", *[v for row in W for v in row])
    with open(folder + "/weights.bin", "wb") as file:
        file.write(b"-" * 8 + data)
    for name, crc in (("program", zlib.crc32(data)), ("damaged", 1)):
        with open(f"{folder}/{name}.mlir", "w") as file:
            file.write(PROGRAM.format(crc=crc))


def check(folder):
    import numpy
    x, w = numpy.array(X), numpy.array(W)
    loss = numpy.load(folder + "/out/loss.npy")
    new = numpy.load(folder + "/out/w.npy")
    assert loss.dtype == numpy.float64 and loss == (x @ w).sum(), loss
    assert (new == w - 0.5 * x.sum(0)[:, None]).all(), new


{"write": write, "check": check}[sys.argv[1]](sys.argv[2])
