// What can be known to be wrong with a stream before anything is run.
#ifndef SEEDBED_SAE_ACTIVATIONS_STREAM_CHECK_H_
#define SEEDBED_SAE_ACTIVATIONS_STREAM_CHECK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/activations/stream_config.h"
#include "sae/io/token_file.h"

namespace seedbed {

// Of a stream from a language model. INVALID_ARGUMENT, naming the field, for a value out of range or a stream that
// gives not even one batch.
absl::Status CheckModelStream(const StreamConfig& config);

// What the files of a stream from a language model have to be. INVALID_ARGUMENT: other sequences than the config's;
// as CheckExclusion; a vocabulary larger than the model's, which names the file; sequences longer than its context.
absl::Status CheckTokens(const StreamConfig& config, const TokenMixture& tokens, int64_t model_vocabulary_size,
                         int64_t context_length);

// As CheckModelStream, of a stream from a folder, which has rows and no sequences.
absl::Status CheckFolderStream(const StreamConfig& config);

// INVALID_ARGUMENT, naming the file, when it was made with another model's tokenizer: its vocabulary is larger than the
// model's `vocabulary_size`.
absl::Status CheckVocabulary(const TokenFile& tokens, int64_t vocabulary_size);

// INVALID_ARGUMENT when sequences are longer than the model's context (0 = it has no limit).
absl::Status CheckContext(int64_t sequence_length, int64_t context_length);

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_STREAM_CHECK_H_
