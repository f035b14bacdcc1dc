//===- ProgramFaults.h - Words for what is wrong with a program -*- C++ -*-===//
//
// For the checks of rank programs and of the calls of library functions.
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_RUN_PROGRAMFAULTS_H
#define COLOSSAL_RUN_PROGRAMFAULTS_H

#include "colossal/Run/RankProgram.h"

namespace colossal::rank {

const char *nameOf(OpKind kind);
const char *nameOf(DType dtype);

/// "device group 1: forward[3] send 'h.1/out' (gpt2.py:10)".
std::string describePlace(const Program &program, const Segment &segment,
                          size_t op);

/// "buffer 3 'h.0.attn'".
std::string describeBuffer(const Buffer &buffer);

/// Collects faults of one program; the base of the checkers.
class FaultList {
public:
  FaultList(const Program &program, std::vector<std::string> &faults)
      : program(program), faults(faults),
        prefix("device group " + std::to_string(program.group) + ": ") {}

public:
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
  std::string prefix; ///< how every place begins
};

/// The same for the operands of an op.
class OperandFaults : public FaultList {
public:
  using FaultList::FaultList;

  /// `bytes` bytes from the operand's offset lie inside one slot.
  void checkInside(const std::string &place, const Operand &operand,
                   int64_t bytes) {
    const Buffer &buffer = program.buffers[operand.buffer];
    if (operand.offset < 0 || bytes < 0 || operand.offset > buffer.bytes ||
        bytes > buffer.bytes - operand.offset)
      fault(place,
            "bytes [" + text(operand.offset) + ", " +
                text(operand.offset + bytes) + ") of " + describeBuffer(buffer),
            "bytes inside [0, " + text(buffer.bytes) + ")");
  }

  void checkType(const std::string &place, const Operand &operand,
                 DType expected) {
    const Buffer &buffer = program.buffers[operand.buffer];
    if (buffer.dtype != expected)
      fault(place, describeBuffer(buffer) + " of dtype " + nameOf(buffer.dtype),
            std::string("dtype ") + nameOf(expected));
  }

  bool checkCount(const std::string &place, const Op &op, size_t operands,
                  int64_t outputs) {
    if (op.operands.size() == operands && op.numOutputs == outputs)
      return true;
    fault(place,
          text(int64_t(op.operands.size())) + " operands, " +
              text(op.numOutputs) + " of them outputs",
          text(int64_t(operands)) + " operands, " + text(outputs) +
              " of them outputs");
    return false;
  }
};

} // namespace colossal::rank

#endif // COLOSSAL_RUN_PROGRAMFAULTS_H
