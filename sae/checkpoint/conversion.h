// From one folder of a dictionary to another.
#ifndef SEEDBED_SAE_CHECKPOINT_CONVERSION_H_
#define SEEDBED_SAE_CHECKPOINT_CONVERSION_H_

#include <string>

#include "absl/status/status.h"
#include "sae/checkpoint/dictionary_format.h"

namespace seedbed {

// Both read `source` as LoadDictionary does and write `output`, which must not exist yet (ALREADY_EXISTS), complete or
// not at all. The manifest keeps the facts of the source's; a source without one is described by its cfg.json and the
// SHA-256 of its weights. Errors: as LoadDictionary and ExportDictionary.

// For another library: in `format`, with a README.md that states where the dictionary comes from.
absl::Status ExportFolder(const std::string& source, DictionaryFormat format, const std::string& output);

// As a folder of ours, in the format that a run would have been written in.
absl::Status ImportFolder(const std::string& source, const std::string& output);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_CONVERSION_H_
