// The files of a folder with their checksums, as its manifest.json lists them.
#ifndef SEEDBED_SAE_CHECKPOINT_FILE_LIST_H_
#define SEEDBED_SAE_CHECKPOINT_FILE_LIST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"
#include "sae/checkpoint/dictionary.h"
#include "sae/io/json_object.h"

namespace seedbed {

// A name that can stand in a manifest: one file of the folder itself.
bool IsPlainFileName(const std::string& name);

// Reads the file whole.
absl::StatusOr<ExportedFile> DescribeFile(const std::string& folder, const std::string& name);

// Reads the file whole: DATA_LOSS naming it where it is missing or has another SHA-256.
absl::Status VerifyFile(const std::string& folder, const ExportedFile& file);

// The list "files" of a manifest. INVALID_ARGUMENT naming file and field.
absl::StatusOr<std::vector<ExportedFile>> ReadFileList(const JsonObject& manifest);
nlohmann::json FileListJson(const std::vector<ExportedFile>& files);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_FILE_LIST_H_
