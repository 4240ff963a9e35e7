// How what the daemons say looks to a user: pure functions of messages.
#include <sstream>
#include <string>

#include "client/agreement_report.h"
#include "client/format.h"
#include "client/outcome.h"
#include "client/progress.h"
#include "client/run_table.h"
#include "client/stream_facts.h"
#include "client/sweep_view.h"
#include "client/table.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace seedbed {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

TEST(Table, AlignsColumnsByWhatIsSeen) {
  Table table({{"NAME"}, {"N", Table::Align::kRight}, {"REMARK"}});
  table.AddRow({"± sd", "1", ""});
  table.AddRow({"mean", "1,000", "two\nlines"});
  EXPECT_EQ(table.ToString(2),
            "  NAME      N  REMARK\n"
            "  ± sd      1\n"
            "  mean  1,000  two lines\n");
}

TEST(Table, FillsShortRows) {
  Table table({{"A"}, {"B"}});
  table.AddRow({"1"});
  EXPECT_EQ(table.ToString(), "A  B\n1\n");
}

TEST(Format, Numbers) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(131072), "131,072");
  EXPECT_EQ(FormatCount(-1000), "-1,000");
  EXPECT_EQ(FormatFixed(0.16549, 3), "0.165");
  EXPECT_EQ(FormatFixed(std::numeric_limits<double>::quiet_NaN(), 3), "-");
}

TEST(Format, Durations) {
  EXPECT_EQ(FormatElapsed(absl::Milliseconds(400)), "0.4 s");
  EXPECT_EQ(FormatElapsed(absl::Seconds(45)), "45 s");
  EXPECT_EQ(FormatElapsed(absl::Seconds(200)), "3 min 20 s");
  EXPECT_EQ(FormatElapsed(absl::Minutes(125)), "2 h 05 min");
  EXPECT_EQ(FormatElapsed(-absl::Seconds(1)), "-");
  EXPECT_EQ(FormatElapsed(absl::InfiniteDuration()), "-");
}

TEST(Format, FailuresAreOneLine) {
  EXPECT_EQ(FormatFailure(Parse<v1::Failure>("kind: FAILURE_KIND_RANK_DIED message: 'a\\n  b\\n\\n'")),
            "rank died: a; b");
}

TEST(Format, JsonKeepsFieldNamesAndZeros) {
  const std::string json = ToJson(Parse<v1::RunResult>("steps: 0 batch_hash: 'ab'"));
  EXPECT_THAT(json, HasSubstr("\"batch_hash\": \"ab\""));
  EXPECT_THAT(json, HasSubstr("\"steps\": \"0\""));
}

TEST(RateMeter, MeasuresOverItsWindowAndStartsAfresh) {
  RateMeter meter;
  EXPECT_EQ(meter.PerSecond(), 0);
  meter.Add(absl::Seconds(1), 100);
  EXPECT_EQ(meter.PerSecond(), 0);
  meter.Add(absl::Seconds(3), 300);
  EXPECT_DOUBLE_EQ(meter.PerSecond(), 100);
  meter.Add(absl::Seconds(33), 30'300);  // The first sample is out of the window by now.
  EXPECT_DOUBLE_EQ(meter.PerSecond(), 1000);
  meter.Add(absl::Seconds(34), 0);  // A new attempt counts from nothing.
  EXPECT_EQ(meter.PerSecond(), 0);
}

v1::Event Submitted() {
  return Parse<v1::Event>(R"(
    number: 3 sweep_id: "s1" sweep_submitted {
      runs { run_id: "r0" gang_id: "g" sibling_set_id: "b" sae { hookpoint: "layers.9" architecture: "topk" latents: 512 k: 16 seed: 0 } }
      runs { run_id: "r1" gang_id: "g" sibling_set_id: "b" sae { hookpoint: "layers.9" architecture: "topk" latents: 512 k: 16 seed: 1 } }
      gangs { gang_id: "g" run_ids: [ "r0", "r1" ] }
      sibling_sets { sibling_set_id: "b" run_ids: [ "r0", "r1" ] }
    })");
}

class SweepViewTest : public testing::Test {
 protected:
  SweepViewTest() { view_.Apply(Submitted()); }

  void Apply(int64_t number, const std::string& body) {
    v1::Event event = Parse<v1::Event>(body);
    event.set_number(number);
    view_.Apply(event);
  }
  void Progress(const std::string& text, absl::Duration now) { view_.Apply(Parse<v1::RunProgress>(text), now); }
  GangProgress Gang() const { return view_.ProgressOf(view_.gangs()[0]); }

  SweepView view_;
};

TEST_F(SweepViewTest, FollowsAGangThroughItsPhases) {
  EXPECT_EQ(Gang().phase, GangPhase::kQueued);
  Apply(4, "gang_placed { gang_id: 'g' attempt: 1 }");
  EXPECT_EQ(Gang().phase, GangPhase::kStarting);
  Progress("run_id: 'r0' tokens_harvested: 1000 tokens_to_harvest: 4000 seconds_left: -1", absl::Seconds(0));
  EXPECT_EQ(Gang().phase, GangPhase::kHarvesting);
  Progress("run_id: 'r0' tokens_harvested: 3000 tokens_to_harvest: 4000 seconds_left: -1", absl::Seconds(2));
  EXPECT_DOUBLE_EQ(Gang().tokens_per_second, 1000);
  EXPECT_LT(Gang().seconds_left, 0);
  EXPECT_LT(Gang().fvu, 0);
  Apply(5, "runs_advanced { gang_id: 'g' attempt: 1 run_ids: [ 'r0', 'r1' ] state: RUN_STATE_TRAINING }");
  for (const char* run : {"r0", "r1"}) {
    Progress(std::string("run_id: '") + run +
                 "' step: 20 total_steps: 80 tokens_harvested: 4000 tokens_to_harvest: 4000 seconds_left: 60 "
                 "metrics { fvu: 0.5 }",
             absl::Seconds(3));
  }
  Progress(
      "run_id: 'r1' step: 10 total_steps: 80 tokens_harvested: 4000 tokens_to_harvest: 4000 seconds_left: 70 "
      "metrics { fvu: 0.3 }",
      absl::Seconds(3));
  EXPECT_EQ(Gang().phase, GangPhase::kTraining);
  EXPECT_EQ(Gang().step, 10);
  EXPECT_DOUBLE_EQ(Gang().fvu, 0.4);
  EXPECT_EQ(Gang().seconds_left, 70);
  Apply(6, "runs_advanced { gang_id: 'g' attempt: 1 run_ids: [ 'r0', 'r1' ] state: RUN_STATE_EXPORTING }");
  EXPECT_EQ(Gang().phase, GangPhase::kExporting);
  Apply(7, "run_succeeded { run_id: 'r0' }");
  EXPECT_FALSE(view_.ended());
  Apply(8, "run_failed { run_id: 'r1' }");
  EXPECT_TRUE(view_.ended());
  EXPECT_EQ(Gang().phase, GangPhase::kEnded);
}

TEST_F(SweepViewTest, ALostAttemptStartsAfresh) {
  Apply(4, "gang_placed { gang_id: 'g' attempt: 1 }");
  Progress("run_id: 'r0' step: 5 total_steps: 80 tokens_harvested: 4000 tokens_to_harvest: 4000", absl::Seconds(0));
  Apply(5, "run_succeeded { run_id: 'r1' }");
  Apply(6, "gang_attempt_ended { gang_id: 'g' attempt: 1 failure { kind: FAILURE_KIND_RANK_DIED } }");
  EXPECT_EQ(Gang().phase, GangPhase::kQueued);
  EXPECT_EQ(Gang().live_runs, 1u);
  EXPECT_EQ(Gang().step, 0);
}

TEST_F(SweepViewTest, RepeatedAndStrangeUpdatesChangeNothing) {
  Apply(4, "run_succeeded { run_id: 'r0' }");
  EXPECT_FALSE(view_.Apply(Submitted()));  // Number 3 was applied.
  EXPECT_EQ(view_.gangs().size(), 1u);
  Progress("run_id: 'unheard-of' step: 5", absl::Seconds(0));
  Progress("run_id: 'r0' step: 5 total_steps: 9", absl::Seconds(0));  // It has ended.
  Apply(5, "gang_placed { gang_id: 'unheard-of' }");
  Apply(6, "run_failed { run_id: 'unheard-of' }");
  EXPECT_EQ(Gang().total_steps, 0);
  EXPECT_EQ(Gang().live_runs, 1u);
  EXPECT_EQ(view_.last_event(), 6);
}

TEST_F(SweepViewTest, CancelEndsEveryRun) {
  Apply(4, "sweep_cancelled {}");
  EXPECT_TRUE(view_.ended());
  EXPECT_TRUE(view_.cancelled());
}

TEST_F(SweepViewTest, AHeldRunIsInNoAttempt) {
  Apply(4, "runs_held { run_ids: 'r0' }");
  Apply(5, "gang_placed { gang_id: 'g' attempt: 1 }");
  EXPECT_EQ(view_.FindRun("r0")->state(), v1::RUN_STATE_HELD);
  EXPECT_EQ(view_.FindRun("r1")->state(), v1::RUN_STATE_PLACED);
  Apply(6, "gang_attempt_ended { gang_id: 'g' }");
  EXPECT_EQ(view_.FindRun("r0")->state(), v1::RUN_STATE_HELD);
  Apply(7, "runs_resumed { run_ids: 'r0' }");
  EXPECT_EQ(view_.FindRun("r0")->state(), v1::RUN_STATE_QUEUED);
  Apply(8, "run_failed { run_id: 'r0' }");
  Apply(9, "runs_retried { run_ids: 'r0' }");
  Apply(10, "runs_cancelled { run_ids: 'r0' run_ids: 'r1' }");
  EXPECT_TRUE(view_.ended());
}

TEST(SweepView, NothingIsEndedBeforeTheFirstEvent) { EXPECT_FALSE(SweepView().ended()); }

TEST(Progress, LinesOfEachPhase) {
  GangProgress progress;
  EXPECT_EQ(FormatProgress(progress, 10, 80), "queued");
  progress.phase = GangPhase::kHarvesting;
  progress.tokens_harvested = 45'056;
  progress.tokens_to_harvest = 131'072;
  progress.tokens_per_second = 1190.4;
  EXPECT_EQ(FormatProgress(progress, 10, 120),
            "harvesting  [===>      ]  34 %  45,056/131,072 tokens  1,190 tokens/s  1 min 12 s left to harvest");
  progress.phase = GangPhase::kTraining;
  progress.step = 2100;
  progress.total_steps = 4080;
  progress.fvu = 0.17123;
  progress.seconds_left = 200;
  EXPECT_EQ(FormatProgress(progress, 10, 120),
            "training    [=====>    ]  51 %  step 2,100/4,080  FVU 0.1712  3 min 20 s left");
  EXPECT_EQ(FormatProgress(progress, 0, 120), "training    step 2,100/4,080  FVU 0.1712  3 min 20 s left");
  EXPECT_EQ(FormatProgress(progress, 10, 20), "training    [=====> ");
  progress.resumed_step = 1024;
  EXPECT_EQ(FormatProgress(progress, 0, 120),
            "training    step 2,100/4,080  resumed at step 1,024  FVU 0.1712  3 min 20 s left");
  progress.phase = GangPhase::kExporting;
  progress.step = progress.total_steps;
  progress.seconds_left = 0;
  EXPECT_THAT(FormatProgress(progress, 10, 120), HasSubstr("[==========] 100 %"));
}

TEST(Progress, OneLineAGangAndTheRestCounted) {
  v1::Event event;
  event.set_number(1);
  for (int i = 0; i < 11; ++i) {
    v1::Gang& gang = *event.mutable_sweep_submitted()->add_gangs();
    gang.set_gang_id(std::to_string(i));
    gang.add_run_ids("r" + std::to_string(i));
    event.mutable_sweep_submitted()->add_runs()->set_run_id("r" + std::to_string(i));
  }
  SweepView view;
  view.Apply(event);
  const auto lines = ProgressLines(view, 0, 200);
  ASSERT_EQ(lines.size(), 9u);
  EXPECT_EQ(lines[0], "gang 1 of 11, 1 run  queued");
  EXPECT_EQ(lines[8], "and 3 more gangs");
}

TEST_F(SweepViewTest, EventsInAUsersWords) {
  EXPECT_EQ(FormatEvent(view_, Submitted()), "2 runs in 1 gang, 1 sibling set");
  EXPECT_EQ(FormatEvent(view_, Parse<v1::Event>("gang_placed { gang_id: 'g' attempt: 2 placements { worker: 'w' slot: "
                                                "'cpu:0' } placements { worker: 'w' slot: 'cpu:1' } }")),
            "gang 1 of 1: attempt 2 on w/cpu:0, w/cpu:1");
  EXPECT_EQ(FormatEvent(view_, Parse<v1::Event>("run_succeeded { run_id: 'r1' result { batch_hash: 'ab' metrics { fvu: "
                                                "0.165 l0: 15.96 dead_fraction: 0.006 } } }")),
            "run r1 (layers.9 topk, 512 latents, k 16, seed 1): succeeded, FVU 0.1650, dead 0.6 %, batches ab");
  EXPECT_EQ(
      FormatEvent(
          view_, Parse<v1::Event>("time_unix_ms: 1000 gang_attempt_ended { gang_id: 'g' attempt: 1 not_before_unix_ms: "
                                  "3000 failure { kind: FAILURE_KIND_RANK_DIED message: 'killed' } }")),
      "gang 1 of 1: attempt 1 ended: rank died: killed; next attempt in 2.0 s");
  EXPECT_THAT(FormatEvent(view_, Parse<v1::Event>("gang_attempt_ended { gang_id: 'g' attempt: 1 }")), IsEmpty());
  EXPECT_THAT(FormatEvent(view_, v1::Event()), IsEmpty());
}

TEST_F(SweepViewTest, ARunThatMissedItsTargetSaysSoAsItEnds) {
  v1::Event submitted = Submitted();
  v1::SaeSpec& sae = *submitted.mutable_sweep_submitted()->mutable_runs(1)->mutable_sae();
  sae.set_architecture("relu");
  sae.clear_k();
  sae.set_target_l0(16);
  SweepView view;
  view.Apply(submitted);
  const auto line = [&](const char* rest) {
    return FormatEvent(view, Parse<v1::Event>(absl::StrCat("run_succeeded { run_id: 'r1' result { batch_hash: 'ab' ",
                                                           "metrics { fvu: 0.165 l0: 15.96 } ", rest, " } }")));
  };
  EXPECT_THAT(line("reached_l0: 15.9"), HasSubstr("succeeded, FVU 0.1650, L0 16.0, dead"));
  EXPECT_THAT(line("reached_l0: 20 target_l0_missed: true"), HasSubstr("succeeded, FVU 0.1650, L0 20.0, not 16, dead"));
}

TEST(ProgressPrinter, RedrawsOnATerminalOnly) {
  std::ostringstream terminal, pipe;
  ProgressPrinter on_terminal(terminal, true), in_pipe(pipe, false);
  for (ProgressPrinter* printer : {&on_terminal, &in_pipe}) {
    printer->Draw({"one", "two"});
    printer->Print("line");
    printer->Draw({"three"});
  }
  EXPECT_EQ(terminal.str(), "one\ntwo\n\x1b[2A\r\x1b[Jline\nthree\n");
  EXPECT_EQ(pipe.str(), "line\n");
}

constexpr char kAgreement[] = R"(
  sibling_set_id: "b" threshold: 0.7 same_batches: true
  sae { hookpoint: "layers.9" architecture: "topk" latents: 512 k: 16 }
  dictionaries { seed: 0 } dictionaries { seed: 7 }
  pairs {
    a: 0 b: 1 encoder_decoder_equal: 0.81 shared_strict: 0.195 shared_aligned: 0.2
    decoder { mean_cosine: 0.64 mmcs_ab: 0.6 mmcs_ba: 0.8 certified: true }
    encoder { mean_cosine: 0.52 certified: true }
  }
  siblings {
    pw_mcc: 0.64 sharing_counts: [ 412.2, 99.8 ]
    decoder_mean_cosine { mean: 0.64 sd: 0.01 } mmcs { mean: 0.7 }
  })";

TEST(AgreementReport, ShowsPairsSummaryAndSharing) {
  EXPECT_EQ(FormatAgreement(Parse<v1::Agreement>(kAgreement)),
            "layers.9 topk, 512 latents, k 16: seeds 0, 7, same batches: yes\n"
            "  SEEDS  DECODER COSINE  ENCODER COSINE    MMCS   EQUAL  SHARED STRICT  SHARED ALIGNED  CERTIFIED\n"
            "  0 - 7          0.6400          0.5200  0.7000  0.8100         0.1950          0.2000  yes\n"
            "  mean           0.6400          0.0000  0.7000  0.0000         0.0000          0.0000\n"
            "  ± sd           0.0100          0.0000  0.0000  0.0000         0.0000          0.0000\n"
            "  PW-MCC 0.6400; shared at a cosine of 0.70\n"
            "  latents of a dictionary found in exactly m of the 2 dictionaries: 412.2 in 1, 99.8 in 2\n");
}

TEST(AgreementReport, SaysWhatIsWrong) {
  v1::Agreement agreement = Parse<v1::Agreement>(kAgreement);
  agreement.set_same_batches(false);
  agreement.mutable_pairs(0)->mutable_encoder()->set_certified(false);
  agreement.mutable_pairs(0)->set_b(9);
  EXPECT_THAT(FormatAgreement(agreement), HasSubstr("same batches: NO"));
  EXPECT_THAT(FormatAgreement(agreement), HasSubstr("0 - #9"));
  EXPECT_THAT(FormatAgreement(agreement), HasSubstr("  NO\n"));
  EXPECT_EQ(
      FormatAgreement(Parse<v1::Agreement>("sibling_set_id: 'b' failure { kind: FAILURE_KIND_IO message: 'gone' }")),
      "sibling set b: no agreement: io: gone\n");
  EXPECT_THAT(FormatAgreements({}), HasSubstr("no agreement yet"));
  EXPECT_THAT(FormatAgreements(Parse<v1::ListAgreementsResponse>("pending_sibling_set_ids: 'b'")),
              HasSubstr("1 sibling set is still being compared"));
}

// Dictionaries of anyone, which have no seeds to be named by.
TEST(AgreementReport, ListsDictionariesThatAreNoSiblings) {
  const std::string report = FormatAgreement(Parse<v1::Agreement>(R"(
    threshold: 0.7
    dictionaries { path: "/x/a" architecture: "topk" latents: 512 }
    dictionaries { path: "/x/b" architecture: "gated" latents: 1024 }
    pairs { a: 0 b: 1 decoder { certified: true } encoder { certified: true } }
    siblings { functional_correlation { mean: 0.5 } }
    batch_hashes: "" batch_hashes: ""
    warnings: "the model of /x/b is two, that of /x/a is one")"));
  EXPECT_THAT(report, StartsWith("#0 /x/a: topk, 512 latents\n#1 /x/b: gated, 1,024 latents\n"
                                 "WARNING: the model of /x/b is two, that of /x/a is one\n"
                                 "  PAIR     DECODER COSINE"));
  EXPECT_THAT(report, HasSubstr("  #0 - #1 "));
  EXPECT_THAT(report, HasSubstr("on held-out rows correlate by 0.5000 on average\n"));
  EXPECT_THAT(report, Not(HasSubstr("same batches"))) << "which is not known";
}

SweepOutcome OutcomeOf(const std::string& sweep, const std::string& runs, const std::string& agreements) {
  return {Parse<v1::Sweep>("sweep_id: 's' " + sweep), Parse<v1::ListRunsResponse>(runs),
          Parse<v1::ListAgreementsResponse>(agreements)};
}

constexpr char kTwoSucceeded[] =
    "runs { run_id: 'r0' sibling_set_id: 'b' state: RUN_STATE_SUCCEEDED result { dictionary { path: '/x/r0' } } }"
    "runs { run_id: 'r1' sibling_set_id: 'b' state: RUN_STATE_SUCCEEDED result { dictionary { path: '/x/r1' } } }";

std::string FactsOf(const std::string& sweep_text) {
  std::string text;
  for (const Fact& fact : StreamFacts(Parse<v1::Sweep>(sweep_text))) {
    absl::StrAppend(&text, fact.name, ": ", fact.value, "\n");
  }
  return text;
}

TEST(StreamFacts, TellsAllOfAMixtureWithACache) {
  EXPECT_EQ(
      FactsOf("spec { sae { hookpoints: ['layers.0.mlp', 'layers.1.mlp'] } } gangs { stream { model_path: '/m' "
              "model_dtype: FLOAT_TYPE_BFLOAT16 tokens { path: '/a.bin' sequences: 3000 } tokens { path: '/b.bin' "
              "sequences: 1 } sequence_length: 256 exclude_first: 1 exclude_tokens: [0, 7] padding_token: 2 "
              "rows_per_epoch: 130560 epochs: 8 batch_tokens: 256 dtype: FLOAT_TYPE_FLOAT16 normalize: "
              "NORMALIZATION_MEAN_SQUARE normalize_rows: 65536 } cache { dir: '/c' max_bytes: 1000000 } }"),
      "model: /m, in bfloat16\n"
      "hookpoints: layers.0.mlp, layers.1.mlp\n"
      "tokens: sequences of 256: 3,000 of /a.bin, 1 of /b.bin\n"
      "left out: the first 1 of a sequence; tokens 0, 7; padding with 2\n"
      "rows: 130,560 an epoch; 4,080 steps of 256 in 8 epochs\n"
      "row type: float16\n"
      "normalized: mean square, from the first 65,536 rows\n"
      "cache: /c, at most 1,000,000 bytes\n");
}

TEST(StreamFacts, LeavesOutWhatThereIsNot) {
  EXPECT_EQ(FactsOf("gangs { stream { folder_path: '/rows' rows_per_epoch: 10 epochs: 1 batch_tokens: 5 } }"),
            "folder: /rows\nrows: 10 an epoch; 2 steps of 5 in 1 epoch\n");
  EXPECT_EQ(FactsOf("gangs { stream { model_path: '/m' } }"), "model: /m, in what the device is best at\n");
  EXPECT_EQ(FactsOf(""), "");
}

TEST(StreamFacts, NamesTranscodersByTheirTwoEnds) {
  EXPECT_EQ(FactsOf("spec { sae { transcoders { input: 'layers.9.mlp_in' target: 'layers.9.mlp' } } }"),
            "transcoders: layers.9.mlp_in -> layers.9.mlp\n");
}

TEST(StreamFacts, ALongListIsCut) {
  std::string hookpoints;
  for (int i = 0; i < 20; ++i) absl::StrAppend(&hookpoints, "hookpoints: 'h", i, "' ");
  EXPECT_THAT(FactsOf(absl::StrCat("spec { sae { ", hookpoints, "} }")), HasSubstr("h11 and 8 more\n"));
}

std::string SaeLine(const std::string& sae) { return FormatSae(Parse<v1::SaeSpec>(sae)); }

TEST(FormatSae, NamesWhatDecidesTheSparsityAndAConventionThatIsNotTheDefault) {
  EXPECT_EQ(SaeLine("hookpoint: 'layers.9' architecture: 'topk' latents: 4608 k: 32 convention: CONVENTION_SPARSIFY"),
            "layers.9 topk, 4,608 latents, k 32");
  EXPECT_EQ(SaeLine("hookpoint: 'layers.9' architecture: 'topk' latents: 512 k: 32 convention: CONVENTION_SAELENS"),
            "layers.9 topk (saelens), 512 latents, k 32");
  EXPECT_EQ(SaeLine("hookpoint: 'layers.9' architecture: 'relu' latents: 512 convention: "
                    "CONVENTION_DICTIONARY_LEARNING target_l0: 31.5 sparsity_coefficient: 0.1"),
            "layers.9 relu, 512 latents, L0 31.5");
  EXPECT_EQ(SaeLine("hookpoint: 'layers.9.mlp_in' target_hookpoint: 'layers.9.mlp' architecture: 'jumprelu' latents: "
                    "512 convention: CONVENTION_DICTIONARY_LEARNING sparsity_coefficient: 0.5"),
            "layers.9.mlp_in -> layers.9.mlp jumprelu (dictionary_learning), 512 latents, coefficient 0.5");
}

TEST(RunTable, ShowsTheLatestMetricsOfEveryRun) {
  const std::string text = FormatRuns(Parse<v1::ListRunsResponse>(
      "runs { run_id: 'r0' state: RUN_STATE_SUCCEEDED attempt: 1 sae { hookpoint: 'layers.9' architecture: 'topk' "
      "latents: 8 k: 2 } result { steps: 40 batch_hash: 'abcdefghijk' dictionary { path: '/x/r0' } "
      "metrics { fvu: 0.25 l0: 1.94 loss: 0.26 dead_fraction: 0.5 } } }"
      "runs { run_id: 'r1' state: RUN_STATE_TRAINING attempt: 2 sae { hookpoint: 'a' target_hookpoint: 'b' "
      "architecture: 'relu' latents: 8 target_l0: 4 seed: 1 } progress { step: 7 total_steps: 40 metrics { fvu: 0.5 "
      "l0: 3 loss: 12 } } }"
      "runs { run_id: 'r2' state: RUN_STATE_QUEUED sae { hookpoint: 'a' architecture: 'topk' latents: 8 k: 2 } }"));
  EXPECT_EQ(text,
            "RUN  HOOKPOINT  ARCHITECTURE  LATENTS  SPARSITY  SEED  STATE      ATTEMPT  STEP     FVU   L0     LOSS  "
            "DEAD %  BATCHES   EXPORT OR FAILURE\n"
            "r0   layers.9   topk                8  k 2          0  succeeded        1    40  0.2500  1.9   0.2600  "
            "  50.0  abcdefgh  /x/r0\n"
            "r1   a -> b     relu                8  L0 4         1  training         2  7/40  0.5000  3.0  12.0000  "
            "   0.0  -\n"
            "r2   a          topk                8  k 2          0  queued           0     -       -    -        -  "
            "     -  -\n");
}

TEST(RunTable, SaysWhereARunGoesOnFromAndWhatCameBefore) {
  const std::string text = FormatRuns(Parse<v1::ListRunsResponse>(
      "runs { run_id: 'r0' state: RUN_STATE_TRAINING progress { step: 1030 resumed_step: 1024 } "
      "failure { kind: FAILURE_KIND_RANK_DIED message: 'gone' } }"
      "runs { run_id: 'r1' state: RUN_STATE_FAILED progress { step: 1030 resumed_step: 1024 } "
      "failure { kind: FAILURE_KIND_RANK_DIED message: 'gone' } }"));
  EXPECT_THAT(text, HasSubstr("  resumed at step 1,024 after rank died: gone\n"));
  EXPECT_THAT(text, HasSubstr("  rank died: gone\n"));
}

TEST(RunTable, ShowsWhatWasMeasuredOnHeldOutTokensAndMissedTargets) {
  const std::string text = FormatExports(Parse<v1::ListRunsResponse>(
      "runs { run_id: 'r0' state: RUN_STATE_SUCCEEDED result { dictionary { path: '/x/r0' } metrics { fvu: 0.25 l0: "
      "32.1 } evaluation { fvu: 0.375 loss_recovered_zero: 0.984 } reached_l0: 32.1 } sae { target_l0: 32 } }"
      "runs { run_id: 'r1' state: RUN_STATE_SUCCEEDED result { dictionary { path: '/x/r1' } metrics { fvu: 0.25 l0: "
      "50 } reached_l0: 45.06 target_l0_missed: true } sae { hookpoint: 'layers.9' architecture: 'gated' latents: 512 "
      "target_l0: 32 seed: 1 } }"
      "runs { run_id: 'r2' state: RUN_STATE_FAILED }"));
  EXPECT_EQ(text,
            "RUN  SEED     FVU            L0    LOSS  DEAD %  HELD-OUT FVU  LOSS RECOVERED %  EXPORT\n"
            "r0      0  0.2500          32.1  0.0000     0.0        0.3750              98.4  /x/r0\n"
            "r1      1  0.2500  45.1, not 32  0.0000     0.0             -                 -  /x/r1\n"
            "TARGET L0 MISSED: run r1 (layers.9 gated, 512 latents, L0 32, seed 1) came to 45.1\n");
  EXPECT_EQ(FormatExports(Parse<v1::ListRunsResponse>("runs { state: RUN_STATE_FAILED }")), "");
}

TEST(Outcome, SucceedsWithEveryAgreementThatIsExpected) {
  const SweepOutcome good = OutcomeOf("state: SWEEP_STATE_SUCCEEDED submitted_unix_ms: 1000 ended_unix_ms: 201000",
                                      kTwoSucceeded, "agreements { sibling_set_id: 'b' }");
  EXPECT_TRUE(OutcomeStatus(good).ok()) << OutcomeStatus(good);
  EXPECT_THAT(FormatOutcome(good), HasSubstr("/x/r1"));
  EXPECT_THAT(FormatOutcome(good), HasSubstr("sweep s succeeded in 3 min 20 s: 2 of 2 runs succeeded\n"));
  const SweepOutcome single =
      OutcomeOf("state: SWEEP_STATE_SUCCEEDED", "runs { state: RUN_STATE_SUCCEEDED sibling_set_id: 'b' }", "");
  EXPECT_TRUE(OutcomeStatus(single).ok());
  EXPECT_THAT(ExpectedAgreements(single), IsEmpty());
}

TEST(Outcome, FailsInOneLineThatGroupsEqualFailures) {
  const std::string failed =
      " state: RUN_STATE_FAILED sae { hookpoint: 'layers.9' architecture: 'topk' latents: 8 k: 2 } failure { ";
  const SweepOutcome bad = OutcomeOf(
      "state: SWEEP_STATE_FAILED",
      "runs { run_id: 'r0'" + failed + "kind: FAILURE_KIND_USER_ERROR message: 'no model' log_tail: 'x' } }" +
          "runs { run_id: 'r1'" + failed + "kind: FAILURE_KIND_USER_ERROR message: 'no model' log_tail: 'x' } }" +
          "runs { run_id: 'r2'" + failed + "kind: FAILURE_KIND_RANK_DIED message: 'killed' log_tail: 'last words' } }",
      "");
  EXPECT_EQ(OutcomeStatus(bad).message(),
            "sweep s did not succeed: run r2 (layers.9 topk, 8 latents, k 2, seed 0): rank died: killed; 2 runs: user "
            "error: no model");
  EXPECT_EQ(FormatLogTails(bad),
            "last lines of rank 0 of run r2 (layers.9 topk, 8 latents, k 2, seed 0):\n  | last words\n");
}

TEST(Outcome, AMismatchOfBatchesComesFirstAndLoud) {
  const SweepOutcome bad = OutcomeOf(
      "state: SWEEP_STATE_FAILED",
      "runs { run_id: 'r0' state: RUN_STATE_FAILED failure { kind: FAILURE_KIND_NOT_FINITE message: 'NaN' } sae { "
      "hookpoint: 'layers.9' architecture: 'topk' latents: 8 k: 2 } } "
      "runs { run_id: 'r1' state: RUN_STATE_FAILED failure { kind: FAILURE_KIND_BATCH_MISMATCH message: 'run r1 was "
      "trained on batches aa, but run r2 on bb' } sae { hookpoint: 'layers.9' architecture: 'topk' latents: 8 k: 2 } }",
      "");
  EXPECT_EQ(
      OutcomeStatus(bad).message(),
      "sweep s did not succeed: run r1 (layers.9 topk, 8 latents, k 2, seed 0): BATCH MISMATCH: run r1 was trained "
      "on batches aa, but run r2 on bb; run r0 (layers.9 topk, 8 latents, k 2, seed 0): not finite: NaN");
}

TEST(Outcome, FailsWithoutAnAgreement) {
  EXPECT_EQ(OutcomeStatus(OutcomeOf("state: SWEEP_STATE_SUCCEEDED", kTwoSucceeded, "")).message(),
            "sweep s did not succeed: no agreement of sibling set b");
  EXPECT_EQ(OutcomeStatus(OutcomeOf("state: SWEEP_STATE_SUCCEEDED", kTwoSucceeded,
                                    "agreements { sibling_set_id: 'b' failure { message: 'gone' } }"))
                .message(),
            "sweep s did not succeed: no agreement of sibling set b: unspecified: gone");
  EXPECT_THAT(
      std::string(OutcomeStatus(OutcomeOf("state: SWEEP_STATE_CANCELLED", "runs { state: RUN_STATE_CANCELLED }", ""))
                      .message()),
      HasSubstr("it was cancelled"));
}

}  // namespace
}  // namespace seedbed
