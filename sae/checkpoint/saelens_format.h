// SAELens 6.54 (sae_lens/saes/*.py): every architecture as an autoencoder between equal widths; relu and jumprelu also
// as a transcoder, with or without a skip connection. What it trains as batchtopk and matryoshka it stores as jumprelu
// with a constant threshold, and so do we.
#ifndef SEEDBED_SAE_CHECKPOINT_SAELENS_FORMAT_H_
#define SEEDBED_SAE_CHECKPOINT_SAELENS_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/run_facts.h"
#include "sae/checkpoint/tensor_file.h"
#include "sae/io/json_object.h"
#include "sae/io/safetensors.h"

namespace seedbed {

// The version that is followed, and stated in what is written.
inline constexpr char kSaeLensVersion[] = "6.54.12";

// An architecture of SAELens, as cfg.json names it.
struct SaeLensArchitecture {
  const char* name;
  const char* ours;
  bool transcoder = false;
  bool skip = false;
};

absl::Span<const SaeLensArchitecture> SaeLensArchitectures();

// The names of its tensors, those of all architectures together.
absl::Span<const StoredTensor> SaeLensTensors();

// FolderFormat::read. Decoder norms (rescale_acts_by_decoder_norm) and a scale of the inputs (normalize_activations
// "expected_average_only_in", stated in activation_scaler.json beside cfg.json) are folded into the weights, as SAELens
// does; other normalisations are refused. Reads what a training SAE saves, too.
absl::StatusOr<Dictionary> ReadSaeLens(const JsonObject& config, const SafetensorsFile& weights);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_SAELENS_FORMAT_H_
