// Where the ranks of a group show each other how far they have come: the store of the rendezvous.
#ifndef SEEDBED_SAE_COLLECTIVES_PROGRESS_BOARD_H_
#define SEEDBED_SAE_COLLECTIVES_PROGRESS_BOARD_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "c10/util/intrusive_ptr.h"
#include "sae/collectives/progress.h"
#include "torch/csrc/distributed/c10d/Store.hpp"

namespace seedbed {

// A thread of its own writes this rank's progress to the store a few times a second, so that the ranks' work waits for
// no round trip. Thread-safe.
class ProgressBoard {
 public:
  // `host`: of this rank, for errors. Blocks until the first entry is written. UNAVAILABLE when the store fails.
  static absl::StatusOr<std::unique_ptr<ProgressBoard>> Open(c10::intrusive_ptr<c10d::Store> store, int rank,
                                                             int world_size, const std::string& host);
  // Does not wait for a store that does not answer: the thread is left behind then, holding on to what it uses.
  ~ProgressBoard();

  void SetPhase(std::string phase);
  std::string phase() const;
  // This rank has come to its next collective.
  void EnterCollective();

  // Returns once all ranks have come to this one's newest collective. DEADLINE_EXCEEDED when one that has not shows no
  // sign of life for `patience`, or the store does not answer for so long; UNAVAILABLE when the store is gone.
  absl::Status AwaitAll(absl::Duration patience);

  // Takes a second, three more on rank 0, and never more than a few. As progress.h's WaitingFor; names rank 0, which
  // serves the store, where it does not answer. `store_host`: rank 0's, as the others know it.
  std::string WaitingFor(const std::string& store_host);

  // Writes no more, and looks no more.
  void Stop();

 private:
  struct State;
  explicit ProgressBoard(std::shared_ptr<State> state);

  static void Beat(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;  // Shared with the thread.
  std::thread thread_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_COLLECTIVES_PROGRESS_BOARD_H_
