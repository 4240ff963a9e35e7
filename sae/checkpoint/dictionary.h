// A trained dictionary as tensors, and as a folder in sparsify's format (docs/formats.md): cfg.json, sae.safetensors,
// and our manifest.json, which lists both with their SHA-256 and states what the dictionary was trained on.
#ifndef SEEDBED_SAE_CHECKPOINT_DICTIONARY_H_
#define SEEDBED_SAE_CHECKPOINT_DICTIONARY_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ATen/core/Tensor.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace seedbed {

// Float32, contiguous, on the CPU. The encoder's input is x - b_dec.
struct Dictionary {
  std::string architecture = "topk";
  int64_t k = 0;
  at::Tensor encoder_weight;  // [n, d]
  at::Tensor encoder_bias;    // [n]
  at::Tensor decoder_weight;  // [n, d], unit rows
  at::Tensor decoder_bias;    // [d]
};

// Trained on rows that were multiplied by `scale`, made to read the rows as they are: x_hat(x) becomes x_hat(scale x) /
// scale. Only the biases change, since W (scale x - b) + c = scale (W (x - b / scale) + c / scale): the same latents
// are kept, activations are smaller by `scale`, and decoder rows stay unit rows. scale > 0; 1 leaves every byte.
Dictionary WithoutScale(Dictionary dictionary, float scale);

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

// Writes `folder` so that it is complete or absent: staged beside it as `folder`.attempt-`attempt`.tmp, checksummed,
// fsynced, renamed. A folder that is there already is replaced in one step. `facts_json` (a JSON object: run, data,
// metrics) goes into the manifest as "facts"; `extra_files` (name to contents) lie beside the weights and are listed
// too. Neither may depend on time, place or the number of ranks, so that equal runs give equal bytes. Errors name the
// file.
absl::StatusOr<ExportedDictionary> ExportDictionary(const Dictionary& dictionary, const std::string& facts_json,
                                                    const std::map<std::string, std::string>& extra_files, int attempt,
                                                    const std::string& folder);

// Reads a folder with cfg.json and sae.safetensors, ours or sparsify's. When there is a manifest.json, every checksum
// in it is verified first. INVALID_ARGUMENT, NOT_FOUND or DATA_LOSS, naming the file and the field or tensor.
absl::StatusOr<Dictionary> LoadDictionary(const std::string& folder);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_DICTIONARY_H_
