//===- Program.cpp - Checks and hashes of programs ------------------------===//

#include "colossal/Plan/Program.h"

using namespace colossal::plan;

uint64_t colossal::plan::hashCombine(uint64_t seed, uint64_t value) {
  for (int byte = 0; byte < 8; ++byte) {
    seed ^= (value >> (8 * byte)) & 0xff;
    seed *= 0x100000001b3ull;
  }
  return seed;
}

uint64_t colossal::plan::hashText(const std::string &text) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (unsigned char c : text) {
    hash ^= c;
    hash *= 0x100000001b3ull;
  }
  return hash;
}

std::vector<int64_t> ProgramValue::subDims() const {
  std::vector<int64_t> flat;
  for (const std::vector<int64_t> &dim : dims)
    flat.insert(flat.end(), dim.begin(), dim.end());
  return flat;
}

int64_t ProgramValue::elements() const {
  int64_t count = 1;
  for (int64_t bound : subDims())
    count *= bound;
  return count;
}

static void checkAccess(const Program &program, const Op &op,
                        const Access &access, bool isResult, int index,
                        std::vector<std::string> &faults) {
  auto fault = [&](const std::string &what) {
    faults.push_back("op \"" + op.name + "\": " + what);
  };
  if (access.value < 0 || access.value >= int(program.values.size()))
    return fault("names a value that does not exist");
  const ProgramValue &value = program.values[access.value];
  if (!isResult && value.producer >= index)
    return fault("uses \"" + value.name + "\" before it is computed");
  std::vector<int64_t> bounds = value.subDims();
  if (bounds.size() != access.map.size())
    return fault("accesses \"" + value.name + "\" with " +
                 std::to_string(access.map.size()) +
                 " sub-dimensions, expected " + std::to_string(bounds.size()));
  for (size_t k = 0; k < bounds.size(); ++k) {
    int factor = access.map[k].factor;
    if (factor >= int(op.factors.size()))
      return fault("accesses \"" + value.name +
                   "\" by a factor that does not "
                   "exist");
    if (factor >= 0 && access.map[k].plain &&
        op.factors[factor].bound != bounds[k])
      fault("factor \"" + op.factors[factor].name + "\" has bound " +
            std::to_string(op.factors[factor].bound) + ", but \"" + value.name +
            "\" has " + std::to_string(bounds[k]));
  }
}

std::vector<std::string> Program::check() const {
  std::vector<std::string> faults;
  for (size_t i = 0; i < ops.size(); ++i) {
    for (const Access &access : ops[i].operands)
      checkAccess(*this, ops[i], access, false, int(i), faults);
    for (size_t r = 0; r < ops[i].results.size(); ++r) {
      checkAccess(*this, ops[i], ops[i].results[r], true, int(i), faults);
      const ProgramValue &value = values[ops[i].results[r].value];
      if (value.producer != int(i) || value.result != int(r))
        faults.push_back("op \"" + ops[i].name +
                         "\": does not own its result \"" + value.name + "\"");
    }
    for (const std::vector<int> &set : ops[i].linear)
      for (int operand : set)
        if (operand < 0 || operand >= int(ops[i].operands.size()))
          faults.push_back("op \"" + ops[i].name +
                           "\": linear in an operand that does not exist");
  }
  return faults;
}

std::vector<std::vector<int>> Program::users() const {
  std::vector<std::vector<int>> users(values.size());
  for (size_t i = 0; i < ops.size(); ++i)
    for (const Access &access : ops[i].operands)
      if (users[access.value].empty() || users[access.value].back() != int(i))
        users[access.value].push_back(int(i));
  return users;
}

std::vector<bool> Program::changedStates() const {
  std::vector<bool> changed(values.size());
  for (const ProgramValue &value : values)
    if (value.updates >= 0)
      changed[value.updates] = true;
  return changed;
}

uint64_t Program::structureHash() const {
  uint64_t hash = hashText("program");
  for (const ProgramValue &value : values) {
    hash = hashCombine(hash, numberOf(value.role) * 64 + value.elementBytes);
    hash = hashCombine(hash, uint64_t(value.updates + 1));
    for (int64_t bound : value.subDims())
      hash = hashCombine(hash, uint64_t(bound));
  }
  for (const Op &op : ops) {
    hash = hashCombine(hash, op.structure);
    hash = hashCombine(hash, uint64_t(op.segment));
    for (const Factor &factor : op.factors)
      hash =
          hashCombine(hash, uint64_t(factor.bound) * 8 + factor.kindNumber());
    for (const auto *accesses : {&op.operands, &op.results})
      for (const Access &access : *accesses) {
        hash = hashCombine(hash, uint64_t(access.value));
        for (const SubIndex &index : access.map)
          hash =
              hashCombine(hash, uint64_t(index.factor + 1) * 2 + index.plain);
      }
  }
  return hash;
}
