// A device's products against those of the CPU's kernels, bit for bit: on GPUs, and on the CPU as a device, where only
// the product itself differs from what a GPU runs.
#include "sae/match/device_product_sweep.h"

#include <mutex>
#include <numeric>
#include <string>
#include <vector>

#include "ATen/Context.h"
#include "ATen/detail/CUDAHooksInterface.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sae/match/cpu_product_sweep.h"
#include "sae/match/exact_matching.h"
#include "sae/match/product_sweep_choice.h"
#include "tests/sae/match/instances.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

bool HasGpu() { return at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0; }

// Everything that a sweep tells its visitor.
struct Visited {
  std::vector<float> products;  // [rows, columns]; -9 where there was no visit.
  std::vector<int> visits;      // [rows, columns]
  std::vector<int64_t> chunks;  // first, count, first, count, ...

  bool operator==(const Visited& other) const {
    return products == other.products && visits == other.visits && chunks == other.chunks;
  }
};

class DeviceProductSweepTest : public testing::TestWithParam<c10::DeviceType> {
 protected:
  void SetUp() override {
    if (GetParam() == c10::kCUDA && !HasGpu()) GTEST_SKIP() << "no GPU is usable here";
    // Its int8 products saturate on CPUs without VNNI.
    at::globalContext().setUserEnabledMkldnn(false);
  }
  void TearDown() override { at::globalContext().setUserEnabledMkldnn(true); }

  DeviceProductSweep OfDevice() const {
    return DeviceProductSweep(c10::Device(GetParam(), GetParam() == c10::kCUDA ? 0 : -1));
  }
};

Visited Sweep(const ProductSweep& sweep, const ChosenRows& rows, const ChosenRows& columns) {
  const auto row_count = static_cast<int64_t>(rows.indices.size());
  const auto column_count = static_cast<int64_t>(columns.indices.size());
  Visited visited;
  visited.products.resize(static_cast<size_t>(row_count * column_count), -9.0f);
  visited.visits.resize(visited.products.size(), 0);
  std::mutex mutex;
  sweep.Run(rows, columns,
            {[](int64_t row, int64_t column) { return (row / kTileRows + column / kTileColumns) % 3 != 0; },
             [&](const ProductTile& tile) {
               const std::lock_guard<std::mutex> lock(mutex);
               for (int64_t i = 0; i < tile.rows; ++i) {
                 for (int64_t j = 0; j < tile.columns; ++j) {
                   const auto at = static_cast<size_t>((tile.first_row + i) * column_count + tile.first_column + j);
                   visited.products[at] = tile.products[i * kTileColumns + j];
                   ++visited.visits[at];
                 }
               }
             },
             [&](int64_t first, int64_t count) {
               visited.chunks.insert(visited.chunks.end(), {first, count});
             }});
  return visited;
}

// In another order than they are stored in.
std::vector<int32_t> Backwards(int64_t count) {
  std::vector<int32_t> indices(static_cast<size_t>(count));
  std::iota(indices.rbegin(), indices.rend(), 0);
  return indices;
}

TEST_P(DeviceProductSweepTest, VisitsTheTilesThatTheCpuVisits) {
  struct Shape {
    int64_t rows, columns, width;
  };
  // Less than a tile; more than one block of rows; more than one chunk of columns.
  for (const Shape& shape :
       {Shape{1, 1, 3}, Shape{5, 30, 70}, Shape{2100, 101, 20}, Shape{70, kChunkColumns + 195, 20}}) {
    SCOPED_TRACE(shape.rows);
    const Instance instance = MakeInstance("random", 41, shape.rows, shape.columns, shape.width);
    const QuantisedRows a = Quantise(instance.a.Unit(), nullptr);
    const QuantisedRows b = Quantise(instance.b.Unit(), nullptr);
    const std::vector<int32_t> rows = Backwards(shape.rows);
    const std::vector<int32_t> columns = Backwards(shape.columns);
    const Visited expected = Sweep(CpuProductSweep(), {a, rows}, {b, columns});
    EXPECT_TRUE(Sweep(OfDevice(), {a, rows}, {b, columns}) == expected);
  }
}

// Rows and columns whose elements are all the largest that int8 has, which is where a sum could saturate.
TEST_P(DeviceProductSweepTest, SumsOfTheLargestElementsAreExact) {
  Instance instance = {{40, 640, std::vector<float>(40 * 640, 1)}, {50, 640, std::vector<float>(50 * 640, -1)}};
  std::fill_n(instance.b.values.begin(), 25 * 640, 1.0f);
  const QuantisedRows a = Quantise(instance.a.Unit(), nullptr);
  const QuantisedRows b = Quantise(instance.b.Unit(), nullptr);
  const std::vector<int32_t> rows = Backwards(40);
  const std::vector<int32_t> columns = Backwards(50);
  EXPECT_TRUE(Sweep(OfDevice(), {a, rows}, {b, columns}) == Sweep(CpuProductSweep(), {a, rows}, {b, columns}));
}

TEST_P(DeviceProductSweepTest, MatchesAsTheCpuDoes) {
  for (const char* kind : {"random", "planted", "near_duplicates", "outliers", "duplicates"}) {
    SCOPED_TRACE(kind);
    const Instance instance = MakeInstance(kind, 42, 200, 230, 20);
    ExactMatchingOptions options;
    options.candidates = 3;
    const ExactMatching expected = MatchExactly(instance.a.Unit(), instance.b.Unit(), options);
    const DeviceProductSweep sweep = OfDevice();
    options.sweep = &sweep;
    const ExactMatching found = MatchExactly(instance.a.Unit(), instance.b.Unit(), options);
    EXPECT_EQ(found.column_of_row, expected.column_of_row);
    EXPECT_EQ(found.cosines, expected.cosines);
    EXPECT_EQ(found.total, expected.total);
    EXPECT_EQ(found.upper_bound, expected.upper_bound);
    EXPECT_EQ(found.certified, expected.certified);
    EXPECT_EQ(found.rounds, expected.rounds);
    EXPECT_EQ(found.largest.of_row, expected.largest.of_row);
    EXPECT_EQ(found.largest.of_column, expected.largest.of_column);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, DeviceProductSweepTest, testing::Values(c10::kCPU, c10::kCUDA),
                         [](const auto& type) { return c10::DeviceTypeName(type.param); });

TEST(ProductSweepChoiceTest, TakesAGpuWhereThereIsOne) {
  const auto automatic = MakeProductSweep("auto");
  ASSERT_TRUE(automatic.ok()) << automatic.status();
  EXPECT_EQ(dynamic_cast<const DeviceProductSweep*>(automatic->get()) != nullptr, HasGpu());
  EXPECT_NE(dynamic_cast<const CpuProductSweep*>(MakeProductSweep("cpu")->get()), nullptr);
}

TEST(ProductSweepChoiceTest, RefusesWhatIsNotThere) {
  const absl::Status unknown = MakeProductSweep("tpu").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("found tpu; auto, cpu and cuda are allowed"));
  if (HasGpu()) GTEST_SKIP() << "there is a GPU here";
  EXPECT_THAT(std::string(MakeProductSweep("cuda").status().message()), HasSubstr("can use no GPU"));
}

}  // namespace
}  // namespace seedbed
