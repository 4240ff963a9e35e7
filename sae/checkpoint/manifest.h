// manifest.json: what lies in an exported folder, and from what it came (docs/formats.md).
#ifndef SEEDBED_SAE_CHECKPOINT_MANIFEST_H_
#define SEEDBED_SAE_CHECKPOINT_MANIFEST_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/dictionary_format.h"
#include "sae/checkpoint/file_list.h"

namespace seedbed {

inline constexpr char kManifestName[] = "manifest.json";

struct Manifest {
  DictionaryFormat format = DictionaryFormat::kSparsify;
  std::string architecture;
  int64_t k = 0;
  std::string convention;  // Of the training; empty where it is not known.
  std::vector<ExportedFile> files;
  std::string facts_json = "{}";  // A JSON object (run_facts.h).
};

// The same text for the same values: keys sorted, two spaces of indentation, a line feed at the end. INVALID_ARGUMENT
// when the facts are not a JSON object.
absl::StatusOr<std::string> ManifestText(const Manifest& manifest);

// INVALID_ARGUMENT naming file and field. Does not look at the files that it lists.
absl::StatusOr<Manifest> ReadManifest(const std::string& path);

// Compares each listed file of `folder` with its SHA-256: DATA_LOSS naming the first that differs or is missing.
absl::Status VerifyFiles(const Manifest& manifest, const std::string& folder);

// The manifest of `folder` with its files verified; nullopt where there is none. Errors as above.
absl::StatusOr<std::optional<Manifest>> ReadVerifiedManifest(const std::string& folder);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_MANIFEST_H_
