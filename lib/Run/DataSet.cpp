//===- DataSet.cpp - The batches of a run ---------------------------------===//

#include "colossal/Run/DataSet.h"

#include "ProgramCheck.h"

#include <algorithm>

namespace colossal::rank {

namespace {

uint64_t splitmix64(uint64_t &state) {
  uint64_t z = state += 0x9e3779b97f4a7c15ull;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

} // namespace

void orderOfEpoch(std::vector<int64_t> &order, int64_t samples, bool shuffle,
                  uint64_t seed, int64_t epoch) {
  order.resize(size_t(samples));
  for (int64_t i = 0; i < samples; ++i)
    order[size_t(i)] = i;
  if (!shuffle)
    return;
  uint64_t state = seed * 0x9e3779b97f4a7c15ull + uint64_t(epoch);
  for (int64_t i = samples - 1; i > 0; --i) {
    auto wide = static_cast<unsigned __int128>(splitmix64(state)) *
                static_cast<uint64_t>(i + 1);
    std::swap(order[size_t(i)], order[size_t(wide >> 64)]);
  }
}

std::optional<DataSet>
DataSet::open(const Manifest &manifest,
              const std::map<std::string, std::string> &paths, bool shuffle,
              uint64_t seed, std::string &error) {
  DataSet data;
  data.shuffle = shuffle;
  data.seed = seed;
  std::string names;
  for (const InputSchema &input : manifest.inputs)
    names += (names.empty() ? "" : ", ") + input.name;
  for (const auto &entry : paths) {
    bool known = false;
    for (const InputSchema &input : manifest.inputs)
      known |= input.name == entry.first;
    if (!known) {
      error = "--data " + entry.first +
              ": found no input of that name, "
              "expected one of " +
              (names.empty() ? "none" : names);
      return std::nullopt;
    }
  }
  std::string first;
  for (const InputSchema &input : manifest.inputs) {
    auto path = paths.find(input.name);
    if (path == paths.end()) {
      error = "--data: found no file for input '" + input.name +
              "', expected --data " + input.name + "=FILE.npy";
      return std::nullopt;
    }
    std::optional<NpyFile> file = NpyFile::open(path->second, error);
    if (!file)
      return std::nullopt;
    if (!file->converts(input.dtype)) {
      error = path->second + ": found type '" + file->descr + "', expected " +
              nameOf(input.dtype) + " for input '" + input.name +
              "' (or a type that is exact in it)";
      return std::nullopt;
    }
    std::vector<int64_t> expected = input.globalShape;
    std::string leading;
    if (input.batchDim >= 0) {
      expected.erase(expected.begin() + input.batchDim);
      leading = "samples, ";
    }
    std::vector<int64_t> found = file->shape;
    bool fits = true;
    if (input.batchDim >= 0) {
      fits = !found.empty();
      if (fits)
        found.erase(found.begin());
    }
    if (!fits || found != expected) {
      std::string want = shapeText(expected);
      error = path->second + ": found shape " + shapeText(file->shape) +
              ", expected (" + leading + want.substr(1) + " for input '" +
              input.name + "'";
      return std::nullopt;
    }
    if (input.batchDim >= 0) {
      int64_t samples = file->shape[0];
      int64_t batch = input.globalShape[size_t(input.batchDim)];
      if (first.empty()) {
        first = path->second;
        data.sampleCount = samples;
        data.batchSize = batch;
      }
      if (samples != data.sampleCount) {
        error = path->second + ": found " + std::to_string(samples) +
                " samples, expected " + std::to_string(data.sampleCount) +
                " as in " + first;
        return std::nullopt;
      }
      if (batch != data.batchSize) {
        error = "manifest: found inputs with batches of " +
                std::to_string(batch) + " and " +
                std::to_string(data.batchSize) + ", expected one size";
        return std::nullopt;
      }
      if (samples < batch) {
        error = path->second + ": found " + std::to_string(samples) +
                " samples, expected at least one batch of " +
                std::to_string(batch);
        return std::nullopt;
      }
    }
    data.files.emplace(input.name, std::move(*file));
  }
  if (data.batchSize == 0)
    data.batchSize = data.sampleCount = 1;
  data.order.reserve(size_t(data.sampleCount));
  return data;
}

const int64_t *DataSet::batch(int64_t step) {
  int64_t steps = stepsPerEpoch(), wanted = (step - 1) / steps;
  if (wanted != epoch) {
    orderOfEpoch(order, sampleCount, shuffle, seed, wanted);
    epoch = wanted;
  }
  return order.data() + (step - 1) % steps * batchSize;
}

bool DataSet::fill(const Input &input, const Coordinate &coordinate,
                   DType dtype, int64_t step, char *to) {
  const NpyFile &file = files.at(input.name);
  int64_t element = bytesOf(dtype);
  bool good = true;
  if (input.batchDim < 0) {
    forEachRun(input.layout, coordinate, [&](const Run &run) {
      good &=
          file.read(run.global, run.length, dtype, to + run.local * element);
    });
    return good;
  }
  const int64_t *samples = batch(step);
  // The batch as [before, batch, after]; a sample in the file is [before,
  // after].
  int64_t after = 1;
  for (size_t d = size_t(input.batchDim) + 1; d < input.globalShape.size(); ++d)
    after *= input.globalShape[d];
  int64_t size = elementsOf(input.globalShape) / batchSize;
  forEachRun(input.layout, coordinate, [&](const Run &run) {
    for (int64_t done = 0; done < run.length;) {
      int64_t at = run.global + done, inside = at % after;
      int64_t sample = at / after % batchSize, before = at / after / batchSize;
      int64_t length = std::min(after - inside, run.length - done);
      good &= file.read(samples[sample] * size + before * after + inside,
                        length, dtype, to + (run.local + done) * element);
      done += length;
    }
  });
  return good;
}

} // namespace colossal::rank
