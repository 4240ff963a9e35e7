// How long ago each latent fired, and so which are dead.
#ifndef SEEDBED_SAE_ARCH_CPU_FIRING_RECORD_H_
#define SEEDBED_SAE_ARCH_CPU_FIRING_RECORD_H_

#include <cstdint>
#include <vector>

#include "sae/arch/kernels/latent_order.h"
#include "sae/arch/sae_config.h"
#include "sae/checkpoint/state_tensors.h"

namespace seedbed {

// Not thread-safe.
class FiringRecord {
 public:
  explicit FiringRecord(const SaeConfig& config);

  // What fired in the batch of this step: nothing, then all that has an entry. With `zeros`, also what was kept with
  // the activation 0: all places of every row count.
  void BeginBatch();
  void MarkFired(const RowEntries& entries, bool zeros);
  void MarkFired(int64_t latent) { fired_[static_cast<size_t>(latent)] = 1; }

  // The dead ones that the auxiliary loss teaches in this step, ascending (auxiliary_loss.h says which those are).
  // In dictionary_learning's convention what fired in this batch of `rows` rows must have been marked before.
  void FindDead(int64_t rows, std::vector<uint32_t>* dead) const;

  // Counts the batch in.
  void EndBatch(int64_t rows);

  // How many have not fired for more than dead_after_tokens rows.
  int64_t DeadLatents() const;

  // Between two batches.
  StateTensors State() { return {{"rows_since_active", SharedState(&rows_since_)}}; }

 private:
  const Convention convention_;
  const int64_t dead_after_;
  std::vector<int64_t> rows_since_;  // [n]
  std::vector<uint8_t> fired_;       // [n]
};

}  // namespace seedbed

#endif  // SEEDBED_SAE_ARCH_CPU_FIRING_RECORD_H_
