#include "worker/agree/compared_dictionary.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "nlohmann/json.hpp"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {
namespace {

constexpr size_t kMostManifestBytes = 16 << 20;

absl::Status FactError(const std::string& path, absl::string_view field, const nlohmann::json& found,
                       absl::string_view needed) {
  return absl::InvalidArgumentError(
      absl::StrCat(path, ": facts.", field, ": found a ", found.type_name(), "; ", needed, " is needed"));
}

absl::StatusOr<std::string> ReadText(const nlohmann::json& facts, const std::string& path, const char* field) {
  if (!facts.contains(field)) return std::string();
  if (!facts[field].is_string()) return FactError(path, field, facts[field], "a string");
  return facts[field].get<std::string>();
}

absl::StatusOr<RunFacts> ReadFacts(const std::string& path, const std::string& text) {
  const nlohmann::json manifest = nlohmann::json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (!manifest.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": is not a JSON object"));
  RunFacts read;
  if (!manifest.contains("facts")) return read;
  const nlohmann::json& facts = manifest["facts"];
  if (!facts.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": facts: is not a JSON object"));
  ASSIGN_OR_RETURN(read.run_id, ReadText(facts, path, "run_id"));
  ASSIGN_OR_RETURN(read.batch_hash, ReadText(facts, path, "batch_hash"));
  if (facts.contains("seed")) {
    if (!facts["seed"].is_number_unsigned()) return FactError(path, "seed", facts["seed"], "a whole number >= 0");
    read.seed = facts["seed"].get<uint64_t>();
  }
  return read;
}

}  // namespace

absl::StatusOr<ComparedDictionary> LoadComparedDictionary(const std::string& folder) {
  ASSIGN_OR_RETURN(const Dictionary dictionary, LoadDictionary(folder));
  ComparedDictionary compared;
  compared.path = folder;
  compared.rows = {dictionary.decoder_weight, dictionary.encoder_weight};
  const std::string manifest = JoinPath(folder, "manifest.json");
  if (!PathExists(manifest)) return compared;
  ASSIGN_OR_RETURN(const std::string text, ReadFile(manifest, kMostManifestBytes));
  ASSIGN_OR_RETURN(compared.facts, ReadFacts(manifest, text));
  compared.manifest_sha256 = Sha256Hex(text);
  return compared;
}

}  // namespace seedbed
