//===- Search.cpp - The search for a plan ---------------------------------===//

#include "colossal/Plan/Search.h"
#include "Divisions.h"
#include "Reuse.h"
#include "colossal/Plan/Solvers.h"
#include "colossal/Plan/Stages.h"

#include <algorithm>
#include <numeric>
#include <tuple>

using namespace colossal;
using namespace colossal::plan;

/// Stages of a device group that are tried where none are pinned.
static constexpr int64_t mostChunks = 4;

namespace {
/// A program cut into nodes and pieces: for one stage; for several, where sums
/// of gradients of different pieces move to the update; for more stages than
/// blocks, at every place where few bytes cross; and for more than those, if
/// that many are pinned, at every node.
struct Cut {
  Program program;
  Batching batching;
  std::vector<OpNode> nodes;
  Pieces pieces;
};

/// A configuration that was solved to the end.
struct Solved {
  Candidate candidate;
  Division division;
  std::string configuration; ///< before its axes got other names
  Formulation formulation;
  Solution solution;
  double bound = 0; ///< of the cost of solutions (ns)
  Measured measured;
  StagedPlan staged;
  int64_t staging = 0; ///< bytes beside the plan's memory
  std::vector<RecomputedCopy> recomputed;
};

class Search {
public:
  Search(const Program &program, const machine::Cluster &cluster,
         const SearchOptions &options)
      : cluster(cluster), options(options),
        cache(options.cache ? *options.cache : ownCache) {
    budget = options.memoryBytes > 0 ? options.memoryBytes
                                     : cluster.device.memoryBytes;
    budget -= options.memoryExcess;
    if (options.leanest)
      budget = 0; // nothing fits
    single.program = program;
    single.batching = analyzeBatching(program);
    pipelined.program = program;
    // What is added comes from different stages.
    for (int op : sumsForUpdate(program, single.batching))
      pipelined.program.ops[op].segment = Segment::Update;
    pipelined.batching = analyzeBatching(pipelined.program);
    for (Cut *cut : {&single, &pipelined}) {
      cut->nodes = buildNodes(cut->program, cut->batching);
      cut->pieces = findPieces(cut->program, cut->batching, cut->nodes);
    }
    auto refine = [&](Cut &cut, Granularity granularity) {
      cut = pipelined;
      cut.pieces =
          findPieces(cut.program, cut.batching, cut.nodes, granularity);
    };
    refine(fine, Granularity::Cuts);
    if (options.pins.pipeline.value_or(1) * options.pins.chunks.value_or(1) >
        fine.pieces.stageable())
      refine(fine, Granularity::Nodes);
    bool repeats = false;
    for (int p = 0; p < single.pieces.count(); ++p)
      repeats |= single.pieces.representatives[p] != p;
    if (!repeats)
      single.pieces = wholeProgram(single.program, single.nodes);
    if (options.shared)
      shareState();
  }

  std::optional<SearchResult> run(std::string &error);

private:
  void shareState();
  void tryLayout(const Division &division);
  bool tryMicrobatches(const Division &division, int64_t microbatches);
  bool trySchedules(const Division &division, int64_t microbatches,
                    const std::vector<ScheduleKind> &kinds);
  std::optional<Solved> solve(const Division &division, int64_t microbatches,
                              ScheduleKind kind, int64_t price,
                              const Solution *start = nullptr,
                              std::optional<int64_t> limit = std::nullopt);
  std::optional<Formulation> formulationOf(const Division &division,
                                           const std::string &key,
                                           const FormulationOptions &options,
                                           std::string &error);
  BoundedSolution solveProblem(const Division &division,
                               const Formulation &formulation,
                               const Solution *start, std::string &error);
  void tryLimit(const Division &division, int64_t microbatches,
                ScheduleKind kind);
  bool consider(Solved &&solved);
  bool record(Solved &&solved);
  void judge(Solved &solved);
  int64_t recompute(Solved &solved, std::optional<int64_t> blocks);
  std::optional<Solved> withRecomputation(const Solved &solved);
  SearchResult finish();
  std::string refusal() const;
  std::string remark(size_t done, size_t all) const;

  /// Whether the search may end, by its deadline or not.
  bool hasPlan() const {
    return (options.leanest ? leanest : best).has_value();
  }
  bool isOver() {
    bool isLate = options.deadline && hasPlan() &&
                  std::chrono::steady_clock::now() >= *options.deadline;
    isCutShort |= isLate;
    return isLate;
  }
  std::string tooManyStages(const Stages &stages) const {
    std::string most = std::to_string(fine.pieces.stageable());
    return "found pipeline=" + std::to_string(stages.groups) +
           (stages.chunks == 1
                ? ", expected at most " + most
                : " and chunks=" + std::to_string(stages.chunks) +
                      ", expected at most " + most + " stages in all") +
           ": the program cannot be cut into more stages";
  }

  const machine::Cluster &cluster;
  const SearchOptions &options;
  std::string configurationOf(const Division &division, int64_t microbatches,
                              ScheduleKind kind) const;
  /// The budget of a configuration: less what its last schedule exceeded.
  int64_t budgetOf(const Division &division, int64_t microbatches,
                   ScheduleKind kind) const;

  std::shared_ptr<const std::vector<ByteTimes>>
  byteTimesFor(const Cut &cut, const Mesh &mesh, int64_t microbatches);

  SolutionCache ownCache, &cache;
  /// By cut, devices of a group and microbatches.
  std::map<std::tuple<const Cut *, int64_t, int64_t>,
           std::shared_ptr<const std::vector<ByteTimes>>>
      byteTimes;
  int64_t budget = 0;
  Cut single, pipelined, fine;
  /// Blocks that may compute again where the single stage has no pieces.
  std::optional<Pieces> ownBlocks;
  const Cut &cutFor(const Stages &stages) const {
    int64_t count = stages.count();
    return count == 1                              ? single
           : count <= pipelined.pieces.stageable() ? pipelined
                                                   : fine;
  }
  /// Tells apart what is solved on its own: not by the number of stages, as
  /// long as these are made of the same pieces.
  std::string keyOf(const Division &division, int64_t microbatches) const;
  std::map<int, Placements> stored; ///< what is given (SharedState.h)
  /// The last one, by its key.
  std::optional<std::pair<std::string, Formulation>> formulated;
  std::optional<Solved> best;    ///< the fastest that fits
  std::optional<Solved> leanest; ///< what needs least memory
  std::vector<Candidate> candidates;
  int64_t problems = 0;
  bool isCutShort = false; ///< at its deadline
  std::string lastFault, stateFault;
};
} // namespace

std::string Search::keyOf(const Division &division,
                          int64_t microbatches) const {
  std::string text = division.label;
  for (const Axis &axis : division.mesh.axes)
    text += "/" + std::to_string(axis.size);
  const Stages &stages = division.mesh.stages;
  text += "/" + std::to_string(stages.groups) + " groups/";
  if (&cutFor(stages) != &cutFor({stages.groups}))
    text += "fine/";
  return text + std::to_string(microbatches);
}

std::string Search::configurationOf(const Division &division,
                                    int64_t microbatches,
                                    ScheduleKind kind) const {
  return keyOf(division, microbatches) + "/" + nameOf(kind) + "/" +
         std::to_string(division.mesh.stages.chunks);
}

int64_t Search::budgetOf(const Division &division, int64_t microbatches,
                         ScheduleKind kind) const {
  auto found =
      options.excessOf.find(configurationOf(division, microbatches, kind));
  return found == options.excessOf.end() || options.leanest
             ? budget
             : budget - found->second;
}

/// Where states lie is given: pieces are small enough to follow them.
void Search::shareState() {
  stored = storedShardings(single.program, *options.shared, stateFault);
  pipelined = fine;
  for (Cut *cut : {&single, &pipelined, &fine})
    if (!agreesWithPieces(cut->pieces, stored))
      cut->pieces = withoutCopies(cut->program, cut->nodes, cut->pieces);
}

/// Schedules, numbers of stages on a group and prices of memory follow one
/// another and have one formulation, up to the numbers of memory.
std::optional<Formulation>
Search::formulationOf(const Division &division, const std::string &key,
                      const FormulationOptions &options, std::string &error) {
  const Cut &cut = cutFor(division.mesh.stages);
  if (!formulated || formulated->first != key) {
    formulated.reset();
    std::optional<Formulation> made =
        formulate(cut.program, cut.batching, cut.nodes, cut.pieces, cluster,
                  division.mesh, options, error);
    if (!made)
      return std::nullopt;
    formulated.emplace(key, std::move(*made));
  }
  Formulation formulation = formulated->second;
  formulation.mesh = division.mesh;
  setMemory(formulation, cut.program, options);
  return formulation;
}

/// Nothing if there is no solution, or none that could be the best plan: then
/// the candidate says so.
BoundedSolution Search::solveProblem(const Division &division,
                                     const Formulation &formulation,
                                     const Solution *start,
                                     std::string &error) {
  const Problem &problem = formulation.problem;
  bool isFree = problem.memoryPrice == 0 && !problem.memoryLimit;
  // Without a price it does not matter how long activations are held.
  std::string key = keyOf(division, formulation.options.microbatches) + "/" +
                    std::to_string(isFree ? 0 : formulation.options.inFlight) +
                    "/" + std::to_string(problem.memoryPrice) + "/" +
                    std::to_string(problem.memoryLimit.value_or(-1));
  if (auto known = cache.find(key); known != cache.end()) {
    if (known->second.solution)
      evaluate(problem, *known->second.solution);
    return known->second;
  }
  IntegerProgramOptions program;
  // Two axes with a price: the last percent would take most of the time.
  if (division.mesh.axes.size() > 1)
    program.gap = problem.memoryPrice > 0 ? 3e-3 : 1e-4;
  else if (problem.memoryLimit)
    program.gap = 1e-4;
  program.start = start;
  // The time of a single stage is that of the problem, and memory only adds.
  if (best && isFree && division.mesh.stages.count() == 1)
    program.cutoff = std::max<int64_t>(0, best->candidate.stepNs -
                                              cluster.device.stepOverheadNs);
  program.deadline = options.deadline;
  program.needsOne = !hasPlan();
  ++problems;
  IntegerProgramReport report;
  BoundedSolution solved;
  solved.solution = solveIntegerProgram(problem, program, report, error);
  solved.bound = report.bound;
  isCutShort |= report.late;
  if (report.late && !solved.solution)
    return {};
  if (report.cutOff) {
    Candidate candidate;
    candidate.mesh = division.mesh;
    candidate.microbatches = formulation.options.microbatches;
    candidate.label = division.label;
    candidate.isBound = true;
    candidate.stepNs = int64_t(report.bound) + cluster.device.stepOverheadNs;
    candidates.push_back(candidate);
    return {}; // another search may need it
  }
  cache.emplace(key, solved);
  return solved;
}

/// How often the first group, which has most in flight, has the activations of
/// its stages.
static int64_t activationsInFlight(ScheduleKind kind, const Stages &stages,
                                   int64_t microbatches) {
  int64_t all = 0;
  for (int64_t stage = 0; stage < stages.count(); stage += stages.groups)
    all += timeline::maximumInFlight(kind, stage, stages, microbatches);
  return (all + stages.chunks - 1) / stages.chunks;
}

std::shared_ptr<const std::vector<ByteTimes>>
Search::byteTimesFor(const Cut &cut, const Mesh &mesh, int64_t microbatches) {
  int64_t devices = mesh.devicesPerGroup();
  auto &known = byteTimes[{&cut, devices, microbatches}];
  if (!known)
    known = byteTimesOf(cut.program, cut.batching, cut.nodes, cut.pieces,
                        cluster, devices, microbatches);
  return known;
}

std::optional<Solved> Search::solve(const Division &division,
                                    int64_t microbatches, ScheduleKind kind,
                                    int64_t price, const Solution *start,
                                    std::optional<int64_t> limit) {
  int64_t room = budgetOf(division, microbatches, kind);
  Solved solved;
  solved.division = division;
  solved.configuration = configurationOf(division, microbatches, kind);
  const Cut &cut = cutFor(division.mesh.stages);
  if (!options.shared &&
      cut.pieces.stageable() < division.mesh.stages.count()) {
    lastFault = tooManyStages(division.mesh.stages);
    return std::nullopt;
  }
  FormulationOptions formulation;
  formulation.microbatches = microbatches;
  formulation.inFlight =
      activationsInFlight(kind, division.mesh.stages, microbatches);
  formulation.rules = division.rules;
  formulation.zero = division.zero;
  formulation.memoryPrice = price;
  formulation.memoryLimit = limit;
  formulation.stored = stored;
  formulation.byteTimes = byteTimesFor(cut, division.mesh, microbatches);
  std::string error;
  std::optional<Formulation> problem = formulationOf(
      division, keyOf(division, microbatches), formulation, error);
  BoundedSolution found;
  if (problem)
    found = solveProblem(division, *problem, start, error);
  std::optional<Solution> &solution = found.solution;
  if (!solution) {
    lastFault = error.empty() ? "no sharding satisfies the pins" : error;
    return std::nullopt;
  }
  Measured measured = measure(cut.program, cut.batching, cut.nodes, cut.pieces,
                              *problem, *solution);
  bool communicates = false;
  for (const PieceCost &piece : measured.pieces)
    for (int64_t time : piece.communication)
      communicates |= time > 0;
  solved.staging = communicates ? options.stagingBytes : 0;
  std::optional<StagedPlan> staged =
      options.shared ? predict(cut.pieces, measured, cluster, division.mesh,
                               kind, microbatches,
                               stagesOfState(cut.program, cut.nodes, cut.pieces,
                                             *options.shared))
                     : distribute(cut.pieces, measured, cluster, division.mesh,
                                  kind, microbatches, room - solved.staging);
  if (!staged) {
    lastFault = tooManyStages(division.mesh.stages);
    return std::nullopt;
  }
  solved.formulation = std::move(*problem);
  solved.solution = std::move(*solution);
  solved.bound = found.bound;
  solved.staged = std::move(*staged);
  solved.measured = std::move(measured);
  Candidate &candidate = solved.candidate;
  candidate.mesh = division.mesh;
  candidate.microbatches = microbatches;
  candidate.schedule = kind;
  candidate.label = division.label;
  if (!division.isGiven && division.mesh.stages.chunks > 1)
    candidate.label += " chunks=" + std::to_string(division.mesh.stages.chunks);
  int64_t pinned = options.shared ? 0 : options.pins.recompute.value_or(0);
  if (pinned != 0)
    if (int64_t blocks = recompute(solved, pinned); blocks < pinned) {
      lastFault = "found recompute=" + std::to_string(pinned) +
                  ", expected at most " + std::to_string(blocks) +
                  ": so many blocks of the program can save memory by "
                  "computing again";
      return std::nullopt;
    }
  judge(solved);
  return solved;
}

/// Completes the candidate from the staged plan.
void Search::judge(Solved &solved) {
  Candidate &candidate = solved.candidate;
  candidate.stepNs = solved.staged.stepNs;
  candidate.memoryBytes = fullestBytes(solved.staged.stages) + solved.staging;
  candidate.fits =
      candidate.memoryBytes <=
      budgetOf(solved.division, candidate.microbatches, candidate.schedule);
}

/// Changes a solved configuration so that blocks compute again: as few as fit,
/// or `blocks`. A block is a piece; where that does not fit, two neighbours,
/// four, and so on: fewer borders are kept, more lives while a block goes back.
/// Returns how many blocks may.
int64_t Search::recompute(Solved &solved, std::optional<int64_t> blocks) {
  const Cut &cut = cutFor(solved.division.mesh.stages);
  const Candidate &candidate = solved.candidate;
  const Pieces *pieces = &cut.pieces;
  if (pieces->stageable() < 2) {
    if (!ownBlocks)
      ownBlocks = findPieces(single.program, single.batching, single.nodes,
                             Granularity::Cuts);
    pieces = &*ownBlocks;
  }
  PlanTimes times;
  Plan plan = assemble(cut.program, cut.nodes, cut.pieces, solved.formulation,
                       solved.solution, solved.staged.stageOfPiece, &times);
  plan.stages = solved.staged.stages;
  RecomputeRequest request;
  request.blocks = blocks;
  request.holdsRepeated = options.holdsRepeated;
  request.memoryBytes =
      budgetOf(solved.division, candidate.microbatches, candidate.schedule) -
      solved.staging;
  std::vector<int> blockOfNode = pieces->ofNode;
  auto choose = [&] {
    return chooseRecomputation(cut.program, cut.batching, cut.nodes,
                               blockOfNode, plan, times, request);
  };
  Recomputation found = choose();
  for (int count = pieces->count(); count > 2 && !blocks; count = count / 2) {
    int64_t bytes = fullestBytes(found.stages);
    if (bytes <= request.memoryBytes)
      break;
    for (int &block : blockOfNode)
      block /= 2;
    if (Recomputation larger = choose(); fullestBytes(larger.stages) < bytes)
      found = std::move(larger);
  }
  solved.recomputed = std::move(found.copies);
  solved.staged.stages = std::move(found.stages);
  solved.staged.stepNs =
      stepTime(solved.staged.stages, solved.division.mesh.stages.chunks,
               solved.staged.boundaries, cluster, candidate.schedule,
               candidate.microbatches);
  return found.blocksWithOption;
}

/// The configuration with as few blocks computed again as fit; with several
/// stages, also when the pieces lie as they would with memory for all. Nothing
/// if that could not be the plan.
std::optional<Solved> Search::withRecomputation(const Solved &solved) {
  if (solved.candidate.fits || options.shared || options.pins.recompute)
    return std::nullopt;
  auto isHopeless = [&](const Solved &one) {
    return !options.leanest && best &&
           one.staged.stepNs >= best->candidate.stepNs;
  };
  const Cut &cut = cutFor(solved.division.mesh.stages);
  std::optional<Solved> found;
  auto attempt = [&](Solved one) {
    if (isHopeless(one))
      return;
    recompute(one, std::nullopt);
    if (one.recomputed.empty())
      return;
    judge(one);
    auto rank = [](const Solved &solved) {
      const Candidate &candidate = solved.candidate;
      return std::make_pair(!candidate.fits, candidate.fits
                                                 ? candidate.stepNs
                                                 : candidate.memoryBytes);
    };
    if (!found || rank(one) < rank(*found))
      found = std::move(one);
  };
  attempt(solved);
  if (solved.division.mesh.stages.groups > 1) {
    Solved balanced = solved;
    std::optional<StagedPlan> staged = distribute(
        cut.pieces, solved.measured, cluster, solved.division.mesh,
        solved.candidate.schedule, solved.candidate.microbatches, INT64_MAX);
    if (staged && staged->stageOfPiece != solved.staged.stageOfPiece) {
      balanced.staged = std::move(*staged);
      attempt(std::move(balanced));
    }
  }
  return found;
}

/// Whether it fits, as it is or with recomputation.
bool Search::consider(Solved &&solved) {
  std::optional<Solved> again = withRecomputation(solved);
  bool fits = record(std::move(solved));
  if (again)
    fits |= record(std::move(*again));
  return fits;
}

bool Search::record(Solved &&solved) {
  bool fits = solved.candidate.fits;
  candidates.push_back(solved.candidate);
  if (!leanest || solved.candidate.memoryBytes < leanest->candidate.memoryBytes)
    leanest = solved;
  if (fits && (!best || solved.candidate.stepNs < best->candidate.stepNs))
    best = std::move(solved);
  return fits;
}

/// Tries the schedules and the numbers of stages on a group. True if something
/// fits.
bool Search::tryMicrobatches(const Division &division, int64_t microbatches) {
  bool fits = false;
  std::vector<ScheduleKind> kinds = {ScheduleKind::OneFOneB};
  if (options.pins.schedule)
    kinds = {*options.pins.schedule};
  else if (division.mesh.stages.groups > 1)
    kinds.push_back(ScheduleKind::GPipe);
  Division placed = division;
  Stages &stages = placed.mesh.stages;
  if (!division.isGiven && options.pins.chunks)
    stages.chunks = *options.pins.chunks;
  fits = trySchedules(placed, microbatches, kinds);
  // More stages cost memory: they are no way to make it fit.
  if (division.isGiven || options.pins.chunks || stages.groups == 1 ||
      kinds.front() != ScheduleKind::OneFOneB)
    return fits;
  for (stages.chunks = 2; stages.count() <= pipelined.pieces.stageable() &&
                          timeline::goesRound(stages, microbatches) &&
                          stages.chunks <= mostChunks && !isOver();
       stages.chunks *= 2)
    if (auto free = solve(placed, microbatches, ScheduleKind::OneFOneB, 0)) {
      if (best && free->candidate.stepNs >= best->candidate.stepNs)
        candidates.push_back(free->candidate);
      else
        fits |= consider(std::move(*free));
    }
  return fits;
}

/// Solves one configuration of each schedule: without a price of memory, and if
/// that does not fit with the lowest price (of a fixed number of steps) that
/// does. True if something fits.
bool Search::trySchedules(const Division &division, int64_t microbatches,
                          const std::vector<ScheduleKind> &kinds) {
  bool fits = false;
  for (ScheduleKind kind : kinds) {
    std::optional<Solved> free = solve(division, microbatches, kind, 0);
    if (!free)
      return fits;
    // With a price on memory it only becomes slower.
    if (best && free->candidate.stepNs >= best->candidate.stepNs) {
      candidates.push_back(free->candidate);
      return fits || free->candidate.fits;
    }
    bool done = free->candidate.fits;
    int64_t fastest = free->candidate.stepNs;
    int64_t time = free->solution.time;
    int64_t mebibytes = std::max<int64_t>(1, free->solution.memory >> 20);
    Solution start = free->solution;
    fits |= consider(std::move(*free));
    // Two free axes take the most time; not for a percent.
    if (done || (division.isWide() && best &&
                 fastest > best->candidate.stepNs / 100 * 99))
      continue;
    // Prices from 1/1024 of the step for all of the memory up to 1024 times.
    int64_t scale = std::max<int64_t>(1, time / mebibytes);
    auto priceAt = [&](int step) {
      return std::max<int64_t>(1, (scale << step) >> 10);
    };
    int low = 0, high = 20;
    std::optional<Solved> lean =
        solve(division, microbatches, kind, priceAt(high), &start);
    if (!lean)
      continue;
    done = lean->candidate.fits;
    start = lean->solution;
    fits |= consider(std::move(*lean));
    while (done && low < high && !isOver()) {
      int middle = (low + high) / 2;
      std::optional<Solved> priced =
          solve(division, microbatches, kind, priceAt(middle), &start);
      bool enough = priced && priced->candidate.fits;
      if (priced) {
        start = priced->solution;
        fits |= consider(std::move(*priced));
      }
      if (enough)
        high = middle;
      else
        low = middle + 1;
    }
    if (done && division.mesh.stages.count() == 1 &&
        division.mesh.axes.size() == 1 && !isOver())
      tryLimit(division, microbatches, kind);
  }
  return fits;
}

/// A price leaves gaps: it moves all values of one kind at once. On one axis
/// the memory may be a row of the program instead. The row does not know when
/// buffers live, so the distance to the peak is taken from the last plan that
/// fits.
void Search::tryLimit(const Division &division, int64_t microbatches,
                      ScheduleKind kind) {
  if (!best || best->candidate.label != division.label ||
      best->candidate.microbatches != microbatches)
    return;
  int64_t limit = best->solution.memory +
                  budgetOf(division, microbatches, kind) -
                  best->candidate.memoryBytes;
  std::optional<Solved> limited =
      limit > 0 ? solve(division, microbatches, kind, 0, &best->solution, limit)
                : std::nullopt;
  if (limited)
    consider(std::move(*limited));
}

void Search::tryLayout(const Division &division) {
  const Cut &cut = cutFor(division.mesh.stages);
  int tried = 0;
  size_t solvedBefore = candidates.size();
  std::optional<int64_t> usual, leastNs;
  for (const Candidate &candidate : candidates)
    if (candidate.fits &&
        candidate.mesh.stages.groups == division.mesh.stages.groups &&
        (!leastNs || candidate.stepNs < *leastNs)) {
      leastNs = candidate.stepNs;
      usual = candidate.microbatches;
    }
  std::optional<int64_t> last;
  for (int64_t count : microbatchCounts(cut.batching)) {
    if (isOver())
      return;
    if (options.pins.microbatches && *options.pins.microbatches != count)
      continue;
    // Two free axes: as many as the best plan with this many stages has, or
    // half of it.
    if (division.isWide() && usual && count != *usual && 2 * count != *usual)
      continue;
    if (!options.pins.microbatches && division.mesh.stages.groups > 1 &&
        count < 2)
      continue;
    size_t before = candidates.size();
    bool fits = tryMicrobatches(division, count);
    ++tried;
    int64_t fastest = INT64_MAX;
    for (size_t i = before; i < candidates.size(); ++i)
      if (candidates[i].fits)
        fastest = std::min(fastest, candidates[i].stepNs);
    // Finer microbatches no longer help. Many must be worth it: each is a
    // problem to solve.
    bool many = count >= 16 * division.mesh.stages.groups;
    if (fits && last && fastest >= (many ? *last / 1000 * 997 : *last))
      break;
    if (fits)
      last = fastest;
  }
  // A pipeline without microbatches is the last resort.
  if (candidates.size() == solvedBefore && !options.pins.microbatches)
    tryMicrobatches(division, 1);
  if (tried == 0 && options.pins.microbatches) {
    lastFault = std::to_string(*options.pins.microbatches) +
                " microbatches do not divide the batch of " +
                std::to_string(cut.batching.batch);
    if (*options.pins.microbatches > kMaxCount)
      lastFault =
          "found microbatches=" + std::to_string(*options.pins.microbatches) +
          ", expected at most " + std::to_string(kMaxCount);
    if (!cut.batching.divisible)
      lastFault = "more than one microbatch would change the result: " +
                  cut.batching.reason + "; pin microbatches=1";
  }
}

std::string
colossal::plan::memoryRefusal(const std::vector<StagePrediction> &stages,
                              int64_t need, int64_t given, const Pins &pins) {
  auto mebibytes = [](int64_t bytes) {
    if (bytes < (8 << 20))
      return std::to_string(bytes) + " bytes";
    return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB";
  };
  size_t stage = 0;
  for (size_t s = 0; s < stages.size(); ++s)
    if (stages[s].peakBytes > stages[stage].peakBytes)
      stage = s;
  const StagePrediction &fullest = stages[stage];
  std::string text = "no plan fits: the leanest needs " + mebibytes(need) +
                     " per device, " + mebibytes(need - given) +
                     " more than the budget of " + mebibytes(given) + "; ";
  text += "stage " + std::to_string(stage) + " of it holds state " +
          mebibytes(fullest.stateBytes) + ", gradients " +
          mebibytes(fullest.accumulatorBytes) + ", activations " +
          mebibytes(fullest.activationBytes * fullest.inFlight) + ", buffers " +
          mebibytes(fullest.transientBytes);
  text += "; give --memory " + std::to_string(need);
  if (!pins.toString().empty())
    text += " or loosen the pins " + pins.toString();
  else
    text += ", more devices or a smaller batch";
  return text;
}

std::string Search::refusal() const {
  if (!leanest)
    return "no plan: " + lastFault;
  // What schedules needed beyond their predictions is needed again.
  auto excess = options.excessOf.find(leanest->configuration);
  int64_t need = leanest->candidate.memoryBytes + options.memoryExcess +
                 (excess == options.excessOf.end() ? 0 : excess->second);
  return memoryRefusal(leanest->staged.stages, need,
                       budget + options.memoryExcess, options.pins);
}

std::string Search::remark(size_t done, size_t all) const {
  std::string text = "the search ended after its time with " +
                     std::to_string(done) + " of " + std::to_string(all) +
                     " divisions tried; this plan costs ";
  double cost = double(best->solution.cost);
  if (best->bound <= 0)
    return text + "more than the optimum of its division by an unknown part";
  char percent[32];
  snprintf(percent, sizeof(percent), "%.1f",
           100 * std::max(0.0, cost / best->bound - 1));
  return text + "at most " + percent +
         " % more than the optimum of its division";
}

SearchResult Search::finish() {
  const Cut &cut = cutFor(best->division.mesh.stages);
  SearchResult result;
  nameAxes(cut.nodes, best->formulation, best->solution, best->division);
  best->formulation.mesh = best->division.mesh;
  result.plan = assemble(cut.program, cut.nodes, cut.pieces, best->formulation,
                         best->solution, best->staged.stageOfPiece);
  result.plan.schedule = best->candidate.schedule;
  result.plan.stages = best->staged.stages;
  result.plan.boundaries = best->staged.boundaries;
  result.plan.stepNs = best->staged.stepNs;
  result.plan.recomputed = best->recomputed;
  if (options.shared) {
    result.plan.sharesState = true;
    for (auto &[argument, stage] : result.plan.argumentStages)
      if (auto it =
              options.shared->states.find(cut.program.values[argument].name);
          it != options.shared->states.end())
        stage = it->second.stage;
  }
  // Best first; equal ones in the order of the search.
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    auto rank = [&](size_t i) {
      const Candidate &candidate = candidates[i];
      return std::make_tuple(candidate.fits      ? 0
                             : candidate.isBound ? 1
                                                 : 2,
                             candidate.stepNs, i);
    };
    return rank(a) < rank(b);
  });
  for (size_t i : order)
    result.candidates.push_back(candidates[i]);
  result.problems = problems;
  result.configuration = best->configuration;
  result.memoryBytes = best->candidate.memoryBytes;
  return result;
}

/// Every coordinate of a larger cluster is still looked at (Span.h).
static constexpr int64_t mostDevices = 1 << 16;
/// With more divisions than this, more than four times the stages of the best
/// plan are not tried, and two free axes with its number of stages alone.
static constexpr size_t manyDivisions = 64;

std::optional<SearchResult> Search::run(std::string &error) {
  if (cluster.devices > mostDevices) {
    error = "no plan: found a cluster of " + std::to_string(cluster.devices) +
            " devices, expected at most " + std::to_string(mostDevices) +
            " to search a plan for; describe a part of the cluster, or give "
            "a plan with --plan";
    return std::nullopt;
  }
  error = stateFault;
  std::vector<Division> divisions;
  if (options.shared)
    divisions = {divisionOfMesh(options.shared->mesh)};
  else
    divisions =
        divisionsOf(cluster, options.pins, single.batching.batch, error);
  if (!error.empty())
    return std::nullopt;
  size_t done = 0;
  for (; done < divisions.size() && !isOver(); ++done) {
    if (options.progress)
      options.progress(divisions[done].label, done, divisions.size());
    Stages stages = divisions[done].mesh.stages;
    if (divisions.size() > manyDivisions && best) {
      int64_t groups = best->division.mesh.stages.groups;
      if (divisions[done].isWide() ? stages.groups != groups
                                   : stages.groups > 4 * groups)
        continue;
    }
    if (options.pins.chunks && !options.shared)
      stages.chunks = *options.pins.chunks;
    if (stages.count() > fine.pieces.stageable() && !options.shared)
      lastFault = tooManyStages(stages);
    else
      tryLayout(divisions[done]);
  }
  if (options.leanest)
    best = leanest;
  if (!best) {
    error = refusal();
    return std::nullopt;
  }
  SearchResult result = finish();
  if (isCutShort)
    result.remark = remark(done, divisions.size());
  std::vector<std::string> faults =
      verifyPlan(cutFor(best->division.mesh.stages).program, result.plan);
  if (!faults.empty()) {
    error = "the search made a wrong plan: " + faults.front();
    return std::nullopt;
  }
  return result;
}

std::optional<std::chrono::steady_clock::time_point>
colossal::plan::deadlineAfter(double seconds, std::string &error) {
  if (!(seconds >= 0)) {
    error = "search time: found " + std::to_string(seconds) +
            ", expected seconds, 0 or more";
    return std::nullopt;
  }
  constexpr double century = 3e9; // clocks count further, but not much
  using Clock = std::chrono::steady_clock;
  return Clock::now() +
         std::chrono::duration_cast<Clock::duration>(
             std::chrono::duration<double>(std::min(seconds, century)));
}

std::optional<SearchResult>
colossal::plan::searchPlan(const Program &program,
                           const machine::Cluster &cluster,
                           const SearchOptions &options, std::string &error) {
  error.clear();
  return Search(program, cluster, options).run(error);
}
