#include "server/scheduler/scheduling_validation.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"

namespace seedbed {
namespace {

constexpr char kPlainName[] = "; must be 1..64 characters of [A-Za-z0-9._-]";

void CheckLabels(const v1::ResourceSpec& resources, ViolationList& violations) {
  if (resources.labels_size() > kMostLabels) {
    violations.Add("resources.labels",
                   absl::StrCat("has ", resources.labels_size(), "; must have at most ", kMostLabels));
  }
  for (const auto& [key, value] : resources.labels()) {
    if (!IsPlainName(key)) violations.Add("resources.labels", absl::StrCat("has the key ", Quoted(key), kPlainName));
    if (!IsPlainName(value)) {
      violations.Add("resources.labels", absl::StrCat("has ", Quoted(value), " for ", Quoted(key), kPlainName));
    }
  }
}

}  // namespace

bool IsPlainName(absl::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
  });
}

void CheckPlainName(absl::string_view field, const std::string& name, ViolationList& violations) {
  if (!IsPlainName(name)) violations.Add(field, absl::StrCat("is ", Quoted(name), kPlainName));
}

void CheckScheduling(const v1::SweepSpec& spec, ViolationList& violations) {
  if (spec.resources().has_ranks()) violations.CheckRange<int64_t>("resources.ranks", spec.resources().ranks(), 1, 64);
  CheckLabels(spec.resources(), violations);
  violations.CheckRange("scheduling.priority", spec.scheduling().priority(), -kMostPriority, kMostPriority);
  CheckPlainName("scheduling.user", spec.scheduling().user(), violations);
}

}  // namespace seedbed
