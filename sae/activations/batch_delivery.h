// Gives a batch that was read ahead to the hookpoints that are hosted here.
#ifndef SEEDBED_SAE_ACTIVATIONS_BATCH_DELIVERY_H_
#define SEEDBED_SAE_ACTIVATIONS_BATCH_DELIVERY_H_

#include <cstddef>
#include <vector>

#include "sae/activations/activation_stream.h"
#include "sae/activations/batch_hash.h"
#include "sae/activations/rows/shuffled_rows.h"

namespace seedbed {

// `hosted`: the hookpoints of rows.rows, by hosted hookpoint. `hashes` and batch->activations: by hookpoint.
inline void Deliver(const RowBatch& rows, const std::vector<int>& hosted, std::vector<BatchHash>& hashes,
                    Batch* batch) {
  for (size_t i = 0; i < hosted.size(); ++i) {
    batch->activations[hosted[i]] = rows.rows[i];
    hashes[hosted[i]].Add(rows.hashes[i]);
  }
}

}  // namespace seedbed

#endif  // SEEDBED_SAE_ACTIVATIONS_BATCH_DELIVERY_H_
