//===- Call.cpp - Attention as a library function: parameters and checks --===//

#include "Colossal/Ops/Attention/Run/Call.h"
#include "Routine.h"
#include "colossal/Run/NarrowRows.h"

#include <algorithm>

namespace colossal::rank {

static const char *const narrowName = "narrow";

/// Calls `visit(name, field)` for every integer parameter.
template <class Call, class Visit> static void integers(Call &a, Visit visit) {
  visit("batch", a.batch);
  visit("heads", a.heads);
  visit("queries", a.queries);
  visit("keys", a.keys);
  visit("qkFeatures", a.qkFeatures);
  visit("vFeatures", a.vFeatures);
  visit("causalOffset", a.causalOffset);
}

LibraryCall callOf(const Attention &attention) {
  LibraryCall call;
  call.function = attention.backward ? "attention_backward" : "attention";
  integers(attention, [&](const char *name, int64_t value) {
    call.integers[name] = value;
  });
  call.integers["causal"] = attention.causal;
  if (attention.narrow)
    call.integers[narrowName] = attention.narrow;
  call.reals["scale"] = attention.scale;
  call.strides = attention.strides;
  call.kernel = attention.kernel;
  return call;
}

Attention attentionOf(const LibraryCall &call) {
  Attention attention;
  attention.backward = call.function == "attention_backward";
  auto find = [](const auto &parameters, const char *name, auto &value) {
    if (auto it = parameters.find(name); it != parameters.end())
      value = it->second;
  };
  integers(attention, [&](const char *name, int64_t &value) {
    find(call.integers, name, value);
  });
  find(call.integers, "causal", attention.causal);
  find(call.integers, narrowName, attention.narrow);
  find(call.reals, "scale", attention.scale);
  attention.strides = call.strides;
  attention.kernel = call.kernel;
  return attention;
}

void checkAttention(OperandFaults &faults, const std::string &place,
                    const Op &op) {
  Attention attention = attentionOf(op.library);
  bool backward = attention.backward;
  size_t inputs = inputsOf(attention), outputs = outputsOf(attention);
  auto text = [](int64_t value) { return std::to_string(value); };
  if (op.operands.size() < inputs + outputs ||
      op.numOutputs != int64_t(outputs) ||
      attention.strides.size() != op.operands.size()) {
    faults.fault(place,
                 text(int64_t(op.operands.size())) + " operands, " +
                     text(op.numOutputs) + " outputs, " +
                     text(int64_t(attention.strides.size())) + " strides",
                 "at least " + text(int64_t(inputs + outputs)) + " operands, " +
                     text(int64_t(outputs)) +
                     " outputs, strides of each operand");
    return;
  }
  // Extent of (position, feature) of each operand, forward then backward.
  int64_t s = attention.queries, t = attention.keys, d = attention.qkFeatures,
          v = attention.vFeatures;
  using Extent = std::pair<int64_t, int64_t>;
  std::vector<Extent> head = {{s, d}, {t, d}, {t, v}};
  std::vector<Extent> tail = {{s, v}, {s, 1}};
  if (backward) {
    head.insert(head.end(), {{s, v}, {s, 1}, {s, v}});
    tail = {{s, d}, {t, d}, {t, v}};
  }
  if (std::min({attention.batch, attention.heads, s, t, d, v}) < 1) {
    faults.fault(place, "an empty extent", "extents of at least 1");
    return;
  }
  if (attention.narrow < 0 || attention.narrow > kMostNarrow)
    faults.fault(place + " " + narrowName, attention.narrow, "0, 1 or 2");
  size_t extras = extrasOf(attention, op);
  if (op.indices.size() > kMostIndices || extras > kMostExtras)
    faults.fault(place,
                 text(int64_t(op.indices.size())) + " indices and " +
                     text(int64_t(extras)) + " extra operands",
                 "at most " + text(kMostIndices) + " and " + text(kMostExtras));
  if (extras && attention.kernel.empty())
    faults.fault(place, text(int64_t(extras)) + " extra operands",
                 "none without a mask kernel");
  for (size_t i = 0; i < op.operands.size(); ++i) {
    if (i >= inputs && i < inputs + extras)
      continue;
    const Extent &extent = i < inputs ? head[i] : tail[i - inputs - extras];
    const std::vector<int64_t> &strides = attention.strides[i];
    std::string at = place + " operand " + text(int64_t(i));
    if (strides.size() != 4 ||
        *std::min_element(strides.begin(), strides.end()) < 0) {
      faults.fault(at, text(int64_t(strides.size())) + " strides",
                   "4 of at least 0");
      continue;
    }
    int64_t index = (attention.batch - 1) * strides[0] +
                    (attention.heads - 1) * strides[1] +
                    (extent.first - 1) * strides[2] +
                    (extent.second - 1) * strides[3];
    bool isLogSum = i == (backward ? 4 : inputs + extras + 1);
    DType type = isLogSum ? DType::F32 : typeOfNarrow(attention.narrow);
    faults.checkType(at, op.operands[i], type);
    faults.checkInside(at, op.operands[i], (index + 1) * bytesOf(type));
  }
}

} // namespace colossal::rank
