// Gangs that succeed, in real processes.
#include <algorithm>
#include <set>

#include "common/file.h"
#include "common/sha256.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "sae/io/safetensors.h"
#include "tests/worker/trainer/rank_process.h"
#include "tests/worker/trainer/small_model.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// Runs the gang and gives the messages that ended its runs.
std::map<std::string, v1::RunEnded> TrainInto(const TrainerFixture& fixture, const v1::TrainerSpec& spec,
                                              int world_size) {
  std::map<std::string, v1::RunEnded> all;
  for (const RankProcess& rank : RunGang(fixture, spec, world_size)) {
    for (const auto& [run_id, ended] : rank.ended()) {
      EXPECT_TRUE(all.emplace(run_id, ended).second) << run_id << " was answered twice";
    }
  }
  return all;
}

TEST(TrainerProcessTest, ThreeSeedsGiveThreeExportsOfTheSameBatches) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  for (const uint64_t seed : {0, 1, 2}) AddRun(spec, absl::StrCat("run-", seed), "layers.1", seed);
  const auto ended = TrainInto(fixture, spec, 1);

  ASSERT_THAT(ended, SizeIs(3));
  std::set<std::string> hashes, weights;
  for (const auto& [run_id, answer] : ended) {
    ASSERT_TRUE(answer.has_result()) << answer.failure().message();
    hashes.insert(answer.result().batch_hash());
    EXPECT_EQ(answer.result().steps(), 2 * 45 * 15 / 64);
    EXPECT_EQ(answer.result().tokens_harvested(), 45 * 16);
    EXPECT_GT(answer.result().metrics().fvu(), 0);
    EXPECT_LT(answer.result().metrics().fvu(), 1);
    EXPECT_NEAR(answer.result().metrics().l0(), 4, 0.5);
    const auto files = fixture.ExportOf(spec, run_id);
    std::vector<std::string> names;
    for (const auto& file : answer.result().dictionary().files()) names.push_back(file.name());
    EXPECT_THAT(names, ElementsAre("cfg.json", "sae.safetensors", "training.csv"));
    EXPECT_EQ(files.size(), 4);
    weights.insert(files.at("sae.safetensors"));
  }
  EXPECT_THAT(hashes, SizeIs(1));
  EXPECT_THAT(*hashes.begin(), SizeIs(32));
  EXPECT_THAT(weights, SizeIs(3));
}

TEST(TrainerProcessTest, WhatEarlierAttemptsStagedIsRemoved) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  spec.mutable_gang()->set_attempt(3);
  AddRun(spec, "run", "layers.1", 0);
  for (const char* attempt : {"1", "2", "3", "4"}) {
    ASSERT_TRUE(MakeFolders(fixture.Path(absl::StrCat("artifacts/sweep/run.attempt-", attempt, ".tmp/left"))).ok());
  }
  TrainInto(fixture, spec, 1);
  // A later attempt's is none of this one's business.
  EXPECT_THAT(ListFolder(fixture.Path("artifacts/sweep")).value(), ElementsAre("run", "run.attempt-4.tmp"));
}

TEST(TrainerProcessTest, RunsAreEvaluatedOnTokensThatTheyAreNotTrainedOn) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  SetSequences(spec, 30);
  spec.mutable_gang()->mutable_stream()->set_epochs(1);
  spec.mutable_gang()->mutable_evaluation()->set_sequences(5);
  spec.mutable_gang()->mutable_evaluation()->set_every_tokens(256);
  spec.mutable_gang()->mutable_evaluation()->set_held_out_rows(20);
  for (const uint64_t seed : {0, 1}) AddRun(spec, absl::StrCat("run-", seed), "layers.1", seed);
  const auto ended = TrainInto(fixture, spec, 1);

  ASSERT_THAT(ended, SizeIs(2));
  for (const auto& [run_id, answer] : ended) {
    ASSERT_TRUE(answer.has_result()) << answer.failure().message();
    const v1::EvaluationMetrics& metrics = answer.result().evaluation();
    EXPECT_EQ(metrics.tokens(), 5 * 15);
    EXPECT_EQ(metrics.trained_tokens(), 30 * 15 / 64 * 64);
    EXPECT_GT(metrics.fvu(), 0);
    EXPECT_NEAR(metrics.l0(), 4, 0.5);
    EXPECT_GT(metrics.cross_entropy(), 0);
    EXPECT_NE(metrics.cross_entropy_spliced(), metrics.cross_entropy());
    EXPECT_NE(metrics.cross_entropy_zero(), metrics.cross_entropy_mean());
    const auto files = fixture.ExportOf(spec, run_id);
    const std::string& csv = files.at("evaluation.csv");
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3);  // A header, after 256 rows, at the end.
    EXPECT_EQ(files.at("firing_frequency.npy").size(), 128 + 48 * sizeof(double));
    const auto facts = nlohmann::json::parse(files.at("manifest.json")).at("facts");
    EXPECT_EQ(facts.at("evaluation").at("tokens"), 5 * 15);
  }
  // Siblings read the same rows, which are written once.
  const v1::HeldOutRows& held_out = ended.at("run-0").result().held_out_rows();
  EXPECT_EQ(held_out.rows(), 20);
  EXPECT_EQ(held_out.path(), ended.at("run-1").result().held_out_rows().path());
  EXPECT_EQ(Sha256Hex(ReadFile(held_out.path()).value()), held_out.sha256());
  const SafetensorsFile file = SafetensorsFile::Open(held_out.path()).value();
  EXPECT_THAT(file.Find("activations")->shape, ElementsAre(20, 16));
}

TEST(TrainerProcessTest, EvaluationsGiveTheSameBytesWhateverTheRanks) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  SetSequences(spec, 40);
  spec.mutable_gang()->mutable_stream()->set_epochs(1);
  spec.mutable_gang()->mutable_evaluation()->set_sequences(5);
  spec.mutable_gang()->mutable_evaluation()->set_every_tokens(64);
  spec.mutable_gang()->mutable_evaluation()->set_held_out_rows(50);
  for (const uint64_t seed : {0, 1}) AddRun(spec, absl::StrCat("run-", seed), "layers.1", seed);
  const auto alone = TrainInto(fixture, spec, 1);
  v1::TrainerSpec together = spec;
  together.set_artifact_root(fixture.Path("together"));
  ASSERT_EQ(mkdir(together.artifact_root().c_str(), 0755), 0);
  const auto with_others = TrainInto(fixture, together, 3);
  for (const char* run_id : {"run-0", "run-1"}) {
    const auto files = fixture.ExportOf(together, run_id);
    EXPECT_EQ(files, fixture.ExportOf(spec, run_id)) << run_id;
    EXPECT_EQ(with_others.at(run_id).result().held_out_rows().sha256(),
              alone.at(run_id).result().held_out_rows().sha256());
    const std::string& csv = files.at("evaluation.csv");
    EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 40 * 15 / 64);
  }
}

TEST(TrainerProcessTest, OneToFourRanksGiveTheSameBytes) {
  TrainerFixture fixture;
  v1::TrainerSpec alone = fixture.Spec();
  for (const uint64_t seed : {0, 1}) {
    AddRun(alone, absl::StrCat("residual-", seed), "layers.0", seed);
    AddRun(alone, absl::StrCat("mlp-", seed), "layers.1.mlp", seed);
  }
  const auto ended_alone = TrainInto(fixture, alone, 1);
  ASSERT_THAT(ended_alone, SizeIs(4));
  for (const int world_size : {2, 3, 4}) {
    v1::TrainerSpec together = alone;
    together.set_artifact_root(fixture.Path(absl::StrCat("artifacts-", world_size)));
    ASSERT_EQ(mkdir(together.artifact_root().c_str(), 0755), 0);
    together.mutable_gang()->set_attempt(world_size);
    const auto ended = TrainInto(fixture, together, world_size);
    ASSERT_THAT(ended, SizeIs(4));
    for (const auto& [run_id, answer] : ended) {
      EXPECT_EQ(answer.result().batch_hash(), ended_alone.at(run_id).result().batch_hash()) << run_id;
      EXPECT_EQ(answer.result().dictionary().manifest_sha256(),
                ended_alone.at(run_id).result().dictionary().manifest_sha256());
      EXPECT_EQ(fixture.ExportOf(together, run_id), fixture.ExportOf(alone, run_id)) << run_id;
    }
  }
}

TEST(TrainerProcessTest, ASeedsResultDoesNotDependOnItsCompany) {
  TrainerFixture fixture;
  v1::TrainerSpec company = fixture.Spec();
  for (const uint64_t seed : {0, 1, 2, 3, 4}) AddRun(company, absl::StrCat("run-", seed), "layers.1", seed);
  AddRun(company, "other", "layers.0.attn", 5);
  TrainInto(fixture, company, 1);
  v1::TrainerSpec alone = fixture.Spec();
  alone.set_artifact_root(fixture.Path("scratch-2"));
  AddRun(alone, "run-1", "layers.1", 1);
  TrainInto(fixture, alone, 1);
  EXPECT_THAT(fixture.ExportOf(alone, "run-1"), SizeIs(4));
  EXPECT_EQ(fixture.ExportOf(company, "run-1"), fixture.ExportOf(alone, "run-1"));
}

TEST(TrainerProcessTest, MoreRanksThanRunsLeaveSomeThatOnlyHarvest) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  AddRun(spec, "run", "layers.1", 0);
  const std::vector<RankProcess> ranks = RunGang(fixture, spec, 2);
  EXPECT_THAT(ranks[0].ended(), SizeIs(1));
  EXPECT_THAT(ranks[1].ended(), SizeIs(0));
  const auto harvested_by = [&](const RankProcess& rank) {
    int64_t tokens = 0;
    for (const v1::RankMessage& m : rank.messages()) {
      if (m.has_stream_progress()) tokens = m.stream_progress().tokens_harvested();
    }
    return tokens;
  };
  EXPECT_GT(harvested_by(ranks[1]), 0);
  EXPECT_EQ(harvested_by(ranks[0]) + harvested_by(ranks[1]), 45 * 16);
}

TEST(TrainerProcessTest, SaysHelloFirstAndReportsTheWholeWay) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  AddRun(spec, "run", "layers.1", 0);
  const std::vector<RankProcess> ranks = RunGang(fixture, spec, 1);
  const std::vector<v1::RankMessage>& messages = ranks[0].messages();
  ASSERT_FALSE(messages.empty());
  EXPECT_GT(messages.front().hello().pid(), 0);
  EXPECT_THAT(messages.front().hello().libtorch_version(), HasSubstr("2."));
  const auto position = [&](auto has) {
    const auto reversed = std::find_if(messages.rbegin(), messages.rend(), has);
    EXPECT_NE(reversed, messages.rend());
    return messages.rend() - reversed;
  };
  const auto progress = position([](const v1::RankMessage& m) { return m.has_progress(); });
  const auto exporting = position([](const v1::RankMessage& m) { return m.has_run_exporting(); });
  const auto ended = position([](const v1::RankMessage& m) { return m.has_run_ended(); });
  EXPECT_LT(progress, exporting);
  EXPECT_LT(exporting, ended);
  const v1::RunProgress& last = messages[progress - 1].progress();
  EXPECT_EQ(last.step(), last.total_steps());
  EXPECT_EQ(last.tokens_harvested(), last.tokens_to_harvest());
  EXPECT_DOUBLE_EQ(last.seconds_left(), 0);
}

TEST(TrainerProcessTest, ManifestStatesTheFactsAndNothingOfTheAttempt) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  AddRun(spec, "run", "layers.1", 9);
  const auto ended = TrainInto(fixture, spec, 1);
  const auto files = fixture.ExportOf(spec, "run");
  const auto facts = nlohmann::json::parse(files.at("manifest.json")).at("facts");
  EXPECT_EQ(facts.at("run_id"), "run");
  EXPECT_EQ(facts.at("seed"), 9);
  EXPECT_EQ(facts.at("batch_hash"), ended.at("run").result().batch_hash());
  EXPECT_EQ(facts.at("stream").at("order"), "shuffled");
  EXPECT_EQ(facts.at("stream").at("tokens_sha256").get<std::string>().size(), 64);
  EXPECT_EQ(facts.at("convention"), "sparsify");
  EXPECT_EQ(facts.at("k"), 4);
  const auto& training = facts.at("training");
  EXPECT_EQ(training.at("decay"), "linear");
  EXPECT_EQ(training.at("optimizer").at("kind"), "adam");
  EXPECT_EQ(training.at("decoder_bias"), "mean");
  EXPECT_EQ(training.at("auxiliary_alpha"), 0.03125);
  EXPECT_EQ(training.at("compute"), "float32");
  EXPECT_EQ(training.count("sparsity_coefficient"), 0);
  EXPECT_EQ(facts.at("metrics").at("fvu"), ended.at("run").result().metrics().fvu());
  EXPECT_THAT(files.at("manifest.json"), Not(HasSubstr("attempt")));
  EXPECT_THAT(files.at("training.csv"), HasSubstr("\n21,"));
}

TEST(TrainerProcessTest, ATranscoderIsTrainedOnBothItsHookpointsWhateverTheRanks) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  AddRun(spec, "input", "layers.1.mlp_in", 0);
  AddRun(spec, "target", "layers.1.mlp", 0);
  for (const uint64_t seed : {0, 1}) {
    const std::string run_id = absl::StrCat("transcoder-", seed);
    AddRun(spec, run_id, "layers.1.mlp_in", seed);
    spec.mutable_gang()->mutable_runs()->rbegin()->mutable_sae()->set_target_hookpoint("layers.1.mlp");
  }
  const auto ended = TrainInto(fixture, spec, 1);
  ASSERT_THAT(ended, SizeIs(4));
  std::set<std::string> hashes;
  for (const auto& [run_id, answer] : ended) {
    ASSERT_TRUE(answer.has_result()) << run_id << ": " << answer.failure().message();
    EXPECT_LT(answer.result().metrics().fvu(), 1.5) << run_id;
    hashes.insert(answer.result().batch_hash());
  }
  EXPECT_THAT(hashes, SizeIs(3)) << "of the input, of the target, and of both for each transcoder";
  EXPECT_EQ(ended.at("transcoder-0").result().batch_hash(), ended.at("transcoder-1").result().batch_hash());
  const auto files = fixture.ExportOf(spec, "transcoder-0");
  const auto facts = nlohmann::json::parse(files.at("manifest.json")).at("facts");
  EXPECT_EQ(facts.at("hookpoint"), "layers.1.mlp_in");
  EXPECT_EQ(facts.at("target_hookpoint"), "layers.1.mlp");

  v1::TrainerSpec together = spec;
  together.set_artifact_root(fixture.Path("together"));
  ASSERT_EQ(mkdir(together.artifact_root().c_str(), 0755), 0);
  TrainInto(fixture, together, 3);
  EXPECT_EQ(fixture.ExportOf(together, "transcoder-0"), files);
}

// As in sparsify, whose format holds the map.
TEST(TrainerProcessTest, AnAutoencoderMayHaveASkipConnection) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  AddRun(spec, "plain", "layers.1", 3);
  AddRun(spec, "skip", "layers.1", 3);
  spec.mutable_gang()->mutable_runs(1)->mutable_sae()->set_skip(true);
  const auto ended = TrainInto(fixture, spec, 1);
  ASSERT_TRUE(ended.at("skip").has_result()) << ended.at("skip").failure().message();
  EXPECT_LT(ended.at("skip").result().metrics().fvu(), ended.at("plain").result().metrics().fvu());
  const auto files = fixture.ExportOf(spec, "skip");
  EXPECT_EQ(nlohmann::json::parse(files.at("cfg.json")).at("skip_connection"), true);
  EXPECT_THAT(files.at("sae.safetensors"), HasSubstr("\"W_skip\""));
  EXPECT_EQ(nlohmann::json::parse(files.at("manifest.json")).at("facts").at("training").at("skip"), true);
}

// 21 steps at hardly any rate leave the SAE as dense as it began.
TEST(TrainerProcessTest, ATargetThatWasMissedIsReported) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  AddRun(spec, "run", "layers.1", 3);
  v1::SaeSpec& sae = *spec.mutable_gang()->mutable_runs(0)->mutable_sae();
  sae.set_architecture("relu");
  sae.set_convention(v1::CONVENTION_DICTIONARY_LEARNING);
  sae.clear_k();
  sae.clear_auxiliary_alpha();
  sae.set_target_l0(2);
  sae.set_sparsity_coefficient(0.1);
  sae.set_learning_rate(1e-9);
  const v1::RunResult result = TrainInto(fixture, spec, 1).at("run").result();
  EXPECT_TRUE(result.target_l0_missed());
  EXPECT_GT(result.reached_l0(), 4);
  const auto facts = nlohmann::json::parse(fixture.ExportOf(spec, "run").at("manifest.json")).at("facts");
  EXPECT_EQ(facts.at("metrics").at("reached_l0"), result.reached_l0());
  EXPECT_EQ(facts.at("metrics").at("target_l0_missed"), true);
  EXPECT_EQ(facts.at("training").at("target_l0"), 2);
}

// Nothing is learnt in a step of almost no length, so what comes out is what was started from.
TEST(TrainerProcessTest, StartsFromADictionary) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  AddRun(spec, "first", "layers.1", 3);
  const double trained_fvu = TrainInto(fixture, spec, 1).at("first").result().metrics().fvu();
  v1::TrainerSpec again = fixture.Spec();
  AddRun(again, "second", "layers.1", 4);
  v1::SaeSpec& sae = *again.mutable_gang()->mutable_runs(0)->mutable_sae();
  sae.set_init_from(fixture.Path("artifacts/sweep/first"));
  sae.set_learning_rate(1e-12);
  const v1::RunMetrics metrics = TrainInto(fixture, again, 1).at("second").result().metrics();
  EXPECT_LT(metrics.fvu(), trained_fvu) << "the mean over an epoch in which it still learnt";
  const auto facts = nlohmann::json::parse(fixture.ExportOf(again, "second").at("manifest.json")).at("facts");
  EXPECT_EQ(facts.at("training").at("init_from"), sae.init_from());
}

// The weights of a dictionary trained with the stream changed by `change`, in an artifact root of its own.
std::string WeightsWith(const TrainerFixture& fixture, const std::string& root,
                        const std::function<void(v1::TrainerSpec&)>& change) {
  v1::TrainerSpec spec = fixture.Spec();
  spec.set_artifact_root(fixture.Path(root));
  EXPECT_EQ(mkdir(spec.artifact_root().c_str(), 0755), 0);
  AddRun(spec, "run", "layers.1", 3);
  change(spec);
  TrainInto(fixture, spec, 1);
  return fixture.ExportOf(spec, "run")["sae.safetensors"];
}

TEST(TrainerProcessTest, ACacheChangesNoByteAndSavesTheHarvest) {
  TrainerFixture fixture;
  const std::string live = WeightsWith(fixture, "live", [](v1::TrainerSpec&) {});
  const auto with_cache = [&](v1::TrainerSpec& spec) {
    spec.mutable_gang()->mutable_cache()->set_dir(fixture.Path("cache"));
    spec.mutable_gang()->mutable_cache()->set_max_bytes(1 << 30);
  };
  EXPECT_EQ(WeightsWith(fixture, "filling", with_cache), live);
  v1::TrainerSpec spec = fixture.Spec();
  with_cache(spec);
  AddRun(spec, "run", "layers.1", 3);
  const auto ended = TrainInto(fixture, spec, 2);
  EXPECT_EQ(ended.at("run").result().tokens_harvested(), 0);
  EXPECT_EQ(fixture.ExportOf(spec, "run").at("sae.safetensors"), live);
}

TEST(TrainerProcessTest, ACacheOfAnotherModelIsNotUsed) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  spec.mutable_gang()->mutable_cache()->set_dir(fixture.Path("cache"));
  spec.mutable_gang()->mutable_cache()->set_max_bytes(1 << 30);
  AddRun(spec, "run", "layers.0", 3);
  TrainInto(fixture, spec, 1);
  OverflowTensor(fixture.Path("model"), "model.layers.2.mlp.down_proj.weight");  // Not of what is harvested.
  spec.mutable_gang()->set_attempt(2);
  const auto ended = TrainInto(fixture, spec, 1);
  EXPECT_EQ(ended.at("run").result().tokens_harvested(), 45 * 16);
}

// Whoever reads the export need not know that training saw scaled rows: the scale is folded into it.
TEST(TrainerProcessTest, NormalizedTrainingExportsADictionaryOfRowsAsTheyAre) {
  TrainerFixture fixture;
  v1::TrainerSpec spec = fixture.Spec();
  spec.mutable_gang()->mutable_stream()->set_normalize(v1::NORMALIZATION_MEAN_SQUARE);
  spec.mutable_gang()->mutable_stream()->set_normalize_rows(200);
  AddRun(spec, "run", "layers.1", 3);
  const auto ended = TrainInto(fixture, spec, 1);
  const auto facts = nlohmann::json::parse(fixture.ExportOf(spec, "run").at("manifest.json")).at("facts");
  EXPECT_GT(facts.at("stream").at("scale").get<double>(), 0);
  EXPECT_NE(facts.at("stream").at("scale").get<double>(), 1);
  EXPECT_LT(ended.at("run").result().metrics().fvu(), 1);
}

}  // namespace
}  // namespace seedbed
