#include "sae/arch/cpu/row_screening.h"

#include <utility>

namespace seedbed {
namespace {

constexpr int64_t kFewestLatents = 2048;
// With more of the latents kept, more of them are candidates than an int8 product saves.
constexpr int64_t kFewestLatentsForEachKept = 32;

}  // namespace

bool HasLatentsToScreen(const SaeConfig& config) {
  return config.latents >= kFewestLatents && config.latents >= kFewestLatentsForEachKept * config.k;
}

bool RowScreening::Pays(const SaeConfig& config) {
  return config.architecture == "topk" && !config.multi_topk && HasLatentsToScreen(config);
}

RowScreening::RowScreening(const SaeConfig& config, int64_t width) : screened_(config.latents, width, config.k) {}

void RowScreening::Select(const Parameter& encoder_weight, const Parameter& encoder_bias, const at::Tensor& rows,
                          const float* norms, RowEntries* entries) {
  const float* data = rows.const_data_ptr<float>();
  if (!std::exchange(has_directions_, true)) screened_.FindDirections(data, rows.size(0));
  screened_.Prepare(encoder_weight.data(), encoder_bias.data(), norms);
  screened_.SelectRows(data, rows.size(0), {entries->latents.data(), entries->values.data(), entries->counts.data()});
}

}  // namespace seedbed
