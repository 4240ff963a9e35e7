// Trains one gang of siblings with seedbed-trainer alone, without any service: for measuring and comparing. The
// defaults are the demo's recipe. Prints one JSON object a line: progress on the way, then each run's result.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/subprocess.h"
#include "google/protobuf/util/json_util.h"
#include "proto/framing/framing.h"
#include "seedbed/v1/trainer.pb.h"

namespace seedbed {
namespace {

constexpr int kMessageFd = 3;

struct Options {
  std::string model;
  std::string tokens;
  std::string out;
  std::string trainer = JoinPath(ExecutableFolder(), "../bin/seedbed-trainer");
  std::string device = "cpu";
  std::vector<std::string> hookpoints = {"layers.9"};
  std::vector<uint64_t> seeds = {0, 1, 2};
  int64_t latents = 512;
  int32_t k = 16;
  int32_t sequence_length = 256;
  int64_t max_tokens = 131'072;
  int32_t exclude_first = 1;
  int64_t shuffle_rows = 65'536;
  int32_t epochs = 8;
  int64_t batch_tokens = 256;
  int32_t micro_batch_sequences = 8;
  int32_t block_micro_batches = 8;
  double learning_rate = 0.003;
  int64_t warmup_steps = 408;
  double alpha = 0.03125;
  int64_t dead_after_tokens = 130'560;
  int ranks = 1;
  int threads = 1;
};

Options ParseOptions(int argc, char** argv) {
  Options o;
  CLI::App app("Trains siblings with seedbed-trainer alone.", "train_gang");
  app.option_defaults()->always_capture_default();
  app.add_option("--model", o.model, "Hugging Face folder")->required();
  app.add_option("--tokens", o.tokens, "Token file")->required();
  app.add_option("--out", o.out, "Folder for exports, scratch and logs; made if it is missing")->required();
  app.add_option("--trainer", o.trainer, "Program");
  app.add_option("--device", o.device, "cpu or cuda:N");
  app.add_option("--hookpoints", o.hookpoints);
  app.add_option("--seeds", o.seeds);
  app.add_option("--latents", o.latents);
  app.add_option("--k", o.k);
  app.add_option("--sequence-length", o.sequence_length);
  app.add_option("--max-tokens", o.max_tokens);
  app.add_option("--exclude-first", o.exclude_first);
  app.add_option("--shuffle-rows", o.shuffle_rows);
  app.add_option("--epochs", o.epochs);
  app.add_option("--batch-tokens", o.batch_tokens);
  app.add_option("--micro-batch-sequences", o.micro_batch_sequences);
  app.add_option("--block-micro-batches", o.block_micro_batches);
  app.add_option("--learning-rate", o.learning_rate);
  app.add_option("--warmup-steps", o.warmup_steps);
  app.add_option("--alpha", o.alpha);
  app.add_option("--dead-after-tokens", o.dead_after_tokens);
  app.add_option("--ranks", o.ranks);
  app.add_option("--threads", o.threads, "Of each rank");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error));
  }
  return o;
}

void FillStream(const Options& o, v1::StreamSpec* stream) {
  stream->set_model_path(o.model);
  v1::TokenShare* tokens = stream->add_tokens();
  tokens->set_path(o.tokens);
  tokens->set_sequences(o.max_tokens / o.sequence_length);
  stream->set_sequence_length(o.sequence_length);
  stream->set_sequences(o.max_tokens / o.sequence_length);
  stream->set_order(v1::SEQUENCE_ORDER_SHUFFLED);
  stream->set_exclude_first(o.exclude_first);
  stream->set_shuffle_rows(o.shuffle_rows);
  stream->set_epochs(o.epochs);
  stream->set_batch_tokens(o.batch_tokens);
  stream->set_micro_batch_sequences(o.micro_batch_sequences);
  stream->set_block_micro_batches(o.block_micro_batches);
}

void AddRun(const Options& o, const std::string& hookpoint, uint64_t seed, v1::GangSpec* gang) {
  v1::RunAssignment* run = gang->add_runs();
  run->set_run_id(absl::StrCat(hookpoint, "-seed-", seed));
  v1::SaeSpec* sae = run->mutable_sae();
  sae->set_hookpoint(hookpoint);
  sae->set_architecture("topk");
  sae->set_latents(o.latents);
  sae->set_k(o.k);
  sae->set_seed(seed);
  sae->set_learning_rate(o.learning_rate);
  sae->set_warmup_steps(o.warmup_steps);
  sae->set_decay(v1::LEARNING_RATE_DECAY_LINEAR);
  sae->set_convention(v1::CONVENTION_SPARSIFY);
  sae->mutable_optimizer()->set_kind(v1::OPTIMIZER_KIND_ADAM);
  sae->set_decoder_bias(v1::DECODER_BIAS_START_MEAN);
  sae->set_compute(v1::COMPUTE_TYPE_FLOAT32);
  sae->set_auxiliary_alpha(o.alpha);
  sae->set_dead_after_tokens(o.dead_after_tokens);
}

v1::TrainerSpec SpecOfRank(const Options& o, int rank, const std::string& rendezvous_address) {
  v1::TrainerSpec spec;
  v1::GangSpec* gang = spec.mutable_gang();
  gang->set_sweep_id("gang");
  gang->set_gang_id("gang");
  gang->set_attempt(1);
  FillStream(o, gang->mutable_stream());
  for (const std::string& hookpoint : o.hookpoints) {
    for (const uint64_t seed : o.seeds) AddRun(o, hookpoint, seed, gang);
  }
  spec.set_rank(rank);
  spec.set_world_size(o.ranks);
  spec.set_rendezvous_address(rendezvous_address);
  spec.set_rendezvous_host("127.0.0.1");
  spec.set_device(o.device);
  spec.set_threads(o.threads);
  spec.set_artifact_root(o.out);
  spec.set_scratch_dir(JoinPath(o.out, absl::StrCat("scratch-", rank)));
  spec.set_collective_timeout_ms(600'000);
  return spec;
}

class Rank {
 public:
  Rank(const Options& o, int rank, const std::string& rendezvous_address) {
    const v1::TrainerSpec spec = SpecOfRank(o, rank, rendezvous_address);
    std::filesystem::create_directories(spec.scratch_dir());
    const std::string spec_path = JoinPath(o.out, absl::StrCat("rank-", rank, ".spec"));
    std::ofstream(spec_path, std::ios::binary) << spec.SerializeAsString();
    Pipe input = MakePipe().value();
    Pipe messages = MakePipe().value();
    SpawnOptions spawn;
    spawn.argv = {o.trainer, "--spec", spec_path, "--message-fd", absl::StrCat(kMessageFd)};
    spawn.fds = {{input.read_end.get(), STDIN_FILENO}, {messages.write_end.get(), kMessageFd}};
    spawn.stderr_path = JoinPath(o.out, absl::StrCat("rank-", rank, ".log"));
    process_.emplace_back(Subprocess::Spawn(spawn).value());
    input_ = std::move(input.write_end);
    messages_ = std::move(messages.read_end);
  }

  // Prints messages until the store listens, and gives its port; 0 at the end.
  int Follow(absl::Duration start) {
    char buffer[1 << 16];
    while (true) {
      v1::RankMessage message;
      while (reader_.Next(&message).value()) {
        Print(message, start);
        if (message.has_rendezvous_ready()) return message.rendezvous_ready().port();
      }
      const ssize_t count = read(messages_.get(), buffer, sizeof buffer);
      if (count <= 0) return 0;
      reader_.Append(absl::string_view(buffer, static_cast<size_t>(count)));
    }
  }

  bool Finish() { return process_.front().Wait().ok(); }

 private:
  static void Print(const v1::RankMessage& message, absl::Duration start) {
    std::string json;
    google::protobuf::util::JsonPrintOptions options;
    options.always_print_primitive_fields = true;
    google::protobuf::util::MessageToJsonString(message, &json, options);
    const double seconds = absl::ToDoubleSeconds(Clock::Real()->Monotonic() - start);
    std::cout << absl::StrCat(R"({"seconds": )", seconds, R"(, "message": )", json, "}\n") << std::flush;
  }

  std::vector<Subprocess> process_;
  OwnedFd input_;
  OwnedFd messages_;
  FrameReader reader_;
};

int Run(const Options& options) {
  std::filesystem::create_directories(options.out);
  const absl::Duration start = Clock::Real()->Monotonic();
  std::vector<Rank> ranks;
  std::string address;
  for (int rank = 0; rank < options.ranks; ++rank) {
    ranks.emplace_back(options, rank, address);
    if (rank == 0 && options.ranks > 1) address = absl::StrCat("127.0.0.1:", ranks[0].Follow(start));
  }
  // All at once: a rank stops when its pipe is full.
  std::vector<std::thread> followers;
  for (Rank& rank : ranks) followers.emplace_back([&rank, start] { rank.Follow(start); });
  for (std::thread& follower : followers) follower.join();
  bool ok = true;
  for (Rank& rank : ranks) ok = rank.Finish() && ok;
  return ok ? 0 : 1;
}

}  // namespace
}  // namespace seedbed

int main(int argc, char** argv) { return seedbed::Run(seedbed::ParseOptions(argc, argv)); }
