// A Hugging Face folder, checked as far as it can be without reading values.
#ifndef SEEDBED_SAE_LM_MODEL_FOLDER_H_
#define SEEDBED_SAE_LM_MODEL_FOLDER_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "sae/lm/decoder_config.h"
#include "sae/lm/tensor_table.h"
#include "sae/lm/weight_files.h"

namespace seedbed {

struct ModelFolder {
  DecoderConfig config;
  std::string config_text;  // config.json's bytes.
  DecoderTensors tensors;
  WeightFiles files;       // Hold every tensor of `tensors`, in its shape, as F32, F16 or BF16.
  int64_t parameters = 0;  // Elements of all of them.
};

// INVALID_ARGUMENT or NOT_FOUND, naming the file and the field or tensor: a missing folder or file, a config.json that
// is wrong or of a model that is not supported, a damaged weights file, a tensor that is missing, doubled, of another
// shape or type, or unknown to the family.
absl::StatusOr<ModelFolder> OpenModelFolder(const std::string& folder);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_MODEL_FOLDER_H_
