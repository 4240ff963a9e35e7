#include "common/status.h"

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace seedbed {

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  absl::Status annotated(status.code(), absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload([&](absl::string_view url, const absl::Cord& payload) { annotated.SetPayload(url, payload); });
  return annotated;
}

absl::Status ErrnoStatus(int error_number, absl::string_view context) {
  absl::StatusCode code = absl::ErrnoToStatusCode(error_number);
  if (error_number == ENOSPC || error_number == EDQUOT) code = absl::StatusCode::kResourceExhausted;
  if (error_number == EROFS) code = absl::StatusCode::kPermissionDenied;
  return absl::Status(code, absl::StrCat(context, ": ", std::strerror(error_number)));
}

}  // namespace seedbed
