// What the "facts" of a manifest.json state of the run that a dictionary came from (docs/formats.md).
#ifndef SEEDBED_SAE_CHECKPOINT_RUN_FACTS_H_
#define SEEDBED_SAE_CHECKPOINT_RUN_FACTS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/io/json_object.h"

namespace seedbed {

// What is not stated is empty.
struct RunFacts {
  std::string run_id;
  std::optional<uint64_t> seed;
  std::string hookpoint;
  std::string target_hookpoint;  // Of a transcoder.
  std::string convention;
  std::string batch_hash;

  std::string model;  // The last component of its path.
  std::string model_fingerprint;
  std::vector<std::string> token_files;
  std::string tokens_sha256;
  std::optional<int64_t> sequence_length;

  std::map<std::string, double> metrics;
};

// `facts` is that object. Hookpoints and convention stand in it or in its "training", the model and the data in its
// "stream". INVALID_ARGUMENT, naming file and field, for one of a wrong type.
absl::StatusOr<RunFacts> ReadRunFacts(const JsonObject& facts);

}  // namespace seedbed

#endif  // SEEDBED_SAE_CHECKPOINT_RUN_FACTS_H_
