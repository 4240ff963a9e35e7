#include "server/results/latent_tables.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/sha256.h"
#include "common/status.h"
#include "proto/rpc/status.h"
#include "server/results/stored_pairs.h"

namespace seedbed {
namespace {

struct SideTable {
  std::vector<int32_t> counterpart;
  std::vector<double> cosine;
};

SideTable TableOf(const v1::SideMatching& side, bool from_b) {
  if (!from_b) {
    return {{side.counterpart().begin(), side.counterpart().end()}, {side.cosine().begin(), side.cosine().end()}};
  }
  const auto latents = static_cast<size_t>(side.largest_b_size());
  SideTable table = {std::vector<int32_t>(latents, -1), std::vector<double>(latents, 0)};
  for (int i = 0; i < side.counterpart_size(); ++i) {
    const int32_t latent = side.counterpart(i);
    if (latent < 0 || latent >= side.largest_b_size()) continue;
    table.counterpart[static_cast<size_t>(latent)] = i;
    table.cosine[static_cast<size_t>(latent)] = side.cosine(i);
  }
  return table;
}

absl::Status CheckPair(const v1::Agreement& agreement, const v1::DictionaryPair& pair) {
  const int count = agreement.dictionaries_size();
  std::vector<FieldViolation> violations;
  for (const auto& [field, value] : {std::pair("pair.a", pair.a()), std::pair("pair.b", pair.b())}) {
    if (value < 0 || value >= count) {
      violations.push_back({field, absl::StrCat("is ", value, "; must be 0..", count - 1)});
    }
  }
  if (violations.empty() && pair.a() == pair.b()) {
    violations.push_back({"pair.b", absl::StrCat("is ", pair.b(), ", as pair.a; must be another dictionary")});
  }
  return violations.empty() ? absl::OkStatus() : FieldViolationsError(violations);
}

// One line of a stability table: latent, mean decoder and encoder cosine, found_in, siblings, and what follows.
absl::Status AddLine(absl::string_view line, v1::LatentStability* stability) {
  const std::vector<absl::string_view> cells = absl::StrSplit(line, ',');
  double decoder = 0;
  double encoder = 0;
  int32_t found_in = 0;
  int32_t siblings = 0;
  if (cells.size() < 5 || !absl::SimpleAtod(cells[1], &decoder) || !absl::SimpleAtod(cells[2], &encoder) ||
      !absl::SimpleAtoi(cells[3], &found_in) || !absl::SimpleAtoi(cells[4], &siblings)) {
    return absl::DataLossError(absl::StrCat("found the line \"", line, "\""));
  }
  stability->add_mean_decoder_cosine(decoder);
  stability->add_mean_encoder_cosine(encoder);
  stability->add_found_in(found_in);
  stability->set_siblings(siblings);
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadTable(const v1::Artifact& artifact, const v1::ArtifactFile& file) {
  const std::string path = JoinPath(artifact.path(), file.name());
  const absl::StatusOr<std::string> table = ReadFile(path);
  if (absl::IsNotFound(table.status())) return absl::DataLossError(absl::StrCat(path, ": is gone"));
  RETURN_IF_ERROR(table.status());
  if (const std::string found = Sha256Hex(*table); found != file.sha256()) {
    return absl::DataLossError(absl::StrCat(path, ": has SHA-256 ", found, ", but was written with ", file.sha256()));
  }
  return table;
}

absl::Status AddStability(absl::string_view table, int dictionary, std::vector<v1::StreamLatentsResponse>* chunks) {
  std::vector<absl::string_view> lines = absl::StrSplit(table, '\n', absl::SkipEmpty());
  if (!lines.empty()) lines.erase(lines.begin());  // The heading.
  for (size_t latent = 0; latent < lines.size(); ++latent) {
    if (latent % kLatentsPerChunk == 0) {
      v1::StreamLatentsResponse& chunk = chunks->emplace_back();
      chunk.set_first_latent(static_cast<int64_t>(latent));
      chunk.mutable_stability()->set_dictionary(dictionary);
    }
    RETURN_IF_ERROR(AddLine(lines[latent], chunks->back().mutable_stability()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<v1::StreamLatentsResponse>> PairChunks(const std::string& pair_folder,
                                                                  const v1::Agreement& agreement,
                                                                  const v1::DictionaryPair& pair) {
  RETURN_IF_ERROR(CheckPair(agreement, pair));
  ASSIGN_OR_RETURN(const v1::StoredPair stored,
                   ReadStoredPair(pair_folder, agreement, std::min(pair.a(), pair.b()), std::max(pair.a(), pair.b())));
  const bool from_b = pair.a() > pair.b();
  const SideTable decoder = TableOf(stored.decoder(), from_b);
  const SideTable encoder = TableOf(stored.encoder(), from_b);
  std::vector<v1::StreamLatentsResponse> chunks;
  const auto latents = static_cast<int64_t>(std::min(decoder.counterpart.size(), encoder.counterpart.size()));
  for (int64_t first = 0; first < latents; first += kLatentsPerChunk) {
    const int64_t end = std::min(latents, first + kLatentsPerChunk);
    v1::StreamLatentsResponse& chunk = chunks.emplace_back();
    chunk.set_first_latent(first);
    v1::PairLatents& columns = *chunk.mutable_pair();
    columns.mutable_decoder_counterpart()->Add(decoder.counterpart.begin() + first, decoder.counterpart.begin() + end);
    columns.mutable_decoder_cosine()->Add(decoder.cosine.begin() + first, decoder.cosine.begin() + end);
    columns.mutable_encoder_counterpart()->Add(encoder.counterpart.begin() + first, encoder.counterpart.begin() + end);
    columns.mutable_encoder_cosine()->Add(encoder.cosine.begin() + first, encoder.cosine.begin() + end);
  }
  return chunks;
}

absl::StatusOr<std::vector<v1::StreamLatentsResponse>> StabilityChunks(const v1::Agreement& agreement) {
  if (!agreement.has_stability()) {
    return absl::FailedPreconditionError(
        absl::StrCat("sibling set \"", agreement.sibling_set_id(), "\": has no table of stability"));
  }
  std::vector<v1::StreamLatentsResponse> chunks;
  for (int i = 0; i < agreement.stability().files_size(); ++i) {
    const v1::ArtifactFile& file = agreement.stability().files(i);
    ASSIGN_OR_RETURN(const std::string table, ReadTable(agreement.stability(), file));
    if (const absl::Status added = AddStability(table, i, &chunks); !added.ok()) {
      return Annotate(added, JoinPath(agreement.stability().path(), file.name()));
    }
  }
  return chunks;
}

}  // namespace seedbed
