#include "sae/activations/batch_hash.h"

#include <xxhash.h>

#include <cstring>

#include "ATen/ops/arange.h"
#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

at::Tensor BatchOf(float first) { return at::arange(first, first + 12, at::kFloat).view({3, 4}); }

TEST(BatchHashTest, OfNoBatchIsZero) { EXPECT_EQ(BatchHash().ToString(), std::string(32, '0')); }

TEST(BatchHashTest, ChainsTheHashesOfTheBatches) {
  const at::Tensor batch = BatchOf(1);
  XXH128_canonical_t inner;
  XXH128_canonicalFromHash(&inner, XXH3_128bits(batch.const_data_ptr(), batch.nbytes()));
  unsigned char both[32] = {};
  std::memcpy(both + 16, inner.digest, 16);
  XXH128_canonical_t outer;
  XXH128_canonicalFromHash(&outer, XXH3_128bits(both, 32));

  BatchHash hash;
  hash.Add(batch);

  EXPECT_EQ(hash.ToString(),
            absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(outer.digest), 16)));
}

TEST(BatchHashTest, DependsOnOrderAndOnEveryValue) {
  BatchHash forwards, backwards, changed;
  forwards.Add(BatchOf(1));
  forwards.Add(BatchOf(2));
  backwards.Add(BatchOf(2));
  backwards.Add(BatchOf(1));
  changed.Add(BatchOf(1));
  at::Tensor batch = BatchOf(2);
  batch[2][3] += 1e-6;
  changed.Add(batch);
  EXPECT_NE(forwards.ToString(), backwards.ToString());
  EXPECT_NE(forwards.ToString(), changed.ToString());
}

TEST(BatchHashTest, GoesOnFromItsBytes) {
  BatchHash whole;
  whole.Add(BatchOf(1));
  BatchHash resumed(whole.bytes());
  whole.Add(BatchOf(2));
  resumed.Add(BatchOf(2));
  EXPECT_EQ(whole.ToString(), resumed.ToString());
}

}  // namespace
}  // namespace seedbed
