//===- ProgramBuilder.cpp - Programs by hand, for tests -------------------===//

#include "ProgramBuilder.h"

#include <algorithm>
#include <set>
#include <sstream>

using namespace colossal;
using namespace colossal::plan;

static std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream stream(text);
  while (std::getline(stream, part, separator))
    parts.push_back(part);
  return parts;
}

static std::vector<std::string> words(const std::string &text) {
  std::vector<std::string> result;
  std::string word;
  std::istringstream stream(text);
  while (stream >> word)
    result.push_back(word);
  return result;
}

int ProgramBuilder::argument(const std::string &name, Role role,
                             const std::string &dims, int batchSubDim) {
  ProgramValue value;
  value.name = name;
  value.role = role;
  value.batchSubDim = batchSubDim;
  if (role == Role::Batch) {
    value.isFloat = false;
    value.elementBytes = 8;
  }
  for (const std::string &word : words(dims))
    value.dims.push_back({bounds.at(word)});
  program.values.push_back(value);
  return int(program.values.size()) - 1;
}

std::vector<int> ProgramBuilder::op(const std::string &name, Segment segment,
                                    const std::string &spec,
                                    const std::vector<int> &inputs,
                                    const Options &options) {
  Op op;
  op.name = name;
  op.segment = segment;
  op.group = group;
  op.forwardOf = forwardOf;
  op.linear = options.linear;
  op.work = options.work;
  size_t arrow = spec.find("->");
  std::vector<std::string> operands = split(spec.substr(0, arrow), ',');
  std::vector<std::string> results = split(spec.substr(arrow + 2), ',');
  std::set<std::string> produced;
  for (const std::string &result : results)
    for (const std::string &word : words(result))
      produced.insert(word);
  auto indexOf = [&](const std::string &word) {
    SubIndex index;
    if (word[0] == '#')
      return index;
    auto it = std::find_if(op.factors.begin(), op.factors.end(),
                           [&](const Factor &f) { return f.name == word; });
    index.factor = int(it - op.factors.begin());
    if (it == op.factors.end()) {
      Factor factor;
      factor.name = word;
      factor.bound = bounds.at(word);
      if (!produced.count(word))
        factor.combiner = word == options.max ? Combiner::Max : Combiner::Sum;
      factor.shardable = !std::count(options.unshardable.begin(),
                                     options.unshardable.end(), word);
      op.factors.push_back(factor);
    }
    return index;
  };
  size_t next = 0;
  for (const std::string &operand : operands) {
    if (words(operand).empty() && next >= inputs.size())
      continue;
    Access access;
    access.value = inputs.at(next++);
    for (const std::string &word : words(operand))
      access.map.push_back(indexOf(word));
    op.operands.push_back(access);
  }
  std::vector<int> values;
  for (const std::string &result : results) {
    Access access;
    access.value = int(program.values.size());
    ProgramValue value;
    value.name =
        name +
        (results.size() > 1 ? "#" + std::to_string(op.results.size()) : "");
    value.producer = int(program.ops.size());
    value.result = int(op.results.size());
    for (const std::string &word : words(result)) {
      access.map.push_back(indexOf(word));
      value.dims.push_back({bounds.at(word)});
    }
    program.values.push_back(value);
    op.results.push_back(access);
    values.push_back(access.value);
  }
  op.structure = hashText(spec);
  program.ops.push_back(op);
  return values;
}

int ProgramBuilder::product(const std::string &name, Segment segment,
                            const std::string &spec,
                            const std::vector<int> &inputs) {
  Options options;
  options.linear = {{0}, {1}};
  int value = one(name, segment, spec, inputs, options);
  Op &op = program.ops.back();
  op.work.kind = Work::Kind::Product;
  auto has = [](const Access &access, int factor) {
    return std::any_of(access.map.begin(), access.map.end(),
                       [&](const SubIndex &i) { return i.factor == factor; });
  };
  for (size_t f = 0; f < op.factors.size(); ++f) {
    bool a = has(op.operands[0], int(f)), b = has(op.operands[1], int(f));
    bool c = has(op.results[0], int(f));
    op.work.roles.push_back(!c       ? cost::FactorRole::Inner
                            : a && b ? cost::FactorRole::Batch
                            : a      ? cost::FactorRole::Rows
                                     : cost::FactorRole::Columns);
  }
  return value;
}
