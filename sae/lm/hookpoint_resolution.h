// From the names and patterns that a user writes to hookpoints.
#ifndef SEEDBED_SAE_LM_HOOKPOINT_RESOLUTION_H_
#define SEEDBED_SAE_LM_HOOKPOINT_RESOLUTION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/lm/hookpoint.h"

namespace seedbed {

// As ResolveHookpoints(facts, names) of model_inspection.h, in a model that has the hookpoints of `inventory`.
absl::StatusOr<std::vector<Hookpoint>> ResolveHookpoints(const HookpointInventory& inventory,
                                                         const std::vector<std::string>& names);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_HOOKPOINT_RESOLUTION_H_
