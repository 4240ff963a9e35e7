// A gang whose ranks are threads of this process, and which dies where a test wants it to.
#ifndef SEEDBED_TESTS_WORKER_TRAINER_CHECKPOINT_GANG_THREADS_H_
#define SEEDBED_TESTS_WORKER_TRAINER_CHECKPOINT_GANG_THREADS_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "seedbed/v1/trainer.pb.h"
#include "tests/worker/trainer/rank_process.h"

namespace seedbed {

struct AttemptEnd {
  // Of every rank: what Load, Join or Train gave; UNKNOWN of one that died.
  std::vector<absl::Status> statuses;
  std::vector<std::vector<v1::RankMessage>> messages;  // By rank.

  std::map<std::string, v1::RunEnded> ended() const;  // By run.
  // Of the last report of a run that has one: 0 = it began anew.
  std::map<std::string, int64_t> resumed_steps() const;
};

enum class Death {
  kKilled,   // As by SIGKILL: nothing more is written but what was being written.
  kStopped,  // As by SIGTERM.
};

struct AttemptOptions {
  int world_size = 1;
  Death death = Death::kKilled;
  // By rank: after so many batches of this attempt. None or fewer than the ranks: to the end.
  std::vector<int64_t> dies_after;
};

// Runs an attempt at the gang of `spec`.
AttemptEnd RunAttempt(const TrainerFixture& fixture, const v1::TrainerSpec& spec, const AttemptOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_WORKER_TRAINER_CHECKPOINT_GANG_THREADS_H_
