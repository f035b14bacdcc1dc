//===- RankSchedule.h - Groups, buffers and offsets of a rank ---*- C++ -*-===//
//
// What Schedule decides for the ranks of a device group: the groups of ops of
// each segment in order, a buffer for every value that is materialised, and an
// offset in the arena for every buffer. Lower turns groups into ops and adds no
// buffer.
//
// Lifetimes are counted in positions: one per group of ops, segment after
// segment (segmentsOf). A value that is linked across microbatches lives from
// the first forward to the last backward, in as many slots as microbatches can
// be in flight between the segment that makes it and the last that reads it;
// temporaries of one segment share their bytes with temporaries of every other.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_SCHEDULE_RANKSCHEDULE_H
#define COLOSSAL_SCHEDULE_RANKSCHEDULE_H

#include "colossal/Run/RankProgram.h"
#include "colossal/Schedule/KernelPlanner.h"
#include "colossal/Timeline/Schedule.h"
#include "mlir/IR/BuiltinOps.h"

#include <map>

namespace colossal::schedule {

struct SegmentSchedule {
  PlacedSegment segment;
  std::string name; ///< in the rank program
  mlir::func::FuncOp function;
  std::vector<Group> groups;
  int64_t begin = 0, end = 0; ///< positions
  /// Groups that are started on a queue (rank::Op::queue), with their tokens.
  std::map<int64_t, int64_t> started;
  /// By the number of a group, tokens that are waited for before it runs; by
  /// the number of groups, before the segment ends.
  std::map<int64_t, std::vector<int64_t>> waits;
};

struct RankSchedule {
  /// Of the devices that it is for.
  const KernelPlanner *planner = nullptr;
  /// All but the groups: a segment has the ops that begin it (accumulators are
  /// filled with zero at the start of the prologue) and those that end it
  /// (copies of new states whose old values were still read when they were
  /// computed), see beginningOf. `Initial::file` is the path of the archive.
  rank::Program program;
  std::vector<SegmentSchedule> segments;
  /// Where each materialised value lies.
  llvm::DenseMap<mlir::Value, rank::Operand> storage;
};

/// How many of the ops that Schedule has put into a segment come before its
/// groups.
size_t beginningOf(const rank::Segment &segment);

/// Calls `visit` with the ops of this kind that Schedule has put there: fills
/// or copies.
void forEachOwnOp(const RankSchedule &schedule, llvm::StringRef segment,
                  rank::OpKind kind,
                  llvm::function_ref<void(const rank::Op &)> visit);

/// What `dtypeOf` knows, for messages.
inline constexpr char kElementTypes[] =
    "f32, f64, bf16, f16, i64, i32, i16, i8, ui8 or i1";

/// The type of a buffer's elements; nothing for types that no buffer has.
std::optional<rank::DType> dtypeOf(mlir::Type elementType);
/// Of the elements of a tensor. \pre checkGroupable has accepted it
rank::DType dtypeOf(mlir::Value tensor);

/// A state argument of a device group's functions: local type and attributes.
struct StateArgument {
  mlir::RankedTensorType type;
  mlir::DictionaryAttr attributes;
};
/// Per device group, in the order of first use.
using StateSchema = std::vector<std::vector<StateArgument>>;

/// The state of the programs of a bundle, each in a partitioned module of its
/// own. Emits an error where two programs store a state differently.
mlir::FailureOr<StateSchema> stateOf(llvm::ArrayRef<mlir::ModuleOp> programs);

/// Schedules every device group of a partitioned module (docs/Architecture.md,
/// section 4), which is modified by `prepareForGrouping`. States lie at the
/// beginning of the arena, in the order of `schema`: at the same place in all
/// programs. `overlaps`: collectives may be under way beside other work, which
/// keeps their bytes for longer. Errors are emitted at the op or function that
/// causes them.
mlir::FailureOr<std::vector<RankSchedule>>
scheduleRanks(mlir::ModuleOp module, const StateSchema &schema,
              const KernelPlanner &planner, bool overlaps = true);
/// The only program of its bundle.
mlir::FailureOr<std::vector<RankSchedule>>
scheduleRanks(mlir::ModuleOp module, const KernelPlanner &planner,
              bool overlaps = true);

/// Writes what was decided into the module (dialects/Rank/RankDialect.td).
/// \pre `schedules` are of this module
void attachSchedule(mlir::ModuleOp module,
                    llvm::ArrayRef<RankSchedule> schedules);
/// Reads it. Emits an error where the text is no schedule of the module, or one
/// for another kind of device.
mlir::FailureOr<std::vector<RankSchedule>>
readSchedule(mlir::ModuleOp module, const KernelPlanner &planner);
/// Takes it away: what is left is a partitioned module.
void detachSchedule(mlir::ModuleOp module);

/// Buffers with their offsets, groups with the buffers they use.
void printSchedule(const RankSchedule &schedule, llvm::raw_ostream &stream);

} // namespace colossal::schedule

#endif // COLOSSAL_SCHEDULE_RANKSCHEDULE_H
