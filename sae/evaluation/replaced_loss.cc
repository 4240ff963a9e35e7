#include "sae/evaluation/replaced_loss.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/evaluation/counted_positions.h"

namespace seedbed {
namespace {

absl::Status CheckSite(const SpliceSite& site, const std::vector<Hookpoint>& loaded) {
  for (const Hookpoint& hookpoint : {site.input, site.output}) {
    if (std::find(loaded.begin(), loaded.end(), hookpoint) != loaded.end()) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("hookpoint \"", hookpoint.ToString(), "\" is not one that the model was loaded with"));
  }
  if (!(site.output < site.input)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("hookpoint \"", site.output.ToString(), "\" is to be computed from \"",
                                                 site.input.ToString(), "\", which must not come after it"));
}

}  // namespace

ReplacedLoss::ReplacedLoss(LanguageModel* model, const SpliceSite& site, const std::vector<MicroBatch>* tokens)
    : model_(model), site_(site), tokens_(tokens) {
  for (const MicroBatch& micro_batch : *tokens) {
    positions_.push_back(CountedPositions(micro_batch));
    count_ += positions_.back().numel();
  }
}

absl::StatusOr<ReplacedLoss> ReplacedLoss::Create(LanguageModel* model, const SpliceSite& site,
                                                  const std::vector<MicroBatch>* tokens) {
  RETURN_IF_ERROR(CheckSite(site, model->hookpoints()));
  ReplacedLoss loss(model, site, tokens);
  if (loss.positions() > 0) return loss;
  return absl::InvalidArgumentError("no held-out position is kept that has a token after it, at least one is needed");
}

std::vector<absl::StatusOr<double>> ReplacedLoss::Means(const std::vector<Replacement>& replacements) const {
  std::vector<absl::StatusOr<double>> means(replacements.size(), 0.0);
  for (size_t i = 0; i < tokens_->size(); ++i) AddSums(i, replacements, means);
  for (size_t i = 0; i < means.size(); ++i) {
    if (!means[i].ok()) continue;
    if (std::isfinite(*means[i])) {
      *means[i] /= static_cast<double>(count_);
    } else {
      means[i] = absl::AbortedError(absl::StrCat("the ", replacements[i].loss, " is not finite"));
    }
  }
  return means;
}

void ReplacedLoss::AddSums(size_t micro_batch, const std::vector<Replacement>& replacements,
                           std::vector<absl::StatusOr<double>>& sums) const {
  const MicroBatch& batch = (*tokens_)[micro_batch];
  if (batch.kept_rows.numel() == 0) return;
  const std::vector<Hookpoint> ends =
      site_.is_transcoder() ? std::vector<Hookpoint>{site_.input, site_.output} : std::vector<Hookpoint>{site_.output};
  const std::unique_ptr<PausedForward> paused = model_->PauseAt(batch.tokens, ends);
  const at::Tensor& inputs = paused->activations().front();
  const at::Tensor& outputs = paused->activations().back();
  const at::Tensor kept = batch.kept_rows.to(outputs.device());
  const at::Tensor positions = positions_[micro_batch].to(outputs.device());
  KeptRows rows;
  rows.output = outputs.index_select(0, kept).to(at::kFloat);
  rows.input = site_.is_transcoder() ? inputs.index_select(0, kept).to(at::kFloat) : rows.output;
  for (size_t i = 0; i < replacements.size(); ++i) {
    if (!sums[i].ok()) continue;
    const absl::StatusOr<at::Tensor> replaced = replacements[i].replace(rows);
    if (!replaced.ok()) {
      sums[i] = replaced.status();
      continue;
    }
    const at::Tensor all = outputs.index_copy(0, kept, replaced->to(outputs.scalar_type()));
    const at::Tensor losses = paused->CrossEntropyWith(all);
    *sums[i] += losses.reshape(-1).index_select(0, positions).sum(at::kDouble).item<double>();
  }
}

}  // namespace seedbed
