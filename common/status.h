// Helpers around absl::Status. Nothing here throws.
#ifndef SEEDBED_COMMON_STATUS_H_
#define SEEDBED_COMMON_STATUS_H_

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

#define SEEDBED_CONCAT_INNER(a, b) a##b
#define SEEDBED_CONCAT(a, b) SEEDBED_CONCAT_INNER(a, b)

// Returns from the enclosing function when `expression`, an absl::Status, is not OK.
#define RETURN_IF_ERROR(expression)                                         \
  do {                                                                      \
    if (absl::Status seedbed_status = (expression); !seedbed_status.ok()) { \
      return seedbed_status;                                                \
    }                                                                       \
  } while (false)

// Declares or assigns `target` from an absl::StatusOr, or returns its status.
#define ASSIGN_OR_RETURN(target, expression) \
  SEEDBED_ASSIGN_OR_RETURN(SEEDBED_CONCAT(seedbed_or_, __LINE__), target, expression)
#define SEEDBED_ASSIGN_OR_RETURN(holder, target, expression) \
  auto holder = (expression);                                \
  if (!holder.ok()) return holder.status();                  \
  target = std::move(holder).value()

namespace seedbed {

// The same code and payloads, the message prefixed with "context: ".
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// A status from an errno value: "context: No space left on device". ENOSPC and EDQUOT become RESOURCE_EXHAUSTED,
// ENOENT NOT_FOUND, EACCES and EROFS PERMISSION_DENIED, the rest what absl::ErrnoToStatusCode gives.
absl::Status ErrnoStatus(int error_number, absl::string_view context);

}  // namespace seedbed

#endif  // SEEDBED_COMMON_STATUS_H_
