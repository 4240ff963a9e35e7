// Token files: little-endian uint16 or uint32, flat, with a JSON sidecar beside them (docs/formats.md).
//
// The sidecar of X is X.json: {"tokenizer": string, "vocabulary_size": integer, "dtype": "uint16" or "uint32", "count":
// integer, "sha256": 64 lower-case hexadecimal digits over X}; of a file whose documents were padded to whole sequences
// also {"sequence_length": integer, "padding_token": integer}. Further fields are ignored.
#ifndef SEEDBED_SAE_IO_TOKEN_FILE_H_
#define SEEDBED_SAE_IO_TOKEN_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "sae/io/json_object.h"
#include "sae/io/mapped_file.h"

namespace seedbed {

// Mapped, so pages are read as they are needed. Thread-safe after Open.
class TokenFile {
 public:
  // Reads `path` and its sidecar `path`.json. NOT_FOUND for a file that is missing; INVALID_ARGUMENT, naming file and
  // field, for a sidecar that does not parse, lacks a field, or contradicts the file (dtype, count). The checksum is
  // not compared with the file's bytes: that would read all of what may be hundreds of GB; `sha256()` is for who wants
  // to.
  static absl::StatusOr<TokenFile> Open(const std::string& path);

  const std::string& path() const { return path_; }
  int64_t size() const { return count_; }                       // Tokens.
  int64_t vocabulary_size() const { return vocabulary_size_; }  // Every id should be below this.
  const std::string& tokenizer() const { return tokenizer_; }   // As the sidecar names it.
  const std::string& sha256() const { return sha256_; }         // As the sidecar states it.

  // Of a file whose documents were padded to whole sequences: both are there, or neither.
  std::optional<int64_t> sequence_length() const { return sequence_length_; }  // Tokens; size() is a multiple of it.
  std::optional<int64_t> padding_token() const { return padding_token_; }

  // All tokens as they lie in the map, for who reads at memory speed. Ids are not checked.
  using Tokens = std::variant<absl::Span<const uint16_t>, absl::Span<const uint32_t>>;
  Tokens tokens() const;

  // Copies tokens [offset, offset + out.size()) into `out`. INVALID_ARGUMENT, naming the file, the position and the
  // id, for an id >= vocabulary_size(); OUT_OF_RANGE beyond the end.
  absl::Status Read(int64_t offset, absl::Span<int64_t> out) const;

 private:
  absl::Status ReadPadding(const JsonObject& sidecar);

  std::string path_;
  MappedFile file_;
  int bytes_per_token_ = 2;
  int64_t count_ = 0;
  int64_t vocabulary_size_ = 0;
  std::string tokenizer_;
  std::string sha256_;
  std::optional<int64_t> sequence_length_;
  std::optional<int64_t> padding_token_;
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_IO_TOKEN_FILE_H_
