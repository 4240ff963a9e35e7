// A comparison as the messages of proto/seedbed/v1/results.proto.
#ifndef SEEDBED_WORKER_AGREE_AGREEMENT_MESSAGE_H_
#define SEEDBED_WORKER_AGREE_AGREEMENT_MESSAGE_H_

#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary.h"
#include "seedbed/v1/results.pb.h"
#include "worker/agree/comparison.h"

namespace seedbed {

// Everything but the ids of sweep and sibling set. Errors: as FrequencyDeciles.
absl::StatusOr<v1::Agreement> ToMessage(const Comparison& comparison, double threshold);

v1::Artifact ToMessage(const ExportedDictionary& exported);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_AGREEMENT_MESSAGE_H_
