#include "sae/evaluation/spliced_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

using Inputs = ReplacedLoss::Inputs;

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

}  // namespace

absl::StatusOr<SplicedLoss> SplicedLoss::Measure(LanguageModel* model, const SpliceSite& site,
                                                 const std::vector<MicroBatch>* tokens) {
  ASSIGN_OR_RETURN(ReplacedLoss replaced, ReplacedLoss::Create(model, site, tokens));
  SplicedLoss spliced(std::move(replaced), model->d_model());
  const absl::Status measured = spliced.MeasureBaselines();
  if (!measured.ok()) return Annotate(measured, site.output.ToString());
  return spliced;
}

absl::Status SplicedLoss::MeasureBaselines() {
  baselines_.tokens = replaced_.positions();
  MeanRow mean;
  const auto look_at = [&mean](const KeptRows& rows) -> absl::StatusOr<at::Tensor> {
    RETURN_IF_ERROR(CheckFinite(rows.output, "activations"));
    mean.Add(rows.output);
    return rows.output;
  };
  const auto ablate = [](const KeptRows& rows) { return at::zeros_like(rows.output); };
  const auto average = [&mean](const KeptRows& rows) { return mean.Get().expand_as(rows.output); };
  ASSIGN_OR_RETURN(baselines_.clean, replaced_.Mean("clean cross-entropy", Inputs::kNone, look_at));
  ASSIGN_OR_RETURN(baselines_.zero_ablated, replaced_.Mean("zero-ablated cross-entropy", Inputs::kNone, ablate));
  ASSIGN_OR_RETURN(baselines_.mean_ablated, replaced_.Mean("mean-ablated cross-entropy", Inputs::kNone, average));
  return absl::OkStatus();
}

absl::StatusOr<SplicedEvaluation> SplicedLoss::Evaluate(Autoencoder& autoencoder, const RowScales& scales) const {
  absl::StatusOr<SplicedEvaluation> evaluation = Splice(autoencoder, scales);
  if (!evaluation.ok()) return Annotate(evaluation.status(), replaced_.site().output.ToString());
  return evaluation;
}

absl::StatusOr<SplicedEvaluation> SplicedLoss::Splice(Autoencoder& autoencoder, const RowScales& scales) const {
  RETURN_IF_ERROR(CheckWidths(autoencoder, d_model_));
  ReconstructionMetrics metrics(d_model_, autoencoder.latents());
  const auto reconstruct = [&](const KeptRows& rows) {
    return ReconstructPiecewise(autoencoder, scales, rows, metrics);
  };
  SplicedEvaluation evaluation;
  ASSIGN_OR_RETURN(evaluation.loss, replaced_.Mean("spliced cross-entropy", Inputs::kWanted, reconstruct));
  ASSIGN_OR_RETURN(evaluation.reconstruction, metrics.Result());
  evaluation.recovered_from_zero = Recovered(baselines_.zero_ablated, evaluation.loss, baselines_.clean);
  evaluation.recovered_from_mean = Recovered(baselines_.mean_ablated, evaluation.loss, baselines_.clean);
  return evaluation;
}

}  // namespace seedbed
