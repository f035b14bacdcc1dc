//===- Metrics.cpp - Scalars of a program, on rank 0 ----------------------===//

#include "Metrics.h"

#include "Gather.h"

namespace colossal::rank {

void Metrics::connect(Fabric &fabric, const Program &program) {
  std::vector<std::string> names;
  for (const Metric &metric : program.metrics)
    names.push_back(metric.name);
  int64_t devices = fabric.size() / program.groups;
  for (const auto &[group, name] : agreeOnNames(fabric, program.groups, names))
    owners.push_back({name, int(group * devices)});
  values.assign(owners.size(), 0.0f);
}

void Metrics::read(Engine &engine) {
  constexpr int kTag = 78;
  Fabric &fabric = engine.fabric();
  int rank = fabric.rank();
  for (size_t i = 0; i < owners.size(); ++i) {
    int owner = owners[i].second;
    if (rank == owner)
      values[i] = engine.metric(owners[i].first);
    if (owner == 0 || (rank != 0 && rank != owner))
      continue;
    MPI_Request request;
    if (rank == owner)
      MPI_Isend(&values[i], 1, MPI_FLOAT, 0, kTag, fabric.world(), &request);
    else
      MPI_Irecv(&values[i], 1, MPI_FLOAT, owner, kTag, fabric.world(),
                &request);
    fabric.activity.op = "metric";
    fabric.activity.source = "end of the step";
    fabric.waitFor(
        [&] {
          int done = 0;
          MPI_Test(&request, &done, MPI_STATUS_IGNORE);
          return done != 0;
        },
        owner);
  }
}

} // namespace colossal::rank
