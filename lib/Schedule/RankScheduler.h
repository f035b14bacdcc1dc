//===- RankScheduler.h - Schedules one device group -------------*- C++ -*-===//
//
// Segment by segment: arguments get their places (state, inputs, controls,
// links to earlier segments), groups place their outputs, results say what
// outlives the segment. Then lifetimes are known and offsets are planned.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_SCHEDULE_RANKSCHEDULER_H
#define COLOSSAL_LIB_SCHEDULE_RANKSCHEDULER_H

#include "Colossal/IR/LayoutAttributes.h"
#include "Storage.h"
#include "colossal/Timeline/Arena.h"

namespace colossal::schedule {

/// Moves collectives up, so that they can be under way for longer.
void advanceCollectives(std::vector<Group> &groups);

class RankScheduler {
public:
  /// `states`: of all programs of the group, in the order of the arena.
  /// `segments`: with their groups (groupSegments).
  RankScheduler(const layout::Mesh &mesh, int64_t group,
                llvm::ArrayRef<StateArgument> states,
                const KernelPlanner &planner,
                std::vector<SegmentSchedule> segments)
      : mesh(mesh), group(group), states(states),
        segments(std::move(segments)) {
    result.planner = &planner;
  }

  /// Places all values. First.
  mlir::LogicalResult place();
  /// Says which collectives are started, and where they are waited for, so that
  /// no more than this is live at any time (Overlap.cpp).
  void startCollectives(int64_t peak);
  /// Of liveBytes; after `place`.
  int64_t peak() const;
  /// Plans the arena. Last.
  RankSchedule finish();

private:
  mlir::LogicalResult placeArguments(SegmentSchedule &segment);
  mlir::LogicalResult placeGroups(SegmentSchedule &segment);
  mlir::LogicalResult placeOutputs(SegmentSchedule &segment, Group &group,
                                   int64_t position);
  mlir::LogicalResult finishResults(SegmentSchedule &segment);
  void addState(const StateArgument &argument);
  void placeState(mlir::Value value, mlir::DictionaryAttr attributes);
  void placeInput(mlir::Value value, mlir::DictionaryAttr attributes);
  /// Of every root but states, whose bytes come back in `stateBytes`.
  std::vector<timeline::LiveRange> liveRanges(int64_t &stateBytes) const;
  timeline::LiveRange liveRangeOf(const Root &root) const;
  /// Bytes that a buffer takes in the arena.
  int64_t aligned(int64_t bytes) const;
  void planOffsets();
  void widenLinked(const std::vector<timeline::Step> &order);
  void countSlots(const std::vector<timeline::Step> &order);
  void fillProgram(const std::vector<timeline::Step> &order);

  unsigned newRoot(mlir::RankedTensorType type, llvm::StringRef name,
                   Root::Kind kind);
  unsigned metricRoot(mlir::Value value, llvm::StringRef name);
  /// Of the value that is returned with these attributes.
  unsigned outputRoot(mlir::Value value, mlir::DictionaryAttr attributes);
  /// The fixed root with this key, made at the first call.
  unsigned fixedRoot(llvm::StringRef key, mlir::Value value,
                     llvm::StringRef name, bool &isNew);
  /// Whether `output` may be written where `state` (a root) lies, at the
  /// position of `group`.
  bool mayOverwrite(SegmentSchedule &segment, const Group &group,
                    unsigned output, unsigned root, int64_t position);
  /// Position of the last read in the segment at hand of what has a place in
  /// the root, -1 if there is none.
  int64_t lastRead(unsigned root) const;
  /// Of a value of the segment at hand.
  void place(mlir::Value value, Place place);

  const layout::Mesh &mesh;
  int64_t group;
  llvm::ArrayRef<StateArgument> states;
  std::vector<SegmentSchedule> segments; ///< moved into `result`
  std::vector<timeline::Step> order;
  RankSchedule result;
  /// Roots of accumulators.
  std::vector<int64_t> zeroed;
  /// By name of the segment, what ends it.
  llvm::StringMap<std::vector<rank::Op>> copies;
  std::vector<Root> roots;
  llvm::DenseMap<mlir::Value, Place> places;
  llvm::StringMap<unsigned> fixed; ///< "state:NAME" -> root
  llvm::StringMap<Place> links;
  /// For the segment at hand: value -> position of the last group that reads
  /// it, and the same by root of the values that have a place.
  llvm::DenseMap<mlir::Value, int64_t> reads;
  llvm::DenseMap<unsigned, int64_t> lastReads;
  /// Roots of the values with a place that the segment at hand returns.
  llvm::DenseSet<unsigned> returnedRoots;
  /// Result role of a returned value of the segment at hand.
  llvm::DenseMap<mlir::Value, mlir::DictionaryAttr> returned;
};

} // namespace colossal::schedule

#endif // COLOSSAL_LIB_SCHEDULE_RANKSCHEDULER_H
