#include "tests/worker/trainer/rank_process.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/clock.h"
#include "common/file.h"
#include "gtest/gtest.h"
#include "tests/worker/trainer/small_model.h"

namespace seedbed {
namespace {

constexpr int kMessageFd = 3;

}  // namespace

TrainerFixture::TrainerFixture() : root_(JoinPath(testing::TempDir(), "seedbed-trainer-XXXXXX")) {
  EXPECT_NE(mkdtemp(root_.data()), nullptr);
  for (const char* folder : {"model", "artifacts", "scratch-0", "scratch-1", "scratch-2", "scratch-3"}) {
    EXPECT_TRUE(MakeFolders(Path(folder)).ok());
  }
  WriteSmallModel(Path("model"));
  WriteTokens(Path("tokens.bin"), SmallModelTokens(kSequences * kSequenceLength + 5));
}

TrainerFixture::~TrainerFixture() { EXPECT_TRUE(RemoveAll(root_).ok()); }

std::string TrainerFixture::Path(const std::string& name) const { return JoinPath(root_, name); }

v1::TrainerSpec TrainerFixture::Spec() const {
  v1::TrainerSpec spec;
  v1::GangSpec* gang = spec.mutable_gang();
  gang->set_sweep_id("sweep");
  gang->set_gang_id("gang");
  gang->set_attempt(1);
  v1::StreamSpec* stream = gang->mutable_stream();
  stream->set_model_path(Path("model"));
  stream->add_tokens()->set_path(Path("tokens.bin"));
  stream->set_sequence_length(kSequenceLength);
  SetSequences(spec, kSequences - 5);
  stream->set_order(v1::SEQUENCE_ORDER_SHUFFLED);
  stream->set_seed(3);
  stream->set_exclude_first(1);
  stream->set_shuffle_rows(200);
  stream->set_epochs(2);
  stream->set_batch_tokens(64);
  stream->set_micro_batch_sequences(4);
  stream->set_block_micro_batches(3);
  spec.set_device("cpu");
  spec.set_threads(1);
  spec.set_artifact_root(Path("artifacts"));
  spec.set_collective_timeout_ms(60'000);
  return SpecOfRank(spec, 0, 1);
}

v1::TrainerSpec TrainerFixture::SpecOfRank(const v1::TrainerSpec& spec, int rank, int world_size) const {
  v1::TrainerSpec of_rank = spec;
  of_rank.set_rank(rank);
  of_rank.set_world_size(world_size);
  of_rank.set_rendezvous_host("127.0.0.1");
  of_rank.set_scratch_dir(Path(absl::StrCat("scratch-", rank)));
  return of_rank;
}

std::map<std::string, std::string> TrainerFixture::ExportOf(const v1::TrainerSpec& spec,
                                                            const std::string& run_id) const {
  const std::string folder = JoinPath(JoinPath(spec.artifact_root(), spec.gang().sweep_id()), run_id);
  std::map<std::string, std::string> files;
  const absl::StatusOr<std::vector<std::string>> names = ListFolder(folder);
  if (!names.ok()) return files;
  for (const std::string& name : *names) files[name] = ReadFile(JoinPath(folder, name)).value();
  return files;
}

void SetSequences(v1::TrainerSpec& spec, int64_t sequences) {
  v1::StreamSpec* stream = spec.mutable_gang()->mutable_stream();
  stream->set_sequences(sequences);
  stream->mutable_tokens(0)->set_sequences(sequences);
}

void AddRun(v1::TrainerSpec& spec, const std::string& run_id, const std::string& hookpoint, uint64_t seed) {
  v1::RunAssignment* run = spec.mutable_gang()->add_runs();
  run->set_run_id(run_id);
  v1::SaeSpec* sae = run->mutable_sae();
  sae->set_hookpoint(hookpoint);
  sae->set_architecture("topk");
  sae->set_latents(48);
  sae->set_k(4);
  sae->set_seed(seed);
  sae->set_learning_rate(0.003);
  sae->set_warmup_steps(2);
  sae->set_decay(v1::LEARNING_RATE_DECAY_LINEAR);
  sae->set_convention(v1::CONVENTION_SPARSIFY);
  sae->mutable_optimizer()->set_kind(v1::OPTIMIZER_KIND_ADAM);
  sae->set_decoder_bias(v1::DECODER_BIAS_START_MEAN);
  sae->set_compute(v1::COMPUTE_TYPE_FLOAT32);
  sae->set_auxiliary_alpha(0.03125);
  sae->set_dead_after_tokens(256);
}

void WriteSpec(const v1::TrainerSpec& spec, const std::string& path) {
  std::ofstream(path, std::ios::binary) << spec.SerializeAsString();
}

RankProcess::RankProcess(const std::string& task, const std::string& task_path, const std::string& log_path)
    : log_path_(log_path) {
  Pipe input = MakePipe().value();
  Pipe messages = MakePipe().value();
  SpawnOptions options;
  options.argv = {JoinPath(SEEDBED_BIN_DIR, "seedbed-trainer"), task, task_path, "--message-fd",
                  absl::StrCat(kMessageFd)};
  options.fds = {{input.read_end.get(), STDIN_FILENO}, {messages.write_end.get(), kMessageFd}};
  options.stderr_path = log_path;
  absl::StatusOr<Subprocess> process = Subprocess::Spawn(options);
  EXPECT_TRUE(process.ok()) << process.status();
  process_ = *std::move(process);
  input_ = std::move(input.write_end);
  messages_fd_ = std::move(messages.read_end);
}

std::optional<v1::RankMessage> RankProcess::WaitFor(const std::function<bool(const v1::RankMessage&)>& wanted,
                                                    absl::Duration patience) {
  const absl::Duration deadline = Clock::Real()->Monotonic() + patience;
  while (true) {
    v1::RankMessage message;
    while (reader_.Next(&message).value()) {
      messages_.push_back(message);
      if (wanted(message)) return message;
    }
    pollfd waiting = {messages_fd_.get(), POLLIN, 0};
    const auto left = absl::ToInt64Milliseconds(deadline - Clock::Real()->Monotonic());
    if (left <= 0 || poll(&waiting, 1, static_cast<int>(left)) == 0) {
      ADD_FAILURE() << "no such message in " << patience;
      return std::nullopt;
    }
    char buffer[4096];
    const ssize_t count = read(messages_fd_.get(), buffer, sizeof buffer);
    if (count <= 0) return std::nullopt;
    reader_.Append(absl::string_view(buffer, static_cast<size_t>(count)));
  }
}

void RankProcess::RunUntil(absl::Duration lease_over_at) {
  const int64_t milliseconds = absl::ToInt64Milliseconds(lease_over_at);
  EXPECT_EQ(write(input_.get(), &milliseconds, sizeof milliseconds), static_cast<ssize_t>(sizeof milliseconds));
}

ExitStatus RankProcess::Finish() {
  if (messages_fd_.valid()) WaitFor([](const v1::RankMessage&) { return false; });
  return process_->Wait();
}

const v1::Failure& RankProcess::failure() const {
  static const v1::Failure kNone;
  const v1::Failure* found = &kNone;
  int count = 0;
  for (const v1::RankMessage& message : messages_) {
    if (!message.has_rank_failed()) continue;
    found = &message.rank_failed();
    ++count;
  }
  EXPECT_EQ(count, 1);
  return *found;
}

std::map<std::string, v1::RunEnded> RankProcess::ended() const {
  std::map<std::string, v1::RunEnded> ended;
  for (const v1::RankMessage& message : messages_) {
    if (message.has_run_ended()) ended[message.run_ended().run_id()] = message.run_ended();
  }
  return ended;
}

std::string RankProcess::LogTail() const { return absl::StrJoin(TailOfFile(log_path_, 20), "\n"); }

std::vector<RankProcess> RunGang(const TrainerFixture& fixture, const v1::TrainerSpec& spec, int world_size) {
  std::vector<RankProcess> ranks;
  std::string address;
  for (int rank = 0; rank < world_size; ++rank) {
    v1::TrainerSpec of_rank = fixture.SpecOfRank(spec, rank, world_size);
    of_rank.set_rendezvous_address(address);
    const std::string name = absl::StrCat("rank-", rank);
    WriteSpec(of_rank, fixture.Path(name + ".spec"));
    ranks.emplace_back(fixture.Path(name + ".spec"), fixture.Path(name + ".log"));
    if (rank > 0 || world_size == 1) continue;
    const auto ready = ranks.back().WaitFor([](const v1::RankMessage& m) { return m.has_rendezvous_ready(); });
    if (ready) address = absl::StrCat("127.0.0.1:", ready->rendezvous_ready().port());
  }
  for (RankProcess& rank : ranks) {
    const ExitStatus status = rank.Finish();
    EXPECT_TRUE(status.ok()) << status.ToString() << "\n" << rank.LogTail();
  }
  return ranks;
}

}  // namespace seedbed
