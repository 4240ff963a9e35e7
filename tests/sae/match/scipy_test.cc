// Against SciPy and NumPy: scipy_fixture.json, written by make_scipy_fixture.py.
#include <vector>

#include "common/file.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "sae/agreement/pair_agreement.h"
#include "sae/match/match_pair.h"
#include "tests/sae/match/dense_assignment.h"
#include "tests/sae/match/rows.h"

namespace seedbed {
namespace {

nlohmann::json Fixture() {
  const auto text = ReadFile(SEEDBED_SOURCE_DIR "/tests/sae/match/scipy_fixture.json");
  EXPECT_TRUE(text.ok()) << text.status();
  return nlohmann::json::parse(*text);
}

TEST(SciPyTest, SameAssignments) {
  const nlohmann::json cases = Fixture()["assignments"];
  EXPECT_EQ(cases.size(), 6);
  for (const nlohmann::json& expected : cases) {
    SCOPED_TRACE(expected["name"].get<std::string>());
    const auto weights = expected["weights"].get<std::vector<double>>();
    const Assignment found = MaximumWeightMatching(weights, expected["rows"], expected["columns"]);
    EXPECT_EQ(found.column_of_row, expected["column_of_row"].get<std::vector<int64_t>>());
    EXPECT_NEAR(found.total, expected["total"].get<double>(), 1e-9);
  }
}

DictionaryRows RowsOf(const nlohmann::json& dictionary, int64_t latents, int64_t d) {
  return {TensorOf(dictionary["decoder"].get<std::vector<float>>(), latents, d),
          TensorOf(dictionary["encoder"].get<std::vector<float>>(), latents, d)};
}

void ExpectSide(const SideAgreement& side, const nlohmann::json& expected) {
  EXPECT_NEAR(side.mean_cosine, expected["mean_cosine"].get<double>(), 1e-12);
  EXPECT_NEAR(side.mmcs_ab, expected["mmcs_ab"].get<double>(), 1e-12);
  EXPECT_NEAR(side.mmcs_ba, expected["mmcs_ba"].get<double>(), 1e-12);
  EXPECT_NEAR(side.max_above_ab, expected["max_above_ab"].get<double>(), 1e-12);
  EXPECT_NEAR(side.max_above_ba, expected["max_above_ba"].get<double>(), 1e-12);
}

TEST(SciPyTest, SameAgreement) {
  const nlohmann::json fixture = Fixture();
  EXPECT_EQ(fixture["agreements"].size(), 2);
  for (const nlohmann::json& test : fixture["agreements"]) {
    const int64_t d = test["d"];
    const auto matching = MatchPair(RowsOf(test["a"], test["n"], d), RowsOf(test["b"], test["m"], d));
    ASSERT_TRUE(matching.ok()) << matching.status();
    EXPECT_TRUE(matching->decoder.certified && matching->encoder.certified);
    const auto pair = MeasurePair(*matching, fixture["threshold"]);
    ASSERT_TRUE(pair.ok()) << pair.status();
    const nlohmann::json& expected = test["expected"];
    ExpectSide(pair->decoder, expected["decoder"]);
    ExpectSide(pair->encoder, expected["encoder"]);
    EXPECT_NEAR(pair->encoder_decoder_equal, expected["encoder_decoder_equal"].get<double>(), 1e-12);
    EXPECT_NEAR(pair->shared_strict, expected["shared_strict"].get<double>(), 1e-12);
    EXPECT_NEAR(pair->shared_aligned, expected["shared_aligned"].get<double>(), 1e-12);
  }
}

}  // namespace
}  // namespace seedbed
