// One optimiser step of every architecture against its floor, the encoder's dense product alone, and against the same
// step of sparsify, dictionary_learning and SAELens, in the same run and in turns. Two threads, float32.
//
// SEEDBED_BENCH_PYTHON is a Python with the peers (tests/parity/peers/README.md; default: python3); what it can't run
// is left out. SEEDBED_BENCH_CASES names the cases (default: aecd). "tuned" is a peer with glibc's malloc kept from
// handing memory back to the kernel after every step, which costs it up to 40 %.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/TensorOperators.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/ones.h"
#include "ATen/ops/rand.h"
#include "ATen/ops/randn.h"
#include "ATen/ops/randperm.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sae/arch/registry.h"
#include "tests/bench/peer_process.h"
#include "tests/bench/stopwatch.h"
#include "tests/bench/synthetic_batches.h"

namespace seedbed {
namespace {

constexpr int kThreads = 2;
constexpr int kBatches = 4;
constexpr double kSparseL0 = 32;

struct Case {
  char name;
  int64_t d_in;
  int64_t latents;
  int64_t rows;
  int64_t k;
  int repetitions;
  std::vector<std::string> contestants;  // Beside the floor.
};

const std::vector<Case>& Cases() {
  static const auto* const kCases = new std::vector<Case>{
      {'a',
       576,
       4608,
       4096,
       32,
       9,
       {"topk",
        "topk_dictionary_learning",
        "topk_saelens",
        "batchtopk",
        "matryoshka",
        "topk_dead",
        "relu",
        "gated",
        "jumprelu",
        "relu_sparse",
        "gated_sparse",
        "jumprelu_sparse",
        "sparsify",
        "sparsify_tuned",
        "sparsify:dead",
        "dl:topk",
        "dl:batchtopk",
        "dl:matryoshka",
        "dl:relu",
        "dl:gated",
        "dl:jumprelu",
        "dl:relu:sparse",
        "dl:gated:sparse",
        "dl:jumprelu:sparse",
        "saelens:topk",
        "saelens:batchtopk"}},
      {'e', 576, 512, 256, 16, 200, {"topk", "sparsify", "dl:topk", "saelens:topk"}},
      {'c',
       768,
       32768,
       2048,
       32,
       5,
       {"topk", "topk_dead", "batchtopk", "matryoshka", "sparsify", "sparsify_tuned", "sparsify:dead", "dl:topk",
        "saelens:topk"}},
      {'d', 512, 2048, 4096, 32, 9, {"topk", "sparsify", "sparsify_tuned", "dl:topk", "saelens:topk"}},
  };
  return *kCases;
}

// What the libraries' defaults come to.
SaeConfig ConfigOf(const Case& c, const std::string& name) {
  SaeConfig config;
  config.architecture = name.substr(0, name.find('_'));
  config.d_in = c.d_in;
  config.latents = c.latents;
  config.k = c.k;
  config.learning_rate = {3e-4, 0, 1'000'000, LearningRateSchedule::Decay::kLinear};
  const bool is_saelens = name == "topk_saelens";
  if (config.architecture == "topk" && name != "topk_dictionary_learning") {
    config.convention = is_saelens ? Convention::kSaeLens : Convention::kSparsify;
  } else {
    config.convention = Convention::kDictionaryLearning;
  }
  const bool clips =
      config.convention != Convention::kSparsify && config.architecture != "relu" && config.architecture != "gated";
  if (clips) config.gradient_clip = 1;
  if (name == "topk_dead") {
    config.auxiliary_alpha = 1.0 / 32;
    config.dead_after_tokens = 3 * c.rows;
  }
  config.sparsity_coefficient = 0.1;
  config.bandwidth = 0.001;
  config.initial_threshold = 0.001;
  config.loss_target_l0 = 20;
  config.group_sizes = {c.latents / 16, c.latents / 16, c.latents / 8, c.latents / 4, c.latents / 2};
  if (name.find("_sparse") != std::string::npos) config.learning_rate.peak = 1e-9;  // So that L0 stays.
  return config;
}

// The bias with which kSparseL0 latents a row are above 0.
double SparseBias(const SaeTensors& initial, const at::Tensor& batch) {
  const at::Tensor pre = at::mm(batch.narrow(0, 0, 256), initial.encoder_weight.t()).flatten();
  const auto place = static_cast<int64_t>(static_cast<double>(pre.numel()) * kSparseL0 /
                                          static_cast<double>(initial.encoder_weight.size(0)));
  return -std::get<0>(pre.sort(0, /*descending=*/true))[place].item<double>();
}

std::unique_ptr<TrainableSae> MakeContestant(const Case& c, const std::string& name, const at::Tensor& batch) {
  const SaeConfig config = ConfigOf(c, name);
  SaeTensors initial = *InitialParameters(config);
  if (name == "topk_dead") {
    // A quarter is too weak to be among the k, and dead after three batches.
    const at::Tensor strength = at::ones({c.latents, 1});
    strength.index_fill_(0, at::randperm(c.latents).narrow(0, 0, c.latents / 4), 0.01);
    initial.encoder_weight.mul_(strength);
  }
  if (name.find("_sparse") != std::string::npos) {
    const double bias = SparseBias(initial, batch);
    for (at::Tensor* tensor : {&initial.encoder_bias, &initial.gate_bias, &initial.magnitude_bias}) {
      if (tensor->defined()) tensor->fill_(bias);
    }
  }
  return MakeSaeFrom(config, initial, Start::kFromData, at::kCPU, Implementation::kFastest);
}

// Takes one step and says how long it took; nothing where it can't.
using Stepper = std::function<std::optional<double>(int)>;

Stepper FloorStepper(const Case& c, const std::vector<at::Tensor>& batches) {
  auto product = std::make_shared<at::Tensor>(at::empty({c.rows, c.latents}));
  auto encoder = std::make_shared<at::Tensor>(at::randn({c.latents, c.d_in}).t());
  return [=, &batches](int i) {
    return SecondsOf([&] { at::mm_out(*product, batches[static_cast<size_t>(i % kBatches)], *encoder); });
  };
}

Stepper OurStepper(const Case& c, const std::string& name, const std::vector<at::Tensor>& batches) {
  const std::shared_ptr<TrainableSae> sae = MakeContestant(c, name, batches[0]);
  return [=, &batches](int i) {
    absl::StatusOr<StepMetrics> metrics;
    const double seconds = SecondsOf([&] { metrics = sae->Step(batches[static_cast<size_t>(i % kBatches)]); });
    if (metrics.ok()) return seconds;
    std::fprintf(stderr, "sae_step: %s\n", metrics.status().ToString().c_str());
    std::exit(1);
  };
}

std::shared_ptr<PeerProcess> StartPeers(const Case& c, bool tuned) {
  std::vector<std::pair<std::string, std::string>> environment;
  if (tuned) {
    environment = {{"MALLOC_MMAP_MAX_", "0"}, {"MALLOC_TRIM_THRESHOLD_", "17179869184"}, {"THP_MEM_ALLOC_ENABLE", "1"}};
  }
  std::optional<PeerProcess> process =
      PeerProcess::Start("sae_step_peers.py",
                         {"--d", std::to_string(c.d_in), "--latents", std::to_string(c.latents), "--rows",
                          std::to_string(c.rows), "--k", std::to_string(c.k), "--threads", std::to_string(kThreads)},
                         environment);
  return process.has_value() ? std::make_shared<PeerProcess>(*std::move(process)) : nullptr;
}

Stepper PeerStepper(std::shared_ptr<PeerProcess> peers, const std::string& name) {
  return [peers = std::move(peers), name](int) { return peers == nullptr ? std::nullopt : peers->Ask(name); };
}

bool IsOurs(const std::string& name) { return name.find(':') == std::string::npos && name.find("sparsify") != 0; }

// The lower quartile: what else the machine does can only add to a time.
double Typical(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 4];
}

// One contestant at a time has its memory, and takes its steps in turns with the floor and with our topk, so that a
// change of the machine's speed falls on all of them: every time is a multiple of the floor's.
class Measurement {
 public:
  explicit Measurement(const Case& c)
      : case_(c), batches_(SyntheticBatches(kBatches, c.rows, c.d_in)), floor_(FloorStepper(c, batches_)) {}

  void Run() {
    const std::shared_ptr<PeerProcess> peers = StartPeers(case_, /*tuned=*/false);
    const std::shared_ptr<PeerProcess> tuned = StartPeers(case_, /*tuned=*/true);
    for (const std::string& name : case_.contestants) {
      const bool is_tuned = name == "sparsify_tuned";
      Measure(name, IsOurs(name) ? OurStepper(case_, name, batches_)
                                 : PeerStepper(is_tuned ? tuned : peers, is_tuned ? "sparsify" : name));
    }
  }

  // In floors; nothing where it wasn't measured.
  std::optional<double> Of(const std::string& name) const {
    const auto found = floors_.find(name);
    return found == floors_.end() ? std::nullopt : std::optional<double>(found->second);
  }

 private:
  void Measure(const std::string& name, const Stepper& step) {
    constexpr int kWarmUp = 5;
    const int repetitions = IsOurs(name) ? case_.repetitions : std::min(case_.repetitions, 5 + case_.repetitions / 10);
    std::vector<double> seconds, floors;
    for (int i = 0; i < kWarmUp + repetitions; ++i) {
      floor_(i);  // Its threads may have been asleep while a peer was at work.
      const double floor = *floor_(i);
      const std::optional<double> taken = step(i);
      if (!taken.has_value()) return;
      if (i < kWarmUp) continue;
      floors.push_back(floor);
      seconds.push_back(*taken);
    }
    floors_[name] = Typical(seconds) / Typical(floors);
    std::printf("%-4c %-26s %12.2f %12.2f %10.2f\n", case_.name, name.c_str(), 1e3 * Typical(floors),
                1e3 * Typical(seconds), floors_[name]);
    std::fflush(stdout);
  }

  const Case& case_;
  const std::vector<at::Tensor> batches_;
  const Stepper floor_;
  std::map<std::string, double> floors_;
};

// {name of the ratio, what is above, what is below}. Empty = the floor.
struct Ratio {
  const char* name;
  const char* above;
  const char* below;
};

constexpr Ratio kRatios[] = {
    {"floor", "topk", ""},
    {"sparsify", "sparsify", "topk"},
    {"sparsify_tuned", "sparsify_tuned", "topk"},
    {"dictionary_learning", "dl:topk", "topk"},
    {"saelens", "saelens:topk", "topk"},
    {"batchtopk_topk", "batchtopk", "topk"},
    {"matryoshka_topk", "matryoshka", "topk"},
    {"dead_sparsify", "sparsify:dead", "topk_dead"},
    {"topk_dictionary_learning", "dl:topk", "topk_dictionary_learning"},
    {"topk_saelens", "saelens:topk", "topk_saelens"},
    {"batchtopk_dictionary_learning", "dl:batchtopk", "batchtopk"},
    {"matryoshka_dictionary_learning", "dl:matryoshka", "matryoshka"},
    {"relu_dictionary_learning", "dl:relu", "relu"},
    {"gated_dictionary_learning", "dl:gated", "gated"},
    {"jumprelu_dictionary_learning", "dl:jumprelu", "jumprelu"},
    {"relu_sparse_dictionary_learning", "dl:relu:sparse", "relu_sparse"},
    {"gated_sparse_dictionary_learning", "dl:gated:sparse", "gated_sparse"},
    {"jumprelu_sparse_dictionary_learning", "dl:jumprelu:sparse", "jumprelu_sparse"},
};

void AppendRatios(const Case& c, const Measurement& measured, std::vector<std::string>* out) {
  for (const Ratio& ratio : kRatios) {
    const std::optional<double> above = measured.Of(ratio.above);
    const std::optional<double> below = *ratio.below == '\0' ? std::optional<double>(1) : measured.Of(ratio.below);
    if (!above.has_value() || !below.has_value()) continue;
    char value[32];
    std::snprintf(value, sizeof value, "%.3f", *above / *below);
    out->push_back(absl::StrCat(std::string(1, c.name), "_", ratio.name, "_ratio=", value));
  }
}

}  // namespace
}  // namespace seedbed

int main() {
  at::set_num_threads(seedbed::kThreads);
  std::signal(SIGPIPE, SIG_IGN);
  const std::string wanted = seedbed::Setting("SEEDBED_BENCH_CASES", "aecd");
  std::printf("%-4s %-26s %12s %12s %10s\n", "case", "", "floor ms", "step ms", "floors");
  std::vector<std::string> ratios;
  for (const seedbed::Case& c : seedbed::Cases()) {
    if (wanted.find(c.name) == std::string::npos) continue;
    seedbed::Measurement measurement(c);
    measurement.Run();
    seedbed::AppendRatios(c, measurement, &ratios);
  }
  std::printf("sae_step %s\n", absl::StrJoin(ratios, " ").c_str());
  return 0;
}
