// A tiny Llama (tests/data) and tokens for it, as files.
#ifndef SEEDBED_TESTS_WORKER_TRAINER_SMALL_MODEL_H_
#define SEEDBED_TESTS_WORKER_TRAINER_SMALL_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

namespace seedbed {

inline constexpr int64_t kSmallModelVocabulary = 32;

// Copies the model of three layers into `folder`, which exists.
void WriteSmallModel(const std::string& folder);

// Replaces every value of one weight by the largest float, so that what is computed with it overflows.
void OverflowTensor(const std::string& folder, const std::string& name);

// Seeded ids of the small model's vocabulary.
std::vector<uint16_t> SmallModelTokens(int64_t count);

// Writes `path` and its sidecar.
void WriteTokens(const std::string& path, const std::vector<uint16_t>& tokens,
                 int64_t vocabulary_size = kSmallModelVocabulary);

}  // namespace seedbed

#endif  // SEEDBED_TESTS_WORKER_TRAINER_SMALL_MODEL_H_
