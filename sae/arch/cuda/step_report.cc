#include "sae/arch/cuda/step_report.h"

#include <cmath>
#include <limits>

#include "common/status.h"
#include "sae/arch/cpu/finite_checks.h"
#include "sae/arch/step_checks.h"

namespace seedbed {
namespace {

constexpr double kMultiTopkWeight = 1.0 / 8;

double AuxiliaryLossOf(const StepTerms& terms, const StepRecord& record) {
  if (!terms.has_auxiliary || record.dead == 0) return 0;
  const double squares = record.auxiliary.squared_error;
  if (!(record.auxiliary_weight == 0)) return record.auxiliary_weight * squares;
  // An error that is the same in every row has nothing to be compared with.
  return squares > 0 ? std::numeric_limits<float>::max() : 0;
}

}  // namespace

LossScaleRule ScalesOf(const SaeConfig& config, int64_t rows) {
  const bool has_groups = config.architecture == "matryoshka";
  const double groups = has_groups ? static_cast<double>(config.group_sizes.size()) : 1;
  const double weight = config.convention == Convention::kDictionaryLearning ? 1 / (groups * groups) : 1;
  LossScaleRule rule;
  rule.by_variance = config.convention == Convention::kSparsify;
  rule.scale = 2 * weight / static_cast<double>(rows);
  rule.multi_weight = config.multi_topk ? kMultiTopkWeight : 0;
  return rule;
}

absl::Status CheckStep(const StepTerms& terms, const StepRecord& record, int64_t step) {
  RETURN_IF_ERROR(CheckTotalVariance(step, record.total_variance));
  if (!std::isfinite(record.decode.squared_error)) return NotFinite(step, "loss (FVU)");
  if (!std::isfinite(AuxiliaryLossOf(terms, record))) return NotFinite(step, "auxiliary loss");
  if (!std::isfinite(record.multi.squared_error)) return NotFinite(step, "loss of multi_topk");
  if (!(record.decode.encoder_bound + record.auxiliary.encoder_bound < kLargestGradient)) {
    return NotFinite(step, "gradient of encoder_weight");
  }
  if (!(record.decode.decoder_bound + record.multi.decoder_bound + record.auxiliary.decoder_bound < kLargestGradient)) {
    return NotFinite(step, "gradient of decoder_weight");
  }
  if (record.not_finite[0] > 0) return NotFinite(step, "gradient of encoder_bias");
  if (record.not_finite[1] > 0) return NotFinite(step, "gradient of decoder_bias");
  if (record.not_finite[2] > 0) return NotFinite(step, "gradient of skip_weight");
  return absl::OkStatus();
}

BatchLosses LossesOf(const StepTerms& terms, const StepRecord& record) {
  const LossScaleRule& scales = terms.scales;
  const double scale = scales.by_variance ? 2 / record.total_variance : scales.scale;
  BatchLosses losses;
  losses.auxiliary = AuxiliaryLossOf(terms, record);
  losses.loss = scale / 2 * record.decode.squared_errors +
                scales.multi_weight * record.multi.squared_error / record.total_variance +
                terms.auxiliary_alpha * losses.auxiliary;
  losses.total_variance = record.total_variance;
  losses.squared_error = record.decode.squared_error;
  losses.active = static_cast<int64_t>(record.decode.active);
  if (terms.has_threshold && losses.active > 0) losses.smallest_active = record.decode.smallest_rank;
  return losses;
}

}  // namespace seedbed
