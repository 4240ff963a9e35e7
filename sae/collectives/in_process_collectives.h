// Collectives between threads of one process, over its memory.
#ifndef SEEDBED_SAE_COLLECTIVES_IN_PROCESS_COLLECTIVES_H_
#define SEEDBED_SAE_COLLECTIVES_IN_PROCESS_COLLECTIVES_H_

#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "sae/collectives/collectives.h"

namespace seedbed {

// By rank; each is one thread's, on the CPU. A rank that is destroyed before it has left is an error on the others.
std::vector<std::unique_ptr<Collectives>> MakeInProcessGroup(int world_size, absl::Duration timeout);

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_IN_PROCESS_COLLECTIVES_H_
