// What ranks do together, behind one interface: NCCL, Gloo, and threads of one process.
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
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace seedbed {

// By rank: tensors of any shape and dtype, contiguous.
using TensorsByRank = std::vector<std::vector<at::Tensor>>;

// Every rank calls the same operations in the same order. Not thread-safe. An operation blocks no longer than the
// group's timeout, and a few seconds more to find out who is missing. An error leaves the group unusable, and every
// later operation gives it again:
//   DEADLINE_EXCEEDED  "rank 1: step 9, block 2: all-to-all: no progress for 120 s; waiting for rank 0 (10.0.0.5, ...)"
//   UNAVAILABLE        as that, with what the connection reported: a peer or its machine is gone
// INVALID_ARGUMENT is found before anything is sent, and the group stays usable. The process ignores SIGPIPE.
class Collectives {
 public:
  virtual ~Collectives() = default;

  virtual int rank() const = 0;
  virtual int world_size() const = 0;
  // Where the tensors of AllToAll live.
  virtual at::Device device() const = 0;

  // What this rank is doing, for its own errors and for those of ranks that wait for it: "step 9, block 2". Costs no
  // communication.
  virtual void SetPhase(std::string phase) = 0;

  // Sends the tensors of send[r] to rank r, whose receive[rank()] has as many of the same sizes in bytes, in the same
  // order. Nothing is packed: each tensor goes from its place to its place. Ranks may send themselves something; empty
  // lists and empty tensors cost nothing. The tensors of `receive` do not overlap any other. Complete when it returns
  // (on a GPU: ordered before what is queued next on the current stream).
  absl::Status AllToAll(const TensorsByRank& send, const TensorsByRank& receive);

  // The messages of all ranks, by rank. For small ones, which may differ in size.
  absl::StatusOr<std::vector<std::string>> AllGatherBytes(const std::string& mine);

  // Returns once every rank has called it.
  absl::Status Barrier();

  // A barrier that waits as long as it takes: after work between two operations that may last longer on one rank than
  // the group's timeout, such as an evaluation. A rank that has not come is an error when it shows no sign of life for
  // the timeout.
  virtual absl::Status AwaitAll() = 0;

  // Returns once `is_done`, which is asked again and again, gives true: a GPU has come past the last operation and what
  // was queued behind it. Errors: as the last operation's.
  virtual absl::Status WaitUntil(const std::function<bool()>& is_done);

  // The last operation, on every rank that has met no error: returns once every rank has called it, and then no rank
  // still needs this one's connections, so that it may end. A rank that ends without it is an error on the others.
  absl::Status Leave();

 protected:
  // Of WaitUntil: short against a block's exchange, long against a query of an event.
  static constexpr absl::Duration kPollInterval = absl::Microseconds(50);

 private:
  // AllToAll of arguments that were checked; `operation` is its name in errors.
  virtual absl::Status Transfer(absl::string_view operation, const TensorsByRank& send,
                                const TensorsByRank& receive) = 0;
  // From here on peers that end are no error.
  virtual void StopWatching() {}

  // Every rank's `mine`, one after the other; all have the same size.
  absl::StatusOr<at::Tensor> AllGather(absl::string_view operation, const at::Tensor& mine);
  absl::StatusOr<at::Tensor> ToHost(const at::Tensor& tensor);
};

struct GroupOptions {
  int rank = 0;
  int world_size = 1;
  std::string device = "cpu";                      // "cpu" = Gloo, "cuda:N" = NCCL.
  std::string rendezvous_address;                  // host:port of rank 0's store; unused on rank 0.
  std::string rendezvous_host = "127.0.0.1";       // What rank 0's store and every rank's sockets bind to.
  std::string group_name;                          // Prefix of every key in the store: gang and attempt.
  absl::Duration join_timeout = absl::Minutes(2);  // For all ranks to come.
  absl::Duration timeout = absl::Minutes(2);       // For an operation to end.
  // Called on rank 0, once its store listens and before it waits for the others.
  std::function<void(int port)> on_listening;
};

// Blocks until every rank has joined or join_timeout has passed. world_size 1 needs no network at all.
absl::StatusOr<std::unique_ptr<Collectives>> JoinGroup(const GroupOptions& options);

// The group of one rank.
std::unique_ptr<Collectives> MakeLocalCollectives();

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_COLLECTIVES_H_
