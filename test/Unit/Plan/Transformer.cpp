//===- Transformer.cpp - A GPT-2's training step --------------------------===//

#include "ProgramBuilder.h"

using namespace colossal::plan;

namespace {
using Options = ProgramBuilder::Options;
using Sets = std::vector<std::vector<int>>;

Options kernel(int64_t flops, Sets linear = {}) {
  Options options;
  options.work.flopsPerPoint = flops;
  options.linear = std::move(linear);
  return options;
}

/// Builds forward op by op and remembers what backward needs.
class Builder {
public:
  explicit Builder(const TransformerSize &size) : size(size) {
    b.bounds = {{"b", size.batch},
                {"s", size.sequence},
                {"t", size.sequence},
                {"v", size.vocabulary},
                {"e", size.heads * size.features},
                {"h", size.heads},
                {"d", size.features},
                {"c", size.features},
                {"j", 3},
                {"f", 4 * size.heads * size.features}};
  }

  Program make();

private:
  struct Parameter {
    int value = 0, first = 0, second = 0; ///< and its optimizer state
    std::string dims;
    std::vector<int> gradients;
  };
  struct Norm {
    int input = 0, scale = 0, shift = 0, output = 0;
    std::string name;
  };
  struct Linear {
    int input = 0, weight = 0, output = 0;
    std::string in, inner, outer, name; ///< "b s", input and output words
  };
  struct Block {
    Norm first, second;
    Linear qkv, projection, up, down;
    int biased = 0, attention = 0, logSum = 0, activation = 0, upBias = 0;
    int qkvBias = 0, projectionBias = 0, downBias = 0;
  };

  std::string named(const std::string &name) {
    if (!size.disguised)
      return name;
    return "part" + std::to_string(hashText(name) % 100000);
  }
  int parameter(const std::string &name, std::string dims) {
    Parameter added;
    added.dims = dims;
    added.value = b.argument(named(name), Role::Parameter, dims);
    added.first = b.argument(named(name) + "#exp_avg", Role::Optimizer, dims);
    added.second =
        b.argument(named(name) + "#exp_avg_sq", Role::Optimizer, dims);
    parameters.push_back(added);
    return int(parameters.size()) - 1;
  }
  int value(int parameter) const { return parameters[parameter].value; }

  Norm norm(const std::string &name, int input);
  int normBackward(const Norm &norm, int gradient);
  Linear linear(const std::string &name, int input, const std::string &inner,
                const std::string &outer);
  int linearBackward(const Linear &linear, int gradient);
  std::string weightDims(const std::string &inner, const std::string &outer) {
    return size.disguised ? outer + " " + inner : inner + " " + outer;
  }
  void biasGradient(int parameter, const std::string &words, int gradient) {
    b.forwardOf = b.program.values[value(parameter)].name;
    parameters[parameter].gradients.push_back(
        b.one(b.program.values[value(parameter)].name + ".gradient",
              Segment::Backward, "b s " + words + " -> " + words, {gradient},
              kernel(1, {{0}})));
  }
  Block forwardBlock(const std::string &name, int &x);
  int backwardBlock(const Block &block, int gradient);
  void update();

  TransformerSize size;
  ProgramBuilder b;
  std::vector<Parameter> parameters;
  int rate = 0, step = 0;
};
} // namespace

Builder::Norm Builder::norm(const std::string &name, int input) {
  Norm norm;
  norm.name = named(name);
  norm.input = input;
  norm.scale = parameter(name + ".weight", "e");
  norm.shift = parameter(name + ".bias", "e");
  b.group = norm.name;
  int mean = b.one(norm.name + "/mean", Segment::Forward, "b s e -> b s",
                   {input}, kernel(1, {{0}}));
  int variance = b.one(norm.name + "/variance", Segment::Forward,
                       "b s e, b s -> b s", {input, mean}, kernel(3));
  norm.output = b.one(
      norm.name + "/normalize", Segment::Forward,
      "b s e, b s, b s, e, e -> b s e",
      {input, mean, variance, value(norm.scale), value(norm.shift)}, kernel(6));
  b.group = "";
  return norm;
}

int Builder::normBackward(const Norm &norm, int gradient) {
  b.forwardOf = norm.name + "/normalize";
  b.group = norm.name + ".backward";
  const std::string &name = b.group;
  using S = Segment;
  int mean = b.one(name + "/mean", S::Backward, "b s e -> b s", {norm.input},
                   kernel(1, {{0}}));
  int variance = b.one(name + "/variance", S::Backward, "b s e, b s -> b s",
                       {norm.input, mean}, kernel(3));
  int normalized =
      b.one(name + "/normalized", S::Backward, "b s e, b s, b s -> b s e",
            {norm.input, mean, variance}, kernel(3));
  int scaled = b.one(name + "/scaled", S::Backward, "b s e, e -> b s e",
                     {gradient, value(norm.scale)}, kernel(1, {{0}}));
  int sum = b.one(name + "/sum", S::Backward, "b s e -> b s", {scaled},
                  kernel(1, {{0}}));
  int dot = b.one(name + "/dot", S::Backward, "b s e, b s e -> b s",
                  {scaled, normalized}, kernel(2, {{0}, {1}}));
  int result = b.one(name + "/input", S::Backward,
                     "b s e, b s e, b s, b s, b s -> b s e",
                     {scaled, normalized, sum, dot, variance}, kernel(6));
  parameters[norm.scale].gradients.push_back(
      b.one(name + "/scale", S::Backward, "b s e, b s e -> e",
            {gradient, normalized}, kernel(2, {{0}, {1}})));
  parameters[norm.shift].gradients.push_back(b.one(name + "/shift", S::Backward,
                                                   "b s e -> e", {gradient},
                                                   kernel(1, {{0}})));
  b.group = "";
  return result;
}

Builder::Linear Builder::linear(const std::string &name, int input,
                                const std::string &inner,
                                const std::string &outer) {
  Linear linear;
  linear.name = named(name);
  linear.input = input;
  linear.inner = inner;
  linear.outer = outer;
  linear.weight = parameter(name + ".weight", weightDims(inner, outer));
  linear.output = b.product(linear.name, Segment::Forward,
                            "b s " + inner + ", " + weightDims(inner, outer) +
                                " -> b s " + outer,
                            {input, value(linear.weight)});
  return linear;
}

int Builder::linearBackward(const Linear &linear, int gradient) {
  b.forwardOf = linear.name;
  parameters[linear.weight].gradients.push_back(
      b.product(linear.name + ".weight.gradient", Segment::Backward,
                "b s " + linear.inner + ", b s " + linear.outer + " -> " +
                    weightDims(linear.inner, linear.outer),
                {linear.input, gradient}));
  return b.product(linear.name + ".input.gradient", Segment::Backward,
                   "b s " + linear.outer + ", " +
                       weightDims(linear.inner, linear.outer) + " -> b s " +
                       linear.inner,
                   {gradient, value(linear.weight)});
}

/// Causal, over factors in order of appearance: b s h d t c.
static Work attentionWork(const std::string &rate, double perProduct) {
  Work work;
  work.kind = Work::Kind::Library;
  work.rate = rate;
  work.terms = {{perProduct, {0, 1, 2, 3, 4}}, {perProduct, {0, 1, 2, 4, 5}}};
  work.neededShare = 0.5;
  work.uncut = {1, 4};
  return work;
}

Builder::Block Builder::forwardBlock(const std::string &name, int &x) {
  using S = Segment;
  Block block;
  block.first = norm(name + ".ln_1", x);
  block.qkv = linear(name + ".attn.c_attn", block.first.output, "e", "j h d");
  block.qkvBias = parameter(name + ".attn.c_attn.bias", "j h d");
  block.biased = b.one(
      block.qkv.name + "/bias", S::Forward, "b s j h d, j h d -> b s j h d",
      {block.qkv.output, value(block.qkvBias)}, kernel(1, {{0, 1}}));
  Options options;
  options.work = attentionWork("attention", 2);
  options.unshardable = {"d", "t", "c"};
  std::vector<int> attention =
      b.op(named(name + ".attn"), S::Forward,
           "b s #3 h d, b t #3 h d, b t #3 h c -> b s h c, b h s",
           {block.biased, block.biased, block.biased}, options);
  block.attention = attention[0];
  block.logSum = attention[1];
  block.projection = linear(name + ".attn.c_proj", block.attention, "h c", "e");
  block.projectionBias = parameter(name + ".attn.c_proj.bias", "e");
  x = b.one(block.projection.name + "/residual", S::Forward,
            "b s e, e, b s e -> b s e",
            {block.projection.output, value(block.projectionBias), x},
            kernel(2, {{0, 1, 2}}));
  block.second = norm(name + ".ln_2", x);
  block.up = linear(name + ".mlp.c_fc", block.second.output, "e", "f");
  block.upBias = parameter(name + ".mlp.c_fc.bias", "f");
  block.activation =
      b.one(block.up.name + "/gelu", S::Forward, "b s f, f -> b s f",
            {block.up.output, value(block.upBias)}, kernel(24));
  block.down = linear(name + ".mlp.c_proj", block.activation, "f", "e");
  block.downBias = parameter(name + ".mlp.c_proj.bias", "e");
  x = b.one(
      block.down.name + "/residual", S::Forward, "b s e, e, b s e -> b s e",
      {block.down.output, value(block.downBias), x}, kernel(2, {{0, 1, 2}}));
  return block;
}

int Builder::backwardBlock(const Block &block, int gradient) {
  using S = Segment;
  biasGradient(block.downBias, "e", gradient);
  int inner = linearBackward(block.down, gradient);
  inner = b.one(
      block.up.name + "/gelu.gradient", S::Backward, "b s f, b s f, f -> b s f",
      {inner, block.up.output, value(block.upBias)}, kernel(30, {{0}}));
  biasGradient(block.upBias, "f", inner);
  inner = normBackward(block.second, linearBackward(block.up, inner));
  gradient =
      b.one(block.second.name + "/gradient.sum", S::Backward,
            "b s e, b s e -> b s e", {gradient, inner}, kernel(1, {{0, 1}}));
  biasGradient(block.projectionBias, "e", gradient);
  inner = linearBackward(block.projection, gradient);
  Options options;
  options.work = attentionWork("attention_backward", 5);
  options.unshardable = {"d", "c"};
  b.forwardOf = block.qkv.name + "/bias";
  std::vector<int> gradients =
      b.op(block.first.name + ".attention.gradient", S::Backward,
           "b s #3 h d, b t #3 h d, b t #3 h c, b s h c, b h s, b s h c -> "
           "b s h d, b t h d, b t h c",
           {block.biased, block.biased, block.biased, block.attention,
            block.logSum, inner},
           options);
  inner = b.one(block.qkv.name + "/gradient", S::Backward,
                "b s h d, b s h d, b s h d -> b s j h d", gradients,
                kernel(3, {{0}, {1}, {2}, {0, 1, 2}}));
  biasGradient(block.qkvBias, "j h d", inner);
  inner = normBackward(block.first, linearBackward(block.qkv, inner));
  b.forwardOf = "";
  return b.one(block.first.name + "/gradient.sum", S::Backward,
               "b s e, b s e -> b s e", {gradient, inner}, kernel(1, {{0, 1}}));
}

void Builder::update() {
  int scalars = b.one("optimizer/scalars", Segment::Update, ", -> ",
                      {rate, step}, kernel(40));
  for (const Parameter &parameter : parameters) {
    const std::string &d = parameter.dims;
    const std::string name = b.program.values[parameter.value].name;
    b.forwardOf = name;
    std::string spec =
        d + ", " + d + ", " + d + ", " + d + ",  -> " + d + ", " + d + ", " + d;
    std::vector<int> updated =
        b.op(name + "/adamw", Segment::Update, spec,
             {parameter.value, parameter.gradients.front(), parameter.first,
              parameter.second, scalars},
             kernel(24));
    b.program.values[updated[0]].updates = parameter.value;
    b.program.values[updated[1]].updates = parameter.first;
    b.program.values[updated[2]].updates = parameter.second;
  }
}

Program Builder::make() {
  using S = Segment;
  using R = colossal::cost::FactorRole;
  int ids = b.argument("input_ids", Role::Batch, "b s", 0);
  int labels = b.argument("labels", Role::Batch, "b s", 0);
  rate = b.argument("lr", Role::Control, "");
  step = b.argument("step", Role::Control, "");

  // Labels move by one place: a cut of the sequence is no cut there.
  Options shift = kernel(1);
  shift.unshardable = {"s"};
  int target = b.one("loss/shift", S::Forward, "b s -> b s", {labels}, shift);
  int early =
      b.one("loss/shift/prologue", S::Prologue, "b s -> b s", {labels}, shift);
  int count = b.one("loss/count", S::Prologue, "b s -> ", {early}, kernel(2));

  int tokens = parameter("wte.weight", "v e");
  int positions = parameter("wpe.weight", "s e");
  Options lookup = kernel(1, {{1}});
  lookup.work.roles = {R::Loop, R::Loop, R::Free, R::Loop}; // b s v e
  int x = b.one(named("wte"), S::Forward, "b s, v e -> b s e",
                {ids, value(tokens)}, lookup);
  x = b.one(named("wpe"), S::Forward, "b s e, s e -> b s e",
            {x, value(positions)}, kernel(1, {{0, 1}}));
  std::vector<Block> blocks;
  for (int64_t l = 0; l < size.layers; ++l)
    blocks.push_back(forwardBlock("h." + std::to_string(l), x));
  Norm last = norm("ln_f", x);
  int head = size.tied ? tokens : parameter("lm_head.weight", "v e");
  int logits = b.product(named("lm_head"), S::Forward, "b s e, v e -> b s v",
                         {last.output, value(head)});

  b.group = "loss";
  Options maximum = kernel(1);
  maximum.max = "v";
  int largest =
      b.one("loss/max", S::Forward, "b s v -> b s", {logits}, maximum);
  int sum = b.one("loss/sum", S::Forward, "b s v, b s -> b s",
                  {logits, largest}, kernel(14));
  int logSum = b.one("loss/logsum", S::Forward, "b s, b s -> b s",
                     {sum, largest}, kernel(13));
  Options pick = kernel(1, {{1}});
  pick.work.roles = {R::Loop, R::Loop, R::Free}; // b s v
  int picked = b.one("loss/pick", S::Forward, "b s, b s v -> b s",
                     {target, logits}, pick);
  int loss = b.one("loss/mean", S::Forward, "b s, b s, b s,  -> ",
                   {logSum, picked, target, count}, kernel(5));
  b.group = "";
  b.program.values[loss].metric = true;

  int gradient =
      b.one("loss/gradient", S::Backward, "b s v, b s, b s,  -> b s v",
            {logits, logSum, target, count}, kernel(16));
  b.forwardOf = named("lm_head");
  parameters[head].gradients.push_back(
      b.product(named("lm_head") + ".gradient", S::Backward,
                "b s v, b s e -> v e", {gradient, last.output}));
  gradient = b.product(named("lm_head") + ".input.gradient", S::Backward,
                       "b s v, v e -> b s e", {gradient, value(head)});
  gradient = normBackward(last, gradient);
  for (int64_t l = size.layers - 1; l >= 0; --l)
    gradient = backwardBlock(blocks[l], gradient);
  b.forwardOf = named("wpe");
  parameters[positions].gradients.push_back(
      b.one(named("wpe") + ".gradient", S::Backward, "b s e -> s e", {gradient},
            kernel(1, {{0}})));
  b.forwardOf = named("wte");
  Options scatter = kernel(1, {{1}});
  scatter.work.roles = {R::Loop, R::Loop, R::Loop, R::Free}; // b s e v
  int scattered = b.one(named("wte") + ".gradient", S::Backward,
                        "b s, b s e -> v e", {ids, gradient}, scatter);
  if (size.tied)
    parameters[tokens].gradients = {
        b.one(named("wte") + ".gradient.sum", S::Backward, "v e, v e -> v e",
              {parameters[tokens].gradients.front(), scattered},
              kernel(1, {{0, 1}}))};
  else
    parameters[tokens].gradients.push_back(scattered);
  update();
  return b.program;
}

Program colossal::plan::transformer(const TransformerSize &size) {
  return Builder(size).make();
}
