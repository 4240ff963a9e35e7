// The exchange of a block between two ranks over Gloo on loopback, against the SAE steps that its rows are for: two
// processes with one thread each, the demo's shape (blocks of 8 micro-batches of 8 x 256 tokens, d 576, one hookpoint,
// three SAEs that both ranks share). The floor is the time in which plain sockets swap as many bytes. Rank 0 starts
// rank 1 and prints.
#include "sae/activations/exchange.h"

#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/ops/randn.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/subprocess.h"
#include "sae/arch/trainable_sae.h"
#include "sae/collectives/collectives.h"
#include "tests/bench/loopback_socket.h"
#include "tests/bench/stopwatch.h"

namespace {

constexpr int kRanks = 2;
constexpr int64_t kWidth = 576;
constexpr int64_t kBlockRows = 8 * 8 * 256;
constexpr int64_t kBatchRows = 256;
constexpr int kSaes = 3;
constexpr int kRepetitions = 100;
constexpr int kWarmUp = 5;

void StopUnlessOk(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "exchange: %s\n", status.ToString().c_str());
  std::exit(1);
}

// The 10th percentile, because what else the machine does can only add to a time, of repetitions that both ranks start
// together.
double TypicalSeconds(seedbed::Collectives& group, const std::function<void()>& body) {
  std::vector<double> seconds;
  for (int r = 0; r < kWarmUp + kRepetitions; ++r) {
    StopUnlessOk(group.Barrier());
    const double taken = seedbed::SecondsOf(body);
    if (r >= kWarmUp) seconds.push_back(taken);
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 10];
}

struct ExchangeFigures {
  double seconds = 0;        // A block.
  double floor_seconds = 0;  // To swap as many bytes over one plain TCP connection.
  int64_t bytes_sent = 0;    // By this rank, a block.
  int64_t bytes_needed = 0;
};

ExchangeFigures MeasureExchange(seedbed::Collectives& group, at::ScalarType dtype) {
  const std::vector<int64_t> rows_by_rank(kRanks, kBlockRows / kRanks);
  const std::vector<at::Tensor> harvested = {at::randn({kBlockRows / kRanks, kWidth}).to(dtype)};
  seedbed::Exchange exchange(&group, {{0}, {0}}, at::kCPU);
  ExchangeFigures figures;
  figures.seconds = TypicalSeconds(group, [&] {
    StopUnlessOk(exchange.Start(harvested, rows_by_rank));
    StopUnlessOk(exchange.Finish().status());
  });
  LoopbackSocket plain(group);
  figures.floor_seconds = TypicalSeconds(group, [&] { plain.Swap(harvested[0].nbytes()); });
  figures.bytes_sent = exchange.bytes_sent() / (kWarmUp + kRepetitions);
  figures.bytes_needed = static_cast<int64_t>(harvested[0].nbytes());
  return figures;
}

// One step of `count` SAEs, one after the other, while the other rank does the same.
double MeasureStep(seedbed::Collectives& group, int count) {
  std::vector<std::unique_ptr<seedbed::TrainableSae>> saes;
  for (int i = 0; i < count; ++i) {
    seedbed::SaeConfig config;
    config.d_in = kWidth;
    config.latents = 512;
    config.k = 16;
    config.seed = static_cast<uint64_t>(i);
    config.learning_rate = {3e-3, 0, 1'000'000, seedbed::LearningRateSchedule::Decay::kLinear};
    saes.push_back(*seedbed::MakeTrainableSae(config, "cpu"));
  }
  const at::Tensor batch = at::randn({kBatchRows, kWidth});
  return TypicalSeconds(group, [&] {
    for (const auto& sae : saes) StopUnlessOk(sae->Step(batch).status());
  });
}

// A line of the table; gives the share of a step of all SAEs.
double Print(const char* dtype, const ExchangeFigures& figures, double step_seconds, double half_step_seconds) {
  const double batch_seconds = figures.seconds * kBatchRows / kBlockRows;
  std::printf("%-9s %9.1f %9.2f %9.2f %9.2f %9.3f %11.1f %% %11.1f %%\n", dtype, 1e-6 * figures.bytes_sent,
              1e3 * figures.floor_seconds, 1e3 * figures.seconds, 1e-9 * figures.bytes_sent / figures.seconds,
              1e3 * batch_seconds, 100 * batch_seconds / step_seconds, 100 * batch_seconds / half_step_seconds);
  return batch_seconds / step_seconds;
}

// Every rank measures; rank 0 prints.
void RunRank(const seedbed::GroupOptions& options) {
  auto joined = seedbed::JoinGroup(options);
  StopUnlessOk(joined.status());
  seedbed::Collectives& group = **joined;
  const ExchangeFigures whole = MeasureExchange(group, at::kFloat);
  const ExchangeFigures half = MeasureExchange(group, at::kBFloat16);
  const double all = MeasureStep(group, kSaes);
  const double most = MeasureStep(group, (kSaes + 1) / kRanks);
  StopUnlessOk(group.Leave());
  if (options.rank != 0) return;
  std::printf("step of %d SAEs on one thread %.3f ms; of the %d that the busier rank hosts %.3f ms\n", kSaes, 1e3 * all,
              (kSaes + 1) / kRanks, 1e3 * most);
  std::printf("%-9s %9s %9s %9s %9s %9s %13s %13s\n", "dtype", "MB sent", "floor ms", "block ms", "GB/s", "batch ms",
              "of 3 SAEs", "of 2 SAEs");
  const double share = Print("float32", whole, all, most);
  Print("bfloat16", half, all, most);
  std::printf("exchange step_share=%.3f bytes_ratio=%.3f\n", share,
              static_cast<double>(whole.bytes_sent) / static_cast<double>(whole.bytes_needed));
}

}  // namespace

// exchange, or for rank 1: exchange PORT
int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  at::set_num_threads(1);
  seedbed::GroupOptions options;
  options.world_size = kRanks;
  options.group_name = "bench/1";
  std::optional<seedbed::Subprocess> peer;
  if (argc == 2) {
    options.rank = 1;
    options.rendezvous_address = absl::StrCat("127.0.0.1:", argv[1]);
  }
  options.on_listening = [&](int port) {
    seedbed::SpawnOptions spawn;
    spawn.argv = {"/proc/self/exe", absl::StrCat(port)};
    auto process = seedbed::Subprocess::Spawn(spawn);
    StopUnlessOk(process.status());
    peer = *std::move(process);
  };
  RunRank(options);
  return peer.has_value() && !peer->Wait().ok() ? 1 : 0;
}
