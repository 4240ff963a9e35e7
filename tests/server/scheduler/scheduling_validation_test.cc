#include "server/scheduler/scheduling_validation.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/sweep_validation.h"
#include "tests/server/support/sweep_builder.h"

namespace seedbed {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "field description" of each.
std::vector<std::string> Violations(const v1::SweepSpec& spec) {
  std::vector<std::string> texts;
  for (const SpecViolation& violation : ValidateSweep(spec).violations) {
    texts.push_back(absl::StrCat(violation.field, " ", violation.description));
  }
  return texts;
}

TEST(SchedulingValidation, DefaultsAreThoseOfNobodyInParticular) {
  const ValidatedSweep validated = ValidateSweep(DemoSweep());
  EXPECT_THAT(validated.violations, IsEmpty());
  EXPECT_EQ(validated.spec.scheduling().user(), "default");
  EXPECT_TRUE(validated.spec.scheduling().has_priority());
  EXPECT_FALSE(validated.spec.scheduling().hold());
}

TEST(SchedulingValidation, NamesWhatIsWrong) {
  v1::SweepSpec spec = DemoSweep();
  spec.mutable_scheduling()->set_priority(1001);
  EXPECT_THAT(Violations(spec), ElementsAre("scheduling.priority is 1001; must be -1000..1000"));
  spec.mutable_scheduling()->set_priority(-1000);
  spec.mutable_scheduling()->set_user("an na");
  EXPECT_THAT(Violations(spec),
              ElementsAre("scheduling.user is \"an na\"; must be 1..64 characters of [A-Za-z0-9._-]"));
  spec.mutable_scheduling()->set_user(std::string(64, 'a'));
  EXPECT_THAT(Violations(spec), IsEmpty());
  (*spec.mutable_resources()->mutable_labels())["gpu"] = "";
  EXPECT_THAT(Violations(spec),
              ElementsAre("resources.labels has \"\" for \"gpu\"; must be 1..64 characters of [A-Za-z0-9._-]"));
  spec.mutable_resources()->clear_labels();
  (*spec.mutable_resources()->mutable_labels())["a=b"] = "c";
  EXPECT_THAT(Violations(spec),
              ElementsAre("resources.labels has the key \"a=b\"; must be 1..64 characters of [A-Za-z0-9._-]"));
  spec.mutable_resources()->clear_labels();
  for (int i = 0; i <= 16; ++i) (*spec.mutable_resources()->mutable_labels())[absl::StrCat("l", i)] = "x";
  EXPECT_THAT(Violations(spec), ElementsAre("resources.labels has 17; must have at most 16"));
}

}  // namespace
}  // namespace seedbed
