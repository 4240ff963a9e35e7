// What computes products where a person or a program says so.
#ifndef SEEDBED_SAE_MATCH_PRODUCT_SWEEP_CHOICE_H_
#define SEEDBED_SAE_MATCH_PRODUCT_SWEEP_CHOICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/match/product_sweep.h"

namespace seedbed {

// "cpu"; "cuda": the first GPU; "auto": the first GPU where there is one, else the CPU. GPUs are there for programs
// that are built with CUDA (preset cuda) alone. INVALID_ARGUMENT for another word, and for "cuda" where there is no
// GPU.
absl::StatusOr<std::unique_ptr<ProductSweep>> MakeProductSweep(absl::string_view device);

}  // namespace seedbed

#endif  // SEEDBED_SAE_MATCH_PRODUCT_SWEEP_CHOICE_H_
