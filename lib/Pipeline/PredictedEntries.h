//===- PredictedEntries.h - The plan's timeline for the runtime -*- C++ -*-===//

#ifndef COLOSSAL_LIB_PIPELINE_PREDICTEDENTRIES_H
#define COLOSSAL_LIB_PIPELINE_PREDICTEDENTRIES_H

#include "colossal/Machine/Cluster.h"
#include "colossal/Plan/Plan.h"
#include "colossal/Run/Manifest.h"

namespace colossal {

/// When each device group is at which entry of its schedule, by simulating the
/// plan's stages. None without a plan, for one of a file, which does not say
/// what transfers take, and for more entries than anybody looks at.
std::vector<rank::PredictedEntry>
predictedEntries(const plan::Plan &plan, const machine::Cluster &cluster);

} // namespace colossal

#endif // COLOSSAL_LIB_PIPELINE_PREDICTEDENTRIES_H
