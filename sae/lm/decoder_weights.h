// A decoder's parameters in the layout that the forward pass wants.
#ifndef SEEDBED_SAE_LM_DECODER_WEIGHTS_H_
#define SEEDBED_SAE_LM_DECODER_WEIGHTS_H_

#include <cstdint>
#include <set>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/statusor.h"
#include "sae/lm/linear.h"
#include "sae/lm/model_folder.h"
#include "sae/lm/row_operations.h"

namespace seedbed {

// The weight and bias of a norm are folded into the matrix that reads its output, so that the norm itself only
// standardises rows: A (x * w + b) + c = (A diag(w)) x + (A b + c). Norms of which nobody reads the output by a matrix
// alone are kept.
struct DecoderLayer {
  Linear attention_in;  // d_model -> (heads + 2 * kv_heads) * d_head: queries, keys, values beside each other.
  NormWeights query_norm;
  NormWeights key_norm;
  Linear attention_out;  // heads * d_head -> d_model
  NormWeights attention_post_norm;
  NormWeights mlp_norm;        // For the hookpoint of the MLP's input; the MLP itself has it folded in.
  Linear mlp_in;               // d_model -> 2 * d_mlp: gate, up; or d_mlp.
  Linear mlp_in_without_norm;  // The same with nothing folded in, for an input that is replaced. Where it is asked for.
  Linear mlp_out;              // d_mlp -> d_model
  NormWeights mlp_post_norm;
};

struct DecoderWeights {
  at::Tensor embedding;  // [vocabulary_size, d_model]
  at::Tensor positions;  // [context_length, d_model]; undefined without learned positions.
  std::vector<DecoderLayer> layers;
  Linear head;  // d_model -> vocabulary_size, the final norm folded in; not there unless asked for.
};

struct DecoderWeightsOptions {
  int64_t layers = 0;  // Loads layers [0, layers).
  bool with_head = false;
  std::set<int64_t> layers_without_norm;  // Of those the layers that also get mlp_in_without_norm.
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;  // Of matrices, biases and embeddings; norms that are kept are float32.
};

// In each head of queries and keys the elements that the rotary embedding turns together come to lie beside each other
// (PairRotaryRows). Beside the weights themselves no more than one linear layer's is in memory at a time.
//
// INVALID_ARGUMENT, naming file and tensor, for a value that is NaN or infinite.
absl::StatusOr<DecoderWeights> LoadDecoderWeights(const ModelFolder& folder, const DecoderWeightsOptions& options);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_DECODER_WEIGHTS_H_
