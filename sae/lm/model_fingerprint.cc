#include "sae/lm/model_fingerprint.h"

#include <xxhash.h>

#include <cstdint>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status.h"
#include "sae/io/mapped_file.h"

namespace seedbed {
namespace {

constexpr size_t kEnd = 4096;  // Bytes hashed at either end of a tensor.

class Hash {
 public:
  Hash() : state_(XXH3_createState(), &XXH3_freeState) { XXH3_128bits_reset(state_.get()); }

  void AddBytes(absl::string_view bytes) { XXH3_128bits_update(state_.get(), bytes.data(), bytes.size()); }
  void AddSize(uint64_t size) {
    char bytes[sizeof size];
    for (size_t i = 0; i < sizeof size; ++i) bytes[i] = static_cast<char>(size >> (8 * i));
    AddBytes({bytes, sizeof bytes});
  }
  void AddSized(absl::string_view bytes) {
    AddSize(bytes.size());
    AddBytes(bytes);
  }

  std::string ToString() const {
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
    return absl::BytesToHexString({reinterpret_cast<const char*>(canonical.digest), sizeof canonical.digest});
  }

 private:
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state_;
};

// The JSON header of a safetensors file, which follows its size in 8 bytes.
absl::StatusOr<absl::string_view> HeaderOf(absl::string_view bytes, const std::string& path) {
  uint64_t size = 0;
  for (size_t i = 0; i < sizeof size && i < bytes.size(); ++i) {
    size |= uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  if (bytes.size() >= sizeof size && size <= bytes.size() - sizeof size) return bytes.substr(sizeof size, size);
  return absl::InvalidArgumentError(absl::StrCat(path, ": was changed while it was read"));
}

void AddEnds(absl::string_view data, Hash& hash) {
  if (data.size() <= 2 * kEnd) return hash.AddBytes(data);
  hash.AddBytes(data.substr(0, kEnd));
  hash.AddBytes(data.substr(data.size() - kEnd));
}

}  // namespace

absl::StatusOr<std::string> ModelFingerprint(absl::string_view config_text, const WeightFiles& files) {
  Hash hash;
  hash.AddSized(config_text);
  for (const auto& [name, file] : files.files()) {
    ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(file.path()));
    ASSIGN_OR_RETURN(const absl::string_view header, HeaderOf(mapped.bytes(), file.path()));
    hash.AddSized(name);
    hash.AddSize(mapped.bytes().size());
    hash.AddSized(header);
    for (const auto& [tensor, view] : file.tensors()) AddEnds(view.bytes, hash);
  }
  return hash.ToString();
}

}  // namespace seedbed
