#include "common/status.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace seedbed {
namespace {

TEST(ErrnoStatusTest, MapsWhatCallersTellApart) {
  EXPECT_EQ(ErrnoStatus(ENOSPC, "f").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(EDQUOT, "f").code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(ErrnoStatus(ENOENT, "f").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrnoStatus(EACCES, "f").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(EROFS, "f").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(ErrnoStatus(ENOSPC, "disk/file").message(), "disk/file: No space left on device");
}

TEST(AnnotateTest, PrefixesTheMessageAndKeepsTheRest) {
  absl::Status status = absl::DataLossError("cut");
  status.SetPayload("url", absl::Cord("payload"));
  const absl::Status annotated = Annotate(status, "file");
  EXPECT_EQ(annotated.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(annotated.message(), "file: cut");
  EXPECT_EQ(annotated.GetPayload("url"), absl::Cord("payload"));
  EXPECT_TRUE(Annotate(absl::OkStatus(), "file").ok());
}

absl::StatusOr<std::unique_ptr<int>> MakeInt(bool fail) {
  if (fail) return absl::AbortedError("no int");
  return std::make_unique<int>(7);
}

absl::StatusOr<int> Sum(bool fail_first, bool fail_second) {
  RETURN_IF_ERROR(MakeInt(fail_first).status());
  ASSIGN_OR_RETURN(const std::unique_ptr<int> a, MakeInt(false));
  ASSIGN_OR_RETURN(std::unique_ptr<int> b, MakeInt(fail_second));
  return *a + *b;
}

TEST(StatusMacrosTest, ReturnTheErrorOrGoOn) {
  EXPECT_EQ(Sum(true, false).status(), absl::AbortedError("no int"));
  EXPECT_EQ(Sum(false, true).status(), absl::AbortedError("no int"));
  EXPECT_EQ(Sum(false, false).value(), 14);
}

}  // namespace
}  // namespace seedbed
