// Tests that draw from LibTorch's generator draw the same numbers in every run: left alone, it seeds itself from the system.
#include "ATen/Context.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

class SeededGenerator : public ::testing::Environment {
 public:
  void SetUp() override { at::manual_seed(0); }
};

const ::testing::Environment* const kSeededGenerator = ::testing::AddGlobalTestEnvironment(new SeededGenerator);

}  // namespace
}  // namespace seedbed
