//===- DataSet.cpp - The batches of a run ---------------------------------===//

#include "colossal/Run/DataSet.h"
#include "colossal/Run/Elements.h"

#include "ProgramCheck.h"

#include <algorithm>

namespace colossal::rank {

namespace {

uint64_t mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

uint64_t splitmix64(uint64_t &state) {
  return mix(state += 0x9e3779b97f4a7c15ull);
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + ")";
}

/// The first of `count` values that the program cannot take; -1: none.
template <class T>
int64_t firstOutside(const T *values, int64_t count,
                     const InputSchema &schema) {
  // One pass without branches over what is usual, then one that knows the
  // marks of ignored positions.
  bool outside = false;
  for (int64_t i = 0; i < count; ++i)
    outside |= values[i] < schema.lowest || values[i] > schema.highest;
  if (!outside)
    return -1;
  const auto &other = schema.otherValues;
  for (int64_t i = 0; i < count; ++i)
    if ((values[i] < schema.lowest || values[i] > schema.highest) &&
        std::find(other.begin(), other.end(), int64_t(values[i])) ==
            other.end())
      return i;
  return -1;
}

std::string outsideText(const NpyFile &file, const InputSchema &schema,
                        int64_t at, int64_t sampleSize, int64_t value) {
  std::string text = file.path + ": ";
  if (schema.batchDim >= 0)
    text += "sample " + std::to_string(at / sampleSize) + ", ";
  text += "element " + std::to_string(at % sampleSize) + ": found " +
          std::to_string(value) + ", expected " +
          std::to_string(schema.lowest) + " to " +
          std::to_string(schema.highest);
  for (int64_t other : schema.otherValues)
    text += " or " + std::to_string(other);
  text += " for input '" + schema.name + "'";
  if (!schema.lookup.empty())
    text += ", which " + schema.lookup + " looks up";
  return text;
}

} // namespace

SampleOrder::SampleOrder(int64_t samples, bool shuffle, uint64_t seed)
    : samples(samples), shuffle(shuffle), seed(seed) {
  if (shuffle && samples <= kListed)
    list.assign(size_t(samples), 0);
  while (halfBits < 31 && int64_t(1) << (2 * halfBits) < samples)
    ++halfBits;
}

void SampleOrder::setEpoch(int64_t wanted) {
  if (!shuffle || wanted == epoch)
    return;
  epoch = wanted;
  uint64_t state = seed * 0x9e3779b97f4a7c15ull + uint64_t(epoch);
  if (list.empty()) {
    for (uint64_t &key : keys)
      key = splitmix64(state);
    return;
  }
  for (int64_t i = 0; i < samples; ++i)
    list[size_t(i)] = uint32_t(i);
  for (int64_t i = samples - 1; i > 0; --i) {
    auto wide = static_cast<unsigned __int128>(splitmix64(state)) *
                static_cast<uint64_t>(i + 1);
    std::swap(list[size_t(i)], list[size_t(wide >> 64)]);
  }
}

int64_t SampleOrder::at(int64_t position) const {
  if (!shuffle)
    return position;
  if (!list.empty())
    return list[size_t(position)];
  uint64_t mask = (uint64_t(1) << halfBits) - 1;
  auto value = uint64_t(position);
  do {
    uint64_t left = value >> halfBits, right = value & mask;
    for (uint64_t key : keys) {
      uint64_t next = left ^ (mix(right + key) & mask);
      left = right;
      right = next;
    }
    value = left << halfBits | right;
  } while (value >= uint64_t(samples));
  return int64_t(value);
}

void orderOfEpoch(std::vector<int64_t> &order, int64_t samples, bool shuffle,
                  uint64_t seed, int64_t epoch) {
  SampleOrder all(samples, shuffle, seed);
  all.setEpoch(epoch);
  order.resize(size_t(samples));
  for (int64_t i = 0; i < samples; ++i)
    order[size_t(i)] = all.at(i);
}

std::optional<DataSet>
DataSet::open(const ProgramSchema &program,
              const std::map<std::string, std::string> &paths, bool shuffle,
              uint64_t seed, std::string &error, bool isWhole) {
  DataSet data;
  std::string names;
  for (const InputSchema &input : program.inputs)
    names += (names.empty() ? "" : ", ") + input.name;
  for (const auto &entry : paths) {
    const auto &unused = program.unusedInputs;
    bool known =
        std::find(unused.begin(), unused.end(), entry.first) != unused.end();
    for (const InputSchema &input : program.inputs)
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
  for (const InputSchema &input : program.inputs) {
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
      if (samples < (isWhole ? 1 : batch)) {
        error = path->second + ": found " + std::to_string(samples) +
                " samples, expected at least one" +
                (isWhole ? "" : " batch of " + std::to_string(batch));
        return std::nullopt;
      }
    }
    int64_t size = elementsOf(expected);
    data.sources.emplace(input.name, Source{std::move(*file), input, size});
  }
  if (data.batchSize == 0)
    data.batchSize = data.sampleCount = 1;
  data.order = SampleOrder(data.sampleCount, shuffle, seed);
  data.batchSamples.resize(size_t(data.batchSize));
  return data;
}

void DataSet::startAt(int64_t step, const DataCursor &next) {
  firstStep = step;
  first = next;
  batchStep = 0;
}

DataCursor DataSet::cursorOf(int64_t step) const {
  int64_t done = step - firstStep;
  int64_t left = std::max<int64_t>(0, sampleCount - first.position) / batchSize;
  if (done < left)
    return {first.epoch, first.position + done * batchSize};
  done -= left;
  int64_t steps = stepsPerEpoch();
  return {first.epoch + 1 + done / steps, done % steps * batchSize};
}

const int64_t *DataSet::batch(int64_t step) {
  if (step == batchStep)
    return batchSamples.data();
  DataCursor cursor = cursorOf(step);
  order.setEpoch(cursor.epoch);
  for (int64_t i = 0; i < batchSize; ++i)
    batchSamples[size_t(i)] = order.at(cursor.position + i);
  batchStep = step;
  return batchSamples.data();
}

void DataSet::choose(std::vector<int64_t> samples) {
  batchSamples = std::move(samples);
  batchStep = kChosen;
}

bool DataSet::read(const Source &source, int64_t first, int64_t count,
                   DType dtype, char *to, std::string &error) {
  const NpyFile &file = source.file;
  if (!file.read(first, count, dtype, to)) {
    error = file.path + ": found the end of the file, expected the samples "
                        "that its header promises; it has changed";
    return false;
  }
  if (!source.schema.isBounded())
    return true;
  int64_t bad = -1, value = 0;
  withInteger(dtype, [&](auto zero) {
    auto *values = reinterpret_cast<const decltype(zero) *>(to);
    bad = firstOutside(values, count, source.schema);
    value = bad < 0 ? 0 : values[bad];
  });
  if (bad < 0)
    return true;
  error =
      outsideText(file, source.schema, first + bad, source.sampleSize, value);
  return false;
}

bool DataSet::check(int64_t part, int64_t parts, std::string &error) const {
  std::vector<char> piece(1 << 20);
  for (const auto &[name, source] : sources) {
    if (!source.schema.isBounded())
      continue;
    DType dtype = source.schema.dtype;
    int64_t elements = elementsOf(source.file.shape);
    int64_t chunk = int64_t(piece.size()) / bytesOf(dtype);
    int64_t share = (elements + parts - 1) / parts;
    int64_t begin = std::min(elements, part * share);
    int64_t end = std::min({elements, begin + share,
                            begin + kCheckedAtLoad / source.file.elementBytes});
    for (int64_t at = begin; at < end; at += chunk)
      if (!read(source, at, std::min(chunk, end - at), dtype, piece.data(),
                error))
        return false;
  }
  return true;
}

bool DataSet::fill(const Input &input, const Coordinate &coordinate,
                   DType dtype, int64_t step, char *to, std::string &error) {
  const Source &source = sources.at(input.name);
  int64_t element = bytesOf(dtype);
  bool good = true;
  auto readTo = [&](int64_t first, int64_t count, int64_t local) {
    good =
        good && read(source, first, count, dtype, to + local * element, error);
  };
  if (input.batchDim < 0) {
    forEachRun(input.layout, coordinate, [&](const Run &run) {
      readTo(run.global, run.length, run.local);
    });
  } else {
    const int64_t *samples = batch(step);
    // The batch as [before, batch, after]; a sample in the file is [before,
    // after].
    int64_t after = 1;
    for (size_t d = size_t(input.batchDim) + 1; d < input.globalShape.size();
         ++d)
      after *= input.globalShape[d];
    int64_t size = elementsOf(input.globalShape) / batchSize;
    forEachRun(input.layout, coordinate, [&](const Run &run) {
      for (int64_t done = 0; done < run.length;) {
        int64_t at = run.global + done, inside = at % after;
        int64_t sample = at / after % batchSize;
        int64_t before = at / after / batchSize;
        int64_t length = std::min(after - inside, run.length - done);
        readTo(samples[sample] * size + before * after + inside, length,
               run.local + done);
        done += length;
      }
    });
  }
  // Asked after reading: what was read is what was opened.
  if (good && !source.file.isUnchanged()) {
    error = source.file.path + ": found that it has changed since the run "
                               "started, expected it to stay as it is";
    return false;
  }
  return good;
}

} // namespace colossal::rank
