#include "sae/activations/rows/row_folder.h"

#include <unistd.h>

#include <fstream>
#include <limits>
#include <vector>

#include "ATen/ops/cat.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/equal.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/sae/activations/row_fixtures.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

class RowFolderTest : public ::testing::Test {
 protected:
  absl::Status OpenStatus(std::optional<int64_t> width = std::nullopt) {
    return OpenRowFolder(folder_.path(), width).status();
  }

  TemporaryFolder folder_;
};

TEST_F(RowFolderTest, FilesFollowEachOtherByName) {
  WriteTensors(folder_.File("b.safetensors"), {{"x", NumberedRows(10, 5, 4)}});
  WriteTensors(folder_.File("a.safetensors"), {{"hidden", NumberedRows(0, 10, 4)}, {"mean", NumberedRows(0, 1, 4)[0]}});
  WriteTensors(folder_.File("c.safetensors"), {{"x", NumberedRows(15, 0, 4)}});
  std::ofstream(folder_.File("README.md")) << "not rows";
  const absl::StatusOr<RowStore> rows = OpenRowFolder(folder_.path(), 4);
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->rows(), 15);
  at::Tensor copied = at::empty({15, 4}, at::kFloat);
  ASSERT_TRUE(rows->CopyRows(0, 15, 1, copied.data_ptr<float>()).ok());
  EXPECT_TRUE(at::equal(copied, NumberedRows(0, 15, 4)));
  EXPECT_TRUE(CheckFinite(*rows).ok());
}

TEST_F(RowFolderTest, MissingFolderIsNamed) {
  const absl::Status status = OpenRowFolder("/nonexistent/rows", std::nullopt).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(status), HasSubstr("/nonexistent/rows"));
}

TEST_F(RowFolderTest, FolderWithoutFilesIsNamed) {
  const absl::Status status = OpenStatus();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Message(status), AllOf(HasSubstr(folder_.path()), HasSubstr("*.safetensors")));
}

TEST_F(RowFolderTest, FilesWithoutRowsAreRefused) {
  WriteTensors(folder_.File("a.safetensors"), {{"x", NumberedRows(0, 0, 4)}});
  EXPECT_EQ(OpenStatus().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RowFolderTest, TwoMatricesInAFileAreNamed) {
  WriteTensors(folder_.File("a.safetensors"), {{"keys", NumberedRows(0, 2, 4)}, {"values", NumberedRows(0, 2, 4)}});
  EXPECT_THAT(Message(OpenStatus()), AllOf(HasSubstr("a.safetensors"), HasSubstr("\"keys\" F32 [2, 4]"),
                                           HasSubstr("\"values\""), HasSubstr("exactly one two-dimensional")));
}

TEST_F(RowFolderTest, FileWithoutAMatrixIsNamed) {
  WriteTensors(folder_.File("a.safetensors"), {{"x", NumberedRows(0, 2, 4).view({2, 2, 2})}});
  EXPECT_THAT(Message(OpenStatus()), AllOf(HasSubstr("a.safetensors"), HasSubstr("\"x\" F32 [2, 2, 2]")));
}

TEST_F(RowFolderTest, OtherTypesAreNamed) {
  const std::vector<int64_t> values(8);
  const absl::string_view bytes(reinterpret_cast<const char*>(values.data()), 64);
  ASSERT_TRUE(WriteSafetensors(folder_.File("a.safetensors"), {{"x", TensorType::kI64, {2, 4}, bytes}}, {}).ok());
  EXPECT_THAT(Message(OpenStatus()),
              AllOf(HasSubstr("a.safetensors"), HasSubstr("I64"), HasSubstr("F32, BF16 or F16")));
}

TEST_F(RowFolderTest, RowsWithoutValuesAreRefused) {
  WriteTensors(folder_.File("a.safetensors"), {{"x", at::empty({3, 0})}});
  EXPECT_THAT(Message(OpenStatus()), HasSubstr("F32 [3, 0]"));
}

TEST_F(RowFolderTest, FilesMustAgreeInWidth) {
  WriteTensors(folder_.File("a.safetensors"), {{"x", NumberedRows(0, 2, 4)}});
  WriteTensors(folder_.File("b.safetensors"), {{"x", NumberedRows(0, 2, 5)}});
  EXPECT_THAT(Message(OpenStatus()), AllOf(HasSubstr("b.safetensors: has rows of 5 values"), HasSubstr("of 4")));
}

TEST_F(RowFolderTest, FilesMustAgreeInType) {
  WriteTensors(folder_.File("a.safetensors"), {{"x", NumberedRows(0, 2, 4)}});
  WriteTensors(folder_.File("b.safetensors"), {{"x", NumberedRows(0, 2, 4, at::kHalf)}});
  EXPECT_THAT(Message(OpenStatus()), AllOf(HasSubstr("b.safetensors: holds F16"), HasSubstr("F32")));
}

TEST_F(RowFolderTest, WidthMustBeTheModels) {
  WriteTensors(folder_.File("a.safetensors"), {{"x", NumberedRows(0, 2, 4)}});
  EXPECT_THAT(Message(OpenStatus(5)), AllOf(HasSubstr("a.safetensors"), HasSubstr("4"), HasSubstr("5")));
}

TEST_F(RowFolderTest, DamagedHeaderIsNamed) {
  std::ofstream(folder_.File("a.safetensors")) << "rubbish that is long enough";
  EXPECT_THAT(Message(OpenStatus()), HasSubstr("a.safetensors"));
}

TEST_F(RowFolderTest, ValuesThatAreNotFiniteAreNamed) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      at::Tensor rows = NumberedRows(0, 50'000, 4).remainder(200).to(type);
      rows[40'000][3].fill_(bad);
      WriteTensors(folder_.File("a.safetensors"), {{"x", NumberedRows(0, 2, 4, type)}});
      WriteTensors(folder_.File("b.safetensors"), {{"x", rows}});
      const absl::StatusOr<RowStore> store = OpenRowFolder(folder_.path(), std::nullopt);
      ASSERT_TRUE(store.ok()) << store.status();
      const absl::Status status = CheckFinite(*store);
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_THAT(Message(status), HasSubstr("b.safetensors: row 40000, column 3 is "));
    }
  }
}

}  // namespace
}  // namespace seedbed
