// Dictionaries in memory, as many as fit: those of a large sibling set don't all.
#ifndef SEEDBED_WORKER_AGREE_DICTIONARY_CACHE_H_
#define SEEDBED_WORKER_AGREE_DICTIONARY_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "sae/checkpoint/dictionary.h"

namespace seedbed {

// Keeps what was used last, up to a number of bytes of tensors, and never fewer than two dictionaries. Not thread-safe.
class DictionaryCache {
 public:
  explicit DictionaryCache(int64_t most_bytes) : most_bytes_(most_bytes) {}

  // Loads the folder unless it is there. What is returned stays valid for as long as it is held. Errors: as
  // LoadDictionary.
  absl::StatusOr<std::shared_ptr<const Dictionary>> Get(const std::string& folder);

 private:
  static constexpr size_t kFewest = 2;

  void DropOldest();

  const int64_t most_bytes_;
  std::list<std::pair<std::string, std::shared_ptr<const Dictionary>>> dictionaries_;  // The latest first.
};

}  // namespace seedbed

#endif  // SEEDBED_WORKER_AGREE_DICTIONARY_CACHE_H_
