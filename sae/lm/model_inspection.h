// What a model folder holds, without computing anything or reading its weights.
#ifndef SEEDBED_SAE_LM_MODEL_INSPECTION_H_
#define SEEDBED_SAE_LM_MODEL_INSPECTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/lm/hookpoint.h"

namespace seedbed {

struct ModelFacts {
  std::string model_type;  // config.json's.
  int64_t d_model = 0;
  int64_t layers = 0;
  int64_t vocabulary_size = 0;     // Rows of the embedding.
  int64_t context_length = 0;      // Tokens in the longest sequence; 0 = config.json sets no limit.
  int64_t parameters = 0;          // A head that is the embedding counts once.
  bool parallel_residual = false;  // Then no layer has a resid_mid.

  // 32 lower-case hexadecimal digits: XXH3-128, in canonical form, of
  //   config.json: its size, its bytes;
  //   for each weights file, in the order of names: size of its name, its name, size of the file, the size of its
  //   header, its header's bytes; and for each of its tensors, in the order of names, the bytes [0, 4096) and [size -
  //   4096, size) of its data, or the data alone where it has at most 8192 bytes.
  // Sizes are 8 bytes, little-endian. Cheap however large the weights are; a training changes it, since it changes the
  // ends of tensors.
  std::string fingerprint;
};

// Every error of LoadLanguageModel but those of values (NaN), hookpoints and devices.
absl::StatusOr<ModelFacts> InspectModel(const std::string& folder);

// The hookpoints that `names` mean, in the order of `names`, those of a pattern in the order of the model: names and
// synonyms as ParseHookpoint takes them, and patterns with * ? [...] as fnmatch(3) reads them, compared with every name
// and synonym that the model's hookpoints have.
//
// INVALID_ARGUMENT: none at all, one that is no hookpoint, is not in the model or matches nothing (says what the model
// has), one that comes twice (says both names).
absl::StatusOr<std::vector<Hookpoint>> ResolveHookpoints(const ModelFacts& facts,
                                                         const std::vector<std::string>& names);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_MODEL_INSPECTION_H_
