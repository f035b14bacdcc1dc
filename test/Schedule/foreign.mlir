// RUN: colossal-opt %s --colossal-print-groups | FileCheck %s --check-prefix=GROUPS
// RUN: colossal-opt %s --colossal-print-kernels | FileCheck %s --check-prefix=KERNELS
// RUN: not colossal-opt %s --colossal-schedule 2>&1 | FileCheck %s --check-prefix=SCHEDULE

// Nothing in this module is of the dialect; an argument that is returned is copied all the same.
// GROUPS: kernel "argument/copy" (%arg0) -> (%0 on %arg0)
// KERNELS: // argument/copy: @
// SCHEDULE: expected a partitioned module
func.func @f(%x: tensor<4xf32>) -> tensor<4xf32> {
  return %x : tensor<4xf32>
}
