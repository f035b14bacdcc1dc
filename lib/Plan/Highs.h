//===- Highs.h - One model of the library HiGHS -----------------*- C++ -*-===//

#ifndef COLOSSAL_LIB_PLAN_HIGHS_H
#define COLOSSAL_LIB_PLAN_HIGHS_H

#include "highs/interfaces/highs_c_api.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <vector>

namespace colossal::plan {

/// Least costs under rows over columns from 0 to an upper bound each.
struct LinearProgram {
  std::vector<double> costs, uppers;     ///< per column
  std::vector<HighsInt> integrality;     ///< per column, 1: whole
  std::vector<double> lowers, rowUppers; ///< per row
  std::vector<HighsInt> starts, columns; ///< of the rows
  std::vector<double> factors;
  /// Whole columns of which exactly one is 1.
  std::vector<std::vector<HighsInt>> groups;
};

/// One thread, one seed: the same answer every time.
class Highs {
public:
  static constexpr double infinity = std::numeric_limits<double>::infinity();

  explicit Highs(const LinearProgram &program, bool log)
      : model(Highs_create()), count(HighsInt(program.costs.size())) {
    Highs_setBoolOptionValue(model, "output_flag", log);
    set("threads", HighsInt(1));
    set("parallel", "off");
    set("random_seed", HighsInt(1));
    Highs_passLp(model, count, HighsInt(program.lowers.size()),
                 HighsInt(program.columns.size()), kHighsMatrixFormatRowwise,
                 kHighsObjSenseMinimize, 0.0, program.costs.data(),
                 std::vector<double>(count).data(), program.uppers.data(),
                 program.lowers.data(), program.rowUppers.data(),
                 program.starts.data(), program.columns.data(),
                 program.factors.data());
  }
  ~Highs() { Highs_destroy(model); }
  Highs(const Highs &) = delete;
  Highs &operator=(const Highs &) = delete;

  operator void *() const { return model; }

  void set(const char *name, const char *value) {
    Highs_setStringOptionValue(model, name, value);
  }
  void set(const char *name, double value) {
    Highs_setDoubleOptionValue(model, name, value);
  }
  void set(const char *name, HighsInt value) {
    Highs_setIntOptionValue(model, name, value);
  }
  /// Upper bounds of all columns.
  void setUppers(const std::vector<double> &uppers) {
    Highs_changeColsBoundsByRange(
        model, 0, count - 1, std::vector<double>(count).data(), uppers.data());
  }
  void setUpper(HighsInt column, double upper) {
    Highs_changeColBounds(model, column, 0, upper);
  }

  /// Runs end at `time`, with the status kHighsModelStatusTimeLimit.
  void stopAt(std::optional<std::chrono::steady_clock::time_point> time) {
    double seconds = infinity;
    if (time)
      seconds = std::max(0.0, std::chrono::duration<double>(
                                  *time - std::chrono::steady_clock::now())
                                  .count());
    Highs_zeroAllClocks(model); // limits count from there
    set("time_limit", seconds);
  }

  HighsInt run() {
    Highs_run(model);
    return Highs_getModelStatus(model);
  }
  double objective() const { return Highs_getObjectiveValue(model); }
  int64_t iterations() const {
    HighsInt iterations = 0;
    Highs_getIntInfoValue(model, "simplex_iteration_count", &iterations);
    return iterations;
  }
  bool hasSolution() const {
    HighsInt primal = kHighsSolutionStatusNone;
    Highs_getIntInfoValue(model, "primal_solution_status", &primal);
    return primal == kHighsSolutionStatusFeasible;
  }
  std::vector<double> values() const {
    std::vector<double> values(count);
    Highs_getSolution(model, values.data(), nullptr, nullptr, nullptr);
    return values;
  }
  /// Of a linear program: what a unit of each column adds, at the least.
  std::vector<double> reducedCosts() const {
    std::vector<double> reduced(count);
    Highs_getSolution(model, nullptr, reduced.data(), nullptr, nullptr);
    return reduced;
  }

private:
  void *model;
  HighsInt count;
};

} // namespace colossal::plan

#endif // COLOSSAL_LIB_PLAN_HIGHS_H
