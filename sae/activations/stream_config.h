// What names a stream of activations: equal configs give equal batches, on any number of ranks.
#ifndef SEEDBED_SAE_ACTIVATIONS_STREAM_CONFIG_H_
#define SEEDBED_SAE_ACTIVATIONS_STREAM_CONFIG_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace seedbed {

struct StreamConfig {
  int64_t sequence_length = 0;
  int64_t sequences = 0;  // Of the whole stream, over all token files.
  bool shuffled = true;   // Order of sequences: a seeded permutation of all in a file, or as they lie.
  uint64_t seed = 0;      // Of that order and of the mixing.

  int64_t exclude_first = 0;             // Positions left out at the start of each sequence.
  std::vector<int64_t> exclude_tokens;   // Ids whose rows are left out, ascending.
  std::optional<int64_t> padding_token;  // Its run at the end of a sequence is left out.
  // Rows of an epoch where they have to be counted: tokens are excluded (exclude_tokens, padding_token), or rows come
  // from a folder. 0 otherwise.
  int64_t counted_rows = 0;

  int64_t shuffle_rows = 65536;  // Rows of the shuffle buffer.
  int64_t epochs = 1;
  int64_t batch_tokens = 4096;  // Rows in a batch.
  int64_t micro_batch_sequences = 8;
  int64_t block_micro_batches = 8;
  int64_t normalize_rows = 0;  // First rows that the scale is estimated from, at most shuffle_rows; 0 = no scale.

  // Whether the tokens decide which rows are left out, besides exclude_first.
  bool excludes_by_token() const { return !exclude_tokens.empty() || padding_token.has_value(); }
  int64_t rows_per_epoch() const {
    return counted_rows > 0 ? counted_rows : sequences * (sequence_length - exclude_first);
  }
  // Batches in the whole stream. Epochs follow each other without a gap; a last batch that is not full is dropped.
  int64_t total_batches() const { return epochs * rows_per_epoch() / batch_tokens; }
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_STREAM_CONFIG_H_
