//===- ProgramCheck.h - Words and parts of the program checks ---*- C++ -*-===//

#ifndef COLOSSAL_LIB_RUN_PROGRAMCHECK_H
#define COLOSSAL_LIB_RUN_PROGRAMCHECK_H

#include "colossal/Run/RankProgram.h"

namespace colossal::rank {

const char *nameOf(OpKind kind);
const char *nameOf(DType dtype);

/// "stage 1: forward[3] send 'h.1/out' (gpt2.py:10)".
std::string describePlace(const Program &program, const Segment &segment,
                          size_t op);

/// "buffer 3 'h.0.attn'".
std::string describeBuffer(const Buffer &buffer);

/// First byte after the last slot.
int64_t endOf(const Buffer &buffer);

/// Collects faults of one program; the base of the checkers.
class FaultList {
public:
  FaultList(const Program &program, std::vector<std::string> &faults)
      : program(program), faults(faults),
        stage("stage " + std::to_string(program.stage) + ": ") {}

protected:
  template <class A, class B>
  void fault(const std::string &place, A &&found, B &&expected) {
    faults.push_back(place + ": found " + text(found) + ", expected " +
                     text(expected));
  }
  static std::string text(int64_t value) { return std::to_string(value); }
  static std::string text(const std::string &value) { return value; }

  /// Coordinates of a mesh axis or of "time"; 0 where there is no such axis.
  int64_t axisSize(const std::string &name) const {
    for (const Axis &axis : program.mesh)
      if (axis.name == name)
        return axis.size;
    return name == "time" ? program.microbatches : 0;
  }
  bool isBuffer(int64_t id) const {
    return id >= 0 && id < int64_t(program.buffers.size());
  }
  /// False, with a fault, for an id outside the list of buffers.
  bool checkId(const std::string &place, int64_t id) {
    if (isBuffer(id))
      return true;
    fault(place, "buffer " + text(id),
          "an id below " + text(int64_t(program.buffers.size())));
    return false;
  }

  const Program &program;
  std::vector<std::string> &faults;
  std::string stage; ///< how every place begins
};

/// The faults that an op has by itself: operands, extents, groups
/// (OpCheck.cpp).
void checkOp(const Program &program, const Segment &segment, size_t op,
             std::vector<std::string> &faults);

/// The faults that one op, buffer or entry has by itself.
std::vector<std::string> checkStructure(const Program &program);

/// Follows the bytes of the arena through the schedule: what an op reads must
/// have been written in this step through the same buffer (state, inputs and
/// controls hold a value from the start), and not through another one since;
/// the outputs of an op do not overlap each other or, unless equal, its inputs.
void checkFlow(const Program &program, std::vector<std::string> &faults);

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_PROGRAMCHECK_H
