#include "sae/lm/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace seedbed {
namespace {

using ::testing::HasSubstr;

const c10::Device kCpu(c10::kCPU);
const c10::Device kGpu(c10::kCUDA, 0);

TEST(Device, RefusesOneThatIsNotThere) {
  for (const std::string device : {"gpu", "cuda", "cuda:x", "cuda:4096", ""}) {
    const auto parsed = ParseDevice(device);
    ASSERT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << device;
    EXPECT_THAT(parsed.status().message(), HasSubstr("device \"" + device + "\""));
  }
}

TEST(ComputeType, RefusesBfloat16OnACpuWithoutIt) {
  const auto type = ComputeType(c10::kBFloat16, kCpu, /*has_bfloat16=*/false);
  ASSERT_EQ(type.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(type.status().message(), HasSubstr("bfloat16"));
  EXPECT_THAT(type.status().message(), HasSubstr("use float32"));
}

TEST(ComputeType, RefusesOtherTypes) {
  for (const c10::ScalarType other : {c10::kHalf, c10::kDouble, c10::kLong}) {
    const auto type = ComputeType(other, kGpu, /*has_bfloat16=*/true);
    ASSERT_EQ(type.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(type.status().message(), HasSubstr("allowed are float32 and bfloat16"));
  }
}

TEST(ComputeType, IsBfloat16WithoutAWishOnlyOnAGpuThatHasIt) {
  EXPECT_EQ(*ComputeType(std::nullopt, kGpu, true), c10::kBFloat16);
  EXPECT_EQ(*ComputeType(std::nullopt, kGpu, false), c10::kFloat);
  EXPECT_EQ(*ComputeType(std::nullopt, kCpu, true), c10::kFloat);
  EXPECT_EQ(*ComputeType(std::nullopt, kCpu, false), c10::kFloat);
}

TEST(ComputeType, IsWhatIsWished) {
  EXPECT_EQ(*ComputeType(c10::kFloat, kGpu, true), c10::kFloat);
  EXPECT_EQ(*ComputeType(c10::kBFloat16, kCpu, true), c10::kBFloat16);
  EXPECT_EQ(*ComputeType(c10::kBFloat16, kGpu, false), c10::kBFloat16);
}

}  // namespace
}  // namespace seedbed
