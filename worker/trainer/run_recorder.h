// What a run measured at each step, and what is reported of it.
#ifndef SEEDBED_WORKER_TRAINER_RUN_RECORDER_H_
#define SEEDBED_WORKER_TRAINER_RUN_RECORDER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "sae/activations/stream_config.h"
#include "sae/arch/trainable_sae.h"
#include "sae/checkpoint/state_tensors.h"
#include "sae/train/learning_rate.h"

namespace seedbed {

// Whether a run whose FinalL0 is `reached` is more than 2 % off its target. A run that reached nothing finite is.
bool MissesTargetL0(double reached, double target);

// Pure. Not thread-safe.
class RunRecorder {
 public:
  RunRecorder(const StreamConfig& stream, const LearningRateSchedule& learning_rate);

  // Steps are numbered from 1 where people see them.
  void Add(const StepMetrics& metrics);

  int64_t steps() const { return steps_; }
  int64_t total_steps() const { return total_steps_; }
  const StepMetrics& latest() const { return latest_; }

  // The mean L0 over the last tenth of the steps, rounded up.
  double FinalL0() const;

  // Means over the steps whose batch begins in the last epoch, and at least over the last step. The dead fraction is
  // that after the last step.
  StepMetrics Result() const;

  // One line every ceil(total steps / 4096) steps and for the last one, after a header line.
  const std::string& training_csv() const { return csv_; }

  // All that was added so far: numbers in the recorder's own memory (state_tensors.h), and a copy of the lines.
  StateTensors State();
  // Takes what State gave of a recorder made of the same. INVALID_ARGUMENT naming the tensor; all stays as it was then.
  absl::Status Restore(const StateTensors& state);

 private:
  StateTensors Numbers();
  void AddCsvLine(const StepMetrics& metrics);

  LearningRateSchedule learning_rate_;
  int64_t total_steps_;
  int64_t first_averaged_step_;
  int64_t first_final_step_;
  int64_t csv_stride_;
  int64_t steps_ = 0;
  int64_t averaged_ = 0;
  StepMetrics latest_;
  StepMetrics sum_;
  double final_l0_sum_ = 0;
  std::string csv_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_RUN_RECORDER_H_
