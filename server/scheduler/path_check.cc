#include "server/scheduler/path_check.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/quoted.h"

namespace seedbed {

void CheckPath(absl::string_view field, const std::string& path, ViolationList& violations) {
  constexpr size_t kMostPathBytes = 4096;
  if (path.empty() || path.front() != '/') {
    violations.Add(field, absl::StrCat("is ", Quoted(path), "; must be an absolute path"));
  } else if (path.size() > kMostPathBytes || absl::StrContains(path, '\0')) {
    violations.Add(field, absl::StrCat("is ", Quoted(path), "; must be at most ", kMostPathBytes,
                                       " bytes without a null character"));
  }
}

}  // namespace seedbed
