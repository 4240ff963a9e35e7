#include "sae/activations/sequences/token_mixture.h"

#include <filesystem>
#include <map>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"

namespace seedbed {
namespace {

constexpr int64_t kMostSequences = int64_t{1} << 62;

absl::Status CheckShape(const std::vector<MixtureFile>& files, int64_t sequence_length) {
  if (files.empty() || files.size() > TokenMixture::kMostFiles) {
    return absl::InvalidArgumentError(
        absl::StrCat("stream.tokens has ", files.size(), " files; must have 1 to ", TokenMixture::kMostFiles));
  }
  if (sequence_length < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("stream.sequence_length is ", sequence_length, "; must be at least 1"));
  }
  int64_t room = kMostSequences;
  for (const MixtureFile& file : files) {
    if (file.sequences < 1 || file.sequences > room) {
      return absl::InvalidArgumentError(absl::StrCat(file.path, ": ", file.sequences,
                                                     " sequences are to be taken; must be at least 1, and 2^62 of all "
                                                     "files at most"));
    }
    room -= file.sequences;
  }
  return absl::OkStatus();
}

// By what they are on disk: "tokens.bin" and a link to it are one file.
absl::Status CheckFilesDiffer(const std::vector<MixtureFile>& files) {
  std::map<std::filesystem::path, std::string> known;
  for (const MixtureFile& file : files) {
    std::error_code error;
    const std::filesystem::path canonical = std::filesystem::canonical(file.path, error);
    if (error) return ErrnoStatus(error.value(), file.path);
    const auto [found, added] = known.emplace(canonical, file.path);
    if (added) continue;
    const std::string also = found->second == file.path ? "" : absl::StrCat(", also as ", found->second);
    return absl::InvalidArgumentError(absl::StrCat(file.path, ": is in the mixture twice", also,
                                                   "; must be there once, with the sum of its weights"));
  }
  return absl::OkStatus();
}

absl::Status CheckHolds(const TokenFile& file, int64_t sequences, int64_t sequence_length) {
  if (file.sequence_length().has_value() && *file.sequence_length() != sequence_length) {
    return absl::InvalidArgumentError(absl::StrCat(file.path(), ": was padded to sequences of ",
                                                   *file.sequence_length(), " tokens; stream.sequence_length is ",
                                                   sequence_length));
  }
  const int64_t held = file.size() / sequence_length;
  if (held >= sequences) return absl::OkStatus();
  return absl::OutOfRangeError(absl::StrCat(file.path(), ": has ", file.size(), " tokens, ", held, " sequences of ",
                                            sequence_length, "; ", sequences, " are needed"));
}

absl::Status CheckSameTokenizer(const TokenFile& first, const TokenFile& other) {
  if (first.tokenizer() != other.tokenizer()) {
    return absl::InvalidArgumentError(
        absl::StrCat(other.path(), ": was made with the tokenizer ", Quoted(other.tokenizer()), ", but ", first.path(),
                     " with ", Quoted(first.tokenizer()), "; the files of a mixture must share one"));
  }
  if (first.vocabulary_size() != other.vocabulary_size()) {
    return absl::InvalidArgumentError(absl::StrCat(other.path(), ": has a vocabulary of ", other.vocabulary_size(),
                                                   " tokens, but ", first.path(), " of ", first.vocabulary_size(),
                                                   "; the files of a mixture must share one"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenMixture> TokenMixture::Open(const std::vector<MixtureFile>& files, int64_t sequence_length) {
  RETURN_IF_ERROR(CheckShape(files, sequence_length));
  std::vector<TokenFile> opened;
  std::vector<int64_t> taken;
  for (const MixtureFile& file : files) {
    ASSIGN_OR_RETURN(TokenFile tokens, TokenFile::Open(file.path));
    RETURN_IF_ERROR(CheckHolds(tokens, file.sequences, sequence_length));
    opened.push_back(std::move(tokens));
    taken.push_back(file.sequences);
    RETURN_IF_ERROR(CheckSameTokenizer(opened.front(), opened.back()));
  }
  RETURN_IF_ERROR(CheckFilesDiffer(files));
  return TokenMixture(std::move(opened), std::move(taken), sequence_length);
}

TokenMixture::TokenMixture(std::vector<TokenFile> files, std::vector<int64_t> taken, int64_t sequence_length)
    : files_(std::move(files)), taken_(std::move(taken)), sequence_length_(sequence_length), interleaving_(taken_) {}

std::vector<std::string> TokenMixture::paths() const {
  std::vector<std::string> paths;
  for (const TokenFile& file : files_) paths.push_back(file.path());
  return paths;
}

std::vector<std::string> TokenMixture::sha256s() const {
  std::vector<std::string> sha256s;
  for (const TokenFile& file : files_) sha256s.push_back(file.sha256());
  return sha256s;
}

}  // namespace seedbed
