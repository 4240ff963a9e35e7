#include "worker/trainer/failure.h"

#include <exception>
#include <new>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "c10/util/Exception.h"

namespace seedbed {
namespace {

constexpr char kIoPayload[] = "seedbed.v1.FAILURE_KIND_IO";

v1::FailureKind KindOf(const absl::Status& status) {
  if (status.GetPayload(kIoPayload).has_value()) return v1::FAILURE_KIND_IO;
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kDataLoss:
      return v1::FAILURE_KIND_USER_ERROR;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kPermissionDenied:
      return v1::FAILURE_KIND_IO;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return v1::FAILURE_KIND_RANK_DIED;
    case absl::StatusCode::kAborted:
      return v1::FAILURE_KIND_NOT_FINITE;
    default:
      return v1::FAILURE_KIND_INTERNAL;
  }
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

absl::Status AsIoFailure(absl::Status status) {
  if (!status.ok()) status.SetPayload(kIoPayload, absl::Cord());
  return status;
}

v1::Failure FailureOf(const absl::Status& status, int rank) {
  v1::Failure failure;
  failure.set_kind(KindOf(status));
  std::string message = absl::StrReplaceAll(status.message(), {{"\n", " "}});
  if (failure.kind() == v1::FAILURE_KIND_RANK_DIED) {
    message = absl::StrCat("lost contact with another rank: ", message);
  }
  failure.set_message(message);
  failure.set_rank(rank);
  return failure;
}

absl::Status CatchExceptions(const std::function<absl::Status()>& action) {
  try {
    return action();
  } catch (const std::bad_alloc&) {
    return absl::InternalError("out of memory");
  } catch (const c10::Error& error) {
    return absl::InternalError(FirstLine(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(FirstLine(error.what()));
  }
}

}  // namespace seedbed
