//===- Engine.h - Executes rank programs ------------------------*- C++ -*-===//
//
// Owns the memory of one rank and walks its programs, one at a time, over one
// arena: what they share of it is their state. Everything that can be decided
// at load is: addresses, kernels, library primitives, groups, scratch. A step
// allocates nothing of its own.
//
// Errors: the constructor throws RunError (lib/Run/RunError.h); a step that
// cannot go on ends the job (see Fabric).
//
//===----------------------------------------------------------------------===//

#ifndef COLOSSAL_LIB_RUN_ENGINE_H
#define COLOSSAL_LIB_RUN_ENGINE_H

#include "CollectiveQueue.h"
#include "colossal/Run/CompiledOps.h"

#include <functional>
#include <memory>

namespace colossal::rank {

struct EngineOptions {
  Transport transport = Transport::Auto;
  double timeoutSeconds = 120;
  int threads = 1;
  bool profile = false;
};

/// Memory of a rank, bytes.
struct MemoryUse {
  int64_t arena = 0;
  int64_t window = 0;
  int64_t staging = 0; ///< collectives and transfers
  int64_t scratch = 0; ///< of the library
};

/// Seconds that ops of one kind and name took, over all steps.
struct ProfileEntry {
  std::string kind, name;
  double seconds = 0;
  int64_t calls = 0;
  double flops = 0; ///< of all calls; Gemm
};

class Engine {
public:
  /// Collective over `world`: all ranks of all device groups construct
  /// together. The programs, one at least, must outlive the engine, have no
  /// faults (checkProgram), one state (checkShared), one mesh, and tags of
  /// their own. What can fail on one rank alone fails here.
  Engine(std::vector<const Program *> programs, MPI_Comm world,
         const KernelLookup &kernels, const EngineOptions &options);
  ~Engine();
  Engine(const Engine &) = delete;

  /// Makes shared memory and transfers; collective over the world.
  void connect();
  /// Reserves and touches arena, window and scratch, and lets the ranks of the
  /// node see them; collective over the world. Apart from construction, so that
  /// memory can be measured between the two.
  void reserve();

  Fabric &fabric();
  MemoryUse memory() const;

  /// What follows is about this program (at first number 0). Of the arena only
  /// the state outlives the change. All ranks change together.
  void use(size_t program);
  size_t program() const;

  /// Address of a buffer's copy for a microbatch (-1: copy 0).
  char *address(int64_t buffer, int64_t microbatch = -1) const;
  void setControl(const std::string &name, double value);
  /// Runs the schedule once. `step` is 1-based, for messages. Between the last
  /// op before the update and the update `beforeUpdate` decides whether the
  /// step goes on: no state of the optimizer has changed. Returns its answer.
  bool runStep(int64_t step, const std::function<bool()> &beforeUpdate = {});
  /// Appends what steps execute from now on; null: no more. Where the list has
  /// room for opsOfAStep, a step allocates nothing. An op of a queue comes when
  /// it is started, and again, `background`, when it is done.
  void record(std::vector<TracedOp> *ops);
  size_t opsOfAStep() const;
  /// Seconds of a clock that the processes of a node share.
  static double now();

  /// Runs what is before the update again, and calls `before` and `after` with
  /// every op, its segment and microbatch. Collective like a step.
  using OpObserver =
      std::function<void(const Op &, const std::string &, int64_t)>;
  void runAgain(const OpObserver &before, const OpObserver &after);
  /// Writes zero to all memory but states, inputs and controls.
  void clearTemporaries();
  /// Value of a metric of this device group.
  float metric(const std::string &name) const;

  std::vector<ProfileEntry> profile() const;

private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

} // namespace colossal::rank

#endif // COLOSSAL_LIB_RUN_ENGINE_H
