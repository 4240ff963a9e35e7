// A group whose ranks are threads of this process.
#ifndef SEEDBED_TESTS_SAE_COLLECTIVES_RANK_THREADS_H_
#define SEEDBED_TESTS_SAE_COLLECTIVES_RANK_THREADS_H_

#include <signal.h>
#include <stdlib.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "sae/collectives/collectives.h"
#include "sae/collectives/gloo_collectives.h"
#include "sae/collectives/in_process_collectives.h"
#include "sae/collectives/nccl_collectives.h"

namespace seedbed {

using JoinedGroup = absl::StatusOr<std::unique_ptr<Collectives>>;

enum class Backend { kInProcess, kGloo, kNccl };

// What c10d needs of a process in which ranks are threads.
inline void PrepareForRankThreads() {
  // As the programs do that use the library: a connection that has closed is an error, not a signal.
  signal(SIGPIPE, SIG_IGN);
  // c10d records operations in one object for the whole process, in part without a lock: it counts on ranks that are
  // processes, and has to be off for ranks that are threads.
  setenv("TORCH_FR_BUFFER_SIZE", "0", /*overwrite=*/1);
}

// Calls `body(rank, group)` on a thread for each rank and waits for all of them. Over Gloo and NCCL the ranks join over
// loopback, each with its own connections; over NCCL rank r has GPU r.
inline void RunRanks(Backend backend, int world_size, absl::Duration timeout,
                     const std::function<void(int, JoinedGroup)>& body) {
  PrepareForRankThreads();
  std::vector<std::unique_ptr<Collectives>> in_process;
  if (backend == Backend::kInProcess) in_process = MakeInProcessGroup(world_size, timeout);
  std::promise<int> port;
  const std::shared_future<int> listening = port.get_future().share();
  const auto join = [&](int rank) -> JoinedGroup {
    if (backend == Backend::kInProcess) return std::move(in_process[static_cast<size_t>(rank)]);
    GroupOptions options;
    options.rank = rank;
    options.world_size = world_size;
    options.group_name = "test/1";
    options.timeout = timeout;
    options.on_listening = [&](int bound) { port.set_value(bound); };
    if (rank > 0) options.rendezvous_address = absl::StrCat("127.0.0.1:", listening.get());
    if (backend == Backend::kGloo) return JoinGlooGroup(options);
    options.device = absl::StrCat("cuda:", rank);
    return JoinNcclGroup(options);
  };
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size; ++rank) {
    threads.emplace_back([&, rank] { body(rank, join(rank)); });
  }
  for (std::thread& thread : threads) thread.join();
}

inline void RunRanks(int world_size, absl::Duration timeout, const std::function<void(int, JoinedGroup)>& body) {
  RunRanks(Backend::kGloo, world_size, timeout, body);
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_COLLECTIVES_RANK_THREADS_H_
