#include "sae/activations/batch_hash.h"

#include <xxhash.h>

#include <algorithm>

#include "ATen/ops/from_blob.h"
#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"

namespace seedbed {
namespace {

BatchHash::Bytes HashOf(const void* data, size_t size) {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
  BatchHash::Bytes bytes;
  std::copy(std::begin(canonical.digest), std::end(canonical.digest), bytes.begin());
  return bytes;
}

}  // namespace

BatchHash::Bytes BatchHash::OfBatch(const at::Tensor& batch) { return HashOf(batch.const_data_ptr(), batch.nbytes()); }

void BatchHash::Add(const Bytes& of_batch) {
  std::array<uint8_t, 32> both;
  std::copy(bytes_.begin(), bytes_.end(), both.begin());
  std::copy(of_batch.begin(), of_batch.end(), both.begin() + bytes_.size());
  bytes_ = HashOf(both.data(), both.size());
}

at::Tensor BatchHash::State() { return at::from_blob(bytes_.data(), {static_cast<int64_t>(bytes_.size())}, at::kByte); }

std::string BatchHash::ToString() const {
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes_.data()), bytes_.size()));
}

}  // namespace seedbed
