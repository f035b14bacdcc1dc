//===- Manifest.cpp - JSON form and checks of manifest.json ---------------===//

#include "colossal/Run/Manifest.h"

#include "ProgramCheck.h"
#include "SealedText.h"
#include "SharedFields.h"
#include "colossal/Run/BundleFiles.h"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace colossal::rank {

template <class Io> void fields(Io &io, InputSchema &input) {
  io("name", input.name);
  io("dtype", input.dtype);
  io("globalShape", input.globalShape);
  io("batchDim", input.batchDim);
  io("lowest", input.lowest);
  io("highest", input.highest);
  io("otherValues", input.otherValues);
  io("lookup", input.lookup);
}

template <class Io> void fields(Io &io, OutputSchema &output) {
  io("name", output.name);
  io("dtype", output.dtype);
  io("globalShape", output.globalShape);
  io("batchDim", output.batchDim);
}

template <class Io> void fields(Io &io, PredictedEntry &entry) {
  io("group", entry.group);
  io("segment", entry.segment);
  io("microbatch", entry.microbatch);
  io("beginSeconds", entry.beginSeconds);
  io("endSeconds", entry.endSeconds);
}

template <class Io> void fields(Io &io, ProgramSchema &program) {
  io("name", program.name);
  io("files", program.files);
  io("microbatches", program.microbatches);
  io("inputs", program.inputs);
  io("unusedInputs", program.unusedInputs);
  io("outputs", program.outputs);
  io("tokensPerStep", program.tokensPerStep);
  io("predictedStepSeconds", program.predictedStepSeconds);
  io("predicted", program.predicted);
}

template <class Io> void fields(Io &io, FileEntry &file) {
  io("name", file.name);
  io("bytes", file.bytes);
  io("hash", file.hash);
}

template <class Io> void fields(Io &io, StateSchema &state) {
  io("name", state.name);
  io("role", state.role);
  io("dtype", state.dtype);
  io("globalShape", state.globalShape);
  io("aliases", state.aliases);
  io("isRead", state.isRead);
}

template <class Io> void fields(Io &io, ControlValue &control) {
  io("name", control.name);
  io("value", control.value);
}

template <class Io> void fields(Io &io, KernelCall &call) {
  io("symbol", call.symbol);
  io("function", call.function);
  io("operandBytes", call.operandBytes);
  io("indices", call.indices);
  io("range", call.range);
}

template <class Io> void fields(Io &io, Manifest &manifest) {
  io("formatVersion", manifest.formatVersion);
  io("model", manifest.model);
  io("worldSize", manifest.worldSize);
  io("mesh", manifest.mesh);
  io("groups", manifest.groups);
  io("programs", manifest.programs);
  io("kernels", manifest.kernels);
  io("mpi", manifest.mpi);
  io("cpuFeatures", manifest.cpuFeatures);
  io("threadsPerRank", manifest.threadsPerRank);
  io("states", manifest.states);
  io("learningRate", manifest.learningRate);
  io("controls", manifest.controls);
  io("predictedPeakBytes", manifest.predictedPeakBytes);
  io("kernelCalls", manifest.kernelCalls);
  io("files", manifest.files);
}

std::string mpiAbi() { return COLOSSAL_MPI_ABI; }

const ProgramSchema *Manifest::find(const std::string &program) const {
  for (const ProgramSchema &schema : programs)
    if (schema.name == program)
      return &schema;
  return nullptr;
}

std::string writeManifest(const Manifest &manifest) {
  json::Json document = json::toJson(manifest);
  // Format and version are written even where they are the default: they are
  // what an older or newer reader needs.
  json::Json ordered = json::Json::object();
  ordered["format"] = kFormatName;
  ordered["formatVersion"] = manifest.formatVersion;
  ordered["checksum"] = unsealed();
  ordered.update(document);
  return seal(json::textOf(ordered, 2) + "\n");
}

std::optional<Manifest> readManifest(const std::string &text,
                                     const std::string &file,
                                     std::string &error, bool allowEdited) {
  try {
    json::Json document = json::parse(text);
    // A later format may have fields that this reader does not know; its
    // version is the message that helps.
    if (!document.is_object() || !document.contains("formatVersion"))
      throw json::FieldError{"formatVersion", "nothing",
                             std::to_string(kFormatVersion)};
    if (document["formatVersion"] != kFormatVersion)
      throw json::FieldError{
          "formatVersion", json::textOf(document["formatVersion"]),
          std::to_string(kFormatVersion) +
              " (compile the model again with this version)"};
    if (!document.contains("format") || document["format"] != kFormatName)
      throw json::FieldError{"format",
                             document.contains("format")
                                 ? json::textOf(document["format"])
                                 : "nothing",
                             std::string("\"") + kFormatName + "\""};
    if (!allowEdited && !isSealed(text))
      throw json::FieldError{"checksum", "that of another text",
                             std::string("the file as it was compiled: it is "
                                         "damaged or edited; compile again") +
                                 kAllowEditedAdvice};
    document.erase("checksum");
    document.erase("format");
    Manifest manifest;
    json::fromJson(document, manifest, "");
    return manifest;
  } catch (const json::FieldError &fault) {
    error = fault.message(file);
  } catch (const std::exception &fault) {
    error =
        file + ": document: found " + fault.what() + ", expected a manifest";
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>>
filesOfManifest(const std::string &text) {
  json::Json document = json::Json::parse(text, nullptr, false);
  if (!document.is_object())
    return std::nullopt;
  bool isMarked =
      document.contains("format") && document["format"] == kFormatName;
  // Before version 4 the hash of the text was the only proof.
  bool isHashed = document.contains("formatVersion") && isSealed(text);
  if (!isMarked && !isHashed)
    return std::nullopt;
  std::vector<std::string> names;
  if (document.contains("files") && document["files"].is_array())
    for (const json::Json &file : document["files"])
      if (file.is_object() && file.contains("name") && file["name"].is_string())
        names.push_back(file["name"].get<std::string>());
  return names;
}

namespace {

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text.empty() ? "scalar" : text;
}

} // namespace

std::vector<std::string> checkManifest(const Manifest &manifest) {
  std::vector<std::string> faults;
  auto fault = [&](const std::string &field, const std::string &found,
                   const std::string &expected) {
    faults.push_back("manifest: " + field + ": found " + found + ", expected " +
                     expected);
  };
  int64_t devices = 1;
  for (const Axis &axis : manifest.mesh) {
    if (axis.size < 1)
      fault("mesh",
            "axis '" + axis.name + "' of size " + std::to_string(axis.size),
            "a size of at least 1");
    devices *= std::max<int64_t>(1, axis.size);
  }
  if (manifest.groups < 1 || manifest.worldSize != manifest.groups * devices)
    fault("worldSize", std::to_string(manifest.worldSize),
          std::to_string(manifest.groups) + " groups of " +
              std::to_string(devices) + " devices");
  if (manifest.programs.empty() || manifest.programs[0].name != "train")
    fault("programs",
          manifest.programs.empty() ? "none"
                                    : "'" + manifest.programs[0].name + "'",
          "'train' first");
  std::set<std::string> names;
  for (const ProgramSchema &program : manifest.programs) {
    if (!names.insert(program.name).second)
      fault("programs", "'" + program.name + "' twice", "distinct names");
    if (int64_t(program.files.size()) != manifest.groups)
      fault("programs." + program.name,
            std::to_string(program.files.size()) + " files",
            "one for each of " + std::to_string(manifest.groups) +
                " device groups");
    for (const InputSchema &input : program.inputs)
      if (input.batchDim < -1 ||
          input.batchDim >= int64_t(input.globalShape.size()))
        fault("programs." + program.name + ".inputs." + input.name +
                  ".batchDim",
              std::to_string(input.batchDim),
              "-1 or a dimension of " + shapeText(input.globalShape));
  }
  if (!manifest.predictedPeakBytes.empty() &&
      int64_t(manifest.predictedPeakBytes.size()) != manifest.groups)
    fault("predictedPeakBytes",
          std::to_string(manifest.predictedPeakBytes.size()) + " entries",
          "one for each of " + std::to_string(manifest.groups) +
              " device groups");
  if (manifest.threadsPerRank < 1)
    fault("threadsPerRank", std::to_string(manifest.threadsPerRank),
          "at least 1");
  std::string schedule = checkSchedule(manifest.learningRate);
  if (!schedule.empty())
    faults.push_back("manifest: learningRate: " + schedule);
  return faults;
}

std::vector<std::string> checkManifest(const Manifest &manifest,
                                       const Program &program) {
  std::vector<std::string> faults;
  std::string place = "device group " + std::to_string(program.group) + ": ";
  const ProgramSchema *schema = manifest.find(program.name);
  if (!schema)
    return {place + "found program '" + program.name +
            "', but manifest has none of that name"};
  auto fault = [&](const std::string &field, const std::string &found,
                   const std::string &expected) {
    faults.push_back(place + field + ": found " + found +
                     ", but manifest has " + expected);
  };
  if (program.groups != manifest.groups)
    fault("groups", std::to_string(program.groups),
          std::to_string(manifest.groups));
  if (program.microbatches != schema->microbatches)
    fault("microbatches", std::to_string(program.microbatches),
          std::to_string(schema->microbatches));
  auto meshText = [](const std::vector<Axis> &mesh) {
    std::string text;
    for (const Axis &axis : mesh)
      text += (text.empty() ? "" : ",") + axis.name + "=" +
              std::to_string(axis.size);
    return "mesh " + (text.empty() ? std::string("of one device") : text);
  };
  if (meshText(program.mesh) != meshText(manifest.mesh))
    fault("mesh", meshText(program.mesh), meshText(manifest.mesh));
  auto dtypeOf = [&](int64_t buffer) {
    return buffer >= 0 && buffer < int64_t(program.buffers.size())
               ? program.buffers[buffer].dtype
               : DType::F32;
  };
  auto text = [](const std::vector<int64_t> &shape, DType dtype) {
    return shapeText(shape) + " " +
           json::Spelling<DType>::names[static_cast<int>(dtype)];
  };
  for (const Input &input : program.inputs) {
    auto it = std::find_if(
        schema->inputs.begin(), schema->inputs.end(),
        [&](const InputSchema &known) { return known.name == input.name; });
    if (it == schema->inputs.end())
      fault("input '" + input.name + "'", "an input", "none of that name");
    else if (text(it->globalShape, it->dtype) !=
                 text(input.globalShape, dtypeOf(input.buffer)) ||
             it->batchDim != input.batchDim)
      fault("input '" + input.name + "'",
            text(input.globalShape, dtypeOf(input.buffer)) +
                " with batch dim " + std::to_string(input.batchDim),
            text(it->globalShape, it->dtype) + " with batch dim " +
                std::to_string(it->batchDim));
  }
  for (const Output &output : program.outputs) {
    auto it = std::find_if(
        schema->outputs.begin(), schema->outputs.end(),
        [&](const OutputSchema &known) { return known.name == output.name; });
    if (it == schema->outputs.end())
      fault("output '" + output.name + "'", "an output", "none of that name");
    else if (text(it->globalShape, it->dtype) !=
                 text(output.globalShape, dtypeOf(output.buffer)) ||
             it->batchDim != output.batchDim)
      fault("output '" + output.name + "'",
            text(output.globalShape, dtypeOf(output.buffer)) +
                " with batch dim " + std::to_string(output.batchDim),
            text(it->globalShape, it->dtype) + " with batch dim " +
                std::to_string(it->batchDim));
  }
  std::unordered_map<std::string, const StateSchema *> states;
  for (const StateSchema &known : manifest.states)
    states.emplace(known.name, &known);
  for (const State &state : program.states) {
    auto found = states.find(state.name);
    const StateSchema *it = found == states.end() ? nullptr : found->second;
    if (!it)
      fault("state '" + state.name + "'", "a state", "none of that name");
    else if (text(it->globalShape, it->dtype) !=
             text(state.globalShape, dtypeOf(state.buffer)))
      fault("state '" + state.name + "'",
            text(state.globalShape, dtypeOf(state.buffer)),
            text(it->globalShape, it->dtype));
  }
  checkKernelCalls(manifest, program, faults);
  return faults;
}

} // namespace colossal::rank
