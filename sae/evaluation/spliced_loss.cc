#include "sae/evaluation/spliced_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::Status CheckWidths(const Autoencoder& autoencoder, int64_t d_model) {
  if (autoencoder.d_in() == d_model && autoencoder.d_out() == d_model) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the autoencoder reads ", autoencoder.d_in(), " columns and gives ",
                                                 autoencoder.d_out(), "; needed are the model's ", d_model));
}

std::optional<double> Recovered(double ablated, double loss, double clean) {
  if (!(ablated > clean)) return std::nullopt;
  return (ablated - loss) / (ablated - clean);
}

// The mean of rows that come in parts.
class MeanRow {
 public:
  void Add(const at::Tensor& rows) {
    const at::Tensor sum = rows.sum(0, /*keepdim=*/false, at::kDouble);
    sum_ = sum_.defined() ? sum_ + sum : sum;
    rows_ += rows.size(0);
  }

  // float32 [columns]; at least one row was added.
  at::Tensor Get() const { return (sum_ / rows_).to(at::kFloat); }

 private:
  at::Tensor sum_;  // float64 [columns]
  int64_t rows_ = 0;
};

// The first rows of many that come in parts.
class FirstRows {
 public:
  explicit FirstRows(int64_t count) : left_(count) {}

  void Add(const at::Tensor& rows) {
    const int64_t count = std::min(left_, rows.size(0));
    if (count == 0) return;
    parts_.push_back(rows.narrow(0, 0, count).to(at::kCPU, at::kFloat, /*non_blocking=*/false, /*copy=*/true));
    left_ -= count;
  }

  // Undefined where there are none.
  at::Tensor Get() const { return parts_.empty() ? at::Tensor() : at::cat(parts_); }

 private:
  int64_t left_;
  std::vector<at::Tensor> parts_;
};

absl::StatusOr<at::Tensor> ReconstructPiecewise(Autoencoder& autoencoder, const RowScales& scales, const KeptRows& rows,
                                                ReconstructionMetrics& metrics) {
  at::Tensor replaced = at::empty_like(rows.output);
  for (int64_t first = 0; first < replaced.size(0); first += SplicedLoss::kRowsTogether) {
    const int64_t count = std::min(SplicedLoss::kRowsTogether, replaced.size(0) - first);
    ASSIGN_OR_RETURN(const Reconstruction piece,
                     ReconstructScaled(autoencoder, rows.input.narrow(0, first, count), scales));
    RETURN_IF_ERROR(metrics.Add(rows.output.narrow(0, first, count), piece));
    replaced.narrow(0, first, count).copy_(piece.rows);
  }
  return replaced;
}

// Nothing is replaced. Adds the site's output to `mean` and its input to `first`.
Replacement Clean(MeanRow* mean, FirstRows* first) {
  return {"clean cross-entropy", [mean, first](const KeptRows& rows) -> absl::StatusOr<at::Tensor> {
            RETURN_IF_ERROR(CheckFinite(rows.output, "activations"));
            mean->Add(rows.output);
            first->Add(rows.input);
            return rows.output;
          }};
}

Replacement ZeroAblated() {
  return {"zero-ablated cross-entropy", [](const KeptRows& rows) { return at::zeros_like(rows.output); }};
}

}  // namespace

absl::StatusOr<SplicedLoss> SplicedLoss::Create(LanguageModel* model, const SpliceSite& site,
                                                const std::vector<MicroBatch>* tokens, int64_t rows_to_keep) {
  ASSIGN_OR_RETURN(ReplacedLoss replaced, ReplacedLoss::Create(model, site, tokens));
  return SplicedLoss(std::move(replaced), model->d_model(), rows_to_keep);
}

absl::StatusOr<std::vector<absl::StatusOr<SplicedEvaluation>>> SplicedLoss::Evaluate(
    absl::Span<Autoencoder* const> autoencoders, const RowScales& scales) {
  const std::string hookpoint = replaced_.site().output.ToString();
  absl::StatusOr<std::vector<absl::StatusOr<SplicedEvaluation>>> evaluations = EvaluateUnnamed(autoencoders, scales);
  if (!evaluations.ok()) return Annotate(evaluations.status(), hookpoint);
  for (absl::StatusOr<SplicedEvaluation>& evaluation : *evaluations) {
    if (!evaluation.ok()) evaluation = Annotate(evaluation.status(), hookpoint);
  }
  return evaluations;
}

absl::StatusOr<std::vector<absl::StatusOr<SplicedEvaluation>>> SplicedLoss::EvaluateUnnamed(
    absl::Span<Autoencoder* const> autoencoders, const RowScales& scales) {
  std::vector<ReconstructionMetrics> metrics;
  for (const Autoencoder* autoencoder : autoencoders) metrics.emplace_back(d_model_, autoencoder->latents());
  std::vector<Replacement> replacements;
  for (size_t i = 0; i < autoencoders.size(); ++i) {
    const auto reconstruct = [this, &scales, &autoencoder = *autoencoders[i],
                              &of_this = metrics[i]](const KeptRows& rows) -> absl::StatusOr<at::Tensor> {
      RETURN_IF_ERROR(CheckWidths(autoencoder, d_model_));
      return ReconstructPiecewise(autoencoder, scales, rows, of_this);
    };
    replacements.push_back({"spliced cross-entropy", reconstruct});
  }
  MeanRow mean;
  FirstRows first(rows_to_keep_);
  if (!baselines_.has_value()) {
    replacements.push_back(Clean(&mean, &first));
    replacements.push_back(ZeroAblated());
  }
  const std::vector<absl::StatusOr<double>> losses = replaced_.Means(replacements);
  if (!baselines_.has_value()) {
    BaselineLosses baselines;
    baselines.tokens = replaced_.positions();
    ASSIGN_OR_RETURN(baselines.clean, losses[autoencoders.size()]);
    ASSIGN_OR_RETURN(baselines.zero_ablated, losses[autoencoders.size() + 1]);
    ASSIGN_OR_RETURN(baselines.mean_ablated, MeanAblated(mean.Get()));
    baselines_ = baselines;
    first_rows_ = first.Get();
  }
  std::vector<absl::StatusOr<SplicedEvaluation>> evaluations;
  for (size_t i = 0; i < autoencoders.size(); ++i) evaluations.push_back(Evaluation(losses[i], metrics[i]));
  return evaluations;
}

absl::StatusOr<double> SplicedLoss::MeanAblated(const at::Tensor& mean) const {
  const auto average = [&mean](const KeptRows& rows) { return mean.expand_as(rows.output); };
  return replaced_.Means({{"mean-ablated cross-entropy", average}}).front();
}

absl::StatusOr<SplicedEvaluation> SplicedLoss::Evaluation(const absl::StatusOr<double>& loss,
                                                          const ReconstructionMetrics& metrics) const {
  SplicedEvaluation evaluation;
  ASSIGN_OR_RETURN(evaluation.loss, loss);
  ASSIGN_OR_RETURN(evaluation.reconstruction, metrics.Result());
  evaluation.baselines = *baselines_;
  evaluation.recovered_from_zero = Recovered(baselines_->zero_ablated, evaluation.loss, baselines_->clean);
  evaluation.recovered_from_mean = Recovered(baselines_->mean_ablated, evaluation.loss, baselines_->clean);
  return evaluation;
}

}  // namespace seedbed
