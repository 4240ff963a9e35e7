// What checkpoints cost a training: rounds of steps with and without a checkpoint take turns, two threads, topk with
// 576 values a row, 4,608 latents and batches of 4,096 rows. The training waits for the copy; a thread writes beside
// it.
#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "ATen/Parallel.h"
#include "absl/status/status.h"
#include "common/file.h"
#include "sae/arch/trainable_sae.h"
#include "sae/checkpoint/state_folder.h"
#include "sae/checkpoint/state_tensors.h"
#include "tests/bench/stopwatch.h"
#include "tests/bench/synthetic_batches.h"

namespace {

constexpr int kThreads = 2;
constexpr int kRounds = 5;
constexpr int kStepsInRound = 12;
constexpr double kDefaultInterval = 600;  // Seconds: checkpoint.every_minutes is 10.

[[noreturn]] void Fail(const absl::Status& status) {
  fprintf(stderr, "checkpoint: %s\n", status.ToString().c_str());
  exit(1);
}

template <typename T>
T Checked(absl::StatusOr<T> result) {
  if (!result.ok()) Fail(result.status());
  return *std::move(result);
}

class Training {
 public:
  Training() {
    seedbed::SaeConfig config;
    config.d_in = 576;
    config.latents = 4608;
    config.k = 32;
    config.learning_rate = {2e-4, 10, 1000, seedbed::LearningRateSchedule::Decay::kLinear};
    sae_ = Checked(seedbed::MakeTrainableSae(config, "cpu"));
    batches_ = seedbed::SyntheticBatches(4, 4096, config.d_in);
  }

  double Steps(int count) {
    return seedbed::SecondsOf([&] {
      for (int i = 0; i < count; ++i) Checked(sae_->Step(batches_[static_cast<size_t>(next_++) % batches_.size()]));
    });
  }

  seedbed::StateTensors State() { return sae_->State(); }

 private:
  std::unique_ptr<seedbed::TrainableSae> sae_;
  std::vector<at::Tensor> batches_;
  int64_t next_ = 0;
};

struct Costs {
  double plain = 0;   // Seconds of all rounds without a checkpoint,
  double saving = 0;  // and of those with one, but for the copies.
  double copy = 0;    // Of the slowest copy.
  double write = 0;   // Of the slowest write, beside steps.
  int64_t bytes = 0;
};

Costs Measure(const std::string& folder) {
  Training training;
  training.Steps(kStepsInRound);
  seedbed::StateTensors copy;
  seedbed::CopyState(training.State(), &copy);  // Buffers are used again.
  Costs costs;
  for (int round = 1; round <= kRounds; ++round) {
    costs.plain += training.Steps(kStepsInRound);
    costs.copy = std::max(costs.copy, seedbed::SecondsOf([&] { seedbed::CopyState(training.State(), &copy); }));
    double write = 0;
    std::thread writer([&] {
      write = seedbed::SecondsOf([&] {
        costs.bytes = Checked(
            seedbed::WriteState(folder, {round, "bench"}, copy, /*attempt=*/1, [] { return absl::OkStatus(); }));
      });
    });
    costs.saving += training.Steps(kStepsInRound);
    writer.join();
    costs.write = std::max(costs.write, write);
    if (const absl::Status removed = seedbed::RemoveState(folder, round); !removed.ok()) Fail(removed);
  }
  return costs;
}

}  // namespace

int main() {
  at::set_num_threads(kThreads);
  std::string folder = P_tmpdir "/seedbed-checkpoint-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) return 1;
  const Costs costs = Measure(folder);
  if (const absl::Status removed = seedbed::RemoveAll(folder); !removed.ok()) Fail(removed);
  const double beside = (costs.saving - costs.plain) / kRounds;
  printf("state %.0f MiB: copied in %.3f s, written in %.2f s beside steps, which took %.2f s longer for it\n",
         static_cast<double>(costs.bytes) / (1 << 20), costs.copy, costs.write, beside);
  const double step = costs.plain / (kRounds * kStepsInRound);
  printf("a step takes %.3f s, a copy as long as %.2f steps\n", step, costs.copy / step);
  printf("checkpoint copy_steps=%.2f stall_percent=%.4f slower_percent=%.3f\n", costs.copy / step,
         100 * costs.copy / kDefaultInterval, 100 * (costs.copy + std::max(0.0, beside)) / kDefaultInterval);
  return 0;
}
