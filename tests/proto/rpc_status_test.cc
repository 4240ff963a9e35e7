#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/rpc/status.h"

namespace seedbed {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

TEST(RpcStatusTest, EveryCodeComesBack) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    EXPECT_EQ(FromGrpcStatus(ToGrpcStatus(status)), status);
  }
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(FromGrpcStatus(grpc::Status::OK).ok());
}

TEST(RpcStatusTest, FieldViolationsComeBack) {
  const absl::Status status =
      FieldViolationsError({{"spec.sae.k[1]", "is 600; must be at most latents (512)"}, {"name", "is empty"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "spec.sae.k[1]: is 600; must be at most latents (512); name: is empty");
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(status));
  EXPECT_EQ(back.message(), status.message());
  const auto violations = GetFieldViolations(back);
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_EQ(violations[0].field, "spec.sae.k[1]");
  EXPECT_EQ(violations[0].description, "is 600; must be at most latents (512)");
  EXPECT_EQ(violations[1].field, "name");
}

TEST(RpcStatusTest, ARetryDelayComesBack) {
  const absl::Status status = RetryLaterError("too fast", absl::Milliseconds(1500));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "too fast; try again in 1.5s");
  EXPECT_EQ(GetRetryDelay(FromGrpcStatus(ToGrpcStatus(status))), absl::Milliseconds(1500));
  EXPECT_FALSE(GetRetryDelay(absl::ResourceExhaustedError("full")).has_value());
  EXPECT_FALSE(GetRetryDelay(absl::OkStatus()).has_value());
}

TEST(RpcStatusTest, AFieldThatCanNotBeServedForNowKeepsItsCode) {
  const absl::Status status = FieldViolationsError({{"name", "waits"}}, absl::StatusCode::kUnavailable);
  const absl::Status back = FromGrpcStatus(ToGrpcStatus(status));
  EXPECT_EQ(back, status);
  EXPECT_EQ(GetFieldViolations(back).size(), 1u);
}

TEST(RpcStatusTest, EveryErrorOfOursHasDetails) {
  EXPECT_FALSE(ToGrpcStatus(absl::UnavailableError("stopping")).error_details().empty());
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).error_details().empty());
}

TEST(RpcStatusTest, AStatusWithoutViolationsHasNone) {
  EXPECT_TRUE(GetFieldViolations(absl::InvalidArgumentError("bad")).empty());
  EXPECT_TRUE(GetFieldViolations(absl::OkStatus()).empty());
  absl::Status odd = absl::InvalidArgumentError("bad");
  odd.SetPayload("type.googleapis.com/google.rpc.BadRequest", absl::Cord("\xFF\xFF\xFF"));
  EXPECT_TRUE(GetFieldViolations(odd).empty());
}

TEST(RpcStatusTest, DetailsThatAreRubbishDoNotHideTheError) {
  const absl::Status status = FromGrpcStatus(grpc::Status(grpc::StatusCode::NOT_FOUND, "no sweep", "\xFF\xFF\xFF"));
  EXPECT_EQ(status, absl::NotFoundError("no sweep"));
}

TEST(RpcStatusTest, WhatIsTooLongIsCut) {
  std::vector<FieldViolation> many;
  for (size_t i = 0; i < kMaxViolations + 7; ++i) many.push_back({absl::StrCat("field", i), "is wrong"});
  const absl::Status status = FieldViolationsError(many);
  EXPECT_EQ(GetFieldViolations(status).size(), kMaxViolations);
  EXPECT_THAT(std::string(status.message()), EndsWith("; and 7 more"));

  const auto cut = GetFieldViolations(FieldViolationsError({{std::string(5000, 'f'), std::string(5000, 'd')}}));
  EXPECT_EQ(cut[0].field, std::string(kMaxViolationFieldBytes, 'f') + "...");
  EXPECT_EQ(cut[0].description, std::string(kMaxViolationDescriptionBytes, 'd') + "...");
  EXPECT_EQ(ToGrpcStatus(absl::InternalError(std::string(1 << 20, 'x'))).error_message().size(),
            kMaxStatusMessageBytes + 3);
}

TEST(RpcStatusTest, ACutNeverSplitsACharacter) {
  std::string euros;
  while (euros.size() <= kMaxViolationDescriptionBytes) euros += "\xE2\x82\xAC";
  const auto cut = GetFieldViolations(FieldViolationsError({{"f", "x" + euros}}));
  EXPECT_THAT(cut[0].description, EndsWith("\xE2\x82\xAC..."));
  EXPECT_LE(cut[0].description.size(), kMaxViolationDescriptionBytes + 3);
}

TEST(RpcStatusTest, TextThatIsNotUtf8StillTravels) {
  const absl::Status status = FromGrpcStatus(ToGrpcStatus(FieldViolationsError({{"path", "is \"\xFF\""}})));
  ASSERT_EQ(GetFieldViolations(status).size(), 1u);
  EXPECT_EQ(GetFieldViolations(status)[0].description, "is \"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace seedbed
