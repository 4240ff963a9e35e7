#include "common/disk_space.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "prometheus/text_serializer.h"
#include "tests/common/testing.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

double ValueOf(const std::vector<prometheus::MetricFamily>& families, const std::string& name,
               const std::string& folder) {
  for (const prometheus::MetricFamily& family : families) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      if (family.name == name && metric.label.at(0).value == folder) return metric.gauge.value;
    }
  }
  return -1;
}

TEST(DiskSpaceTest, FreeIsAboveNothingAndAtMostTheSize) {
  const TempFolder folder;
  const DiskSpace space({{"scratch", folder.path()}});
  const auto families = space.Collect();
  const double free = ValueOf(families, "seedbed_disk_free_bytes", "scratch");
  EXPECT_GT(free, 0);
  EXPECT_LE(free, ValueOf(families, "seedbed_disk_size_bytes", "scratch"));
}

TEST(DiskSpaceTest, APathThatIsGoneHasNoSeries) {
  const TempFolder folder;
  const DiskSpace space({{"artifacts", folder.path()}, {"scratch", folder.Path("gone")}});
  const std::string text = prometheus::TextSerializer().Serialize(space.Collect());
  EXPECT_THAT(text, HasSubstr("seedbed_disk_free_bytes{folder=\"artifacts\"}"));
  EXPECT_THAT(text, Not(HasSubstr("folder=\"scratch\"")));
}

}  // namespace
}  // namespace seedbed
