// A group whose ranks are threads of this process, each with its own connections.
#ifndef SEEDBED_TESTS_SAE_COLLECTIVES_RANK_THREADS_H_
#define SEEDBED_TESTS_SAE_COLLECTIVES_RANK_THREADS_H_

#include <signal.h>
#include <stdlib.h>

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "sae/collectives/collectives.h"

namespace seedbed {

using JoinedGroup = absl::StatusOr<std::unique_ptr<Collectives>>;

// Joins `world_size` ranks over loopback, calls `body(rank, group)` on a thread for each and waits for all of them.
inline void RunRanks(int world_size, absl::Duration timeout, const std::function<void(int, JoinedGroup)>& body) {
  // As the programs do that use the library: a connection that has closed is an error, not a signal.
  signal(SIGPIPE, SIG_IGN);
  // c10d records operations in one object for the whole process, in part without a lock: it counts on ranks that are
  // processes, and has to be off for ranks that are threads.
  setenv("TORCH_FR_BUFFER_SIZE", "0", /*overwrite=*/1);
  std::promise<int> port;
  const std::shared_future<int> listening = port.get_future().share();
  std::vector<std::thread> threads;
  for (int rank = 0; rank < world_size; ++rank) {
    threads.emplace_back([&, rank] {
      GroupOptions options;
      options.rank = rank;
      options.world_size = world_size;
      options.group_name = "test/1";
      options.timeout = timeout;
      options.on_listening = [&](int bound) { port.set_value(bound); };
      if (rank > 0) options.rendezvous_address = absl::StrCat("127.0.0.1:", listening.get());
      body(rank, JoinGroup(options));
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SAE_COLLECTIVES_RANK_THREADS_H_
