#include "sae/evaluation/replaced_loss.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/status.h"
#include "sae/evaluation/counted_positions.h"

namespace seedbed {
namespace {

absl::Span<const int64_t> ValuesOf(const at::Tensor& indices) {
  return {indices.const_data_ptr<int64_t>(), static_cast<size_t>(indices.numel())};
}

// Those of the ascending `kept_rows` that lie in [first, first + count).
at::Tensor KeptWithin(const at::Tensor& kept_rows, int64_t first, int64_t count) {
  const absl::Span<const int64_t> rows = ValuesOf(kept_rows);
  const auto begin = std::lower_bound(rows.begin(), rows.end(), first);
  const auto end = std::lower_bound(begin, rows.end(), first + count);
  return kept_rows.narrow(0, begin - rows.begin(), end - begin);
}

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

absl::StatusOr<double> ReplacedLoss::Mean(absl::string_view what, Inputs inputs, ReplaceKept replace) const {
  double sum = 0;
  for (size_t i = 0; i < tokens_->size(); ++i) {
    ASSIGN_OR_RETURN(const double losses, SumOver(i, inputs, replace));
    sum += losses;
  }
  if (!std::isfinite(sum)) return absl::AbortedError(absl::StrCat("the ", what, " is not finite"));
  return sum / static_cast<double>(count_);
}

absl::StatusOr<double> ReplacedLoss::SumOver(size_t micro_batch, Inputs inputs, ReplaceKept replace) const {
  const MicroBatch& batch = (*tokens_)[micro_batch];
  const bool reads_elsewhere = inputs == Inputs::kWanted && site_.is_transcoder();
  const at::Tensor elsewhere = reads_elsewhere ? InputsOf(micro_batch) : at::Tensor();
  absl::Status status;
  const auto replace_rows = [&](int64_t first_row, const at::Tensor& all) {
    const at::Tensor kept = KeptWithin(batch.kept_rows, first_row, all.size(0)).to(all.device());
    if (!status.ok() || kept.numel() == 0) return;
    KeptRows rows;
    rows.output = all.index_select(0, kept - first_row);
    if (inputs == Inputs::kWanted) {
      rows.input = reads_elsewhere ? elsewhere.index_select(0, kept).to(at::kFloat) : rows.output;
    }
    const absl::StatusOr<at::Tensor> replaced = replace(rows);
    status = replaced.status();
    if (replaced.ok()) all.index_copy_(0, kept - first_row, *replaced);
  };
  const at::Tensor losses = model_->CrossEntropyWith(batch.tokens, site_.output, replace_rows);
  RETURN_IF_ERROR(status);
  const at::Tensor positions = positions_[micro_batch].to(losses.device());
  return losses.reshape(-1).index_select(0, positions).sum(at::kDouble).item<double>();
}

at::Tensor ReplacedLoss::InputsOf(size_t micro_batch) const {
  const std::vector<Hookpoint>& loaded = model_->hookpoints();
  const auto index = std::find(loaded.begin(), loaded.end(), site_.input) - loaded.begin();
  return model_->Forward((*tokens_)[micro_batch].tokens)[static_cast<size_t>(index)];
}

}  // namespace seedbed
