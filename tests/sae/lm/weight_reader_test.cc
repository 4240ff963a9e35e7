#include "sae/lm/weight_reader.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "common/status.h"
#include "tests/common/testing.h"
#include "tests/sae/lm/tiny_model.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

class WeightReaderTest : public ::testing::Test {
 protected:
  // After writing `tensor` under the name "a" to disk.
  absl::StatusOr<at::Tensor> Read(const at::Tensor& tensor, at::ScalarType type, const std::string& name = "a") {
    WriteTensors(folder_.Path("model.safetensors"), {{"a", tensor}});
    ASSIGN_OR_RETURN(const WeightFiles files, WeightFiles::Open(folder_.path()));
    return ReadTensor(files, name, type);
  }

  TempFolder folder_;
};

TEST_F(WeightReaderTest, NamesAMissingTensor) {
  const auto read = Read(at::randn({2}), at::kFloat, "b");
  EXPECT_EQ(read.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(read.status().message(), HasSubstr("\"b\""));
}

TEST_F(WeightReaderTest, RefusesValuesThatAreNotFinite) {
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
    for (const at::ScalarType on_disk : {at::kFloat, at::kHalf, at::kBFloat16}) {
      for (const at::ScalarType wanted : {at::kFloat, at::kBFloat16}) {
        at::Tensor tensor = at::randn({300}).to(on_disk);
        tensor[257] = value;
        const auto read = Read(tensor, wanted);
        ASSERT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
        EXPECT_THAT(read.status().message(), HasSubstr("model.safetensors: tensor \"a\""));
        EXPECT_THAT(read.status().message(), HasSubstr("NaN or infinite"));
      }
    }
  }
}

// Longer than one piece of the conversion, and not a multiple of it.
TEST_F(WeightReaderTest, ConvertsAsLibTorchDoes) {
  const at::Tensor values = at::randn({3, 700'001});
  for (const at::ScalarType on_disk : {at::kFloat, at::kHalf, at::kBFloat16}) {
    const at::Tensor tensor = values.to(on_disk);
    for (const at::ScalarType wanted : {at::kFloat, at::kBFloat16}) {
      const auto read = Read(tensor, wanted);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->scalar_type(), wanted);
      EXPECT_TRUE(at::equal(*read, tensor.to(wanted)));
    }
  }
}

}  // namespace
}  // namespace seedbed
