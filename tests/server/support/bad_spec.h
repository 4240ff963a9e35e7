// Sweeps with one thing wrong.
#ifndef SEEDBED_TESTS_SERVER_SUPPORT_BAD_SPEC_H_
#define SEEDBED_TESTS_SERVER_SUPPORT_BAD_SPEC_H_

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/scheduler/sweep_validation.h"
#include "tests/server/support/sweep_builder.h"

namespace seedbed {

struct BadSpec {
  std::string label;
  std::function<void(v1::SweepSpec&)> spoil;
  std::string field;
  std::string description;  // A part of it.
};

// The demo's sweep, once spoilt, has one violation: the one that is described.
inline void ExpectOneViolation(const BadSpec& bad) {
  v1::SweepSpec spec = DemoSweep();
  bad.spoil(spec);
  const ValidatedSweep validated = ValidateSweep(spec);
  ASSERT_EQ(validated.violations.size(), 1) << (validated.violations.empty() ? "" : validated.violations[1].field);
  EXPECT_EQ(validated.violations[0].field, bad.field);
  EXPECT_THAT(validated.violations[0].description, testing::HasSubstr(bad.description));
}

}  // namespace seedbed

#endif  // SEEDBED_TESTS_SERVER_SUPPORT_BAD_SPEC_H_
