#include "worker/trainer/failure.h"

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "c10/util/Exception.h"

namespace seedbed {
namespace {

constexpr char kKindPayload[] = "seedbed.v1.FailureKind";

v1::FailureKind KindOf(const absl::Status& status) {
  if (const auto name = status.GetPayload(kKindPayload); name.has_value()) {
    v1::FailureKind kind = v1::FAILURE_KIND_INTERNAL;
    v1::FailureKind_Parse(std::string(*name), &kind);
    return kind;
  }
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
      return v1::FAILURE_KIND_USER_ERROR;
    case absl::StatusCode::kDataLoss:
      return v1::FAILURE_KIND_DAMAGED_INPUT;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kPermissionDenied:
      return v1::FAILURE_KIND_IO;
    case absl::StatusCode::kUnavailable:
      return v1::FAILURE_KIND_RANK_DIED;
    case absl::StatusCode::kDeadlineExceeded:
      return v1::FAILURE_KIND_HUNG_COLLECTIVE;
    case absl::StatusCode::kAborted:
      return v1::FAILURE_KIND_NOT_FINITE;
    default:
      return v1::FAILURE_KIND_INTERNAL;
  }
}

std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

absl::Status OutOfMemory(absl::string_view message) {
  return AsFailureOf(v1::FAILURE_KIND_OUT_OF_MEMORY, absl::InternalError(message));
}

// LibTorch has an exception of its own for GPUs alone.
bool IsOutOfMemory(const c10::Error& error) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         absl::StrContains(error.what_without_backtrace(), "DefaultCPUAllocator");
}

}  // namespace

absl::Status AsFailureOf(v1::FailureKind kind, absl::Status status) {
  if (!status.ok()) status.SetPayload(kKindPayload, absl::Cord(v1::FailureKind_Name(kind)));
  return status;
}

absl::Status AsIoFailure(absl::Status status) { return AsFailureOf(v1::FAILURE_KIND_IO, std::move(status)); }

v1::Failure FailureOf(const absl::Status& status, int rank) {
  v1::Failure failure;
  failure.set_kind(KindOf(status));
  std::string message = absl::StrReplaceAll(status.message(), {{"\n", " "}});
  if (failure.kind() == v1::FAILURE_KIND_RANK_DIED || failure.kind() == v1::FAILURE_KIND_HUNG_COLLECTIVE) {
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
    return OutOfMemory("out of memory");
  } catch (const c10::Error& error) {
    const std::string message = FirstLine(error.what_without_backtrace());
    return IsOutOfMemory(error) ? OutOfMemory(message) : absl::InternalError(message);
  } catch (const std::exception& error) {
    return absl::InternalError(FirstLine(error.what()));
  }
}

}  // namespace seedbed
