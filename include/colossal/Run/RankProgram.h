//===- RankProgram.h - What one rank does, as data --------------*- C++ -*-===//
//
// A rank program is the contract between the compiler (Emit writes it) and the
// runtime (Run walks it). It is plain data: buffers with fixed offsets,
// segments that are lists of ops, and a schedule, a list of (segment,
// microbatch). The mesh coordinate is not part of it: one program serves all
// ranks of a device group, and everything that depends on the coordinate is
// written as an affine function of it.
//
// Units: bytes for offsets and sizes, elements for strides. Errors: the reader
// returns a message that names file and field; it never throws.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_RANKPROGRAM_H
#define COLOSSAL_RUN_RANKPROGRAM_H

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace colossal::rank {

enum class DType { F32, F64, I64, I32, I1, BF16, F16, I16, I8, U8 };

/// Bytes of one element. I1 is stored as one byte, 0 or 1.
int64_t bytesOf(DType type);

/// Where a buffer lives. `Arena` is the rank's private arena; `Window` is
/// memory shared by the ranks of a node, one equal part per rank: collectives
/// may read the peers' parts directly.
enum class Space { Arena, Window };

/// A global extent cut into equal local bounds over mesh axes (major first):
/// coordinate c holds global elements [c * bound, (c + 1) * bound) that are
/// below `extent`; the rest of the local bound is padding (zero in state).
struct SubDimension {
  int64_t extent = 1; ///< global size
  int64_t bound = 1;  ///< local size
  std::vector<std::string> axes;
};

/// How a tensor is stored on a rank: per dimension its sub-dimensions, major
/// to minor. Local shape: product of the bounds per dimension; row-major.
struct Layout {
  std::vector<std::vector<SubDimension>> dimensions;
};

/// One buffer. A buffer that is live across microbatches has `slots` copies,
/// `slotStride` bytes apart; microbatch m uses copy m % slots, an entry of the
/// schedule without a microbatch uses copy 0. A view into a batch buffer has
/// slots = microbatches.
struct Buffer {
  int64_t id = 0;
  std::string name; ///< the value's name, for traces and errors
  DType dtype = DType::F32;
  Space space = Space::Arena;
  int64_t offset = 0;
  int64_t bytes = 0; ///< of one slot
  int64_t slots = 1;
  int64_t slotStride = 0;
};

/// Initial contents of a state buffer: a file's, or normal numbers
/// (random::normal of stream, seed and the element's place in the unsharded
/// tensor, times `normal`), or `fill`.
struct Initial {
  std::string file;   ///< relative to the bundle; empty: no file
  int64_t offset = 0; ///< of the unsharded tensor's first byte, row-major
  int64_t bytes = 0;
  uint32_t crc = 0; ///< CRC-32 of the unsharded bytes
  double fill = 0.0;
  double normal = 0.0; ///< deviation; 0: no normal numbers
  std::string stream;
  int64_t seed = 0;
  /// Until the bundle is written: the file has floats of this other type
  /// (Support/StoredFloat.h), which are converted then.
  std::string elements;
};

/// State that persists over steps: parameter, optimizer state, buffer. The
/// unsharded tensor of shape `globalShape` is stored by `layout`.
struct State {
  int64_t buffer = 0;
  std::string name; ///< PyTorch's name; `<name>#exp_avg` for optimizer state
  std::string role; ///< "parameter", "optimizer", "buffer"
  std::vector<int64_t> globalShape;
  Layout layout;
  Initial initial;
  /// False where this device group holds a copy that another device group
  /// updates.
  bool owned = true;
  /// Until the bundle is written, whose manifest has them: names of what is
  /// tied to it.
  std::vector<std::string> aliases;
};

/// An input of the step. Filled from the data set before the step. `layout` may
/// name the axis "time" like any mesh axis (usual: data major, time minor):
/// slot m of the buffer holds the shard at time coordinate m, so the buffer has
/// slots = microbatches, and a second buffer with one slot over the same bytes
/// sees the rank's whole batch. A layout without "time" fills every slot alike
/// (usual: one slot, with the rank's whole batch). Padding is zero.
struct Input {
  int64_t buffer = 0;
  std::string name;
  std::vector<int64_t> globalShape;
  Layout layout;
  int64_t batchDim = -1; ///< -1: no batch dimension
};

/// A tensor that the program gives back, read after a run of the program. With
/// the axis "time" in its layout slot m holds the shard at time coordinate m;
/// without it there is one slot. With batchDim >= 0 the outputs of batches are
/// joined along that dimension, of which a sample has globalShape[batchDim] /
/// (samples of a batch) entries; with -1 each batch has an output of its own.
struct Output {
  int64_t buffer = 0;
  std::string name;
  std::vector<int64_t> globalShape;
  Layout layout;
  int64_t batchDim = -1;
};

/// A scalar (f32 or f64) the runtime sets before each step: "lr" (the learning
/// rate of this step), "step" (1-based), "clip-norm", ...
struct Control {
  int64_t buffer = 0;
  std::string name;
};

/// A scalar the runtime reads after each step and reports (f32, complete on
/// every rank of this device group).
struct Metric {
  int64_t buffer = 0;
  std::string name;
};

/// sum of coordinate(axis) * stride over axes; axis "time" is the microbatch.
struct AffineOffset {
  int64_t constant = 0;
  std::vector<std::pair<std::string, int64_t>> terms;
};

/// A buffer operand, with a constant byte offset into it (for views).
struct Operand {
  int64_t buffer = 0;
  int64_t offset = 0;
};

/// What an op does. One op = one call of the runtime.
enum class OpKind {
  Kernel,  ///< kernels.so symbol over a range
  Gemm,    ///< C = A B (+ C if accumulate), batched, strided; operands A, B, C
  Library, ///< another library function; see LibraryCall
  Fill,    ///< whole buffer := value
  Copy,    ///< operands[1] := operands[0], `bytes` bytes
  AllReduce, ///< collectives: operands input, output; see Collective
  AllGather,
  ReduceScatter,
  AllToAll,
  Send, ///< operands[0], `bytes` bytes, to the same coordinate of `peerGroup`
  Recv, ///< operands[0], `bytes` bytes, from the same coordinate
  Wait, ///< until what was started with `token` is done; no operands
};

inline bool isCollective(OpKind kind) {
  return kind == OpKind::AllReduce || kind == OpKind::AllGather ||
         kind == OpKind::ReduceScatter || kind == OpKind::AllToAll;
}

/// Batched matrix product by strides in elements:
/// C[b][m][n] (+)= sum_k A[b][m][k] B[b][k][n].
/// A and B are of one type. All of f32; or A and B of bf16 or f16, then the sum
/// is made in f32, and C, of their type or f32, gets it rounded once.
struct Gemm {
  int64_t m = 1, n = 1, k = 1;
  std::vector<int64_t> batch;                  ///< batch extents, major first
  std::vector<int64_t> aBatch, bBatch, cBatch; ///< strides per batch extent
  int64_t aM = 0, aK = 0, bK = 0, bN = 0, cM = 0, cN = 0;
  bool accumulate = false;
  DType dtype = DType::F32;  ///< of A and B
  DType result = DType::F32; ///< of C
};

/// A call of one of the runtime's library functions (LibraryFunction.h), which
/// says what operands and parameters mean.
struct LibraryCall {
  std::string function; ///< "attention"
  std::map<std::string, int64_t> integers;
  std::map<std::string, double> reals;
  /// Per operand, in elements; an operand may have none.
  std::vector<std::vector<int64_t>> strides;
  /// Symbol of a generated kernel that the function calls; may be empty.
  std::string kernel;
};

/// A collective over the group of the rank: the ranks of its device group that
/// differ from it only in `axes`. Members are numbered by their coordinates on
/// `axes`, the first axis listed major. g = size of the group, r = own number,
/// p and q run over members. Tensors are row-major, of `dtype`; one input, one
/// output.
///
/// AllReduce: n = elements.  out_r[i] = combine over p, in order, of in_p[i].
///   Input and output may be the same operand.
/// The other kinds name a *gathered* dimension (cut in the input, whole in the
/// output) and/or a *scattered* one (whole in the input, cut in the output).
/// `bound` is the local size of the cut form, `extent` the size of the whole
/// form, extent <= g * bound; what lies beyond is padding: it is dropped when
/// gathered and zero when scattered.
///
/// AllGather:
///   in [outer, gather.bound, inner], out [outer, gather.extent, inner]
///   out_r[o][p * gather.bound + e][i] = in_p[o][e][i]
/// ReduceScatter:
///   in [outer, scatter.extent, inner], out [outer, scatter.bound, inner]
///   out_r[o][e][i] = combine over p of in_p[o][r * scatter.bound + e][i]
/// AllToAll: the gathered and the scattered dimension have `middle` elements
///   between them; `scatterFirst` tells which is major:
///   true:  in [outer, scatter.extent, middle, gather.bound, inner],
///          out [outer, scatter.bound, middle, gather.extent, inner],
///          out_r[o][s][m][p * gather.bound + e][i] =
///              in_p[o][r * scatter.bound + s][m][e][i]
///   false: in [outer, gather.bound, middle, scatter.extent, inner],
///          out [outer, gather.extent, middle, scatter.bound, inner],
///          out_r[o][p * gather.bound + e][m][s][i] =
///              in_p[o][e][m][r * scatter.bound + s][i]
struct Collective {
  struct Cut {
    int64_t bound = 1;
    int64_t extent = 1;
  };
  std::vector<std::string> axes;
  /// Of AllReduce and ReduceScatter: a name of colossal/Support/Combiner.h.
  std::string combiner = "sum";
  DType dtype = DType::F32;
  int64_t elements = 0;                     ///< of the local input, all kinds
  int64_t outer = 1, middle = 1, inner = 1; ///< elements
  Cut gather;                               ///< AllGather, AllToAll
  Cut scatter;                              ///< ReduceScatter, AllToAll
  bool scatterFirst = true;
};

/// One op of a segment. Fields that a kind does not use keep their defaults.
struct Op {
  OpKind kind = OpKind::Kernel;
  std::string name;              ///< the colossal op it comes from
  std::string source;            ///< Python file:line, for errors and traces
  std::vector<Operand> operands; ///< inputs then outputs
  int64_t numOutputs = 1;
  std::string symbol;                ///< Kernel
  std::vector<AffineOffset> indices; ///< Kernel: run-time integers
  int64_t range = 1;                 ///< Kernel: outer trip count
  int64_t grain = 1; ///< Kernel: no thread gets fewer iterations than this
  std::vector<Operand> scratch; ///< Kernel: passed after `operands`
  Gemm gemm;
  LibraryCall library;
  Collective collective;
  double value = 0.0; ///< Fill
  int64_t bytes = 0;  ///< Copy, Send, Recv
  int64_t peerGroup = 0;
  /// Send, Recv: equal on both sides, unique per ordered pair of device groups.
  /// A Send returns when its bytes are in a staging slot of the runtime (each
  /// tag has one at least); it waits only while all slots of its tag are full.
  int64_t tag = 0;
  std::string link; ///< Send, Recv: name of the value, equal on both sides
  /// Of a collective. 0: it is done where it stands. Else it is only *started*
  /// there, on this communication queue, and the program goes on; the Wait of
  /// its token, which may stand in a later entry of the schedule, ends it. In
  /// between it may read its input and write its output at any time: nothing
  /// else writes the one or touches the other. Ops of a queue are done in the
  /// order of their starts. After the Wait no rank reads this rank's input any
  /// more. What is under way when the segment "update" begins may be ended
  /// there: the runtime looks at values before it.
  int64_t queue = 0;
  /// Above 0, of a started op and its Wait. Ops that are started with one token
  /// before its Wait are a bucket: they are waited for together.
  int64_t token = 0;
};

/// A list of ops that the schedule runs as a whole.
struct Segment {
  /// "prologue", "forward", "backward", "update"; "forward.stage2" where the
  /// device group has several stages.
  std::string name;
  std::vector<Op> ops;
};

/// One entry of the schedule; microbatch -1 where the segment has none.
struct Step {
  std::string segment;
  int64_t microbatch = -1;
};

struct Axis {
  std::string name;
  int64_t size = 1;
};

struct Program {
  /// "train" or "evaluate". The programs of a device group have the same
  /// states, at the same places of the arena; all else of it belongs to the one
  /// that runs.
  std::string name = "train";
  int64_t group = 0; ///< the device group whose ranks run it
  int64_t groups = 1;
  int64_t microbatches = 1;
  std::vector<Axis> mesh; ///< last axis fastest in the rank number
  int64_t arenaBytes = 0;
  int64_t windowBytes = 0; ///< per rank
  /// Largest sum of live bytes over the step: a bound no arena can beat.
  int64_t liveBytes = 0;
  std::vector<Buffer> buffers; ///< buffers[i].id == i
  std::vector<State> states;
  std::vector<Input> inputs;
  std::vector<Control> controls;
  std::vector<Metric> metrics;
  std::vector<Output> outputs;
  std::vector<Segment> segments;
  std::vector<Step> schedule;
};

/// The arguments of a kernel, one struct per call.
struct ColossalArgs {
  void *const *buffers;   ///< operands, then scratch, in order
  const int64_t *indices; ///< Op::indices for this rank and microbatch
};
using KernelFunction = void (*)(const ColossalArgs *args, int64_t begin,
                                int64_t end);

/// JSON text of a program, one op a line, stable order.
std::string writeProgram(const Program &program);

/// Parses a program; on failure returns nothing and sets `error` to one line
/// "<file>: <field>: found ..., expected ...".
std::optional<Program> readProgram(const std::string &text,
                                   const std::string &file, std::string &error);

/// Checks what the text form cannot: buffer ids and ranges, operands inside
/// buffers, segments named by the schedule, collective sizes, one side of
/// every transfer, bytes of started ops that are touched before their Wait.
/// Returns one message per fault.
std::vector<std::string> checkProgram(const Program &program);

/// The programs of one device group: the same states, in the same buffers.
/// Returns one message per fault.
std::vector<std::string> checkShared(const std::vector<Program> &programs);

/// Checks all device groups together: every send has its receive, with equal
/// bytes and microbatch, and the schedules, walked device group by device group
/// with one staging slot per tag, reach their ends. The ranks of a device group
/// run one program, so their collectives match by construction and ranks are
/// never enumerated. Returns one message per fault, naming both places.
std::vector<std::string> checkPrograms(const std::vector<Program> &groups);

} // namespace colossal::rank

#endif // COLOSSAL_RUN_RANKPROGRAM_H
