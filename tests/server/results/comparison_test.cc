#include "server/results/comparison.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/results/fixtures.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RequestForTest, TakesEverythingOverFromTheEvent) {
  v1::SaeSpec sae = TestSae();
  sae.set_seed(5);
  const v1::Event event = FinishedEvent("sweep", "set", "content", 2);
  const v1::Agreement request = RequestFor(event, sae);
  EXPECT_EQ(request.sweep_id(), "sweep");
  EXPECT_EQ(request.sibling_set_id(), "set");
  EXPECT_EQ(request.threshold(), 0.7);
  EXPECT_EQ(request.sae().latents(), 512);
  EXPECT_EQ(request.sae().seed(), 0) << "siblings have no seed in common";
  ASSERT_EQ(request.dictionaries_size(), 2);
  EXPECT_EQ(request.dictionaries(1).run_id(), "set-run-1");
  EXPECT_EQ(request.dictionaries(1).seed(), 1);
  EXPECT_EQ(request.dictionaries(1).path(), "/artifacts/sweep/set-run-1");
  EXPECT_EQ(request.dictionaries(1).manifest_sha256(),
            event.sibling_set_finished().results(1).dictionary().manifest_sha256());
  EXPECT_THAT(request.batch_hashes(),
              ElementsAre("0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"));
  EXPECT_TRUE(request.same_batches());
  EXPECT_FALSE(request.has_failure());
}

TEST(RequestForTest, TakesTheSizesThatTheNeedForMemoryFollowsFrom) {
  v1::Event event = FinishedEvent("sweep", "set", "content", 2);
  v1::Artifact* dictionary = event.mutable_sibling_set_finished()->mutable_results(1)->mutable_dictionary();
  for (const auto& [name, bytes] : {std::pair("cfg.json", 999'999), std::pair("sae.safetensors", 4096)}) {
    dictionary->add_files()->set_name(name);
    dictionary->mutable_files()->rbegin()->set_bytes(bytes);
  }
  event.mutable_sibling_set_finished()->set_consensus_members(2);
  const v1::Agreement request = RequestFor(event, TestSae());
  EXPECT_EQ(request.dictionaries(0).weight_bytes(), 0) << "not known";
  EXPECT_EQ(request.dictionaries(1).weight_bytes(), 4096);
  EXPECT_EQ(request.dictionaries(1).latents(), 512);
  EXPECT_EQ(request.consensus_members(), 2);
}

TEST(RequestForTest, ActivationsAreComparedOnRowsThatAllHave) {
  v1::Event event = FinishedEvent("sweep", "set", "content");
  event.mutable_sibling_set_finished()->set_trained_tokens(4096);
  for (v1::RunResult& result : *event.mutable_sibling_set_finished()->mutable_results()) {
    result.mutable_held_out_rows()->set_path("/artifacts/sweep/held_out/rows.safetensors");
    result.mutable_held_out_rows()->set_sha256("rows");
  }
  const v1::Agreement request = RequestFor(event, TestSae());
  EXPECT_EQ(request.trained_tokens(), 4096);
  EXPECT_EQ(request.held_out_rows().path(), "/artifacts/sweep/held_out/rows.safetensors");
  EXPECT_NE(ContentKey(request), ContentKey(TestRequest("sweep", "set", "content")));

  v1::Agreement answer = TestAnswer(request);
  for (v1::PairAgreement& pair : *answer.mutable_pairs()) pair.mutable_functional()->set_rows_sha256("rows");
  EXPECT_TRUE(CheckAnswer(request, answer).ok());
  answer.mutable_pairs(1)->mutable_functional()->set_rows_sha256("others");
  EXPECT_THAT(CheckAnswer(request, answer).message(), HasSubstr("rows.safetensors: holds other rows"));

  event.mutable_sibling_set_finished()->mutable_results(1)->mutable_held_out_rows()->set_sha256("others");
  EXPECT_FALSE(RequestFor(event, TestSae()).has_held_out_rows());
}

TEST(RequestForRunsTest, HasAnIdOfWhatIsCompared) {
  const v1::Event finished = FinishedEvent("sweep", "set", "content");
  std::vector<v1::Run> runs(2);
  for (int i = 0; i < 2; ++i) {
    runs[i].set_run_id(finished.sibling_set_finished().run_ids(i));
    *runs[i].mutable_result() = finished.sibling_set_finished().results(i);
    *runs[i].mutable_sae() = TestSae();
  }
  const v1::Agreement request = RequestForRuns(runs, 0.7, 0);
  EXPECT_THAT(request.sibling_set_id(), ::testing::StartsWith("comparison-"));
  EXPECT_EQ(request.sweep_id(), "");
  EXPECT_EQ(request.dictionaries(1).path(), "/artifacts/sweep/set-run-1");
  EXPECT_TRUE(request.same_batches());
  EXPECT_EQ(RequestForRuns(runs, 0.7, 0).sibling_set_id(), request.sibling_set_id());
  EXPECT_NE(RequestForRuns(runs, 0.6, 0).sibling_set_id(), request.sibling_set_id());
  EXPECT_NE(RequestForRuns(runs, 0.7, 2).sibling_set_id(), request.sibling_set_id());
  std::swap(runs[0], runs[1]);
  EXPECT_NE(RequestForRuns(runs, 0.7, 0).sibling_set_id(), request.sibling_set_id());
}

TEST(RequestForTest, SeesThatBatchesDiffer) {
  v1::Event event = FinishedEvent("sweep", "set", "content");
  event.mutable_sibling_set_finished()->mutable_results(2)->set_batch_hash("fedcba9876543210fedcba9876543210");
  EXPECT_FALSE(RequestFor(event, TestSae()).same_batches());
  for (auto& result : *event.mutable_sibling_set_finished()->mutable_results()) result.clear_batch_hash();
  EXPECT_FALSE(RequestFor(event, TestSae()).same_batches()) << "unknown is not the same";
}

TEST(RequestForTest, AnEventThatMakesNoSenseIsAFailure) {
  v1::Event no_results = FinishedEvent("sweep", "set", "content");
  no_results.mutable_sibling_set_finished()->clear_results();
  v1::Event no_seeds = FinishedEvent("sweep", "set", "content");
  no_seeds.mutable_sibling_set_finished()->clear_seeds();
  for (const v1::Event& event : {no_results, no_seeds, FinishedEvent("sweep", "set", "content", 1),
                                 FinishedEvent("sweep", "set", "content", 0)}) {
    const v1::Agreement request = RequestFor(event, TestSae());
    EXPECT_TRUE(request.has_failure());
    EXPECT_THAT(request.failure().message(), HasSubstr("two or more"));
    EXPECT_EQ(request.sibling_set_id(), "set");
    EXPECT_EQ(request.dictionaries_size(), 0);
  }
}

TEST(ContentKeyTest, DependsOnContentAndSettingsAlone) {
  const v1::Agreement request = TestRequest("sweep", "set", "content");
  EXPECT_EQ(ContentKey(request), ContentKey(TestRequest("other sweep", "other set", "content")));
  EXPECT_NE(ContentKey(request), ContentKey(TestRequest("sweep", "set", "other content")));
  EXPECT_NE(ContentKey(request), ContentKey(TestRequest("sweep", "set", "content", 2)));
  v1::Agreement other_threshold = request;
  other_threshold.set_threshold(0.7000001);
  EXPECT_NE(ContentKey(request), ContentKey(other_threshold));
  v1::Agreement other_order = request;
  other_order.mutable_dictionaries()->SwapElements(0, 1);
  EXPECT_NE(ContentKey(request), ContentKey(other_order));
}

TEST(ContentKeyTest, WithoutAChecksumNothingIsEqualButTheSetItself) {
  v1::Agreement one = TestRequest("sweep", "set", "content");
  v1::Agreement other = TestRequest("sweep", "other set", "content");
  one.mutable_dictionaries(1)->clear_manifest_sha256();
  other.mutable_dictionaries(1)->clear_manifest_sha256();
  EXPECT_EQ(ContentKey(one), ContentKey(one));
  EXPECT_NE(ContentKey(one), ContentKey(other));
}

TEST(CheckAnswerTest, RefusesWhatDoesNotFit) {
  const v1::Agreement request = TestRequest("sweep", "set", "content");
  const v1::Agreement answer = TestAnswer(request);
  EXPECT_TRUE(CheckAnswer(request, answer).ok());

  v1::Agreement few_pairs = answer;
  few_pairs.mutable_pairs()->RemoveLast();
  EXPECT_THAT(CheckAnswer(request, few_pairs).message(), HasSubstr("3 dictionaries and 2 pairs"));
  v1::Agreement no_siblings = answer;
  no_siblings.clear_siblings();
  EXPECT_THAT(CheckAnswer(request, no_siblings).message(), HasSubstr("siblings"));
  v1::Agreement threshold = answer;
  threshold.set_threshold(0.5);
  EXPECT_THAT(CheckAnswer(request, threshold).message(), HasSubstr("threshold 0.5"));
  v1::Agreement other = answer;
  other.mutable_dictionaries(1)->set_manifest_sha256("feed");
  EXPECT_THAT(CheckAnswer(request, other).message(), HasSubstr("/artifacts/sweep/set-run-1: holds another dictionary"));
  EXPECT_FALSE(CheckAnswer(request, v1::Agreement()).ok());
}

TEST(CompleteTest, TakesTheNumbersAndNothingElse) {
  const v1::Agreement request = TestRequest("sweep", "set", "content");
  const v1::Agreement result = Complete(request, TestAnswer(TestRequest("other", "other", "content"), 0.25));
  EXPECT_EQ(result.sweep_id(), "sweep");
  EXPECT_EQ(result.dictionaries(0).path(), "/artifacts/sweep/set-run-0");
  EXPECT_EQ(result.dictionaries(0).latents(), 512);
  EXPECT_EQ(result.dictionaries(0).d_in(), 576);
  EXPECT_EQ(result.pairs_size(), 3);
  EXPECT_EQ(result.siblings().pw_mcc(), 0.25);
}

TEST(FailedTest, KeepsTheIdsAlone) {
  v1::Failure failure;
  failure.set_message("why");
  const v1::Agreement result = Failed(TestRequest("sweep", "set", "content"), failure);
  EXPECT_EQ(result.sweep_id(), "sweep");
  EXPECT_EQ(result.sibling_set_id(), "set");
  EXPECT_EQ(result.failure().message(), "why");
  EXPECT_EQ(result.sae().latents(), 512);
  EXPECT_EQ(result.dictionaries_size(), 0);
  EXPECT_EQ(result.threshold(), 0);
}

TEST(LargestGapTest, LooksAtBothSidesOfAllPairs) {
  v1::Agreement agreement;
  EXPECT_EQ(LargestGap(agreement), 0);
  agreement.add_pairs()->mutable_decoder()->set_upper_bound(0.25);
  v1::SideAlignment* encoder = agreement.add_pairs()->mutable_encoder();
  encoder->set_upper_bound(1);
  encoder->set_mean_cosine(0.5);
  EXPECT_EQ(LargestGap(agreement), 0.5);
}

}  // namespace
}  // namespace seedbed
