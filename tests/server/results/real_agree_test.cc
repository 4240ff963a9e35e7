// The results service with the real seedbed-agree, where things break: nothing is lost and nothing is computed twice.
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/file.h"
#include "common/subprocess.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "proto/rpc/endpoint.h"
#include "seedbed/v1/results.grpc.pb.h"
#include "server/results/agreement_worker.h"
#include "server/results/comparison.h"
#include "server/results/latent_tables.h"
#include "tests/common/testing.h"
#include "tests/server/results/fixtures.h"
#include "tests/server/results/small_dictionary.h"

namespace seedbed {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kAgree[] = SEEDBED_BIN_DIR "/seedbed-agree";

class RealAgreeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = ResultsStore::Open(folder_.Path("results.db")).value();
    ASSERT_TRUE(MakeFolders(folder_.Path("work")).ok());
  }

  void Start() {
    AgreementWorker::Options options;
    options.agree.program = program_;
    options.agree.threads = 1;
    options.agree.work_folder = folder_.Path("work");
    options.agree.pair_folder = pairs_;
    options.artifact_root = folder_.Path("artifacts");
    options.memory_bytes = memory_bytes_;
    options.attempts = attempts_;
    options.retry_delay = absl::Milliseconds(1);
    worker_.emplace(options, store_.get(), &metrics_, &feed_);
  }

  // A finished set of new dictionaries.
  v1::Event Finished(const std::string& set, int runs, int64_t latents, int64_t d) {
    v1::Event event = FinishedEvent("sweep", set, set, runs);
    for (int i = 0; i < runs; ++i) {
      *event.mutable_sibling_set_finished()->mutable_results(i)->mutable_dictionary() =
          WriteSmallDictionary(folder_.Path(absl::StrCat(set, "-", i)), latents, d, static_cast<uint64_t>(i));
    }
    return event;
  }
  v1::Agreement Add(const v1::Event& finished, int64_t latents = 64) {
    v1::SaeSpec sae = TestSae();
    sae.set_latents(latents);
    const v1::Agreement request = RequestFor(finished, sae);
    EXPECT_TRUE(store_->AddSiblingSet(request, {1, "sweep"}).ok());
    if (worker_.has_value()) worker_->Wake();
    return request;
  }

  v1::Agreement Await(const std::string& id) {
    EXPECT_TRUE(WaitFor([&] { return store_->Get(id).ok(); }, absl::Seconds(120)));
    return store_->Get(id).value_or(v1::Agreement());
  }

  // Every stored pair with what a rewritten file has not: its inode.
  std::map<std::string, ino_t> PairFiles() {
    std::map<std::string, ino_t> files;
    const auto names = ListFolder(pairs_);
    if (!names.ok()) return files;
    for (const std::string& name : *names) {
      struct stat info;
      if (!absl::EndsWith(name, ".pair") || stat(JoinPath(pairs_, name).c_str(), &info) != 0) continue;
      files[name] = info.st_ino;
    }
    return files;
  }

  TempFolder folder_;
  std::string program_ = kAgree;
  std::string pairs_ = folder_.Path("pairs");
  std::unique_ptr<ResultsStore> store_;
  ResultsMetrics metrics_;
  AgreementFeed feed_;
  int64_t memory_bytes_ = int64_t{4} << 30;
  int attempts_ = 3;
  std::optional<AgreementWorker> worker_;
};

TEST_F(RealAgreeTest, KeepsStabilityAndConsensusAsArtifacts) {
  v1::Event finished = Finished("a", 3, 64, 16);
  finished.mutable_sibling_set_finished()->set_consensus_members(3);
  const v1::Agreement request = Add(finished);
  Start();
  const v1::Agreement agreement = Await("a");
  ASSERT_FALSE(agreement.has_failure()) << agreement.failure().message();
  EXPECT_THAT(agreement.pairs(), SizeIs(3));
  const std::string folder = JoinPath(folder_.Path("artifacts"), ContentKey(request));
  EXPECT_EQ(agreement.stability().path(), folder + "/stability");
  EXPECT_THAT(agreement.stability().files(), SizeIs(3));
  EXPECT_EQ(agreement.consensus().path(), folder + "/consensus");
  EXPECT_TRUE(PathExists(folder + "/consensus/sae.safetensors"));
  EXPECT_EQ(store_->FindArtifact(agreement.consensus().manifest_sha256())->path(), folder + "/consensus");
  const auto chunks = StabilityChunks(agreement);
  ASSERT_TRUE(chunks.ok()) << chunks.status();
  ASSERT_THAT(*chunks, SizeIs(3));
  EXPECT_EQ(chunks->at(2).stability().found_in_size(), 64);
  EXPECT_EQ(chunks->at(2).stability().found_in(0), 2) << "a latent that all share";
  EXPECT_TRUE(PairChunks(pairs_, agreement, {}).status().code() == absl::StatusCode::kInvalidArgument);
}

// The pairs are found by whoever asks next: at another threshold, with another dictionary.
TEST_F(RealAgreeTest, MatchesOnlyThePairsThatAreNew) {
  v1::Event three = Finished("a", 3, 64, 16);
  v1::Event two = three;
  two.mutable_sibling_set_finished()->set_sibling_set_id("b");
  two.mutable_sibling_set_finished()->mutable_run_ids()->RemoveLast();
  two.mutable_sibling_set_finished()->mutable_results()->RemoveLast();
  two.mutable_sibling_set_finished()->mutable_seeds()->RemoveLast();
  const v1::Agreement request = Add(two);
  Start();
  ASSERT_FALSE(Await("b").has_failure());
  const auto first = PairFiles();
  ASSERT_THAT(first, SizeIs(1));
  Add(three);
  ASSERT_FALSE(Await("a").has_failure());
  const auto all = PairFiles();
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all.at(first.begin()->first), first.begin()->second);
  const v1::Agreement lower = AtThreshold(request, 0.25);
  ASSERT_TRUE(store_->AddRequest(lower).ok());
  worker_->Wake();
  const v1::Agreement agreement = Await(lower.sibling_set_id());
  EXPECT_EQ(agreement.threshold(), 0.25);
  EXPECT_GE(agreement.siblings().shared_aligned().mean(), Await("b").siblings().shared_aligned().mean());
  EXPECT_EQ(PairFiles(), all);
}

TEST_F(RealAgreeTest, ASetTooLargeForTheMemoryIsComputedPairByPair) {
  v1::Event finished = Finished("a", 4, 2048, 256);
  v1::Agreement request = Add(finished, 2048);
  memory_bytes_ = std::max(EstimateMemory(request)->largest_pair, EstimateMemory(request)->from_stored_pairs);
  ASSERT_LT(memory_bytes_, EstimateMemory(request)->with_all_cached) << "or nothing is tested";
  Start();
  v1::Agreement in_pairs = Await("a");
  ASSERT_FALSE(in_pairs.has_failure()) << in_pairs.failure().message();
  EXPECT_THAT(PairFiles(), SizeIs(6));
  EXPECT_EQ(in_pairs.pairs_size(), 6);
  EXPECT_TRUE(in_pairs.has_stability());
}

TEST_F(RealAgreeTest, ADamagedMatchingIsNamedAndMadeAgain) {
  const v1::Agreement request = Add(Finished("a", 3, 64, 16));
  Start();
  ASSERT_FALSE(Await("a").has_failure());
  const auto before = PairFiles();
  const std::string damaged = before.begin()->first;
  std::string bytes = ReadFile(JoinPath(pairs_, damaged)).value();
  bytes.back() ^= 1;
  ASSERT_TRUE(WriteFileDurably(JoinPath(pairs_, damaged), bytes).ok());
  const v1::Agreement other = AtThreshold(request, 0.5);
  ASSERT_TRUE(store_->AddRequest(other).ok());
  worker_->Wake();
  ASSERT_FALSE(Await(other.sibling_set_id()).has_failure());
  EXPECT_NE(ReadFile(JoinPath(pairs_, damaged)).value(), bytes);
  for (const auto& [name, inode] : PairFiles()) {
    EXPECT_EQ(inode == before.at(name), name != damaged) << name;
  }
}

TEST_F(RealAgreeTest, ADictionaryThatChangedIsAnErrorThatNamesIt) {
  attempts_ = 1;
  const v1::Event finished = Finished("a", 2, 64, 16);
  WriteSmallDictionary(folder_.Path("a-1"), 64, 16, 5);
  Add(finished);
  const v1::Event cut = Finished("b", 2, 64, 16);
  ASSERT_TRUE(WriteFileDurably(folder_.Path("b-0/sae.safetensors"), "cut").ok());
  Add(cut);
  Start();
  const v1::Agreement other = Await("a");
  EXPECT_THAT(other.failure().message(), AllOf(HasSubstr("holds another dictionary"), HasSubstr("a-1")));
  const v1::Agreement damaged = Await("b");
  EXPECT_THAT(damaged.failure().message(), HasSubstr("b-0/sae.safetensors"));
}

// seedbed-agree is killed after its first matching: it is started again and goes on from there.
TEST_F(RealAgreeTest, AKilledProcessGoesOnWithoutMatchingAgain) {
  program_ = folder_.Path("killed-once");
  const std::string killed = folder_.Path("killed");
  const std::string stored = folder_.Path("stored");
  // The process ends when its parent is another than this says.
  const std::string script =
      absl::StrCat("#!/bin/sh\nif [ -e ", killed, " ]; then exec ", kAgree, " \"$@\"; fi\nSEEDBED_PARENT_PID=$$ ",
                   kAgree, " \"$@\" &\nwhile ! ls ", pairs_, "/*.pair >/dev/null 2>&1; do :; done\nkill -9 $!\ntouch ",
                   killed, "\nls -i ", pairs_, "/*.pair > ", stored, "\nkill -9 $$\n");
  ASSERT_TRUE(WriteFileDurably(program_, script).ok());
  ASSERT_EQ(chmod(program_.c_str(), 0700), 0);
  Add(Finished("a", 4, 1024, 64), 1024);
  Start();
  ASSERT_FALSE(Await("a").has_failure());
  const auto files = PairFiles();
  EXPECT_THAT(files, SizeIs(6));
  const std::vector<std::string> lines = absl::StrSplit(ReadFile(stored).value(), '\n', absl::SkipEmpty());
  ASSERT_FALSE(lines.empty());
  for (const std::string& line : lines) {
    const std::vector<std::string> parts = absl::StrSplit(line, ' ', absl::SkipEmpty());
    const std::string name = parts.at(1).substr(parts.at(1).rfind('/') + 1);
    EXPECT_EQ(absl::StrCat(files.at(name)), parts.at(0)) << "what was stored is not written again";
  }
}

TEST_F(RealAgreeTest, AFullDiskIsAFailureThatSaysSoAndLeavesNoHalfFile) {
  ASSERT_TRUE(MakeFolders(pairs_).ok());
  if (mount("tmpfs", pairs_.c_str(), "tmpfs", 0, "size=16k") != 0) GTEST_SKIP() << "no file system can be mounted here";
  const absl::Cleanup unmount = [this] {
    worker_.reset();
    umount2(pairs_.c_str(), MNT_DETACH);
  };
  Add(Finished("a", 2, 2048, 16), 2048);
  Start();
  const v1::Agreement agreement = Await("a");
  EXPECT_THAT(agreement.failure().message(), HasSubstr("No space left on device"));
  EXPECT_THAT(ListFolder(pairs_).value(), ::testing::IsEmpty());
}

// The whole service is killed in the middle of a set.
TEST_F(RealAgreeTest, AServiceKilledInTheMiddleMatchesNothingTwice) {
  const std::string db = folder_.Path("daemon.db");
  pairs_ = db + ".pairs";
  FakeCoordinator coordinator;
  coordinator.Start();
  coordinator.Append(Finished("a", 5, 1024, 64));
  std::optional<Subprocess> daemon;
  const auto start = [&] {
    ASSERT_TRUE(RemoveAll(folder_.Path("ready")).ok());
    SpawnOptions options;
    options.argv = {SEEDBED_BIN_DIR "/seedbed-results",
                    "--coordinator",
                    coordinator.address(),
                    "--listen",
                    "127.0.0.1:0",
                    "--http",
                    "127.0.0.1:0",
                    "--db",
                    db,
                    "--threads",
                    "1",
                    "--ready-file",
                    folder_.Path("ready")};
    options.stderr_path = folder_.Path("log");
    daemon.emplace(Subprocess::Spawn(options).value());
    ASSERT_TRUE(WaitFor([&] { return PathExists(folder_.Path("ready")); }));
  };
  start();
  ASSERT_TRUE(WaitFor([&] { return PairFiles().size() >= 2; }, absl::Seconds(120)));
  daemon->Signal(SIGKILL);
  daemon->Wait();
  const auto before = PairFiles();
  start();
  const auto stub = v1::ResultsService::NewStub(
      MakeChannel(nlohmann::json::parse(ReadFile(folder_.Path("ready")).value())["address"].get<std::string>()));
  v1::GetAgreementResponse response;
  ASSERT_TRUE(WaitFor(
      [&] {
        grpc::ClientContext context;
        v1::GetAgreementRequest request;
        request.set_sibling_set_id("a");
        return stub->GetAgreement(&context, request, &response).ok();
      },
      absl::Seconds(120)));
  EXPECT_FALSE(response.agreement().has_failure()) << response.agreement().failure().message();
  const auto after = PairFiles();
  EXPECT_THAT(after, SizeIs(10));
  for (const auto& [name, inode] : before) EXPECT_EQ(after.at(name), inode);
}

}  // namespace
}  // namespace seedbed
