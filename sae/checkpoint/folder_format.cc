#include "sae/checkpoint/folder_format.h"

#include "absl/strings/str_cat.h"

namespace seedbed {

FolderFormat FolderFormatOf(DictionaryFormat format) {
  switch (format) {
    case DictionaryFormat::kSparsify:
      return SparsifyFolderFormat();
    case DictionaryFormat::kSaeLens:
      return SaeLensFolderFormat();
    case DictionaryFormat::kSeedbed:
      break;
  }
  return SeedbedFolderFormat();
}

DictionaryFormat PreferredFormat(const Dictionary& dictionary) {
  for (const DictionaryFormat format : kDictionaryFormats) {
    if (FolderFormatOf(format).check_expressible(dictionary).ok()) return format;
  }
  return DictionaryFormat::kSeedbed;
}

absl::StatusOr<FolderFormat> RecognizeFolderFormat(const JsonObject& config) {
  for (const DictionaryFormat format : kDictionaryFormats) {
    if (FolderFormatOf(format).recognizes(config)) return FolderFormatOf(format);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(config.source(),
                   ": has none of the fields \"activation\" (of sparsify), \"d_sae\" (of SAELens) and "
                   "\"format\" (of Seedbed): it is no dictionary's"));
}

}  // namespace seedbed
