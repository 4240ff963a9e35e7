// A trained dictionary as tensors, and as a folder (docs/formats.md): cfg.json and the weights in one of several
// formats, and our manifest.json, which lists both with their SHA-256 and states what the dictionary was trained on.
#ifndef SEEDBED_SAE_CHECKPOINT_DICTIONARY_H_
#define SEEDBED_SAE_CHECKPOINT_DICTIONARY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary_format.h"
#include "sae/checkpoint/sae_tensors.h"

namespace seedbed {

// Float32, contiguous, on the CPU. What a trained SAE computes for a row x, with c = x - b_dec, or c = x in a
// transcoder:
//   topk                     f = the k largest relu(W_enc c + b_enc), 0 elsewhere
//   relu                     f = relu(W_enc c + b_enc)
//   batchtopk, matryoshka,
//   jumprelu                 f = relu(p) where p = W_enc c + b_enc exceeds the threshold, 0 elsewhere
//   gated                    f = relu(exp(r_mag) W_enc c + b_mag) where W_enc c + b_gate > 0, 0 elsewhere
//   x_hat = f W_dec + b_dec (+ W_skip x)
struct Dictionary : SaeTensors {
  std::string architecture = "topk";
  int64_t k = 0;              // Of topk; of batchtopk and matryoshka the mean number in training; else 0.
  bool centers_input = true;  // c = x - b_dec.

  int64_t latents() const { return encoder_weight.size(0); }
  int64_t d_in() const { return encoder_weight.size(1); }
  int64_t d_out() const { return decoder_weight.size(1); }
};

// INVALID_ARGUMENT, naming the field or tensor, unless the architecture is known, k is in 1..latents where it has one,
// and the tensors are those of the architecture, as stated above and finite.
absl::Status CheckDictionary(const Dictionary& dictionary);

// Trained on inputs that were multiplied by `input_scale` and targets by `target_scale`, made to read and reconstruct
// rows as they are: x_hat(x) becomes x_hat(input_scale x) / target_scale. The same latents are kept; activations are
// smaller by input_scale. Scales > 0; where both are 1 every byte stays. For an autoencoder, whose scales are equal,
// only biases and thresholds change, since W (s x - b) + c = s (W (x - b / s) + c / s).
Dictionary WithoutScale(Dictionary dictionary, float input_scale, float target_scale);

struct ExportedFile {
  std::string name;
  int64_t bytes = 0;
  std::string sha256;
};

struct ExportedDictionary {
  std::string path;
  std::vector<ExportedFile> files;  // Sorted by name, without manifest.json.
  std::string manifest_sha256;
};

// Where an attempt stages what it writes to `folder`: beside it, `folder`.attempt-`attempt`.tmp.
std::string StagingFolder(const std::string& folder, int attempt);

// Writes `folder` so that it is complete or absent: staged in StagingFolder(`folder`, `attempt`), checksummed, fsynced,
// renamed. A folder that is there already is replaced in one step. `facts_json` (a JSON object: run, data,
// metrics; run_facts.h) goes into the manifest as "facts"; `extra_files` (name to contents) lie beside the weights and
// are listed too. Neither may depend on time, place or the number of ranks, so that equal runs give equal bytes.
// Without a `format`, the first of kDictionaryFormats that can express the dictionary. Errors name the file, or say
// what the format can't express.
absl::StatusOr<ExportedDictionary> ExportDictionary(const Dictionary& dictionary, const std::string& facts_json,
                                                    const std::map<std::string, std::string>& extra_files, int attempt,
                                                    const std::string& folder,
                                                    std::optional<DictionaryFormat> format = std::nullopt);

// Reads a folder in any of kDictionaryFormats, whoever wrote it. When there is a manifest.json, every checksum in it is
// verified first. INVALID_ARGUMENT, NOT_FOUND or DATA_LOSS, naming the file and the field or tensor.
absl::StatusOr<Dictionary> LoadDictionary(const std::string& folder);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_DICTIONARY_H_
