// What must not reach LibTorch, or cannot be imported: one line, exit code 1, no output file.
// REQUIRES: colossal-translate
// DEFINE: %{import} = colossal-translate --import-torchscript
// RUN: rm -f %t.mlir

// A flipped byte in a weight; LibTorch would load it silently.
// RUN: cp %inputs/mlp.pt %t.flipped.pt
// RUN: printf X | dd of=%t.flipped.pt bs=1 seek=100 conv=notrunc
// RUN: not %{import} %t.flipped.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=FLIPPED
// FLIPPED: colossal-translate: error: '{{.*}}flipped.pt' is damaged: the bytes of the record 'mlp/data/0' do not have the checksum that the archive states

// RUN: head -c 5000 %inputs/mlp.pt > %t.short.pt
// RUN: not %{import} %t.short.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=SHORT
// SHORT: short.pt' is not an intact zip archive

// RUN: not %{import} %t.nothing.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=NOTHING
// NOTHING: nothing.pt' cannot be read, or is empty

// RUN: not %{import} %s -o %t.mlir 2>&1 | FileCheck %s --check-prefix=TEXT
// TEXT: refused.mlir' is not an intact zip archive {{.*}}: expected a file written by torch.jit.save

// RUN: not %{import} %inputs/bad_global.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=GLOBAL
// GLOBAL: bad_global.pt' is refused: the record 'data.pkl' has the global 'os.system', which is not on the list of what a model may name at byte {{[0-9]+}}

// RUN: not %{import} %inputs/bad_opcode.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=OPCODE
// OPCODE: bad_opcode.pt' is refused: the record 'data.pkl' has the opcode 0x56, which is not on the list of what a model may use, at byte 2

// RUN: not %{import} %inputs/outside.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=OUTSIDE
// OUTSIDE: outside.pt' is refused: the tensor 'layers.0.weight' reaches beyond its record 'data/0'

// RUN: not %{import} %inputs/setstate.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=SETSTATE
// SETSTATE: setstate.pt' is refused: the code in the record '{{.*}}' uses '__setstate__', which runs code of the model when it is loaded

// RUN: not %{import} %inputs/transposed.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=STRIDES
// STRIDES: transposed.pt' holds the tensor 'weight' with strides other than row-major: call .contiguous() on it before tracing

// RUN: not %{import} %inputs/nested.pt -o %t.mlir 2>&1 | FileCheck %s --check-prefix=NESTED
// NESTED: error: the archive is refused: its code makes LibTorch crash

// RUN: not ls %t.mlir

// Limits, for a parent that does not trust the archive.
// RUN: not %{import} %inputs/gpt2_sdpa.pt --memory-limit 1000000 -o %t.mlir 2>&1 | FileCheck %s --check-prefix=MEMORY
// MEMORY: colossal-translate: error: {{.*}}memory
// RUN: %{import} %inputs/gpt2_sdpa.pt --memory-limit 4000000000 --time-limit 60 -o %t.mlir
