// What an evaluation needs of a trained autoencoder or transcoder, whatever its architecture.
#ifndef SEEDBED_SAE_EVALUATION_AUTOENCODER_H_
#define SEEDBED_SAE_EVALUATION_AUTOENCODER_H_

#include <cstdint>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/inference/sparse_activations.h"

namespace seedbed {

struct Reconstruction {
  SparseActivations activations;
  at::Tensor rows;  // x_hat, float32 [rows, d_out]
};

class Autoencoder {
 public:
  virtual ~Autoencoder() = default;

  virtual int64_t d_in() const = 0;
  virtual int64_t d_out() const = 0;  // Differs from d_in() in a transcoder alone.
  virtual int64_t latents() const = 0;

  // Of `rows` float32 [1 or more, d_in], contiguous, on the device where the result lies too. What a row gives does not
  // depend on the other rows: an architecture that selects over a batch in training goes by its threshold here.
  virtual absl::StatusOr<Reconstruction> Reconstruct(const at::Tensor& rows) = 0;
};

// What the rows of a language model are multiplied with before an autoencoder is trained on them (RowScale).
struct RowScales {
  float input = 1;
  float output = 1;  // Of the rows that are reconstructed; differs from `input` in a transcoder alone.
};

// x_hat of rows as the language model has them: autoencoder(input * rows) / output. The activations stay as the
// autoencoder has them. Errors: those of Reconstruct; ABORTED where its inputs are not finite.
absl::StatusOr<Reconstruction> ReconstructScaled(Autoencoder& autoencoder, const at::Tensor& rows,
                                                 const RowScales& scales);

// INVALID_ARGUMENT, naming what is wrong, unless the rows have the type and shape above and the activations are as
// sparse_activations.h says, for so many rows; ABORTED, naming it, where a value is not finite.
absl::Status CheckReconstruction(const Reconstruction& reconstruction, int64_t rows, int64_t d_out, int64_t latents);

// ABORTED: "the WHAT are not finite".
absl::Status CheckFinite(const at::Tensor& tensor, absl::string_view what);

}  // namespace seedbed

#endif  // SEEDBED_SAE_EVALUATION_AUTOENCODER_H_
