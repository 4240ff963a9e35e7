#include "sae/evaluation/autoencoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::Status CheckRows(const at::Tensor& rows, const std::vector<int64_t>& shape) {
  if (!rows.defined()) return absl::InvalidArgumentError("the reconstructions are missing");
  if (rows.scalar_type() == at::kFloat && rows.sizes() == shape) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the reconstructions are ", c10::toString(rows.scalar_type()), " [",
                                                 absl::StrJoin(rows.sizes(), ", "), "]; needed are Float [",
                                                 absl::StrJoin(shape, ", "), "]"));
}

absl::Status CheckStarts(const std::vector<int64_t>& starts, int64_t rows, int64_t listed) {
  const bool fit = static_cast<int64_t>(starts.size()) == rows + 1 && starts.front() == 0 && starts.back() == listed;
  if (fit && std::is_sorted(starts.begin(), starts.end())) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the starts of ", static_cast<int64_t>(starts.size()) - 1,
                                                 " rows of activations must ascend from 0 to ", listed,
                                                 ", the number of latents listed, over ", rows, " rows"));
}

absl::Status CheckActivations(const SparseActivations& activations, int64_t rows, int64_t latents) {
  const size_t listed = activations.latents.size();
  RETURN_IF_ERROR(CheckStarts(activations.starts, rows, static_cast<int64_t>(listed)));
  if (activations.values.size() != listed) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", activations.values.size(), " activations of ", listed, " latents"));
  }
  for (size_t i = 0; i < listed; ++i) {
    if (static_cast<int64_t>(activations.latents[i]) >= latents) {
      return absl::InvalidArgumentError(
          absl::StrCat("latent ", activations.latents[i], " is listed; must be from 0 to ", latents - 1));
    }
    if (!std::isfinite(activations.values[i])) return absl::AbortedError("the latents' activations are not finite");
    if (!(activations.values[i] > 0)) {
      return absl::InvalidArgumentError(absl::StrCat("latent ", activations.latents[i], " has the activation ",
                                                     activations.values[i], "; one that is listed must be above 0"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Reconstruction> ReconstructScaled(Autoencoder& autoencoder, const at::Tensor& rows,
                                                 const RowScales& scales) {
  const at::Tensor inputs = scales.input == 1 ? rows : rows * scales.input;
  RETURN_IF_ERROR(CheckFinite(inputs, "autoencoder's inputs"));
  ASSIGN_OR_RETURN(Reconstruction reconstruction, autoencoder.Reconstruct(inputs));
  if (scales.output != 1 && reconstruction.rows.defined()) reconstruction.rows = reconstruction.rows / scales.output;
  return reconstruction;
}

absl::Status CheckReconstruction(const Reconstruction& reconstruction, int64_t rows, int64_t d_out, int64_t latents) {
  RETURN_IF_ERROR(CheckRows(reconstruction.rows, {rows, d_out}));
  RETURN_IF_ERROR(CheckActivations(reconstruction.activations, rows, latents));
  return CheckFinite(reconstruction.rows, "reconstructions");
}

absl::Status CheckFinite(const at::Tensor& tensor, absl::string_view what) {
  if (at::isfinite(tensor).all().item<bool>()) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the ", what, " are not finite"));
}

}  // namespace seedbed
