#include "sae/arch/cuda/tile_plan.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"

namespace seedbed {

int64_t RowsInTile(int64_t rows, int64_t latents) {
  const int64_t fitting = kTileBytes / (latents * static_cast<int64_t>(sizeof(float)));
  if (rows <= fitting) return rows;
  return std::min(rows, std::max(kTileAlignment, fitting / kTileAlignment * kTileAlignment));
}

// Places are numbered in 31 bits, those of a batch's candidates, of which there may be three times as many, too.
absl::Status CheckPlaces(const SaeConfig& config, int64_t rows) {
  const int64_t selected = (config.architecture == "topk" ? 1 : 3) * config.k;
  const int64_t multi = config.multi_topk ? std::min(4 * config.k, config.latents) : 0;
  const int64_t auxiliary = config.auxiliary_alpha > 0 ? std::min(config.auxiliary_width(), config.latents) : 0;
  const int64_t most = std::numeric_limits<int32_t>::max() / std::max({selected, multi, auxiliary});
  if (rows <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the batch has ", rows, " rows, allowed with k ", config.k,
                                                 auxiliary > 0 ? absl::StrCat(" and auxiliary_k ", auxiliary) : "",
                                                 " on a GPU are up to ", most));
}

}  // namespace seedbed
