// Several token files read as one stream of sequences.
#ifndef SEEDBED_SAE_ACTIVATIONS_SEQUENCES_TOKEN_MIXTURE_H_
#define SEEDBED_SAE_ACTIVATIONS_SEQUENCES_TOKEN_MIXTURE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/activations/sequences/interleaving.h"
#include "sae/io/token_file.h"

namespace seedbed {

// A token file's part of a mixture.
struct MixtureFile {
  std::string path;
  int64_t sequences = 0;  // n_j: taken from it, >= 1.
};

// Sequence i of the mixture is the k-th that is taken from file j, where (j, k) is place i of the interleaving of lists
// of n_j (interleaving.h). Which of the file's sequences the k-th is, is up to SequenceOrder. Thread-safe after Open.
class TokenMixture {
 public:
  static constexpr size_t kMostFiles = 64;

  // Opens the files, whose sequences are their tokens in runs of `sequence_length`; a shorter run at the end is of no
  // use. Errors: as TokenFile::Open; OUT_OF_RANGE, naming the file, for one that has fewer sequences than are taken;
  // INVALID_ARGUMENT, naming them, for a file that is there twice, files made with different tokenizers and a file
  // padded to another length of sequences, and for no or more than kMostFiles files.
  static absl::StatusOr<TokenMixture> Open(const std::vector<MixtureFile>& files, int64_t sequence_length);

  int64_t sequence_length() const { return sequence_length_; }
  int64_t sequences() const { return interleaving_.size(); }  // Of all files.

  const std::vector<TokenFile>& files() const { return files_; }
  int64_t SequencesTakenFrom(size_t file) const { return taken_[file]; }
  int64_t SequencesIn(size_t file) const { return files_[file].size() / sequence_length_; }

  // The same of all files.
  int64_t vocabulary_size() const { return files_.front().vocabulary_size(); }
  const std::string& tokenizer() const { return files_.front().tokenizer(); }

  // By file.
  std::vector<std::string> paths() const;
  std::vector<std::string> sha256s() const;

  // The k-th sequence taken from a file, as file and k. 0 <= index < sequences().
  Interleaving::Place At(int64_t index) const { return interleaving_.At(index); }

 private:
  TokenMixture(std::vector<TokenFile> files, std::vector<int64_t> taken, int64_t sequence_length);

  std::vector<TokenFile> files_;
  std::vector<int64_t> taken_;  // By file.
  int64_t sequence_length_;
  Interleaving interleaving_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SEQUENCES_TOKEN_MIXTURE_H_
