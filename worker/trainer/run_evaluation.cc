#include "worker/trainer/run_evaluation.h"

#include <cstring>
#include <optional>

#include "ATen/ops/from_blob.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace seedbed {
namespace {

// The place in l0_histogram: 0, 1, 2..3, 4..7, ...
int HistogramPlace(size_t active) {
  int place = 0;
  for (; active > 0; active /= 2) ++place;
  return place;
}

void SetHistogram(const std::vector<int64_t>& rows_by_active, v1::EvaluationMetrics* metrics) {
  for (size_t active = 0; active < rows_by_active.size(); ++active) {
    const int place = HistogramPlace(active);
    while (metrics->l0_histogram_size() <= place) metrics->add_l0_histogram(0);
    metrics->set_l0_histogram(place, metrics->l0_histogram(place) + rows_by_active[active]);
  }
}

double Recovered(const std::optional<double>& recovered, double spliced, double clean) {
  return recovered.has_value() ? *recovered : spliced <= clean ? 1.0 : 0.0;
}

// NumPy's format 1.0 (numpy.lib.format): magic, length of the header, the header padded to 64 bytes, the values.
std::string NpyOf(const std::vector<double>& values) {
  std::string header = absl::StrCat("{'descr': '<f8', 'fortran_order': False, 'shape': (", values.size(), ",), }");
  constexpr size_t kBefore = 10;
  constexpr size_t kAlignment = 64;
  while ((kBefore + header.size() + 1) % kAlignment != 0) header.push_back(' ');
  header.push_back('\n');
  std::string file("\x93NUMPY\x01\x00", 8);
  file.push_back(static_cast<char>(header.size() & 0xFF));
  file.push_back(static_cast<char>(header.size() >> 8));
  file += header;
  file.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
  return file;
}

std::string CsvOf(absl::Span<const RunEvaluation> evaluations) {
  std::string csv =
      "trained_tokens,tokens,fvu,mse,l0,dead_fraction,dense_fraction,cosine,norm_ratio,cross_entropy,"
      "cross_entropy_spliced,cross_entropy_zero,cross_entropy_mean,loss_recovered_zero,loss_recovered_mean\n";
  for (const RunEvaluation& evaluation : evaluations) {
    const v1::EvaluationMetrics& m = evaluation.metrics;
    absl::StrAppend(&csv, m.trained_tokens(), ",", m.tokens());
    for (const double value : {m.fvu(), m.mse(), m.l0(), m.dead_fraction(), m.dense_fraction(), m.cosine(),
                               m.norm_ratio(), m.cross_entropy(), m.cross_entropy_spliced(), m.cross_entropy_zero(),
                               m.cross_entropy_mean(), m.loss_recovered_zero(), m.loss_recovered_mean()}) {
      absl::StrAppendFormat(&csv, ",%.9g", value);
    }
    csv.push_back('\n');
  }
  return csv;
}

std::string MetricsName(size_t evaluation) { return absl::StrFormat("%06d.metrics", evaluation); }
std::string FrequencyName(size_t evaluation) { return absl::StrFormat("%06d.firing_frequency", evaluation); }

}  // namespace

RunEvaluation MakeRunEvaluation(const SplicedEvaluation& evaluation, int64_t trained_tokens) {
  const BaselineLosses& baselines = evaluation.baselines;
  const ReconstructionSummary& summary = evaluation.reconstruction;
  const auto latents = static_cast<double>(summary.firing_frequency.size());
  RunEvaluation out;
  v1::EvaluationMetrics& metrics = out.metrics;
  metrics.set_tokens(summary.rows);
  metrics.set_fvu(summary.fvu);
  metrics.set_mse(summary.mse);
  metrics.set_explained_variance(summary.explained_variance);
  metrics.set_l0(summary.l0);
  SetHistogram(summary.l0_histogram, &metrics);
  metrics.set_dead_fraction(static_cast<double>(summary.dead_latents) / latents);
  metrics.set_dense_fraction(static_cast<double>(summary.dense_latents) / latents);
  metrics.set_cosine(summary.cosine);
  metrics.set_norm_ratio(summary.norm_ratio);
  metrics.set_cross_entropy(baselines.clean);
  metrics.set_cross_entropy_spliced(evaluation.loss);
  metrics.set_cross_entropy_zero(baselines.zero_ablated);
  metrics.set_cross_entropy_mean(baselines.mean_ablated);
  metrics.set_loss_recovered_zero(Recovered(evaluation.recovered_from_zero, evaluation.loss, baselines.clean));
  metrics.set_loss_recovered_mean(Recovered(evaluation.recovered_from_mean, evaluation.loss, baselines.clean));
  metrics.set_trained_tokens(trained_tokens);
  out.firing_frequency = summary.firing_frequency;
  return out;
}

std::map<std::string, std::string> EvaluationFiles(absl::Span<const RunEvaluation> evaluations) {
  if (evaluations.empty()) return {};
  return {{"evaluation.csv", CsvOf(evaluations)}, {"firing_frequency.npy", NpyOf(evaluations.back().firing_frequency)}};
}

StateTensors StateOfEvaluations(absl::Span<const RunEvaluation> evaluations) {
  StateTensors state;
  for (size_t i = 0; i < evaluations.size(); ++i) {
    std::vector<double> frequency = evaluations[i].firing_frequency;
    const auto latents = static_cast<int64_t>(frequency.size());
    state[MetricsName(i)] = StateOfText(evaluations[i].metrics.SerializeAsString());
    state[FrequencyName(i)] = at::from_blob(frequency.data(), {latents}, at::kDouble).clone();
  }
  return state;
}

absl::StatusOr<std::vector<RunEvaluation>> EvaluationsOfState(const StateTensors& state) {
  std::vector<RunEvaluation> evaluations(state.size() / 2);
  for (size_t i = 0; i < evaluations.size(); ++i) {
    const auto metrics = state.find(MetricsName(i));
    const auto frequency = state.find(FrequencyName(i));
    const bool is_whole = metrics != state.end() && frequency != state.end() &&
                          frequency->second.scalar_type() == at::kDouble &&
                          evaluations[i].metrics.ParseFromString(TextOfState(metrics->second));
    if (!is_whole)
      return absl::InvalidArgumentError(absl::StrCat("tensors \"", MetricsName(i), "\" are no evaluation"));
    const double* values = frequency->second.const_data_ptr<double>();
    evaluations[i].firing_frequency.assign(values, values + frequency->second.numel());
  }
  return evaluations;
}

}  // namespace seedbed
