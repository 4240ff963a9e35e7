#include "worker/trainer/run_recorder.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr int64_t kMostCsvLines = 4096;

constexpr char kLines[] = "lines";

void AddMetrics(const std::string& prefix, StepMetrics* metrics, StateTensors* state) {
  AddState(prefix,
           {{"fvu", SharedState(&metrics->fvu)},
            {"mse", SharedState(&metrics->mse)},
            {"l0", SharedState(&metrics->l0)},
            {"dead_fraction", SharedState(&metrics->dead_fraction)},
            {"auxiliary_loss", SharedState(&metrics->auxiliary_loss)},
            {"loss", SharedState(&metrics->loss)},
            {"sparsity_coefficient", SharedState(&metrics->sparsity_coefficient)}},
           state);
}

int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace

bool MissesTargetL0(double reached, double target) {
  constexpr double kTolerance = 0.02;
  return !(std::abs(reached - target) <= kTolerance * target);
}

RunRecorder::RunRecorder(const StreamConfig& stream, const LearningRateSchedule& learning_rate)
    : learning_rate_(learning_rate),
      total_steps_(stream.total_batches()),
      first_averaged_step_(
          std::min(CeilDivide((stream.epochs - 1) * stream.rows_per_epoch(), stream.batch_tokens) + 1, total_steps_)),
      first_final_step_(total_steps_ - CeilDivide(total_steps_, 10) + 1),
      csv_stride_(CeilDivide(total_steps_, kMostCsvLines)),
      csv_("step,learning_rate,fvu,mse,l0,dead_fraction,auxiliary_loss,loss,sparsity_coefficient\n") {}

void RunRecorder::Add(const StepMetrics& metrics) {
  ++steps_;
  latest_ = metrics;
  if (steps_ % csv_stride_ == 0 || steps_ == total_steps_) AddCsvLine(metrics);
  if (steps_ >= first_final_step_) final_l0_sum_ += metrics.l0;
  if (steps_ < first_averaged_step_) return;
  ++averaged_;
  sum_.fvu += metrics.fvu;
  sum_.mse += metrics.mse;
  sum_.l0 += metrics.l0;
  sum_.auxiliary_loss += metrics.auxiliary_loss;
  sum_.loss += metrics.loss;
  sum_.sparsity_coefficient += metrics.sparsity_coefficient;
}

StepMetrics RunRecorder::Result() const {
  const double steps = static_cast<double>(std::max<int64_t>(averaged_, 1));
  StepMetrics result;
  result.fvu = sum_.fvu / steps;
  result.mse = sum_.mse / steps;
  result.l0 = sum_.l0 / steps;
  result.auxiliary_loss = sum_.auxiliary_loss / steps;
  result.loss = sum_.loss / steps;
  result.sparsity_coefficient = sum_.sparsity_coefficient / steps;
  result.dead_fraction = latest_.dead_fraction;
  return result;
}

double RunRecorder::FinalL0() const {
  return final_l0_sum_ / static_cast<double>(std::max<int64_t>(steps_ - first_final_step_ + 1, 1));
}

StateTensors RunRecorder::State() {
  StateTensors state = Numbers();
  state[kLines] = StateOfText(csv_);
  return state;
}

absl::Status RunRecorder::Restore(const StateTensors& state) {
  const auto lines = state.find(kLines);
  if (lines == state.end()) return absl::InvalidArgumentError(absl::StrCat("tensor \"", kLines, "\" is missing"));
  StateTensors numbers = state;
  numbers.erase(kLines);
  RETURN_IF_ERROR(RestoreState(numbers, Numbers()));
  csv_ = TextOfState(lines->second);
  return absl::OkStatus();
}

StateTensors RunRecorder::Numbers() {
  StateTensors numbers = {{"steps", SharedState(&steps_)},
                          {"averaged", SharedState(&averaged_)},
                          {"final_l0_sum", SharedState(&final_l0_sum_)}};
  AddMetrics("latest", &latest_, &numbers);
  AddMetrics("sum", &sum_, &numbers);
  return numbers;
}

void RunRecorder::AddCsvLine(const StepMetrics& metrics) {
  absl::StrAppendFormat(&csv_, "%d,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g\n", steps_, learning_rate_.At(steps_ - 1),
                        metrics.fvu, metrics.mse, metrics.l0, metrics.dead_fraction, metrics.auxiliary_loss,
                        metrics.loss, metrics.sparsity_coefficient);
}

}  // namespace seedbed
