// Epochs 1 and on: all rows of the spool in a seeded order.
#ifndef SEEDBED_SAE_ACTIVATIONS_SPOOL_READER_H_
#define SEEDBED_SAE_ACTIVATIONS_SPOOL_READER_H_

#include <cstdint>
#include <vector>

#include "sae/activations/batch_builder.h"
#include "sae/activations/permutation.h"
#include "sae/activations/spool.h"

namespace seedbed {

// Not thread-safe.
class SpoolReader {
 public:
  // `spools`: by hosted hookpoint, each of `rows` rows of `width` floats. `seed`: the stream's.
  SpoolReader(std::vector<SpooledRows> spools, int64_t rows, int64_t width, uint64_t seed);

  // Appends rows to the batch until it is full or the epoch has ended; the next call then begins the next epoch.
  void Fill(BatchBuilder& batch);

 private:
  void BeginNextEpoch();
  void Gather(const SpooledRows& spool, int64_t count, float* out) const;
  void PrefetchBatch(int64_t batch_rows) const;

  std::vector<SpooledRows> spools_;
  int64_t rows_;
  int64_t width_;
  uint64_t seed_;
  int64_t epoch_ = 1;
  Permutation order_;
  int64_t position_ = 0;  // In the epoch.
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_SPOOL_READER_H_
