#include "server/state/ids.h"

#include "absl/strings/str_cat.h"

namespace seedbed {
namespace {

std::string ChildId(absl::string_view sweep_id, absl::string_view letter, int64_t index) {
  return sweep_id.empty() ? absl::StrCat(letter, index) : absl::StrCat(sweep_id, "-", letter, index);
}

}  // namespace

std::string SweepId(int64_t number) { return absl::StrCat("s", number); }
std::string RunId(absl::string_view sweep_id, int64_t index) { return ChildId(sweep_id, "r", index); }
std::string GangId(absl::string_view sweep_id, int64_t index) { return ChildId(sweep_id, "g", index); }
std::string SiblingSetId(absl::string_view sweep_id, int64_t index) { return ChildId(sweep_id, "b", index); }

}  // namespace seedbed
