// One dictionary as seedbed-agree compares it.
#ifndef SEEDBED_WORKER_AGREE_COMPARED_DICTIONARY_H_
#define SEEDBED_WORKER_AGREE_COMPARED_DICTIONARY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary.h"
#include "sae/checkpoint/run_facts.h"

namespace seedbed {

// What is known of a dictionary without its tensors.
struct ComparedDictionary {
  std::string path;
  // What its rows are, in 64 hexadecimal digits: the SHA-256 of its manifest, which lists the checksums of its files,
  // or of its rows where there is no manifest.
  std::string identity;
  std::string manifest_sha256;  // Empty for a dictionary without a manifest.
  RunFacts facts;               // As its manifest states them.
  std::string architecture;
  int64_t latents = 0;
  int64_t d_in = 0;
  int64_t d_out = 0;
  // [latents] On held-out tokens, from firing_frequency.npy in its folder; empty where there is none.
  std::vector<double> firing_frequency;
};

// Describes the dictionary that was loaded from `folder`. INVALID_ARGUMENT, naming file and field, for facts of a wrong
// type, and as ReadFiringFrequency.
absl::StatusOr<ComparedDictionary> DescribeDictionary(const std::string& folder, const Dictionary& dictionary);

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_COMPARED_DICTIONARY_H_
