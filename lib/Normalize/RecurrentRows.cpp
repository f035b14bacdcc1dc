//===- RecurrentRows.cpp - LSTM, GRU and simple recurrent layers ----------===//
//
// A recurrence is unrolled over time: one product of all inputs with the
// weights, and for each step a product with the state before and an
// elementwise op. Gates are parts of one dimension, in PyTorch's order. Where
// sequences are packed, a step keeps the states of those that are over; in the
// other direction these have not begun.
//
//===----------------------------------------------------------------------===//

#include "Dropout.h"
#include "Join.h"
#include "Lookup.h"
#include "Packed.h"
#include "Product.h"
#include "Rows.h"
#include "Shapes.h"
#include "Unary.h"

#include <functional>

using namespace mlir;
using namespace colossal;
using namespace colossal::normalize;

namespace {

/// A recurrent layer in one direction.
struct Layer {
  Value inputWeight, stateWeight, inputBias, stateBias; ///< biases may be null
  Value projection; ///< of the hidden state, or null
  std::string name;
};

/// How one of the states goes on: from sums of some gates, of the input and of
/// the state before, biases included, and from a state.
struct Update {
  unsigned written; ///< the state: 0 is hidden, 1 an LSTM's cell
  unsigned read;
  SmallVector<unsigned> gates;
  std::function<Value(ScalarBuilder &, ArrayRef<Value> x, ArrayRef<Value> h,
                      Value state)>
      body;
};

/// The updates of a step, in order: later ones read what earlier ones wrote.
struct Cell {
  unsigned gates;
  SmallVector<Update> updates;
};

/// What the op's arguments say of all layers.
struct Stack {
  int64_t layers;
  unsigned directions;
  bool hasBiases, batchFirst;
  double dropout;     ///< between layers
  unsigned arguments; ///< the number of the initial states among the arguments
  const Packed *packed = nullptr;
};

} // namespace

static Type typeOf(Value value) { return getElementTypeOrSelf(value); }

/// One step: `inputs` [.., t, .., gates x hidden] of all times, and the states,
/// which become the next ones. `lengths`, of the sequences, may be null.
static void step(Call &c, const Cell &cell, const Layer &layer, Value inputs,
                 int64_t timeDim, int64_t time, Value lengths,
                 SmallVector<Value> &states) {
  std::string name = layer.name + ".t" + std::to_string(time);
  Value sums = contract(c, {states[0], layer.stateWeight, false, false, true},
                        name + ".product");
  if (c.failed())
    return;
  auto stateType = cast<RankedTensorType>(states.back().getType());
  int64_t times = cast<RankedTensorType>(inputs.getType()).getDimSize(timeDim);
  for (const Update &update : cell.updates) {
    GenericBuilder g = c.generic(update.written == 0 ? name : name + ".cell");
    SmallVector<int64_t> batch = addFactors(g, dimsOf(states[0])[0]);
    int64_t h = g.factor("h", stateType.getDimSize(1));
    IndexMapAttr own = plainMap(g, {batch, {h}});
    for (unsigned gate : update.gates) {
      SmallVector<SubDimAttr> part;
      if (cell.gates > 1)
        part.push_back(g.constant(gate, cell.gates));
      part.push_back(g.plain(h));
      SmallVector<SmallVector<SubDimAttr>> ofInput(3);
      ofInput[timeDim] = {g.constant(time, times)};
      ofInput[1 - timeDim] = plain(g, batch);
      ofInput[2] = part;
      g.operand(inputs, g.map(ofInput));
      g.operand(sums, g.map({plain(g, batch), part}));
      for (Value bias : {layer.inputBias, layer.stateBias})
        if (bias)
          g.operand(bias, g.map({part}));
    }
    g.operand(states[update.read], own);
    if (lengths && !layer.projection) {
      g.operand(states[update.written], own);
      g.operand(lengths, plainMap(g, {batch}));
    }
    g.result(typeOf(inputs), own);
    states[update.written] = g.build([&](ScalarBuilder &s, ValueRange in) {
      SmallVector<Value> x, h;
      for (size_t i = 0; i < update.gates.size(); ++i) {
        x.push_back(in[0]);
        h.push_back(in[1]);
        in = in.drop_front(2);
        if (layer.inputBias) {
          x.back() = s.add(x.back(), in[0]);
          h.back() = s.add(h.back(), in[1]);
          in = in.drop_front(2);
        }
      }
      Value next = update.body(s, x, h, in[0]);
      if (!lengths)
        return next;
      Value now = s.integer(in[2].getType(), time);
      return s.select(isBeforeEnd(s, now, in[2]), next, in[1]);
    });
    if (layer.projection && update.written == 0)
      states[0] = contract(c, {states[0], layer.projection, false, false, true},
                           name + ".projection");
  }
}

/// An LSTM has a list of two, the others have one.
static std::vector<Item> initialStates(Call &c, const Stack &stack) {
  const Item &item = c.item(stack.arguments);
  return item.isList() ? item.list : std::vector<Item>{item};
}

/// All layers: the op's results are the outputs of the last one and the states
/// after the last step, [layers x directions, batch, hidden].
static void unroll(Call &c, const Cell &cell, const Stack &stack) {
  std::vector<Item> initial = initialStates(c, stack);
  ArrayRef<Item> weights = c.list(stack.arguments + 1);
  Value x = c.tensor(0);
  if (stack.packed && !c.failed())
    x = padRows(c, x, *stack.packed, "padded");
  Value lengths = stack.packed ? stack.packed->lengths : Value();
  auto type = cast<RankedTensorType>(x.getType());
  unsigned each = stack.hasBiases ? 4 : 2;
  bool isProjected =
      initial.size() == 2 &&
      int64_t(weights.size()) == stack.layers * stack.directions * (each + 1);
  each += isProjected;
  if (c.failed())
    return;
  if (isProjected && stack.packed)
    return c.error("packed sequences with a projection of the states");
  if (type.getRank() != 3)
    return c.error("expected inputs of three dimensions, found " +
                   Twine(type.getRank()));
  if (int64_t(weights.size()) != stack.layers * stack.directions * each)
    return c.error("found " + Twine(weights.size()) + " weights, expected " +
                   Twine(each) + " for each layer and direction");
  int64_t timeDim = stack.batchFirst ? 1 : 0, times = type.getDimSize(timeDim);
  if (times < 1)
    return c.error("a sequence without elements");
  std::vector<SmallVector<Value>> last(initial.size());
  SmallVector<Value> starts;
  for (const Item &item : initial)
    starts.push_back(c.tensor(item));
  for (int64_t number = 0; number < stack.layers; ++number) {
    SmallVector<Value> outputs;
    for (unsigned direction = 0; direction < stack.directions; ++direction) {
      int64_t place = number * stack.directions + direction;
      ArrayRef<Item> own = weights.slice(place * each, each);
      Layer layer;
      layer.name = "l" + std::to_string(number) + (direction ? ".reverse" : "");
      layer.inputWeight = c.tensor(own[0]);
      layer.stateWeight = c.tensor(own[1]);
      if (stack.hasBiases) {
        layer.inputBias = c.tensor(own[2]);
        layer.stateBias = c.tensor(own[3]);
      }
      if (isProjected)
        layer.projection = c.tensor(own.back());
      Value inputs = contract(c, {x, layer.inputWeight, false, false, true},
                              layer.name + ".inputs");
      SmallVector<Value> state;
      for (auto [index, start] : llvm::enumerate(starts))
        state.push_back(
            elementOf(c.generic(layer.name + (index ? ".cell" : ".start")),
                      start, 0, place, /*keep=*/false));
      std::vector<Value> hidden(times);
      for (int64_t i = 0; i < times && !c.failed(); ++i) {
        int64_t time = direction ? times - 1 - i : i;
        step(c, cell, layer, inputs, timeDim, time, lengths, state);
        hidden[time] = state[0];
      }
      if (c.failed())
        return;
      for (auto [index, value] : llvm::enumerate(state))
        last[index].push_back(value);
      outputs.push_back(stackOf(c.generic(layer.name + ".outputs"), hidden,
                                timeDim, typeOf(x)));
    }
    x = outputs.size() == 1
            ? outputs[0]
            : concatenationOf(c.generic("l" + std::to_string(number)), outputs,
                              2, typeOf(x));
    if (stack.dropout > 0 && number + 1 < stack.layers)
      x = dropout(c, x, stack.dropout, std::nullopt,
                  "l" + std::to_string(number) + ".dropout");
  }
  c.result(stack.packed ? packRows(c, x, 0, c.tensor(1), "") : x);
  for (auto [index, values] : llvm::enumerate(last))
    c.result(
        stackOf(c.generic(index ? "cells" : "states"), values, 0, typeOf(x)));
}

/// (input, initial, weights, has_biases, num_layers, dropout, train,
/// bidirectional, batch_first), or of packed sequences (data, batch sizes,
/// initial, ..., bidirectional).
static std::optional<Stack> describeStack(Call &c, unsigned states) {
  Stack stack;
  bool isPacked = c.key().ends_with(".data");
  unsigned at = stack.arguments = isPacked ? 2 : 1;
  if (isPacked)
    stack.packed = packedBy(c, 1);
  stack.hasBiases = c.flag(at + 2);
  stack.layers = c.integer(at + 3);
  stack.dropout = c.flag(at + 5) ? c.real(at + 4) : 0;
  stack.directions = c.flag(at + 6) ? 2 : 1;
  stack.batchFirst = isPacked ? false : c.flag(at + 7);
  if (c.failed())
    return std::nullopt;
  if (!(stack.dropout >= 0 && stack.dropout <= 1))
    c.error("dropout with p = " + std::to_string(stack.dropout) +
            ", expected 0 to 1");
  std::vector<Item> initial = initialStates(c, stack);
  if (initial.size() != states || stack.layers < 1)
    c.error("expected " + Twine(states) + " initial states and a layer");
  if (isPacked && c.type(0).getRank() != 2)
    c.error("expected packed data of two dimensions, found " +
            Twine(c.type(0).getRank()));
  if (c.failed())
    return std::nullopt;
  auto type = cast<RankedTensorType>(c.tensor(initial[0]).getType());
  if (type.getRank() != 3 ||
      type.getDimSize(0) != stack.layers * stack.directions) {
    c.error("found an initial state of shape " + shapeText(type.getShape()) +
            ", expected three dimensions, the first for layers and directions");
    return std::nullopt;
  }
  return stack;
}

static Value tanhOf(ScalarBuilder &s, Value x) {
  return s.create<math::TanhOp>(x);
}

/// S. Hochreiter, J. Schmidhuber, Long short-term memory, 1997, with forget
/// gates. Gates: input, forget, cell, output.
static void lstm(Call &c) {
  std::optional<Stack> stack = describeStack(c, 2);
  if (!stack)
    return;
  Update cell = {1, 1, {0, 1, 2}, [](auto &s, auto x, auto h, Value state) {
                   auto gate = [&](unsigned i) { return s.add(x[i], h[i]); };
                   Value kept = s.mul(sigmoidOf(s, gate(1)), state);
                   return s.add(
                       kept, s.mul(sigmoidOf(s, gate(0)), tanhOf(s, gate(2))));
                 }};
  Update hidden = {0, 1, {3}, [](auto &s, auto x, auto h, Value state) {
                     Value output = sigmoidOf(s, s.add(x[0], h[0]));
                     return s.mul(output, tanhOf(s, state));
                   }};
  unroll(c, {4, {cell, hidden}}, *stack);
}

/// K. Cho et al., Learning phrase representations using RNN encoder-decoder,
/// 2014, in the form with the reset gate after the product. Gates: reset,
/// update, new.
static void gru(Call &c) {
  std::optional<Stack> stack = describeStack(c, 1);
  if (!stack)
    return;
  Update hidden = {0, 0, {0, 1, 2}, [](auto &s, auto x, auto h, Value state) {
                     Value reset = sigmoidOf(s, s.add(x[0], h[0]));
                     Value update = sigmoidOf(s, s.add(x[1], h[1]));
                     Value fresh = tanhOf(s, s.add(x[2], s.mul(reset, h[2])));
                     // (1 - update) fresh + update state
                     return s.add(fresh, s.mul(update, s.sub(state, fresh)));
                   }};
  unroll(c, {3, {hidden}}, *stack);
}

static void simple(Call &c, bool tanh) {
  std::optional<Stack> stack = describeStack(c, 1);
  if (!stack)
    return;
  Update hidden = {0, 0, {0}, [tanh](auto &s, auto x, auto h, Value) {
                     Value sum = s.add(x[0], h[0]);
                     return tanh ? tanhOf(s, sum) : reluOf(s, sum);
                   }};
  unroll(c, {1, {hidden}}, *stack);
}

static void rnnTanh(Call &c) { simple(c, true); }
static void rnnRelu(Call &c) { simple(c, false); }

void normalize::addRecurrentRows(Table &table) {
  table.add({"aten::lstm.input", "aten::lstm.data"}, lstm);
  table.add({"aten::gru.input", "aten::gru.data"}, gru);
  table.add({"aten::rnn_tanh.input", "aten::rnn_tanh.data"}, rnnTanh);
  table.add({"aten::rnn_relu.input", "aten::rnn_relu.data"}, rnnRelu);
}
