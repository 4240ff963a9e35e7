#include "sae/evaluation/autoencoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/diff.h>
#include <ATen/ops/isfinite.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::Status CheckTensor(const at::Tensor& tensor, absl::string_view what, at::ScalarType type,
                         const std::vector<int64_t>& shape) {
  if (!tensor.defined()) return absl::InvalidArgumentError(absl::StrCat("the ", what, " are missing"));
  if (tensor.scalar_type() == type && tensor.sizes() == shape) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the ", what, " are ", c10::toString(tensor.scalar_type()), " [",
                                                 absl::StrJoin(tensor.sizes(), ", "), "]; needed are ",
                                                 c10::toString(type), " [", absl::StrJoin(shape, ", "), "]"));
}

absl::Status CheckOffsets(const at::Tensor& offsets, int64_t rows, int64_t entries) {
  RETURN_IF_ERROR(CheckTensor(offsets, "code's offsets", at::kLong, {rows + 1}));
  const bool ascend = (at::diff(offsets) >= 0).all().item<bool>();
  const auto first = offsets[0].item<int64_t>();
  const auto last = offsets[-1].item<int64_t>();
  if (ascend && first == 0 && last == entries) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the code's offsets go from ", first, " to ", last,
                                                 ascend ? "" : " and do not ascend", "; they must ascend from 0 to ",
                                                 entries, ", the number of latents listed"));
}

absl::Status CheckLatents(const at::Tensor& listed, int64_t latents) {
  if (listed.numel() == 0) return absl::OkStatus();
  const auto least = listed.min().item<int64_t>();
  const auto largest = listed.max().item<int64_t>();
  if (least >= 0 && largest < latents) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the code lists latent ", least < 0 ? least : largest, "; must be from 0 to ", latents - 1));
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
  const SparseCode& code = reconstruction.code;
  RETURN_IF_ERROR(CheckTensor(reconstruction.rows, "reconstructions", at::kFloat, {rows, d_out}));
  const int64_t entries = code.latents.defined() ? code.latents.numel() : 0;
  RETURN_IF_ERROR(CheckTensor(code.latents, "code's latents", at::kLong, {entries}));
  RETURN_IF_ERROR(CheckTensor(code.activations, "code's activations", at::kFloat, {entries}));
  RETURN_IF_ERROR(CheckOffsets(code.offsets, rows, entries));
  RETURN_IF_ERROR(CheckLatents(code.latents, latents));
  RETURN_IF_ERROR(CheckFinite(code.activations, "latents' activations"));
  return CheckFinite(reconstruction.rows, "reconstructions");
}

absl::Status CheckFinite(const at::Tensor& tensor, absl::string_view what) {
  if (at::isfinite(tensor).all().item<bool>()) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the ", what, " are not finite"));
}

}  // namespace seedbed
