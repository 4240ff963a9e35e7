// A cheap hash that tells models apart.
#ifndef SEEDBED_SAE_LM_MODEL_FINGERPRINT_H_
#define SEEDBED_SAE_LM_MODEL_FINGERPRINT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sae/lm/weight_files.h"

namespace seedbed {

// As ModelFacts::fingerprint defines it. Errors: as MappedFile::Open; INVALID_ARGUMENT for a file that was shortened
// since `files` was opened.
absl::StatusOr<std::string> ModelFingerprint(absl::string_view config_text, const WeightFiles& files);

}  // namespace seedbed

#endif  // SEEDBED_SAE_LM_MODEL_FINGERPRINT_H_
