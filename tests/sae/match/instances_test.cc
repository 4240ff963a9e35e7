// Against SciPy on instances that both sides make from a seed: instances_fixture.json, by make_instances_fixture.py.
#include "tests/sae/match/instances.h"

#include <set>
#include <vector>

#include "ATen/ops/from_blob.h"
#include "common/file.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "sae/match/cosine.h"

namespace seedbed {
namespace {

at::Tensor TensorOfRows(RowSet& rows) { return at::from_blob(rows.values.data(), {rows.rows, rows.width}, at::kFloat); }

void ExpectAsSciPy(const nlohmann::json& expected, int64_t candidates) {
  Instance instance = MakeInstance(expected["kind"], expected["seed"], expected["n"], expected["m"], expected["d"]);
  MatchOptions options;
  options.engine.candidates = candidates;
  const auto found = MatchRows(TensorOfRows(instance.a), TensorOfRows(instance.b), options);
  ASSERT_TRUE(found.ok()) << found.status();
  const auto smaller = static_cast<double>(std::min(instance.a.rows, instance.b.rows));
  EXPECT_NEAR(found->mean_cosine * smaller, expected["total"].get<double>(), 1e-9);
  EXPECT_TRUE(found->certified);
  if (!expected.contains("column_of_row")) return;
  EXPECT_EQ(found->counterpart, expected["column_of_row"].get<std::vector<int64_t>>());
}

TEST(InstancesTest, EqualSciPy) {
  const auto text = ReadFile(SEEDBED_SOURCE_DIR "/tests/sae/match/instances_fixture.json");
  ASSERT_TRUE(text.ok()) << text.status();
  const nlohmann::json cases = nlohmann::json::parse(*text);
  EXPECT_GE(cases.size(), 200);
  int unique = 0;
  for (const nlohmann::json& expected : cases) {
    SCOPED_TRACE(expected.dump().substr(0, 90));
    for (const int64_t candidates : {3, 32}) ExpectAsSciPy(expected, candidates);
    unique += expected.contains("column_of_row") ? 1 : 0;
  }
  EXPECT_GE(unique, 100);
}

}  // namespace
}  // namespace seedbed
