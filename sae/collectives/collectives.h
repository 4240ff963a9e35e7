// What ranks do together, behind one interface: NCCL, Gloo, and one process alone.
#ifndef SEEDBED_SAE_COLLECTIVES_COLLECTIVES_H_
#define SEEDBED_SAE_COLLECTIVES_COLLECTIVES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace seedbed {

// Every rank calls the same operations in the same order. Not thread-safe. An error (a peer is gone, the timeout has
// passed) leaves the group unusable: UNAVAILABLE or DEADLINE_EXCEEDED, naming the operation. The process ignores
// SIGPIPE.
class Collectives {
 public:
  virtual ~Collectives() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  // Sends rows [sum of send_rows before r, + send_rows[r]) of `send` ([rows, d], contiguous) to rank r, and fills
  // `receive` ([sum of receive_rows, d], contiguous, same dtype) with what came from rank 0, 1, ... in that order.
  // Zero counts are allowed; receive_rows[r] must be what rank r sends here. Complete when it returns (on a GPU:
  // ordered before what is queued next on the current stream).
  virtual absl::Status AllToAllRows(const at::Tensor& send, const std::vector<int64_t>& send_rows, at::Tensor& receive,
                                    const std::vector<int64_t>& receive_rows) = 0;

  // Returns once every rank has called it.
  virtual absl::Status Barrier() = 0;

  // The last operation, on every rank that has met no error: returns once every rank has called it, and then no rank
  // still needs this one's connections, so that it may end. A rank that ends without it is an error on the others.
  absl::Status Leave();
};

struct GroupOptions {
  int rank = 0;
  int world_size = 1;
  std::string device = "cpu";                 // "cpu" = Gloo, "cuda:N" = NCCL.
  std::string rendezvous_address;             // host:port of rank 0's store; unused on rank 0.
  std::string rendezvous_host = "127.0.0.1";  // What rank 0's store and every rank's sockets bind to.
  std::string group_name;                     // Prefix of every key in the store: gang and attempt.
  absl::Duration timeout = absl::Minutes(2);
  // Called on rank 0, once its store listens and before it waits for the others.
  std::function<void(int port)> on_listening;
};

// Blocks until every rank has joined or the timeout has passed. world_size 1 needs no network at all.
absl::StatusOr<std::unique_ptr<Collectives>> JoinGroup(const GroupOptions& options);

// The group of one rank.
std::unique_ptr<Collectives> MakeLocalCollectives();

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_COLLECTIVES_H_
