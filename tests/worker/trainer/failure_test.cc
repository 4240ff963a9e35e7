#include "worker/trainer/failure.h"

#include <new>
#include <stdexcept>

#include "ATen/ops/empty.h"
#include "c10/util/Exception.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FailureOfTest, KindFollowsFromTheCode) {
  const auto kind = [](absl::StatusCode code) { return FailureOf(absl::Status(code, "m"), 0).kind(); };
  EXPECT_EQ(kind(absl::StatusCode::kInvalidArgument), v1::FAILURE_KIND_USER_ERROR);
  EXPECT_EQ(kind(absl::StatusCode::kNotFound), v1::FAILURE_KIND_USER_ERROR);
  EXPECT_EQ(kind(absl::StatusCode::kOutOfRange), v1::FAILURE_KIND_USER_ERROR);
  EXPECT_EQ(kind(absl::StatusCode::kFailedPrecondition), v1::FAILURE_KIND_USER_ERROR);
  EXPECT_EQ(kind(absl::StatusCode::kDataLoss), v1::FAILURE_KIND_DAMAGED_INPUT);
  EXPECT_EQ(kind(absl::StatusCode::kResourceExhausted), v1::FAILURE_KIND_IO);
  EXPECT_EQ(kind(absl::StatusCode::kPermissionDenied), v1::FAILURE_KIND_IO);
  EXPECT_EQ(kind(absl::StatusCode::kUnavailable), v1::FAILURE_KIND_RANK_DIED);
  EXPECT_EQ(kind(absl::StatusCode::kDeadlineExceeded), v1::FAILURE_KIND_HUNG_COLLECTIVE);
  EXPECT_EQ(kind(absl::StatusCode::kAborted), v1::FAILURE_KIND_NOT_FINITE);
  EXPECT_EQ(kind(absl::StatusCode::kInternal), v1::FAILURE_KIND_INTERNAL);
}

TEST(FailureOfTest, AMarkedStatusIsOfADiskWhateverItsCode) {
  const v1::Failure failure = FailureOf(AsIoFailure(absl::NotFoundError("artifacts: no such folder")), 3);
  EXPECT_EQ(failure.kind(), v1::FAILURE_KIND_IO);
  EXPECT_EQ(failure.message(), "artifacts: no such folder");
  EXPECT_EQ(failure.rank(), 3);
  EXPECT_TRUE(AsIoFailure(absl::OkStatus()).ok());
}

TEST(FailureOfTest, MessageIsOneLineAndSaysThatContactWasLost) {
  const v1::Failure failure = FailureOf(absl::UnavailableError("rank 0: barrier:\nreset"), 0);
  EXPECT_THAT(failure.message(), HasSubstr("lost contact with another rank: rank 0: barrier: reset"));
}

TEST(CatchExceptionsTest, ExceptionsBecomeInternalErrorsOfOneLine) {
  const auto message_of = [](std::function<absl::Status()> action) {
    const absl::Status status = CatchExceptions(action);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    return std::string(status.message());
  };
  EXPECT_EQ(message_of([]() -> absl::Status { throw std::bad_alloc(); }), "out of memory");
  EXPECT_EQ(message_of([]() -> absl::Status { throw std::runtime_error("first\nsecond"); }), "first");
  const std::string from_torch = message_of([]() -> absl::Status {
    TORCH_CHECK(false, "shapes differ");
    return absl::OkStatus();
  });
  EXPECT_THAT(from_torch, HasSubstr("shapes differ"));
  EXPECT_THAT(from_torch, Not(HasSubstr("\n")));
  EXPECT_TRUE(CatchExceptions([] { return absl::OkStatus(); }).ok());
}

TEST(CatchExceptionsTest, MemoryThatGaveOutIsTold) {
  const auto kind_of = [](std::function<absl::Status()> action) {
    return FailureOf(CatchExceptions(action), 0).kind();
  };
  EXPECT_EQ(kind_of([]() -> absl::Status { throw std::bad_alloc(); }), v1::FAILURE_KIND_OUT_OF_MEMORY);
  EXPECT_EQ(kind_of([]() -> absl::Status { TORCH_CHECK_WITH(OutOfMemoryError, false, "CUDA out of memory"); }),
            v1::FAILURE_KIND_OUT_OF_MEMORY);
  EXPECT_EQ(kind_of([]() -> absl::Status {
              at::empty({int64_t{1} << 50}, at::kFloat);
              return absl::OkStatus();
            }),
            v1::FAILURE_KIND_OUT_OF_MEMORY);
  EXPECT_EQ(kind_of([]() -> absl::Status { throw std::runtime_error("another"); }), v1::FAILURE_KIND_INTERNAL);
}

}  // namespace
}  // namespace seedbed
