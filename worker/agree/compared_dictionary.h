// One dictionary as seedbed-agree compares it.
#ifndef SEEDBED_WORKER_AGREE_COMPARED_DICTIONARY_H_
#define SEEDBED_WORKER_AGREE_COMPARED_DICTIONARY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "sae/checkpoint/run_facts.h"
#include "sae/match/agreement.h"

namespace seedbed {

struct ComparedDictionary {
  std::string path;
  DictionaryRows rows;
  RunFacts facts;               // As its manifest states them.
  std::string manifest_sha256;  // Empty for a dictionary without a manifest.

  int64_t latents() const { return rows.decoder.size(0); }
  int64_t d_in() const { return rows.encoder.size(1); }
  int64_t d_out() const { return rows.decoder.size(1); }
};

// Errors: as LoadDictionary; INVALID_ARGUMENT, naming file and field, for facts of a wrong type.
absl::StatusOr<ComparedDictionary> LoadComparedDictionary(const std::string& folder);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_COMPARED_DICTIONARY_H_
