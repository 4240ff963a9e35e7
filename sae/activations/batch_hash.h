// The running hash that says which batches a run has seen, in which order.
#ifndef SEEDBED_SAE_ACTIVATIONS_BATCH_HASH_H_
#define SEEDBED_SAE_ACTIVATIONS_BATCH_HASH_H_

#include <array>
#include <cstdint>
#include <string>

#include "ATen/core/Tensor.h"

namespace seedbed {

// h_t = XXH3_128(h_{t-1} || XXH3_128(bytes of batch t)), h_{-1} = 16 zero bytes; every hash in XXH128's canonical
// (big-endian) form. Not thread-safe.
class BatchHash {
 public:
  using Bytes = std::array<uint8_t, 16>;

  BatchHash() = default;
  // Goes on from where another one was.
  explicit BatchHash(const Bytes& bytes) : bytes_(bytes) {}

  // XXH3_128 of one batch's bytes. `batch`: contiguous, on the CPU.
  static Bytes OfBatch(const at::Tensor& batch);

  void Add(const at::Tensor& batch) { Add(OfBatch(batch)); }
  // Of a batch whose own hash is known.
  void Add(const Bytes& of_batch);

  const Bytes& bytes() const { return bytes_; }
  // The bytes, in the hash's own memory (state_tensors.h).
  at::Tensor State();
  // 32 lower-case hexadecimal digits.
  std::string ToString() const;

 private:
  Bytes bytes_ = {};
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_BATCH_HASH_H_
