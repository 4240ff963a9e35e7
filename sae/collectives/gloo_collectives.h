// Collectives between CPUs, over TCP.
#ifndef SEEDBED_SAE_COLLECTIVES_GLOO_COLLECTIVES_H_
#define SEEDBED_SAE_COLLECTIVES_GLOO_COLLECTIVES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "sae/collectives/collectives.h"

namespace seedbed {

absl::StatusOr<std::unique_ptr<Collectives>> JoinGlooGroup(const GroupOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_GLOO_COLLECTIVES_H_
