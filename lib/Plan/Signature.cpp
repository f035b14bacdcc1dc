//===- Signature.cpp - What a piece computes, without names ---------------===//

#include "Signature.h"

#include <algorithm>
#include <map>
#include <set>

using namespace colossal::plan;

Signer::Signer(const Program &program, const Batching &batching,
               const std::vector<OpNode> &nodes)
    : program(program), batching(batching), nodes(nodes),
      users(program.users()) {
  nodeOfOp.resize(program.ops.size());
  for (size_t n = 0; n < nodes.size(); ++n)
    for (int op : nodes[n].ops)
      nodeOfOp[op] = int(n);
}

Signature Signer::sign(const std::vector<int> &piece) const {
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
    add(numberOf(value.role) * 256 + uint64_t(value.elementBytes) +
        value.isHalf);
    add(uint64_t(batching.subDims[index] + 1) * 2 + batching.partial[index]);
    for (const std::vector<int64_t> &dim : value.dims) {
      add(dim.size());
      for (int64_t bound : dim)
        add(uint64_t(bound));
    }
    // Where it comes from, and who outside uses it.
    bool isOwn = value.producer >= 0 && own.count(nodeOfOp[value.producer]);
    add(value.producer < 0 ? 1 : isOwn ? 2 : 3);
    if (isOwn) {
      int first = segmentCount;
      for (int user : users[index])
        if (!own.count(nodeOfOp[user]))
          first = std::min(first, int(program.ops[user].segment));
      add(uint64_t(first));
    } else if (value.producer >= 0) {
      add(uint64_t(program.ops[value.producer].segment) + 8);
    }
    add(uint64_t(value.metric) + 2 * uint64_t(value.output));
  };
  for (int n : piece) {
    add(uint64_t(nodes[n].segment));
    add(nodes[n].ops.size());
    for (int i : nodes[n].ops) {
      const Op &op = program.ops[i];
      add(op.structure);
      for (const Factor &factor : op.factors)
        add(uint64_t(factor.bound) * 16 + factor.kindNumber() * 2 +
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
