#include "worker/daemon/slots.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> Describe(const std::vector<v1::Slot>& slots) {
  std::vector<std::string> lines;
  for (const v1::Slot& slot : slots) {
    lines.push_back(absl::StrCat(slot.slot_id(), " on ", DeviceOf(slot), " with ", slot.threads()));
  }
  return lines;
}

TEST(ParseSlotsTest, RefusesAndNamesWhatWasFound) {
  for (const char* bad : {"", "cpu", "cpu:", ":2", "cpu:0", "cpu:-1", "cpu:+1", "cpu:x", "cpu:1025", "cpu:1:2", "tpu:1",
                          "CPU:1", "cpu:1,", ",cpu:1", "cpu:1,cpu:2", "cpu:1;cuda:1", " cpu:1", "cpu:99999999999"}) {
    const auto slots = ParseSlots(bad, 0, 8);
    ASSERT_FALSE(slots.ok()) << bad;
    EXPECT_THAT(std::string(slots.status().message()), HasSubstr(absl::StrCat("--slots: found \"", bad, "\"")));
    EXPECT_THAT(std::string(slots.status().message()), HasSubstr("COUNT 1..1024"));
  }
  EXPECT_THAT(std::string(ParseSlots("cpu:1", -1, 8).status().message()), HasSubstr("--threads-per-slot: is -1"));
  EXPECT_FALSE(ParseSlots("cpu:1", 5000, 8).ok());
}

TEST(ParseSlotsTest, GivesSlotsOfEachKind) {
  EXPECT_THAT(Describe(ParseSlots("cpu:2", 0, 8).value()),
              testing::ElementsAre("cpu:0 on cpu with 4", "cpu:1 on cpu with 4"));
  EXPECT_THAT(Describe(ParseSlots("cuda:2", 0, 8).value()),
              testing::ElementsAre("cuda:0 on cuda:0 with 4", "cuda:1 on cuda:1 with 4"));
  EXPECT_THAT(Describe(ParseSlots("cuda:1,cpu:1", 3, 8).value()),
              testing::ElementsAre("cpu:0 on cpu with 3", "cuda:0 on cuda:0 with 3"));
  EXPECT_EQ(ParseSlots("cpu:16", 0, 2)->at(15).threads(), 1);
}

}  // namespace
}  // namespace seedbed
