#include "server/scheduler/sweep_defaults.h"

#include <algorithm>

#include "server/state/records.h"

namespace seedbed {

void FillConstantDefaults(v1::SweepSpec& spec) {
  if (!spec.model().has_dtype()) spec.mutable_model()->set_dtype(v1::FLOAT_TYPE_UNSPECIFIED);
  v1::DataSpec& data = *spec.mutable_data();
  for (v1::TokenFileSpec& file : *data.mutable_tokens()) {
    if (file.weight() == 0) file.set_weight(1);
  }
  if (!data.has_order()) data.set_order(v1::SEQUENCE_ORDER_SHUFFLED);
  if (!data.has_seed()) data.set_seed(0);
  v1::ActivationSpec& activations = *spec.mutable_activations();
  if (!activations.has_exclude_first()) activations.set_exclude_first(0);
  if (!activations.has_shuffle_rows()) activations.set_shuffle_rows(65536);
  if (!activations.has_dtype()) activations.set_dtype(v1::FLOAT_TYPE_UNSPECIFIED);
  if (!activations.has_source()) activations.set_source(v1::ACTIVATION_SOURCE_MODEL);
  if (!activations.has_normalize()) activations.set_normalize(v1::NORMALIZATION_NONE);
  v1::TrainSpec& train = *spec.mutable_train();
  if (!train.has_epochs()) train.set_epochs(1);
  if (!train.has_batch_tokens()) train.set_batch_tokens(4096);
  if (spec.sae().architectures().empty()) spec.mutable_sae()->add_architectures("topk");
  v1::SchedulingSpec& scheduling = *spec.mutable_scheduling();
  if (!scheduling.has_priority()) scheduling.set_priority(0);
  if (scheduling.user().empty()) scheduling.set_user(kDefaultUser);
  if (spec.evaluation().sequences() > 0 && !spec.evaluation().has_held_out_rows()) {
    spec.mutable_evaluation()->set_held_out_rows(4096);
  }
  if (!spec.agreement().has_threshold()) spec.mutable_agreement()->set_threshold(0.7);
  if (!spec.agreement().has_consensus_members()) spec.mutable_agreement()->set_consensus_members(0);
  v1::CheckpointSpec& checkpoint = *spec.mutable_checkpoint();
  if (!checkpoint.has_every_tokens()) checkpoint.set_every_tokens(0);
  if (!checkpoint.has_every_minutes()) checkpoint.set_every_minutes(10);
}

void FillDerivedDefaults(const StreamShape& shape, v1::SweepSpec& spec) {
  v1::ActivationSpec& activations = *spec.mutable_activations();
  if (activations.normalize() == v1::NORMALIZATION_MEAN_SQUARE && !activations.has_normalize_rows()) {
    activations.set_normalize_rows(std::min(activations.shuffle_rows(), shape.rows_per_epoch));
  }
}

}  // namespace seedbed
