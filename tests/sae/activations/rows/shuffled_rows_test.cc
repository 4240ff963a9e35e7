#include "sae/activations/rows/shuffled_rows.h"

#include <unistd.h>

#include <fstream>
#include <utility>
#include <vector>

#include "ATen/TensorOperators.h"
#include "ATen/ops/cat.h"
#include "ATen/ops/equal.h"
#include "ATen/ops/zeros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/activations/rows/row_folder.h"
#include "tests/sae/activations/row_fixtures.h"
#include "tests/sae/activations/stream_fixtures.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kRows = 50;
constexpr int64_t kWidth = 4;

class ShuffledRowsTest : public ::testing::Test {
 protected:
  // Hookpoint h has the numbered rows 1000 h and on.
  RowStore MakeStore(int hookpoint) {
    const std::string folder = folder_.File(absl::StrCat(hookpoint));
    EXPECT_TRUE(MakeFolders(folder).ok());
    WriteTensors(JoinPath(folder, "a.safetensors"), {{"x", NumberedRows(1000 * hookpoint, 20, kWidth)}});
    WriteTensors(JoinPath(folder, "b.safetensors"), {{"x", NumberedRows(1000 * hookpoint + 20, 30, kWidth)}});
    absl::StatusOr<RowStore> store = OpenRowFolder(folder, kWidth);
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }

  ShuffledRowsOptions Options(int hookpoints, int64_t batch_rows, int64_t batches) {
    ShuffledRowsOptions options;
    for (int h = 0; h < hookpoints; ++h) options.stores.push_back(MakeStore(h));
    options.scales.assign(static_cast<size_t>(hookpoints), 1.0f);
    options.rows = kRows;
    options.seed = 11;
    options.batch_rows = batch_rows;
    options.batches = batches;
    return options;
  }

  TemporaryFolder folder_;
};

// The next `count` rows of a hookpoint in that order.
at::Tensor Expected(RowOrder& order, int hookpoint, int64_t count) {
  std::vector<at::Tensor> rows;
  for (int64_t i = 0; i < count; ++i) rows.push_back(NumberedRows(1000 * hookpoint + order.Next(), 1, kWidth));
  return at::cat(rows);
}

TEST_F(ShuffledRowsTest, BatchesFollowTheOrderThroughAllEpochs) {
  ShuffledRowsOptions options = Options(1, 8, 30);  // Four epochs and four fifths.
  options.first_epoch = 1;
  RowOrder order(kRows, 1, 11);
  ShuffledRows rows(std::move(options));
  for (int t = 0; t < 30; ++t) {
    const absl::StatusOr<const RowBatch*> batch = rows.Next();
    ASSERT_TRUE(batch.ok() && *batch != nullptr) << t;
    EXPECT_TRUE(at::equal((*batch)->rows[0], Expected(order, 0, 8))) << t;
  }
  const absl::StatusOr<const RowBatch*> end = rows.Next();
  ASSERT_TRUE(end.ok());
  EXPECT_EQ(*end, nullptr);
}

TEST_F(ShuffledRowsTest, HookpointsHaveTheSameOrderAndTheirOwnScale) {
  ShuffledRowsOptions options = Options(2, 16, 5);
  options.scales = {1.0f, 0.25f};
  ShuffledRows rows(std::move(options));
  RowOrder first(kRows, 0, 11);
  RowOrder second(kRows, 0, 11);
  for (int t = 0; t < 5; ++t) {
    const absl::StatusOr<const RowBatch*> batch = rows.Next();
    ASSERT_TRUE(batch.ok() && *batch != nullptr) << t;
    EXPECT_TRUE(at::equal((*batch)->rows[0], Expected(first, 0, 16)));
    EXPECT_TRUE(at::equal((*batch)->rows[1], Expected(second, 1, 16) * 0.25));
  }
}

TEST_F(ShuffledRowsTest, WithoutASeedRowsComeAsTheyLie) {
  ShuffledRowsOptions options = Options(1, 35, 3);
  options.seed.reset();
  ShuffledRows rows(std::move(options));
  RowOrder order(kRows, 0, std::nullopt);
  for (int t = 0; t < 3; ++t) {
    const absl::StatusOr<const RowBatch*> batch = rows.Next();
    ASSERT_TRUE(batch.ok() && *batch != nullptr) << t;
    EXPECT_TRUE(at::equal((*batch)->rows[0], Expected(order, 0, 35))) << t;
  }
}

TEST_F(ShuffledRowsTest, FirstBatchBeginsWithTheHead) {
  ShuffledRowsOptions options = Options(1, 8, 2);
  options.scales = {0.5f};
  const at::Tensor head = NumberedRows(7000, 3, kWidth);
  options.head = {head.clone()};
  ShuffledRows rows(std::move(options));
  RowOrder order(kRows, 0, 11);
  absl::StatusOr<const RowBatch*> batch = rows.Next();
  ASSERT_TRUE(batch.ok() && *batch != nullptr);
  EXPECT_TRUE(at::equal((*batch)->rows[0], at::cat({head, Expected(order, 0, 5) * 0.5})));
  batch = rows.Next();
  ASSERT_TRUE(batch.ok() && *batch != nullptr);
  EXPECT_TRUE(at::equal((*batch)->rows[0], Expected(order, 0, 8) * 0.5));
}

TEST_F(ShuffledRowsTest, HashesAreThoseOfTheBatches) {
  ShuffledRows rows(Options(2, 16, 4));
  for (int t = 0; t < 4; ++t) {
    const absl::StatusOr<const RowBatch*> batch = rows.Next();
    ASSERT_TRUE(batch.ok() && *batch != nullptr) << t;
    for (size_t h = 0; h < 2; ++h) EXPECT_EQ((*batch)->hashes[h], BatchHash::OfBatch((*batch)->rows[h])) << t;
  }
}

TEST_F(ShuffledRowsTest, BuffersAreAlignedAndOnlyTwo) {
  ShuffledRows rows(Options(1, 7, 6));
  std::vector<const void*> addresses;
  for (int t = 0; t < 6; ++t) {
    const absl::StatusOr<const RowBatch*> batch = rows.Next();
    ASSERT_TRUE(batch.ok() && *batch != nullptr) << t;
    addresses.push_back((*batch)->rows[0].const_data_ptr());
    EXPECT_EQ(reinterpret_cast<uintptr_t>(addresses.back()) % 64, 0);
    if (t >= 2) {
      EXPECT_EQ(addresses[t], addresses[t - 2]);
    }
  }
}

TEST_F(ShuffledRowsTest, RankThatHostsNothingCountsBatches) {
  ShuffledRows rows(Options(0, 8, 2));
  for (int t = 0; t < 2; ++t) {
    const absl::StatusOr<const RowBatch*> batch = rows.Next();
    ASSERT_TRUE(batch.ok() && *batch != nullptr);
    EXPECT_TRUE((*batch)->rows.empty());
  }
  EXPECT_EQ(*rows.Next(), nullptr);
}

TEST_F(ShuffledRowsTest, CanBeLeftAtAnyBatch) {
  for (int taken = 0; taken < 4; ++taken) {
    ShuffledRows rows(Options(1, 8, 1000));
    for (int t = 0; t < taken; ++t) ASSERT_TRUE(rows.Next().ok());
  }
}

// All zeros, of which a file system that has holes keeps nothing.
TEST_F(ShuffledRowsTest, RowsThatMayNotFitInMemoryAreReadToo) {
  constexpr int64_t kLongWidth = 1 << 20;
  const int64_t rows = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / (kLongWidth * 4) + 1;
  const std::string header = absl::StrCat(R"({"x":{"dtype":"F32","shape":[)", rows, ",", kLongWidth,
                                          R"(],"data_offsets":[0,)", rows * kLongWidth * 4, "]}}");
  const uint64_t length = header.size();
  const std::string path = folder_.File("a.safetensors");
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(&length), 8) << header;
  ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(8 + length) + rows * kLongWidth * 4), 0);
  const absl::StatusOr<RowStore> store = OpenRowFolder(folder_.path(), kLongWidth);
  ASSERT_TRUE(store.ok()) << store.status();
  ASSERT_TRUE(store->larger_than_memory());

  ShuffledRowsOptions options;
  options.stores = {*store};
  options.scales = {1};
  options.rows = rows;
  options.seed = 11;
  options.batch_rows = 2;
  options.batches = 3;
  ShuffledRows shuffled(std::move(options));
  for (int t = 0; t < 3; ++t) {
    const absl::StatusOr<const RowBatch*> batch = shuffled.Next();
    ASSERT_TRUE(batch.ok() && *batch != nullptr) << t;
    EXPECT_TRUE(at::equal((*batch)->rows[0], at::zeros({2, kLongWidth}))) << t;
  }
}

TEST_F(ShuffledRowsTest, RowsThatCannotBeReadAreAnErrorOfTheBatchThatNeedsThem) {
  ShuffledRowsOptions options = Options(1, 20, 10);
  options.seed.reset();
  const std::string second = folder_.File("0/b.safetensors");
  ASSERT_EQ(truncate(second.c_str(), 0), 0);
  ShuffledRows rows(std::move(options));
  EXPECT_TRUE(rows.Next().ok());  // Of the first file alone.
  for (int again = 0; again < 2; ++again) {
    const absl::Status status = rows.Next().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(second));
  }
}

}  // namespace
}  // namespace seedbed
