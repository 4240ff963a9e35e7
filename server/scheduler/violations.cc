#include "server/scheduler/violations.h"

namespace seedbed {

std::string ElementPath(absl::string_view list, int64_t index) { return absl::StrCat(list, "[", index, "]"); }

}  // namespace seedbed
