// Shapes come from the archive's example inputs, or from the user; so do batch dimensions.
// REQUIRES: colossal-translate
// RUN: colossal-translate --import-torchscript %inputs/mlp.pt --input features=32x8xf32 --input labels=32xi64 | FileCheck %s --check-prefix=GIVEN
// GIVEN: tensor<32x8xf32> {colossal.batch_dim = 0 : i64, colossal.name = "features"
// GIVEN-SAME: tensor<32xi64> {colossal.batch_dim = 0 : i64, colossal.name = "labels"

// RUN: colossal-translate --import-torchscript=%inputs/gpt2_sdpa.pt --batch input_ids:1 --batch labels:none | FileCheck %s --check-prefix=BATCH
// BATCH: {colossal.batch_dim = 1 : i64, colossal.name = "input_ids"
// BATCH-SAME: {colossal.name = "labels", colossal.role = #colossal.role<batch>}

// RUN: colossal-translate --import-torchscript %inputs/no_inputs.pt --input features=4x8xf32 --input labels=4xi64 | FileCheck %s --check-prefix=NONE
// NONE: tensor<4x8xf32> {colossal.batch_dim = 0 : i64, colossal.name = "features"

// RUN: not colossal-translate --import-torchscript %inputs/no_inputs.pt --input labels=4xi64 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: no_inputs.pt' has no example inputs of its own: give the shape of 'features' with --input features=8x512xi64 (the inputs are 'features', 'labels')

// RUN: not colossal-translate --import-torchscript %inputs/mlp.pt --input image=4x8xf32 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: mlp.pt' has no input named 'image': the inputs are 'features', 'labels'

// RUN: not colossal-translate --import-torchscript %inputs/mlp.pt --input features=4x8xi64 2>&1 | FileCheck %s --check-prefix=TYPE
// TYPE: was traced with 'features' as 4x8xf32, found 4x8xi64: expected the same type and number of dimensions

// RUN: not colossal-translate --import-torchscript %inputs/mlp.pt --input features 2>&1 | FileCheck %s --check-prefix=FORM
// FORM: --input 'features' is not of the form NAME=SHAPE

// RUN: not colossal-translate --import-torchscript %inputs/mlp.pt --batch labels:1 2>&1 | FileCheck %s --check-prefix=DIMENSION
// DIMENSION: --batch wants dimension 1 of 'labels', which has 1 dimensions

// RUN: not colossal-translate --import-torchscript %inputs/mlp.pt --batch image 2>&1 | FileCheck %s --check-prefix=BATCHNAME
// BATCHNAME: --batch names 'image', which is not an input of the model
