//===- Nodes.cpp - Groups of ops and their factor classes -----------------===//

#include "colossal/Plan/Nodes.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

using namespace colossal::plan;

bool colossal::plan::operator==(const Choice &a, const Choice &b) {
  return a.kind == b.kind &&
         (a.kind == Choice::Kind::Replicated || a.index == b.index);
}

//===----------------------------------------------------------------------===//
// Which ops form a node
//===----------------------------------------------------------------------===//

namespace {
/// Assigns ops to sets, by group; sets on a cycle fall apart.
class Clustering {
public:
  explicit Clustering(const Program &program) : program(program) {
    std::map<std::pair<std::string, int>, int> groups;
    for (size_t i = 0; i < program.ops.size(); ++i) {
      const Op &op = program.ops[i];
      if (op.group.empty()) {
        sets.push_back(int(i));
        continue;
      }
      auto key = std::make_pair(op.group, int(op.segment));
      sets.push_back(groups.emplace(key, int(i)).first->second);
    }
  }

  /// Sets in topological order, each with its ops in program order.
  std::vector<std::vector<int>> run() {
    std::vector<std::vector<int>> ordered;
    if (order(ordered))
      return ordered;
    split();
    ordered.clear();
    order(ordered);
    return ordered;
  }

private:
  /// Kahn's algorithm, the smallest first op first. False on a cycle.
  bool order(std::vector<std::vector<int>> &ordered) {
    std::map<int, std::vector<int>> members;
    for (size_t i = 0; i < sets.size(); ++i)
      members[sets[i]].push_back(int(i));
    std::map<int, std::set<int>> before, after;
    for (size_t i = 0; i < sets.size(); ++i)
      for (const Access &access : program.ops[i].operands) {
        int producer = program.values[access.value].producer;
        if (producer >= 0 && sets[producer] != sets[i]) {
          before[sets[i]].insert(sets[producer]);
          after[sets[producer]].insert(sets[i]);
        }
      }
    // A set is placed where its last op stands, so that program order is kept
    // as far as possible.
    auto rank = [&](int set) {
      return std::make_pair(members[set].back(), set);
    };
    std::set<std::pair<int, int>> ready;
    for (auto &[set, ops] : members)
      if (before[set].empty())
        ready.insert(rank(set));
    while (!ready.empty()) {
      int set = ready.begin()->second;
      ready.erase(ready.begin());
      ordered.push_back(members[set]);
      for (int next : after[set]) {
        before[next].erase(set);
        if (before[next].empty())
          ready.insert(rank(next));
      }
      members.erase(set);
    }
    return members.empty();
  }

  /// Kahn's algorithm again, in any order: where no set is ready, the first of
  /// several ops that waits falls apart, and its ops go on alone.
  void split() {
    size_t count = sets.size();
    std::vector<std::vector<int>> members(count), users(count);
    std::vector<int> waiting(count); ///< per set: operands from other sets
    std::vector<bool> isPlaced(count);
    auto forProducers = [&](int i, auto visit) {
      for (const Access &access : program.ops[i].operands)
        if (int producer = program.values[access.value].producer; producer >= 0)
          visit(producer);
    };
    for (size_t i = 0; i < count; ++i) {
      members[sets[i]].push_back(int(i));
      forProducers(int(i), [&](int producer) {
        users[producer].push_back(int(i));
        waiting[sets[i]] += sets[producer] != sets[i];
      });
    }
    std::vector<int> ready;
    std::set<int> groups; ///< that wait
    for (size_t set = 0; set < count; ++set) {
      if (!members[set].empty() && waiting[set] == 0)
        ready.push_back(int(set));
      if (members[set].size() > 1)
        groups.insert(int(set));
    }
    while (true) {
      while (!ready.empty()) {
        int set = ready.back();
        ready.pop_back();
        groups.erase(set);
        for (int i : members[set])
          isPlaced[i] = true;
        for (int i : members[set])
          for (int user : users[i])
            if (sets[user] != set && --waiting[sets[user]] == 0)
              ready.push_back(sets[user]);
      }
      if (groups.empty())
        return;
      std::vector<int> apart = std::move(members[*groups.begin()]);
      groups.erase(groups.begin());
      for (int i : apart) {
        sets[i] = i;
        members[i] = {i};
        waiting[i] = 0;
        forProducers(i,
                     [&](int producer) { waiting[i] += !isPlaced[producer]; });
        if (waiting[i] == 0)
          ready.push_back(i);
      }
    }
  }

  const Program &program;
  std::vector<int> sets; ///< per op the first op of its set
};

//===----------------------------------------------------------------------===//
// Factor classes
//===----------------------------------------------------------------------===//

/// Joins the factors of a node's ops through the values between them.
class Classes {
public:
  Classes(const Program &program, const Batching &batching, OpNode &node)
      : program(program), batching(batching), node(node) {
    for (size_t p = 0; p < node.ops.size(); ++p) {
      firsts.push_back(int(parents.size()));
      for (const Factor &factor : op(p).factors) {
        opOf.push_back(int(p));
        parents.push_back(int(parents.size()));
        blocked.push_back(!factor.shardable);
      }
    }
  }

  void run() {
    // Per value the factors that run over its sub-dimensions; a value from
    // inside joins strictly, one from outside as far as possible.
    std::map<int, std::vector<std::pair<int, const Access *>>> accesses;
    for (size_t p = 0; p < node.ops.size(); ++p) {
      for (const Access &access : op(p).results)
        accesses[access.value].push_back({int(p), &access});
      for (const Access &access : op(p).operands)
        accesses[access.value].push_back({int(p), &access});
    }
    std::set<int> own(node.ops.begin(), node.ops.end());
    for (auto &[value, list] : accesses)
      if (own.count(program.values[value].producer))
        for (const auto &entry : list)
          joinInside(list.front(), entry);
    for (auto &[value, list] : accesses)
      if (!own.count(program.values[value].producer))
        for (const auto &entry : list)
          joinOutside(list.front(), entry);
    number();
  }

private:
  const Op &op(size_t position) const {
    return program.ops[node.ops[position]];
  }
  int root(int factor) {
    while (parents[factor] != factor)
      factor = parents[factor] = parents[parents[factor]];
    return factor;
  }
  using Entry = std::pair<int, const Access *>;

  void joinInside(const Entry &first, const Entry &entry) {
    for (size_t k = 0; k < first.second->map.size(); ++k) {
      SubIndex a = first.second->map[k], b = entry.second->map[k];
      int x = a.factor < 0 ? -1 : root(firsts[first.first] + a.factor);
      int y = b.factor < 0 ? -1 : root(firsts[entry.first] + b.factor);
      if (x >= 0 && (y < 0 || !a.plain || !b.plain))
        blocked[x] = true;
      if (y >= 0 && (x < 0 || !a.plain || !b.plain))
        blocked[y] = true;
      if (x >= 0 && y >= 0 && x != y) {
        parents[std::max(x, y)] = std::min(x, y);
        blocked[std::min(x, y)] = blocked[x] || blocked[y];
      }
    }
  }

  /// Two factors of one op in one class could not be cut together.
  bool sharesOp(int x, int y) {
    std::set<int> ops;
    for (size_t f = 0; f < parents.size(); ++f)
      if (root(int(f)) == x)
        ops.insert(opOf[f]);
    for (size_t f = 0; f < parents.size(); ++f)
      if (root(int(f)) == y && ops.count(opOf[f]))
        return true;
    return false;
  }

  void joinOutside(const Entry &first, const Entry &entry) {
    for (size_t k = 0; k < first.second->map.size(); ++k) {
      SubIndex a = first.second->map[k], b = entry.second->map[k];
      if (a.factor < 0 || b.factor < 0 || !a.plain || !b.plain)
        continue;
      int x = root(firsts[first.first] + a.factor);
      int y = root(firsts[entry.first] + b.factor);
      if (x == y || blocked[x] != blocked[y] || sharesOp(x, y))
        continue;
      parents[std::max(x, y)] = std::min(x, y);
    }
  }

  void number() {
    std::map<int, int> numbers;
    for (size_t p = 0; p < node.ops.size(); ++p) {
      node.classes.emplace_back();
      std::set<int> seen;
      for (size_t f = 0; f < op(p).factors.size(); ++f) {
        int at = root(firsts[p] + int(f));
        auto [it, isNew] = numbers.emplace(at, node.classCount);
        int64_t bound = op(p).factors[f].bound;
        if (isNew) {
          ++node.classCount;
          node.shardable.push_back(!blocked[at]);
          node.bounds.push_back(bound);
          node.isBatch.push_back(false);
        }
        int number = it->second;
        node.bounds[number] = std::min(node.bounds[number], bound);
        if (batching.factors[node.ops[p]] == int(f))
          node.isBatch[number] = true;
        if (!seen.insert(number).second)
          node.shardable[number] = false;
        node.classes.back().push_back(number);
      }
    }
  }

  const Program &program;
  const Batching &batching;
  OpNode &node;
  std::vector<int> firsts, opOf, parents;
  std::vector<bool> blocked;
};
} // namespace

std::vector<OpNode> colossal::plan::buildNodes(const Program &program,
                                               const Batching &batching) {
  std::vector<std::vector<int>> users = program.users();
  std::vector<OpNode> nodes;
  for (std::vector<int> &ops : Clustering(program).run()) {
    OpNode node;
    const Op &first = program.ops[ops.front()];
    node.name = ops.size() > 1 ? first.group : first.name;
    node.segment = first.segment;
    node.ops = std::move(ops);
    Classes(program, batching, node).run();
    std::set<int> own(node.ops.begin(), node.ops.end());
    for (int i : node.ops) {
      const Op &op = program.ops[i];
      for (size_t o = 0; o < op.operands.size(); ++o)
        if (!own.count(program.values[op.operands[o].value].producer))
          node.inputs.push_back({op.operands[o].value, i, int(o)});
      for (const Access &access : op.results) {
        const ProgramValue &value = program.values[access.value];
        bool outside = value.isResult();
        for (int user : users[access.value])
          outside |= !own.count(user);
        if (outside)
          node.outputs.push_back(access.value);
      }
    }
    nodes.push_back(std::move(node));
  }
  return nodes;
}
