//===- Colossal.td - Everything of the dialect ----*- tablegen -*-===//
include "Colossal/IR/ColossalOps.td"
include "Colossal/IR/AtenOps.td"
include "Colossal/IR/CollectiveOps.td"
include "Colossal/Ops/Attention/Attention.td"
include "Colossal/Ops/Convolution/Convolution.td"
include "Colossal/Ops/Pooling/Pooling.td"
