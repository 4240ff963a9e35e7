#include "worker/agree/functional.h"

#include "absl/strings/str_cat.h"
#include "common/sha256.h"
#include "common/status.h"
#include "sae/agreement/activation_correlation.h"
#include "sae/checkpoint/tensor_file.h"
#include "sae/io/safetensors.h"

namespace seedbed {
namespace {

constexpr char kTensorName[] = "activations";

ActiveRows ViewOf(const SparseActivations& activations) {
  return {activations.starts, activations.latents, activations.values};
}

}  // namespace

absl::StatusOr<HeldOutRows> ReadHeldOutRows(const std::string& path, int64_t d_in) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  ASSIGN_OR_RETURN(const TensorView view, file.Find(kTensorName));
  if (view.shape.size() != 2 || view.shape[0] < 1 || view.shape[1] != d_in) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"", kTensorName, "\" has ", view.shape.size(),
                                                   " dimensions and ", view.elements(), " elements; [1 or more, ", d_in,
                                                   "] is needed, as wide as the dictionaries read"));
  }
  HeldOutRows held_out;
  ASSIGN_OR_RETURN(held_out.rows, ReadTensor(file, kTensorName, view.shape));
  ASSIGN_OR_RETURN(held_out.sha256, Sha256OfFile(path));
  return held_out;
}

std::vector<std::optional<double>> Correlate(const SparseActivations& a, const SparseActivations& b,
                                             absl::Span<const int32_t> counterpart, int64_t latents_b) {
  ActivationCorrelation correlation(counterpart, latents_b);
  correlation.Add(ViewOf(a), ViewOf(b));
  return correlation.Correlations();
}

}  // namespace seedbed
