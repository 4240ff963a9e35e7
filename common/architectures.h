// Which architectures there are, and in whose conventions each can be trained.
#ifndef SEEDBED_COMMON_ARCHITECTURES_H_
#define SEEDBED_COMMON_ARCHITECTURES_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace seedbed {

struct ArchitectureFacts {
  absl::string_view name;  // "topk"
  // It keeps the k largest activations, of a row or a batch. In the others a penalty decides how many latents are
  // active, and there may be a target for their number.
  bool keeps_k = false;
  std::vector<absl::string_view> conventions;  // Of "sparsify", "saelens" and "dictionary_learning"; the default first.
};

absl::Span<const ArchitectureFacts> KnownArchitectures();

// nullptr: there is none of that name.
const ArchitectureFacts* FindArchitectureFacts(absl::string_view name);

}  // namespace seedbed

#endif  // SEEDBED_COMMON_ARCHITECTURES_H_
