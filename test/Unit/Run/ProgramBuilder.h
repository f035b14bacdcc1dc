//===- ProgramBuilder.h - Rank programs by hand, for tests ------*- C++ -*-===//
//
// Buffers are placed one behind the other in the arena (64-byte aligned); ops
// are appended to the current segment. Nothing is reused, so a program that a
// test writes down is right unless the test breaks it.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_TEST_UNIT_RUN_PROGRAMBUILDER_H
#define COLOSSAL_TEST_UNIT_RUN_PROGRAMBUILDER_H

#include "colossal/Run/Layout.h"
#include "colossal/Run/RankProgram.h"

namespace colossal::rank::test {

class ProgramBuilder {
public:
  ProgramBuilder(std::vector<Axis> mesh, int64_t microbatches = 1,
                 int64_t group = 0, int64_t groups = 1) {
    program.mesh = std::move(mesh);
    program.microbatches = microbatches;
    program.group = group;
    program.groups = groups;
  }

  int64_t buffer(const std::string &name, int64_t elements,
                 DType dtype = DType::F32, int64_t slots = 1,
                 Space space = Space::Arena) {
    Buffer buffer;
    buffer.id = int64_t(program.buffers.size());
    buffer.name = name;
    buffer.dtype = dtype;
    buffer.space = space;
    buffer.bytes = elements * bytesOf(dtype);
    buffer.slots = slots;
    int64_t stride = (buffer.bytes + 63) / 64 * 64;
    buffer.slotStride = slots > 1 ? buffer.bytes : 0;
    int64_t &end =
        space == Space::Arena ? program.arenaBytes : program.windowBytes;
    buffer.offset = end;
    end += stride * slots;
    program.buffers.push_back(buffer);
    return buffer.id;
  }

  /// A second buffer over the bytes of another one.
  int64_t view(const std::string &name, int64_t of, int64_t slots,
               int64_t elements) {
    Buffer buffer = program.buffers[of];
    buffer.id = int64_t(program.buffers.size());
    buffer.name = name;
    buffer.bytes = elements * bytesOf(buffer.dtype);
    buffer.slots = slots;
    buffer.slotStride = slots > 1 ? buffer.bytes : 0;
    program.buffers.push_back(buffer);
    return buffer.id;
  }

  /// A dimension cut over axes.
  SubDimension cut(int64_t extent, std::vector<std::string> axes = {}) const {
    int64_t parts = 1;
    for (const std::string &axis : axes)
      parts *= axis == "time" ? program.microbatches
                              : coordinateOf(program, 0).sizeOf(axis);
    return {extent, (extent + parts - 1) / parts, std::move(axes)};
  }

  int64_t state(const std::string &name, const std::vector<SubDimension> &dims,
                double fill = 0.0, const std::string &role = "parameter") {
    State state;
    state.name = name;
    state.role = role;
    for (const SubDimension &sub : dims) {
      state.globalShape.push_back(sub.extent);
      state.layout.dimensions.push_back({sub});
    }
    state.initial.fill = fill;
    state.buffer = buffer(name, localElements(state.layout));
    program.states.push_back(state);
    return state.buffer;
  }

  int64_t input(const std::string &name, const std::vector<SubDimension> &dims,
                DType dtype, int64_t batchDim, int64_t slots = 1) {
    Input input;
    input.name = name;
    for (const SubDimension &sub : dims) {
      input.globalShape.push_back(sub.extent);
      input.layout.dimensions.push_back({sub});
    }
    input.batchDim = batchDim;
    input.buffer = buffer(name, localElements(input.layout), dtype, slots);
    program.inputs.push_back(input);
    return input.buffer;
  }

  /// `buffer`: one slot, or one per microbatch.
  void output(const std::string &name, int64_t buffer,
              const std::vector<SubDimension> &dims, int64_t batchDim) {
    Output output;
    output.name = name;
    for (const SubDimension &sub : dims) {
      output.globalShape.push_back(sub.extent);
      output.layout.dimensions.push_back({sub});
    }
    output.batchDim = batchDim;
    output.buffer = buffer;
    program.outputs.push_back(output);
  }

  int64_t control(const std::string &name) {
    int64_t id = buffer(name, 1);
    program.controls.push_back({id, name});
    return id;
  }

  void metric(const std::string &name, int64_t id) {
    program.metrics.push_back({id, name});
  }

  ProgramBuilder &segment(const std::string &name) {
    program.segments.push_back({name, {}});
    return *this;
  }
  void schedule(const std::string &segment, int64_t microbatch = -1) {
    program.schedule.push_back({segment, microbatch});
  }

  Op &op(OpKind kind, const std::string &name, std::vector<int64_t> operands,
         int64_t outputs = 1) {
    Op op;
    op.kind = kind;
    op.name = name;
    op.source = "model.py:" + std::to_string(10 + opCount++);
    for (int64_t id : operands)
      op.operands.push_back({id, 0});
    op.numOutputs = outputs;
    program.segments.back().ops.push_back(op);
    return program.segments.back().ops.back();
  }

  Op &kernel(const std::string &symbol, std::vector<int64_t> operands,
             int64_t range, int64_t outputs = 1) {
    Op &kernel = op(OpKind::Kernel, symbol, std::move(operands), outputs);
    kernel.symbol = symbol;
    kernel.range = range;
    return kernel;
  }

  void fill(int64_t id, double value = 0.0) {
    op(OpKind::Fill, "fill", {id}).value = value;
  }

  /// C[m][n] = A[m][k] B[k][n], all row-major.
  Op &gemm(int64_t a, int64_t b, int64_t c, int64_t m, int64_t n, int64_t k) {
    Op &gemm = op(OpKind::Gemm, "matmul", {a, b, c});
    gemm.gemm.m = m;
    gemm.gemm.n = n;
    gemm.gemm.k = k;
    gemm.gemm.aM = k;
    gemm.gemm.aK = 1;
    gemm.gemm.bK = n;
    gemm.gemm.bN = 1;
    gemm.gemm.cM = n;
    gemm.gemm.cN = 1;
    return gemm;
  }

  Op &collective(OpKind kind, int64_t in, int64_t out,
                 std::vector<std::string> axes, int64_t elements) {
    Op &collective = op(kind, "reshard", {in, out});
    collective.collective.axes = std::move(axes);
    collective.collective.elements = elements;
    collective.collective.dtype = program.buffers[in].dtype;
    return collective;
  }

  Op &transfer(OpKind kind, int64_t id, int64_t peer, int64_t tag,
               const std::string &link) {
    Op &transfer = op(kind, link, {id}, kind == OpKind::Recv ? 1 : 0);
    transfer.bytes = program.buffers[id].bytes;
    transfer.peerGroup = peer;
    transfer.tag = tag;
    transfer.link = link;
    return transfer;
  }

  Program program;

private:
  int64_t opCount = 0;
};

} // namespace colossal::rank::test

#endif // COLOSSAL_TEST_UNIT_RUN_PROGRAMBUILDER_H
