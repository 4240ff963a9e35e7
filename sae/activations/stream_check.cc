#include "sae/activations/stream_check.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/activations/sequences/exclusion.h"

namespace seedbed {
namespace {

absl::Status CheckAtLeast(absl::string_view field, int64_t value, int64_t least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("stream.", field, " is ", value, "; must be at least ", least));
}

absl::Status CheckBatches(const StreamConfig& config) {
  RETURN_IF_ERROR(CheckAtLeast("epochs", config.epochs, 1));
  RETURN_IF_ERROR(CheckAtLeast("batch_tokens", config.batch_tokens, 1));
  if (config.total_batches() > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("stream.batch_tokens is ", config.batch_tokens,
                                                 ", but all epochs together have only ",
                                                 config.epochs * config.rows_per_epoch(), " rows"));
}

absl::Status CheckNormalizeRows(const StreamConfig& config, absl::string_view limit_name, int64_t limit) {
  if (config.normalize_rows >= 0 && config.normalize_rows <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("stream.normalize_rows is ", config.normalize_rows,
                                                 "; must be at most ", limit_name, " (", limit, ")"));
}

}  // namespace

absl::Status CheckModelStream(const StreamConfig& config) {
  RETURN_IF_ERROR(CheckAtLeast("sequence_length", config.sequence_length, 1));
  RETURN_IF_ERROR(CheckAtLeast("sequences", config.sequences, 1));
  RETURN_IF_ERROR(CheckAtLeast("exclude_first", config.exclude_first, 0));
  RETURN_IF_ERROR(CheckAtLeast("shuffle_rows", config.shuffle_rows, 1));
  RETURN_IF_ERROR(CheckAtLeast("micro_batch_sequences", config.micro_batch_sequences, 1));
  RETURN_IF_ERROR(CheckAtLeast("block_micro_batches", config.block_micro_batches, 1));
  if (config.exclude_first >= config.sequence_length) {
    return absl::InvalidArgumentError(absl::StrCat("stream.exclude_first is ", config.exclude_first,
                                                   "; must be less than sequence_length (", config.sequence_length,
                                                   "), or no row is left"));
  }
  if (config.excludes_by_token()) RETURN_IF_ERROR(CheckAtLeast("rows_per_epoch", config.counted_rows, 1));
  RETURN_IF_ERROR(CheckBatches(config));
  // More could not have been seen when the first row comes out of the shuffle buffer.
  return CheckNormalizeRows(config, "shuffle_rows and the rows of an epoch",
                            std::min(config.shuffle_rows, config.rows_per_epoch()));
}

absl::Status CheckTokens(const StreamConfig& config, const TokenMixture& tokens, int64_t model_vocabulary_size,
                         int64_t context_length) {
  if (tokens.sequences() != config.sequences || tokens.sequence_length() != config.sequence_length) {
    return absl::InvalidArgumentError(absl::StrCat("stream.sequences is ", config.sequences, " of ",
                                                   config.sequence_length, " tokens; its files give ",
                                                   tokens.sequences(), " of ", tokens.sequence_length()));
  }
  RETURN_IF_ERROR(CheckExclusion(config, tokens));
  RETURN_IF_ERROR(CheckVocabulary(tokens.files().front(), model_vocabulary_size));
  return CheckContext(config.sequence_length, context_length);
}

absl::Status CheckFolderStream(const StreamConfig& config) {
  RETURN_IF_ERROR(CheckAtLeast("rows_per_epoch", config.counted_rows, 1));
  RETURN_IF_ERROR(CheckBatches(config));
  return CheckNormalizeRows(config, "the rows of an epoch", config.rows_per_epoch());
}

absl::Status CheckVocabulary(const TokenFile& tokens, int64_t vocabulary_size) {
  if (tokens.vocabulary_size() <= vocabulary_size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(tokens.path(), ": vocabulary of ", tokens.vocabulary_size(),
                                                 " tokens, but the language model has embeddings for ", vocabulary_size,
                                                 ": it was made with another model's tokenizer"));
}

absl::Status CheckContext(int64_t sequence_length, int64_t context_length) {
  if (context_length == 0 || sequence_length <= context_length) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("sequence_length is ", sequence_length,
                                                 "; must be at most the language model's context of ", context_length,
                                                 " tokens"));
}

}  // namespace seedbed
