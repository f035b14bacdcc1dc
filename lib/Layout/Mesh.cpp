//===- Mesh.cpp - The devices of a group, in axes -------------------------===//

#include "colossal/Layout/Mesh.h"

using namespace colossal::layout;

Mesh Mesh::withTime(std::vector<Axis> deviceAxes, int64_t microbatches,
                    Stages stages) {
  Mesh mesh;
  mesh.axes = std::move(deviceAxes);
  mesh.axes.push_back({std::string(timeName), microbatches});
  mesh.stages = stages;
  return mesh;
}

unsigned Mesh::timeAxis() const {
  bool hasTime = !axes.empty() && axes.back().name == timeName;
  return unsigned(axes.size()) - hasTime;
}

int64_t Mesh::microbatches() const {
  return timeAxis() < axes.size() ? axes.back().size : 1;
}

int64_t Mesh::devicesPerGroup() const {
  int64_t count = 1;
  for (unsigned axis = 0; axis < timeAxis(); ++axis)
    count *= axes[axis].size;
  return count;
}

int64_t Mesh::sizeOf(const Axes &group) const {
  int64_t size = 1;
  for (unsigned axis : group)
    size *= axes[axis].size;
  return size;
}

std::optional<unsigned> Mesh::find(std::string_view name) const {
  for (unsigned i = 0; i < axes.size(); ++i)
    if (axes[i].name == name)
      return i;
  return std::nullopt;
}

Axes Mesh::majorToMinor() const {
  Axes order;
  if (timeAxis() < axes.size())
    order.push_back(timeAxis());
  for (unsigned i = 0; i < timeAxis(); ++i)
    order.push_back(i);
  return order;
}
