#include "sae/activations/sequences/exclusion.h"

#include <algorithm>
#include <string>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/status.h"

namespace seedbed {
namespace {

absl::Status CheckId(const std::string& field, int64_t id, int64_t vocabulary_size) {
  if (id >= 0 && id < vocabulary_size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("stream.", field, " is ", id, "; must be from 0 to ",
                                                 vocabulary_size - 1, ", the largest id of the token files"));
}

absl::Status CheckPaddingIsLeftOut(const StreamConfig& config, const TokenFile& file) {
  const std::optional<int64_t> padding = file.padding_token();
  if (!padding.has_value() || config.padding_token == padding) return absl::OkStatus();
  if (std::binary_search(config.exclude_tokens.begin(), config.exclude_tokens.end(), *padding)) return absl::OkStatus();
  const std::string found =
      config.padding_token.has_value() ? absl::StrCat("is ", *config.padding_token) : "is not set";
  return absl::InvalidArgumentError(absl::StrCat("stream.padding_token ", found, "; must be ", *padding,
                                                 ", with which ", file.path(), " was padded"));
}

// A loop without a branch, which the compiler makes vector instructions of.
template <typename Token>
Token LargestOf(absl::Span<const Token> tokens) {
  Token largest = 0;
  for (const Token token : tokens) largest = std::max(largest, token);
  return largest;
}

}  // namespace

absl::Status CheckExclusion(const StreamConfig& config, const TokenMixture& mixture) {
  for (size_t i = 0; i < config.exclude_tokens.size(); ++i) {
    const std::string field = absl::StrCat("exclude_tokens[", i, "]");
    RETURN_IF_ERROR(CheckId(field, config.exclude_tokens[i], mixture.vocabulary_size()));
    if (i > 0 && config.exclude_tokens[i] <= config.exclude_tokens[i - 1]) {
      return absl::InvalidArgumentError(absl::StrCat("stream.", field, " is ", config.exclude_tokens[i], " after ",
                                                     config.exclude_tokens[i - 1], "; ids must ascend"));
    }
  }
  if (config.padding_token.has_value()) {
    RETURN_IF_ERROR(CheckId("padding_token", *config.padding_token, mixture.vocabulary_size()));
  }
  for (const TokenFile& file : mixture.files()) RETURN_IF_ERROR(CheckPaddingIsLeftOut(config, file));
  return absl::OkStatus();
}

Exclusion::Exclusion(const StreamConfig& config)
    : exclude_first_(static_cast<size_t>(config.exclude_first)),
      padding_token_(config.padding_token),
      excluded_(config.exclude_tokens) {}

template <typename Token>
Exclusion::Range Exclusion::Inner(absl::Span<const Token> sequence) const {
  const size_t begin = std::min(exclude_first_, sequence.size());
  size_t end = sequence.size();
  if (padding_token_.has_value()) {
    while (end > begin && sequence[end - 1] == *padding_token_) --end;
  }
  return {begin, end};
}

template <typename Token>
int64_t Exclusion::CountKept(absl::Span<const Token> sequence) const {
  const Range inner = Inner(sequence);
  const absl::Span<const Token> tokens = sequence.subspan(inner.begin, inner.end - inner.begin);
  return static_cast<int64_t>(tokens.size()) - excluded_.CountIn(tokens);
}

absl::StatusOr<int64_t> Exclusion::CountKept(const TokenFile& file, int64_t offset, int64_t length) const {
  const auto count = [&](auto tokens) -> absl::StatusOr<int64_t> {
    const auto sequence = tokens.subspan(offset, length);
    if (LargestOf(sequence) < file.vocabulary_size()) return CountKept(sequence);
    std::vector<int64_t> ids(static_cast<size_t>(length));
    return file.Read(offset, absl::MakeSpan(ids));  // Says which id and where.
  };
  return std::visit(count, file.tokens());
}

void Exclusion::AppendKept(absl::Span<const int64_t> sequence, int64_t first, std::vector<int64_t>& rows) const {
  const Range inner = Inner(sequence);
  for (size_t position = inner.begin; position < inner.end; ++position) {
    if (!excluded_.Contains(sequence[position])) rows.push_back(first + static_cast<int64_t>(position));
  }
}

}  // namespace seedbed
