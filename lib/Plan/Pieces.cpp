//===- Pieces.cpp - Repeated blocks of a program --------------------------===//

#include "colossal/Plan/Pieces.h"

#include <algorithm>
#include <numeric>
#include <set>

using namespace colossal::plan;

int64_t Pieces::weight(int piece) const {
  return std::count(representatives.begin(), representatives.end(), piece);
}

int Pieces::counterpart(int piece, int value) const {
  auto it = counterparts[piece].find(value);
  return it == counterparts[piece].end() ? value : it->second;
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
// Signatures
//===----------------------------------------------------------------------===//

namespace {
/// What a piece computes, without names; two pieces with the same signature
/// correspond value by value.
struct Signature {
  uint64_t hash = 0;
  std::vector<int> values; ///< in the order of their first appearance
};

class Signer {
public:
  Signer(const Program &program, const Batching &batching,
         const std::vector<OpNode> &nodes)
      : program(program), batching(batching), nodes(nodes),
        users(program.users()) {
    nodeOfOp.resize(program.ops.size());
    for (size_t n = 0; n < nodes.size(); ++n)
      for (int op : nodes[n].ops)
        nodeOfOp[op] = int(n);
  }

  Signature sign(const std::vector<int> &piece) {
    Signature signature;
    signature.hash = hashText("piece");
    std::map<int, int> numbers;
    std::set<int> own(piece.begin(), piece.end());
    auto add = [&](uint64_t word) {
      signature.hash = hashCombine(signature.hash, word);
    };
    auto addValue = [&](int index) {
      auto [it, isNew] = numbers.emplace(index, int(numbers.size()));
      add(uint64_t(it->second));
      if (!isNew)
        return;
      signature.values.push_back(index);
      const ProgramValue &value = program.values[index];
      add(uint64_t(value.role) * 256 + uint64_t(value.elementBytes));
      add(uint64_t(batching.subDims[index] + 1) * 2 + batching.partial[index]);
      for (const std::vector<int64_t> &dim : value.dims) {
        add(dim.size());
        for (int64_t bound : dim)
          add(uint64_t(bound));
      }
      // Where it comes from, and who outside uses it.
      bool isOwn = value.producer >= 0 && own.count(nodeOfOp[value.producer]);
      add(value.producer < 0 ? 1 : isOwn ? 2 : 3);
      int first = segmentCount;
      for (int user : users[index])
        if (!own.count(nodeOfOp[user]))
          first = std::min(first, int(program.ops[user].segment));
      if (value.producer >= 0)
        add(isOwn ? uint64_t(first)
                  : uint64_t(program.ops[value.producer].segment) + 8);
      add(uint64_t(value.metric));
    };
    for (int n : piece) {
      add(uint64_t(nodes[n].segment));
      add(nodes[n].ops.size());
      for (int i : nodes[n].ops) {
        const Op &op = program.ops[i];
        add(op.structure);
        for (const Factor &factor : op.factors)
          add(uint64_t(factor.bound) * 8 + uint64_t(factor.kind) * 2 +
              factor.shardable);
        for (const auto *accesses : {&op.operands, &op.results})
          for (const Access &access : *accesses) {
            addValue(access.value);
            for (const SubIndex &index : access.map)
              add(uint64_t(index.factor + 1) * 2 + index.plain);
          }
        for (const Access &access : op.results) {
          int updates = program.values[access.value].updates;
          if (updates >= 0)
            addValue(updates);
        }
      }
    }
    return signature;
  }

private:
  const Program &program;
  const Batching &batching;
  const std::vector<OpNode> &nodes;
  std::vector<std::vector<int>> users;
  std::vector<int> nodeOfOp;
};

//===----------------------------------------------------------------------===//
// Cutting
//===----------------------------------------------------------------------===//

class Cutter {
public:
  Cutter(const Program &program, const Batching &batching,
         const std::vector<OpNode> &nodes)
      : program(program), batching(batching), nodes(nodes),
        signer(program, batching, nodes), users(program.users()) {
    nodeOfOp.resize(program.ops.size());
    for (size_t n = 0; n < nodes.size(); ++n)
      for (int op : nodes[n].ops) {
        nodeOfOp[op] = int(n);
        opNames.emplace(program.ops[op].name, int(n));
      }
  }

  Pieces run(bool join) {
    cutForward();
    if (count < 2)
      return wholeProgram(program, nodes);
    assignAll();
    if (!isPipeline())
      return wholeProgram(program, nodes);
    if (join)
      joinBlocks();
    return finish();
  }

private:
  void cutForward();
  void assignAll();
  int backwardPiece(int node) const;
  int updatePiece(int node) const;
  bool isPipeline() const;
  void joinBlocks();
  void joinRange(int begin, int end, bool outermost,
                 const std::vector<uint64_t> &hashes, std::vector<int> &ends);
  Pieces finish();
  std::vector<std::vector<int>> members() const;

  /// The piece of the forward node that first uses a parameter.
  int homeOf(int argument) const {
    int home = -1;
    for (int user : users[argument]) {
      int node = nodeOfOp[user];
      if (nodes[node].segment == Segment::Forward && pieceOf[node] >= 0 &&
          (home < 0 || pieceOf[node] < home))
        home = pieceOf[node];
    }
    return home;
  }
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
  std::vector<int> nodeOfOp;
  std::map<std::string, int> opNames;
  std::vector<int> pieceOf;
  int count = 0; ///< of pieces in order; `count` itself is the common piece
};
} // namespace

/// Cuts between forward nodes where one value of the batch crosses.
void Cutter::cutForward() {
  std::vector<int> forward;
  std::vector<int> position(nodes.size(), -1);
  for (size_t n = 0; n < nodes.size(); ++n)
    if (nodes[n].segment == Segment::Forward && !isEarly(int(n))) {
      position[n] = int(forward.size());
      forward.push_back(int(n));
    }
  std::vector<int> crossing(forward.size() + 1);
  for (int n : forward)
    for (int output : nodes[n].outputs) {
      int last = position[n];
      for (int user : users[output])
        last = std::max(last, position[nodeOfOp[user]]);
      bool isBatch = batching.subDims[output] >= 0 || batching.partial[output];
      if (isBatch || batching.batch == 1)
        for (int cut = position[n] + 1; cut <= last; ++cut)
          ++crossing[cut];
    }
  pieceOf.assign(nodes.size(), -1);
  count = forward.empty() ? 0 : 1;
  for (size_t i = 0; i < forward.size(); ++i) {
    if (i > 0 && crossing[i] == 1)
      ++count;
    pieceOf[forward[i]] = count - 1;
  }
}

/// A backward node goes to the forward op that it belongs to. One that only
/// combines gradients of later pieces goes to the earliest of these, so that
/// one gradient crosses a cut and not its parts.
int Cutter::backwardPiece(int node) const {
  int piece = -1;
  for (int i : nodes[node].ops) {
    auto it = opNames.find(program.ops[i].forwardOf);
    if (piece < 0 && it != opNames.end())
      piece = pieceOf[it->second];
    if (piece < 0)
      for (size_t v = 0; v < program.values.size(); ++v)
        if (program.values[v].producer < 0 &&
            program.values[v].name == program.ops[i].forwardOf)
          piece = homeOf(int(v));
  }
  int latest = count, need = 0;
  std::set<int> gradients;
  bool onlyGradients = true;
  for (const NodeInput &input : nodes[node].inputs) {
    int producer = producerNode(input.value);
    if (producer < 0) {
      onlyGradients = false;
      continue;
    }
    if (nodes[producer].segment == Segment::Backward) {
      latest = std::min(latest, pieceOf[producer]);
      gradients.insert(input.value);
    } else {
      onlyGradients = false;
      need = std::max(need, pieceOf[producer]);
    }
  }
  if (onlyGradients && gradients.size() > 1 && piece < latest)
    return latest;
  if (piece < 0)
    piece = latest < count ? latest : need;
  return piece;
}

/// An update node goes where all that it uses is, or to the common piece.
int Cutter::updatePiece(int node) const {
  std::set<int> found;
  for (const NodeInput &input : nodes[node].inputs) {
    int producer = producerNode(input.value);
    if (producer >= 0) {
      if (pieceOf[producer] < count)
        found.insert(pieceOf[producer]);
    } else if (program.values[input.value].role == Role::Parameter) {
      int home = homeOf(input.value);
      if (home >= 0)
        found.insert(home);
    }
  }
  if (found.size() == 1)
    return *found.begin();
  // Several: where the state that it updates is at home.
  for (int output : nodes[node].outputs)
    if (int target = program.values[output].updates; target >= 0)
      if (int home = homeOf(target); home >= 0)
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
  // What needs no state goes to its first user.
  for (size_t n = nodes.size(); n-- > 0;) {
    if (!isEarly(int(n)))
      continue;
    pieceOf[n] = count;
    for (int output : nodes[n].outputs)
      for (int user : users[output])
        if (nodeOfOp[user] != int(n))
          pieceOf[n] = std::min(pieceOf[n], pieceOf[nodeOfOp[user]]);
    if (pieceOf[n] == count)
      pieceOf[n] = 0;
  }
}

/// Forward values go to later pieces or to backward of the same, gradients to
/// earlier pieces.
bool Cutter::isPipeline() const {
  for (size_t n = 0; n < nodes.size(); ++n) {
    if (nodes[n].segment != Segment::Forward &&
        nodes[n].segment != Segment::Backward)
      continue;
    if (pieceOf[n] < 0 || pieceOf[n] >= count)
      return false;
    for (const NodeInput &input : nodes[n].inputs) {
      int producer = producerNode(input.value);
      if (producer < 0)
        continue;
      if (nodes[producer].segment == Segment::Backward &&
          pieceOf[producer] < pieceOf[n])
        return false;
      if (nodes[producer].segment == Segment::Forward &&
          pieceOf[producer] > pieceOf[n])
        return false;
    }
  }
  return true;
}

std::vector<std::vector<int>> Cutter::members() const {
  std::vector<std::vector<int>> pieces(count + 1);
  for (size_t n = 0; n < nodes.size(); ++n)
    pieces[pieceOf[n]].push_back(int(n));
  return pieces;
}

/// Joins elementary pieces: a run that repeats becomes blocks, what is left
/// between runs becomes one piece each.
void Cutter::joinBlocks() {
  std::vector<std::vector<int>> pieces = members();
  std::vector<uint64_t> hashes;
  for (int p = 0; p < count; ++p)
    hashes.push_back(signer.sign(pieces[p]).hash);
  std::vector<int> ends; // of the joined pieces, exclusive
  joinRange(0, count, true, hashes, ends);
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

void Cutter::joinRange(int begin, int end, bool outermost,
                       const std::vector<uint64_t> &hashes,
                       std::vector<int> &ends) {
  if (begin == end)
    return;
  int bestStart = 0, bestPeriod = 0, bestCount = 0;
  for (int period = 1; 2 * period <= end - begin; ++period)
    for (int start = begin; start + 2 * period <= end; ++start) {
      int copies = 1;
      while (start + (copies + 1) * period <= end &&
             std::equal(hashes.begin() + start, hashes.begin() + start + period,
                        hashes.begin() + start + copies * period))
        ++copies;
      if (copies > 1 && copies * period > bestCount * bestPeriod) {
        bestStart = start;
        bestPeriod = period;
        bestCount = copies;
      }
    }
  if (bestCount == 0) {
    // Nothing repeats at all: every cut may separate stages.
    for (int p = begin + 1; outermost && p < end; ++p)
      ends.push_back(p);
    ends.push_back(end);
    return;
  }
  joinRange(begin, bestStart, false, hashes, ends);
  for (int copy = 1; copy <= bestCount; ++copy)
    ends.push_back(bestStart + copy * bestPeriod);
  joinRange(bestStart + bestCount * bestPeriod, end, false, hashes, ends);
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
    for (size_t i = 0; i < signatures[p].values.size(); ++i)
      result.counterparts.back()[signatures[p].values[i]] =
          same ? first.values[i] : signatures[p].values[i];
  }
  return result;
}

Pieces colossal::plan::findPieces(const Program &program,
                                  const Batching &batching,
                                  const std::vector<OpNode> &nodes,
                                  bool joinBlocks) {
  return Cutter(program, batching, nodes).run(joinBlocks);
}
