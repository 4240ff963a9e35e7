#include "sae/io/token_file.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/quoted.h"
#include "common/status.h"
#include "sae/io/json_object.h"

namespace seedbed {
namespace {

constexpr size_t kLargestSidecar = size_t{1} << 20;
constexpr size_t kSha256Digits = 64;

absl::StatusOr<int> ParseBytesPerToken(const JsonObject& sidecar) {
  ASSIGN_OR_RETURN(const std::string dtype, sidecar.String("dtype"));
  if (dtype == "uint16") return 2;
  if (dtype == "uint32") return 4;
  return sidecar.Error("dtype", absl::StrCat("is ", Quoted(dtype), ", allowed are uint16 and uint32"));
}

absl::StatusOr<std::string> ParseSha256(const JsonObject& sidecar) {
  ASSIGN_OR_RETURN(std::string sha256, sidecar.String("sha256"));
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (sha256.size() != kSha256Digits || !std::all_of(sha256.begin(), sha256.end(), is_digit)) {
    return sidecar.Error("sha256", absl::StrCat("has ", sha256.size(), " characters, 64 of 0-9 and a-f are needed"));
  }
  return sha256;
}

// Maps begin at a page, so their tokens are aligned.
template <typename Token>
absl::Span<const Token> TokensIn(absl::string_view bytes) {
  return {reinterpret_cast<const Token*>(bytes.data()), bytes.size() / sizeof(Token)};
}

template <typename Token>
absl::Status Copy(const TokenFile& file, absl::Span<const Token> tokens, int64_t offset, absl::Span<int64_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const Token token = tokens[offset + i];
    if (token >= file.vocabulary_size()) {
      return absl::InvalidArgumentError(absl::StrCat(file.path(), ": token id ", token, " at position ", offset + i,
                                                     " is beyond the vocabulary of ", file.vocabulary_size()));
    }
    out[i] = token;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenFile> TokenFile::Open(const std::string& path) {
  TokenFile result;
  result.path_ = path;
  ASSIGN_OR_RETURN(result.file_, MappedFile::Open(path));
  absl::StatusOr<JsonObject> sidecar = JsonObject::ReadFrom(absl::StrCat(path, ".json"), kLargestSidecar);
  if (!sidecar.ok()) return Annotate(sidecar.status(), "sidecar of a token file");
  ASSIGN_OR_RETURN(result.tokenizer_, sidecar->String("tokenizer"));
  ASSIGN_OR_RETURN(result.bytes_per_token_, ParseBytesPerToken(*sidecar));
  const int64_t most_ids = int64_t{1} << (8 * result.bytes_per_token_);
  ASSIGN_OR_RETURN(result.vocabulary_size_, sidecar->Integer("vocabulary_size", 1, most_ids));
  ASSIGN_OR_RETURN(result.count_, sidecar->Integer("count", 0, std::numeric_limits<int64_t>::max() / 4));
  ASSIGN_OR_RETURN(result.sha256_, ParseSha256(*sidecar));
  const int64_t expected = result.count_ * result.bytes_per_token_;
  const int64_t found = static_cast<int64_t>(result.file_.bytes().size());
  if (found != expected) {
    return sidecar->Error("count", absl::StrCat("is ", result.count_, ", so ", path, " should have ", expected,
                                                " bytes, but it has ", found));
  }
  RETURN_IF_ERROR(result.ReadPadding(*sidecar));
  return result;
}

absl::Status TokenFile::ReadPadding(const JsonObject& sidecar) {
  if (!sidecar.Has("padding_token") && !sidecar.Has("sequence_length")) return absl::OkStatus();
  ASSIGN_OR_RETURN(padding_token_, sidecar.Integer("padding_token", 0, vocabulary_size_ - 1));
  ASSIGN_OR_RETURN(sequence_length_, sidecar.Integer("sequence_length", 1, std::numeric_limits<int64_t>::max()));
  if (count_ % *sequence_length_ == 0) return absl::OkStatus();
  return sidecar.Error("sequence_length",
                       absl::StrCat("is ", *sequence_length_, ", which does not divide the count of ", count_));
}

TokenFile::Tokens TokenFile::tokens() const {
  if (bytes_per_token_ == 2) return TokensIn<uint16_t>(file_.bytes());
  return TokensIn<uint32_t>(file_.bytes());
}

absl::Status TokenFile::Read(int64_t offset, absl::Span<int64_t> out) const {
  const int64_t wanted = static_cast<int64_t>(out.size());
  if (offset < 0 || offset > count_ || wanted > count_ - offset) {
    return absl::OutOfRangeError(
        absl::StrCat(path_, ": ", wanted, " tokens from position ", offset, " asked, it has ", count_));
  }
  return std::visit([&](auto all) { return Copy(*this, all, offset, out); }, tokens());
}

}  // namespace seedbed
