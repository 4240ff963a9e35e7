// One row a format: what it takes to write a dictionary's folder in it, and to read one.
#ifndef SEEDBED_SAE_CHECKPOINT_FOLDER_FORMAT_H_
#define SEEDBED_SAE_CHECKPOINT_FOLDER_FORMAT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/dictionary_format.h"
#include "sae/checkpoint/run_facts.h"
#include "sae/checkpoint/tensor_file.h"
#include "sae/io/json_object.h"
#include "sae/io/safetensors.h"

namespace seedbed {

struct FolderFormat {
  DictionaryFormat format;
  // INVALID_ARGUMENT with the reason when the format can't express the dictionary, which is a valid one.
  absl::Status (*check_expressible)(const Dictionary&);
  // The text of cfg.json.
  std::string (*config)(const Dictionary&, const RunFacts&);
  absl::Span<const StoredTensor> tensors;
  // Whether a cfg.json is of this format.
  bool (*recognizes)(const JsonObject& config);
  // INVALID_ARGUMENT or NOT_FOUND, naming the file and the field or tensor.
  absl::StatusOr<Dictionary> (*read)(const JsonObject& config, const SafetensorsFile& weights);
};

FolderFormat SparsifyFolderFormat();
FolderFormat SaeLensFolderFormat();
FolderFormat SeedbedFolderFormat();

FolderFormat FolderFormatOf(DictionaryFormat format);

// That of a run's folder: the first that can express the dictionary, so that an existing tool opens it where one can.
DictionaryFormat PreferredFormat(const Dictionary& dictionary);

// Of the folder that `config`, its cfg.json, lies in. INVALID_ARGUMENT when it is of none.
absl::StatusOr<FolderFormat> RecognizeFolderFormat(const JsonObject& config);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_FOLDER_FORMAT_H_
