// One plain TCP connection between two ranks on one machine: the floor of what an exchange between them takes.
#ifndef SEEDBED_TESTS_BENCH_LOOPBACK_SOCKET_H_
#define SEEDBED_TESTS_BENCH_LOOPBACK_SOCKET_H_

#include <cstddef>
#include <vector>

#include "common/subprocess.h"
#include "sae/collectives/collectives.h"

// Not thread-safe. Stops the program where the system refuses something.
class LoopbackSocket {
 public:
  // Rank 1 connects to rank 0.
  explicit LoopbackSocket(seedbed::Collectives& group);

  // Sends `bytes` to the other rank while receiving as many from it.
  void Swap(size_t bytes);

 private:
  seedbed::OwnedFd fd_;
  std::vector<char> send_;
  std::vector<char> receive_;
};

#endif  // SEEDBED_TESTS_BENCH_LOOPBACK_SOCKET_H_
