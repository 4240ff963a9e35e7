// The stability of every dictionary's latents as an artifact of its own, beside none of them.
#ifndef SEEDBED_WORKER_AGREE_STABILITY_ARTIFACT_H_
#define SEEDBED_WORKER_AGREE_STABILITY_ARTIFACT_H_

#include <string>

#include "absl/status/statusor.h"
#include "seedbed/v1/artifact.pb.h"
#include "worker/agree/comparison.h"

namespace seedbed {

// Writes FOLDER with dictionary-A.csv (StabilityTable) for each dictionary, A being its place in the comparison, and a
// manifest.json that lists them. Complete or absent: staged as FOLDER.tmp, fsynced, renamed, in the place of what was
// there. Equal comparisons give equal bytes. Errors: as writing gives, with the path.
absl::StatusOr<v1::Artifact> WriteStabilityArtifact(const Comparison& comparison, double threshold,
                                                    const std::string& folder);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_STABILITY_ARTIFACT_H_
