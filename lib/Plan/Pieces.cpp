//===- Pieces.cpp - Repeated blocks of a program --------------------------===//

#include "colossal/Plan/Pieces.h"
#include "Blocks.h"
#include "Signature.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace colossal::plan;

int64_t Pieces::weight(int piece) const {
  return std::count(representatives.begin(), representatives.end(), piece);
}

int Pieces::counterpart(int piece, int value) const {
  if (representatives[piece] == piece)
    return value;
  const std::vector<std::pair<int, int>> &all = counterparts[piece];
  auto it = std::lower_bound(all.begin(), all.end(), std::make_pair(value, -1));
  return it == all.end() || it->first != value ? value : it->second;
}

Pieces colossal::plan::wholeProgram(const Program &program,
                                    const std::vector<OpNode> &nodes) {
  Pieces pieces;
  pieces.ofNode.assign(nodes.size(), 0);
  pieces.nodes.emplace_back(nodes.size());
  std::iota(pieces.nodes[0].begin(), pieces.nodes[0].end(), 0);
  pieces.representatives = {0};
  pieces.counterparts.emplace_back();
  return pieces;
}

//===----------------------------------------------------------------------===//
// Cutting
//===----------------------------------------------------------------------===//

namespace {
class Cutter {
public:
  Cutter(const Program &program, const Batching &batching,
         const std::vector<OpNode> &nodes)
      : program(program), batching(batching), nodes(nodes),
        signer(program, batching, nodes), users(program.users()),
        isEverywhere(valuesOfEveryStage(program)) {
    nodeOfOp.resize(program.ops.size());
    for (size_t n = 0; n < nodes.size(); ++n)
      for (int op : nodes[n].ops) {
        nodeOfOp[op] = int(n);
        opNames.emplace(program.ops[op].name, int(n));
      }
    for (size_t v = 0; v < program.values.size(); ++v)
      if (program.values[v].producer < 0)
        argumentNames.emplace(program.values[v].name, int(v));
  }

  Pieces run(Granularity granularity) {
    cutForward(granularity);
    if (count < 2)
      return wholeProgram(program, nodes);
    assignAll();
    if (granularity == Granularity::Blocks)
      join();
    return finish();
  }

private:
  void cutForward(Granularity granularity);
  void assignAll();
  int backwardPiece(int node) const;
  int updatePiece(int node) const;
  void join();
  Pieces finish();
  std::vector<std::vector<int>> members() const;

  /// Runs before the microbatches, or depends on the batch alone.
  bool isEarly(int node) const {
    if (nodes[node].segment == Segment::Prologue)
      return true;
    return nodes[node].segment == Segment::Forward &&
           std::all_of(nodes[node].outputs.begin(), nodes[node].outputs.end(),
                       [&](int value) { return batching.batchOnly[value]; });
  }
  int producerNode(int value) const {
    int producer = program.values[value].producer;
    return producer < 0 ? -1 : nodeOfOp[producer];
  }

  const Program &program;
  const Batching &batching;
  const std::vector<OpNode> &nodes;
  Signer signer;
  std::vector<std::vector<int>> users;
  std::vector<bool> isEverywhere;
  std::vector<int> nodeOfOp;
  std::map<std::string, int> opNames, argumentNames;
  std::vector<int> pieceOf;
  /// Per value the piece of the forward node that first uses it; -1: none.
  std::vector<int> homeOf;
  int count = 0; ///< of pieces in order; `count` itself is the common piece
};
} // namespace

/// Cuts between forward nodes: where one value of the batch crosses, where
/// fewer bytes cross than on either side, or everywhere.
void Cutter::cutForward(Granularity granularity) {
  std::vector<int> forward;
  std::vector<int> position(nodes.size(), -1);
  for (size_t n = 0; n < nodes.size(); ++n)
    if (nodes[n].segment == Segment::Forward && !isEarly(int(n))) {
      position[n] = int(forward.size());
      forward.push_back(int(n));
    }
  pieceOf.assign(nodes.size(), -1);
  count = forward.empty() ? 0 : 1;
  // Differences first, then sums: what crosses in front of each position.
  size_t places = forward.size();
  std::vector<int64_t> values(places + 1), bytes(places + 1);
  for (int n : forward)
    for (int output : nodes[n].outputs) {
      int last = position[n];
      for (int user : users[output])
        last = std::max(last, position[nodeOfOp[user]]);
      if (last == position[n] || isEverywhere[output])
        continue;
      const ProgramValue &value = program.values[output];
      bool isBatch = batching.subDims[output] >= 0 ||
                     batching.partial[output] || batching.batch == 1;
      values[position[n] + 1] += isBatch;
      values[last + 1 < int(places) ? last + 1 : places] -= isBatch;
      int64_t size = value.elements() * value.elementBytes;
      bytes[position[n] + 1] += size;
      bytes[last + 1 < int(places) ? last + 1 : places] -= size;
    }
  std::partial_sum(values.begin(), values.end(), values.begin());
  std::partial_sum(bytes.begin(), bytes.end(), bytes.begin());
  std::vector<int> cuts;
  for (size_t i = 1; i < places; ++i) {
    bool isValley = (i == 1 || bytes[i] <= bytes[i - 1]) &&
                    (i + 1 == places || bytes[i] <= bytes[i + 1]);
    if (granularity == Granularity::Nodes || values[i] == 1 || isValley)
      cuts.push_back(int(i));
  }
  // Blocks are found among all cuts; else many more than stages are no use.
  size_t step = granularity == Granularity::Blocks
                    ? 1
                    : (cuts.size() + mostPieces - 1) / mostPieces;
  size_t next = 0;
  for (size_t i = 0; i < places; ++i) {
    if (next < cuts.size() && cuts[next] == int(i)) {
      ++count;
      next += step;
    }
    pieceOf[forward[i]] = count - 1;
  }
  homeOf.assign(program.values.size(), -1);
  for (int n : forward)
    for (const NodeInput &input : nodes[n].inputs)
      if (homeOf[input.value] < 0)
        homeOf[input.value] = pieceOf[n];
}

/// A backward node goes to the forward op that it belongs to, or further back
/// to what it needs of forward: a sum that is computed together with its last
/// part (the gradient of a residual and of the norm beside it). One that only
/// combines gradients of later pieces goes to the earliest of these, so that
/// one gradient crosses a cut and not its parts. Gradients go to earlier pieces
/// only.
int Cutter::backwardPiece(int node) const {
  int piece = -1;
  for (int i : nodes[node].ops) {
    const std::string &name = program.ops[i].forwardOf;
    if (piece < 0)
      if (auto it = opNames.find(name); it != opNames.end())
        piece = pieceOf[it->second];
    if (piece < 0)
      if (auto it = argumentNames.find(name); it != argumentNames.end())
        piece = homeOf[it->second];
  }
  int latest = count - 1, need = 0;
  std::set<int> gradients;
  bool onlyGradients = true;
  for (const NodeInput &input : nodes[node].inputs) {
    int producer = producerNode(input.value);
    if (producer >= 0 && nodes[producer].segment == Segment::Backward) {
      latest = std::min(latest, pieceOf[producer]);
      gradients.insert(input.value);
      continue;
    }
    onlyGradients = false;
    if (producer >= 0)
      need = std::max(need, pieceOf[producer]);
  }
  if (piece < 0 && !gradients.empty())
    piece = latest;
  if (onlyGradients && gradients.size() > 1)
    piece = latest;
  return std::min(std::max(piece, need), latest);
}

/// An update node goes where all that it uses is, or to the common piece.
int Cutter::updatePiece(int node) const {
  std::set<int> found;
  for (const NodeInput &input : nodes[node].inputs) {
    int producer = producerNode(input.value);
    if (producer >= 0) {
      // What depends on the batch alone has no piece yet: it follows its users.
      if (pieceOf[producer] >= 0 && pieceOf[producer] < count)
        found.insert(pieceOf[producer]);
    } else if (program.values[input.value].role == Role::Parameter) {
      int home = homeOf[input.value];
      if (home >= 0)
        found.insert(home);
    }
  }
  if (found.size() == 1)
    return *found.begin();
  // Several: where the state that it updates is at home.
  for (int output : nodes[node].outputs)
    if (int target = program.values[output].updates; target >= 0)
      if (int home = homeOf[target]; home >= 0)
        return home;
  return count;
}

void Cutter::assignAll() {
  for (size_t n = 0; n < nodes.size(); ++n)
    if (nodes[n].segment == Segment::Backward)
      pieceOf[n] = backwardPiece(int(n));
    else if (nodes[n].segment == Segment::Update)
      pieceOf[n] = updatePiece(int(n));
  // What sums up parts from several pieces goes to its user; then what uses it
  // follows.
  for (size_t n = nodes.size(); n-- > 0;) {
    if (nodes[n].segment != Segment::Update || pieceOf[n] != count)
      continue;
    std::set<int> usersOf;
    for (int output : nodes[n].outputs)
      for (int user : users[output])
        if (pieceOf[nodeOfOp[user]] != count)
          usersOf.insert(pieceOf[nodeOfOp[user]]);
    if (usersOf.size() == 1)
      pieceOf[n] = *usersOf.begin();
  }
  for (size_t n = 0; n < nodes.size(); ++n)
    if (nodes[n].segment == Segment::Update && pieceOf[n] == count)
      pieceOf[n] = updatePiece(int(n));
  // What needs no state goes to its user; to several, where it stands in the
  // program, so that the first of equal blocks is no exception.
  std::vector<int> standing(nodes.size());
  for (size_t n = 0, piece = 0; n < nodes.size(); ++n) {
    if (nodes[n].segment == Segment::Forward && pieceOf[n] >= 0)
      piece = size_t(pieceOf[n]);
    standing[n] = int(piece);
  }
  for (size_t n = nodes.size(); n-- > 0;) {
    if (!isEarly(int(n)))
      continue;
    int first = count, last = -1;
    for (int output : nodes[n].outputs)
      for (int user : users[output])
        if (int piece = pieceOf[nodeOfOp[user]];
            nodeOfOp[user] != int(n) && piece < count) {
          first = std::min(first, piece);
          last = std::max(last, piece);
        }
    pieceOf[n] = last < 0        ? 0
                 : first == last ? first
                                 : std::min(first, standing[n]);
  }
}

std::vector<std::vector<int>> Cutter::members() const {
  std::vector<std::vector<int>> pieces(count + 1);
  for (size_t n = 0; n < nodes.size(); ++n)
    pieces[pieceOf[n]].push_back(int(n));
  return pieces;
}

/// Joins elementary pieces to blocks.
void Cutter::join() {
  std::vector<std::vector<int>> pieces = members();
  std::vector<uint64_t> hashes;
  std::vector<int64_t> sizes;
  for (int p = 0; p < count; ++p) {
    hashes.push_back(signer.sign(pieces[p]).hash);
    sizes.push_back(int64_t(pieces[p].size()));
  }
  std::vector<int> ends = joinBlocks(hashes, sizes);
  std::vector<int> joined(count + 1);
  for (int p = 0, now = 0; p < count; ++p) {
    joined[p] = now;
    if (ends[now] == p + 1)
      ++now;
  }
  joined[count] = int(ends.size());
  for (int &piece : pieceOf)
    piece = joined[piece];
  count = int(ends.size());
}

Pieces Cutter::finish() {
  Pieces result;
  result.ofNode = pieceOf;
  result.nodes = members();
  if (result.nodes.back().empty())
    result.nodes.pop_back();
  else
    result.common = count;
  std::map<uint64_t, int> firsts;
  std::vector<Signature> signatures;
  for (int p = 0; p < result.count(); ++p) {
    signatures.push_back(signer.sign(result.nodes[p]));
    auto [it, isNew] = firsts.emplace(signatures[p].hash, p);
    const Signature &first = signatures[it->second];
    bool same = first.values.size() == signatures[p].values.size() &&
                result.nodes[it->second].size() == result.nodes[p].size() &&
                p != result.common;
    result.representatives.push_back(same ? it->second : p);
    result.counterparts.emplace_back();
    std::vector<std::pair<int, int>> &counterparts = result.counterparts.back();
    for (size_t i = 0; i < signatures[p].values.size(); ++i)
      counterparts.push_back(
          {signatures[p].values[i],
           same ? first.values[i] : signatures[p].values[i]});
    std::sort(counterparts.begin(), counterparts.end());
  }
  return result;
}

Pieces colossal::plan::findPieces(const Program &program,
                                  const Batching &batching,
                                  const std::vector<OpNode> &nodes,
                                  Granularity granularity) {
  return Cutter(program, batching, nodes).run(granularity);
}

std::vector<bool> colossal::plan::valuesOfEveryStage(const Program &program) {
  size_t count = program.values.size();
  std::vector<bool> changed = program.changedStates();
  std::vector<bool> ofBatch(count), ofState(count);
  for (size_t v = 0; v < count; ++v) {
    std::optional<Role> role = program.values[v].role;
    bool isControl = role == Role::Control;
    ofBatch[v] = isControl || role == Role::Batch;
    ofState[v] = isControl || (role == Role::Buffer && !changed[v]);
  }
  for (const Op &op : program.ops) {
    auto all = [&](const std::vector<bool> &of) {
      return std::all_of(
          op.operands.begin(), op.operands.end(),
          [&](const Access &operand) { return bool(of[operand.value]); });
    };
    bool batch = all(ofBatch), state = all(ofState);
    for (const Access &result : op.results) {
      ofBatch[result.value] = batch;
      ofState[result.value] = state;
    }
  }
  for (size_t v = 0; v < count; ++v)
    ofBatch[v] = (ofBatch[v] || ofState[v]) && program.values[v].producer >= 0;
  return ofBatch;
}
