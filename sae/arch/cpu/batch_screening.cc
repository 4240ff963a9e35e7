#include "sae/arch/cpu/batch_screening.h"

#include <utility>

#include "sae/arch/cpu/row_screening.h"

namespace seedbed {

bool BatchScreening::Pays(const SaeConfig& config) {
  const bool selects_of_batch = config.architecture == "batchtopk" || config.architecture == "matryoshka";
  return selects_of_batch && HasLatentsToScreen(config);
}

BatchScreening::BatchScreening(const SaeConfig& config, int64_t width)
    : k_(config.k), screened_(config.latents, width) {}

void BatchScreening::Select(const Parameter& encoder_weight, const Parameter& encoder_bias, const at::Tensor& rows,
                            const float* norms, BatchSelection* selection, RowEntries* entries) {
  const float* data = rows.const_data_ptr<float>();
  const int64_t count = rows.size(0);
  if (!std::exchange(has_directions_, true)) screened_.FindDirections(data, count);
  screened_.Prepare(encoder_weight.data(), encoder_bias.data(), norms);
  bool is_estimated = false;
  do {
    selection->Begin(count, k_ * count, norms);
    if (selection->bound() <= 0 && !std::exchange(is_estimated, true)) {
      selection->Guess(screened_.EstimateBound(data, count, k_ * count));
    }
    screened_.AddTo(data, count, selection);
  } while (!selection->Finish(entries));
}

}  // namespace seedbed
