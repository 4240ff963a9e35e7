// What State's parts share: how they look things up and refuse events.
#ifndef SEEDBED_SERVER_STATE_CONTRADICTION_H_
#define SEEDBED_SERVER_STATE_CONTRADICTION_H_

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace seedbed {

template <typename... Parts>
absl::Status Contradiction(const Parts&... parts) {
  return absl::FailedPreconditionError(absl::StrCat(parts...));
}

template <typename Map>
auto* FindOrNull(Map& map, absl::string_view id) {
  const auto found = map.find(id);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace seedbed

#endif  // SEEDBED_SERVER_STATE_CONTRADICTION_H_
