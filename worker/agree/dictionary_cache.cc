#include "worker/agree/dictionary_cache.h"

#include <algorithm>
#include <utility>

#include "common/status.h"

namespace seedbed {
namespace {

int64_t BytesOf(const Dictionary& dictionary) {
  int64_t bytes = 0;
  for (const SaeTensorField& field : kSaeTensorFields) {
    const at::Tensor& tensor = dictionary.*field.member;
    if (tensor.defined()) bytes += static_cast<int64_t>(tensor.nbytes());
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Dictionary>> DictionaryCache::Get(const std::string& folder) {
  const auto found = std::find_if(dictionaries_.begin(), dictionaries_.end(),
                                  [&](const auto& entry) { return entry.first == folder; });
  if (found != dictionaries_.end()) {
    dictionaries_.splice(dictionaries_.begin(), dictionaries_, found);
    return dictionaries_.front().second;
  }
  ASSIGN_OR_RETURN(Dictionary loaded, LoadDictionary(folder));
  dictionaries_.emplace_front(folder, std::make_shared<const Dictionary>(std::move(loaded)));
  DropOldest();
  return dictionaries_.front().second;
}

void DictionaryCache::DropOldest() {
  int64_t bytes = 0;
  for (const auto& [folder, dictionary] : dictionaries_) bytes += BytesOf(*dictionary);
  while (bytes > most_bytes_ && dictionaries_.size() > kFewest) {
    bytes -= BytesOf(*dictionaries_.back().second);
    dictionaries_.pop_back();
  }
}

}  // namespace seedbed
