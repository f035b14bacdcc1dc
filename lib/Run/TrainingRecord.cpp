//===- TrainingRecord.cpp - JSON form of training.json --------------------===//

#include "SealedText.h"
#include "SharedFields.h"
#include "colossal/Run/CheckpointFiles.h"

namespace colossal::rank {

template <class Io> void fields(Io &io, DataCursor &cursor) {
  io("epoch", cursor.epoch);
  io("position", cursor.position);
}

template <class Io> void fields(Io &io, TrainingRecord::File &file) {
  io("name", file.name);
  io("bytes", file.bytes);
  io("headerCrc", file.headerCrc);
}

template <class Io> void fields(Io &io, TrainingRecord::Tensor &tensor) {
  io("name", tensor.name);
  io("crc", tensor.crc);
}

template <class Io> void fields(Io &io, TrainingRecord &record) {
  io("step", record.step);
  io("steps", record.steps);
  io("skipped", record.skipped);
  io("seed", record.seed);
  io("shuffle", record.shuffle);
  io("samples", record.samples);
  io("next", record.next);
  io("controls", record.controls);
  io("learningRate", record.learningRate);
  io("model", record.model);
  io("worldSize", record.worldSize);
  io("mesh", record.mesh);
  io("stages", record.stages);
  io("microbatches", record.microbatches);
  io("files", record.files);
  io("tensors", record.tensors);
}

std::string writeRecord(const TrainingRecord &record) {
  json::Json ordered = json::Json::object();
  ordered["format"] = kCheckpointFormat;
  ordered["formatVersion"] = kCheckpointVersion;
  ordered["checksum"] = unsealed();
  ordered.update(json::toJson(record));
  return seal(json::textOf(ordered, 1) + "\n");
}

std::optional<TrainingRecord> readRecord(const std::string &text,
                                         const std::string &file,
                                         std::string &error) {
  try {
    json::Json document = json::parse(text);
    // A later format may have fields that this reader does not know.
    auto expect = [&](const char *field, const json::Json &value) {
      if (!document.is_object() || !document.contains(field))
        throw json::FieldError{field, "nothing", json::textOf(value)};
      if (document[field] != value)
        throw json::FieldError{field, json::textOf(document[field]),
                               json::textOf(value)};
    };
    expect("format", kCheckpointFormat);
    expect("formatVersion", kCheckpointVersion);
    if (!isSealed(text))
      throw json::FieldError{"checksum", "that of another text",
                             "the file as it was written: it is damaged or "
                             "edited"};
    for (const char *field : {"format", "formatVersion", "checksum"})
      document.erase(field);
    TrainingRecord record;
    json::fromJson(document, record, "");
    return record;
  } catch (const json::FieldError &fault) {
    error = fault.message(file);
  } catch (const std::exception &fault) {
    error = file + ": document: found " + fault.what() +
            ", expected the record of a checkpoint";
  }
  return std::nullopt;
}

} // namespace colossal::rank
