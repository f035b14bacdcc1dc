//===- Evaluation.cpp - A program over a whole data set -------------------===//

#include "Evaluation.h"

#include "Gather.h"
#include "OutputFile.h"
#include "RunError.h"
#include "colossal/Run/Npy.h"

#include <algorithm>
#include <memory>
#include <unistd.h>

namespace colossal::rank {

std::vector<EvaluationPart> evaluationParts(int64_t samples, int64_t batch) {
  std::vector<EvaluationPart> parts;
  int64_t count = batch;
  for (int64_t first = 0; first < samples; first += count) {
    while (count > samples - first || batch % count != 0)
      --count;
    parts.push_back({first, count});
  }
  return parts;
}

namespace {

/// An output of the whole data set, written part by part in the order of the
/// samples. The dimension of the batch is the first, or the parts before it are
/// kept until the end: numpy's files have rows in order.
class OutputWriter {
public:
  OutputWriter(const std::string &folder, const std::string &name,
               int64_t batchDim, int64_t batch, int64_t samples, int64_t parts)
      : path(folder + "/" + fileName(name)), batchDim(batchDim), batch(batch),
        samples(samples), parts(parts) {}

  void add(const GatheredTensor &one, const EvaluationPart &part) {
    std::vector<int64_t> shape = one.shape;
    int64_t element = bytesOf(one.dtype), outer = 1, inner = element,
            entries = 1;
    if (batchDim >= 0) {
      size_t dim = size_t(batchDim);
      // Of one sample.
      entries = shape[dim] / batch;
      shape[dim] = entries * samples;
      for (size_t d = 0; d < dim; ++d)
        outer *= shape[d];
      for (size_t d = dim + 1; d < shape.size(); ++d)
        inner *= shape[d];
    } else {
      shape.insert(shape.begin(), parts);
      inner *= elementsOf(one.shape);
    }
    if (!file) {
      file = std::make_unique<OutputFile>("--outputs", path);
      std::string header = npyHeader(shape, one.dtype);
      file->write(header.data(), int64_t(header.size()));
    }
    int64_t rows = batchDim >= 0 ? entries * part.count : 1;
    int64_t stride = batchDim >= 0 ? entries * batch : 1;
    if (outer == 1)
      return file->write(one.bytes.data(), rows * inner);
    if (later.empty())
      later.resize(size_t(outer));
    for (int64_t o = 0; o < outer; ++o) {
      const char *from = one.bytes.data() + o * stride * inner;
      later[size_t(o)].insert(later[size_t(o)].end(), from,
                              from + rows * inner);
    }
  }

  void close() {
    for (const std::vector<char> &rows : later)
      file->write(rows.data(), int64_t(rows.size()));
    if (file)
      file->close();
  }

private:
  static std::string fileName(std::string name) {
    std::replace(name.begin(), name.end(), '/', '_');
    return name + ".npy";
  }

  std::string path;
  int64_t batchDim, batch, samples, parts;
  std::unique_ptr<OutputFile> file;
  std::vector<std::vector<char>> later; ///< per outer index
};

/// The samples of a part, repeated to a batch.
std::vector<int64_t> samplesOf(const EvaluationPart &part, int64_t batch) {
  std::vector<int64_t> samples(static_cast<size_t>(batch));
  for (int64_t i = 0; i < batch; ++i)
    samples[size_t(i)] = part.first + i % part.count;
  return samples;
}

DataSet openData(const ProgramSchema &schema,
                 const std::map<std::string, std::string> &files) {
  std::string error;
  std::optional<DataSet> data =
      DataSet::open(schema, files, false, 0, error, /*isWhole=*/true);
  if (!data)
    throw RunError(error);
  return std::move(*data);
}

/// What this rank has of an output, all microbatches of it.
Contribution contributionTo(const Program &program, Engine &engine,
                            const Output &output) {
  Contribution own;
  const Buffer &buffer = program.buffers[size_t(output.buffer)];
  for (int64_t slot = 0; slot < buffer.slots; ++slot) {
    Coordinate at = coordinateOf(program, engine.fabric().device(), slot);
    if (isFirstReplica(output.layout, at))
      addShard(own, output.layout, at, engine.address(output.buffer, slot),
               bytesOf(buffer.dtype));
  }
  return own;
}

} // namespace

Evaluation::Evaluation(const Program &program, const ProgramSchema &schema,
                       size_t number,
                       const std::map<std::string, std::string> &files)
    : program(program), number(number), data(openData(schema, files)),
      batch(data.samplesPerBatch()) {
  for (const OutputSchema &output : schema.outputs)
    batchDims[output.name] = output.batchDim;
}

void Evaluation::connect(Engine &engine) {
  metrics.connect(engine.fabric(), program);
  std::vector<std::string> names;
  for (const Output &output : program.outputs)
    names.push_back(output.name);
  outputs = agreeOnNames(engine.fabric(), program.groups, names);
}

void Evaluation::run(Engine &engine, const std::function<void()> &setControls,
                     const std::function<void(int64_t)> &progress,
                     const std::string &folder) {
  Fabric &fabric = engine.fabric();
  size_t before = engine.program();
  engine.use(number);
  setControls();
  sums.assign(metrics.count(), 0.0);
  std::vector<EvaluationPart> parts = evaluationParts(data.samples(), batch);
  std::map<std::string, OutputWriter> writers;
  // Rank 0 alone writes; the others go on until all have been told.
  std::string failure;
  for (size_t p = 0; p < parts.size(); ++p) {
    data.choose(samplesOf(parts[p], batch));
    std::string error;
    for (const Input &input : program.inputs) {
      const Buffer &buffer = program.buffers[size_t(input.buffer)];
      for (int64_t slot = 0; slot < buffer.slots; ++slot)
        if (!data.fill(input, coordinateOf(program, fabric.device(), slot),
                       buffer.dtype, DataSet::kChosen,
                       engine.address(input.buffer, slot), error))
          throw RunError(error);
    }
    engine.runStep(int64_t(p) + 1);
    metrics.read(engine);
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] += double(metrics.value(i)) * double(parts[p].count);
    for (const auto &[group, name] : outputs) {
      if (folder.empty())
        break;
      Contribution own;
      std::vector<int64_t> shape;
      DType dtype = DType::F32;
      for (const Output &output : program.outputs)
        if (program.group == group && output.name == name) {
          own = contributionTo(program, engine, output);
          shape = output.globalShape;
          dtype = program.buffers[size_t(output.buffer)].dtype;
        }
      GatheredTensor whole = gather(fabric, "collecting outputs",
                                    program.groups, group, shape, dtype, own);
      if (fabric.rank() != 0 || !failure.empty())
        continue;
      try {
        writers
            .try_emplace(name, folder, name, batchDims.at(name), batch,
                         data.samples(), int64_t(parts.size()))
            .first->second.add(whole, parts[p]);
      } catch (const std::exception &fault) {
        failure = fault.what();
      }
    }
    progress(parts[p].first + parts[p].count);
  }
  engine.use(before);
  if (!failure.empty())
    throw RunError(failure);
  for (auto &[name, writer] : writers)
    writer.close();
}

std::vector<std::pair<std::string, double>> Evaluation::results() const {
  std::vector<std::pair<std::string, double>> all;
  for (size_t i = 0; i < sums.size(); ++i)
    all.push_back({metrics.name(i), sums[i] / double(data.samples())});
  return all;
}

} // namespace colossal::rank
