// A language model and token files, with the cache of their activations where there is one.
#ifndef SEEDBED_WORKER_TRAINER_MODEL_INPUTS_H_
#define SEEDBED_WORKER_TRAINER_MODEL_INPUTS_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "c10/core/ScalarType.h"
#include "sae/activations/rows/block_store.h"
#include "sae/activations/sequences/token_mixture.h"
#include "sae/lm/language_model.h"
#include "sae/lm/model_inspection.h"
#include "worker/trainer/stream_inputs.h"

namespace seedbed {

class ModelInputs final : public StreamInputs {
 public:
  // Loads the model unless caches have every block of the hookpoints that this rank hosts.
  static absl::StatusOr<std::unique_ptr<StreamInputs>> Load(const TrainerPlan& plan);

  int64_t width(int /*hookpoint*/) const override { return facts_.d_model; }
  StreamIdentity identity() const override;
  absl::StatusOr<std::unique_ptr<ActivationStream>> OpenStream(Collectives* collectives, Clock* clock,
                                                               const StreamStart& start,
                                                               std::function<void()> on_micro_batch) override;
  absl::StatusOr<std::vector<MicroBatch>> ReadHeldOut(int64_t sequences) const override;
  absl::StatusOr<std::unique_ptr<LanguageModel>> LoadWithHead(const std::vector<Hookpoint>& hookpoints) const override;
  void ReleaseModel() override { model_.reset(); }

 private:
  ModelInputs(const TrainerPlan* plan, ModelFacts facts, TokenMixture tokens, at::ScalarType model_dtype,
              at::ScalarType row_dtype);

  absl::Status OpenStore();
  // Of the sweep, and of the gang's checkpoints where later epochs need the rows again.
  std::vector<RowCacheOptions> Caches() const;
  // Whether they have every block for this rank. One that hosts nothing can't tell, and finds out from the others.
  bool CachesAreComplete() const;
  absl::StatusOr<LanguageModel*> Model();
  // What decides the rows, and nothing that does not: mixing, batches and epochs read the same rows.
  std::string RowFactsJson() const;

  const TrainerPlan& plan_;
  const ModelFacts facts_;
  const TokenMixture tokens_;
  const at::ScalarType model_dtype_;
  const at::ScalarType row_dtype_;
  const std::vector<RowCacheOptions> caches_;
  std::unique_ptr<BlockStore> store_;  // Until the stream has it.
  std::unique_ptr<LanguageModel> model_;
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_TRAINER_MODEL_INPUTS_H_
